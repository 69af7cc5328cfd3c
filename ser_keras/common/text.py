"""Formats for people."""

from __future__ import annotations

NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_word(n: int) -> str:
    """A whole number, as a word up to ten."""
    return NUMBERS[n] if 0 <= n < len(NUMBERS) else str(n)


def of_ten(share: float) -> str:
    """How many of ten a share from 0 to 1 is, as a word; halves are rounded up, in every language of the demos."""
    return number_word(int(10 * share + 0.5))


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
