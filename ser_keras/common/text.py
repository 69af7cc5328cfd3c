"""Formats for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def html_table(headings: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table as HTML for a notebook; texts are escaped.

    Args:
        headings: of the columns.
        rows: the cells of each row; None is an empty cell.
        caption: stands above the table; blank: none.

    Example:
        >>> html_table(["class"], [["<anger>"]])
        '<table><thead><tr><th>class</th></tr></thead><tbody><tr><td>&lt;anger&gt;</td></tr></tbody></table>'
    """
    from html import escape

    def line(cells: Sequence[object], tag: str) -> str:
        inside = (f"<{tag}>{'' if cell is None else escape(str(cell))}</{tag}>" for cell in cells)
        return f"<tr>{''.join(inside)}</tr>"

    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(line(cells, "td") for cells in rows)
    return f"<table>{above}<thead>{line(headings, 'th')}</thead><tbody>{body}</tbody></table>"
