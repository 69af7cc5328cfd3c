"""Formats for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """`90 s`, `35 min` or `2.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
