"""Formats for people."""

from __future__ import annotations


def duration(seconds: float, *, exact: bool = False) -> str:
    """`90 s`, `35 min` or `2.5 h`; exact, for what was measured: `12 s`, `3 min 20 s` or `1 h 02 min`."""
    if exact:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{hours} h {minutes:02d} min"
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
