"""Figures as cards print them."""

from __future__ import annotations

from collections.abc import Sequence


def figure(value: float | None) -> str:
    """Three decimals, or `n/a` where there is no data."""
    return "n/a" if value is None else f"{value:.3f}"


def with_interval(value: float | None, interval: Sequence[float | None]) -> str:
    """A figure and its 95 % interval, where there is one."""
    low, high = interval
    return figure(value) if low is None else f"**{figure(value)}** [{figure(low)}, {figure(high)}]"


def percent(share: float | None) -> str:
    """A share in whole percents."""
    return "n/a" if share is None else f"{100 * share:.0f} %"
