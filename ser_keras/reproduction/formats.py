"""Figures of rows as text."""

from __future__ import annotations

from ser_keras.evaluation import Estimate


def spread(mean: float | None, deviation: float | None) -> str:
    """`39.7 +- 2.1 %`, or a dash."""
    if mean is None or deviation is None:
        return percent(mean)
    return f"{100 * mean:.1f} +- {100 * deviation:.1f} %"


def percent(value: float | None) -> str:
    """`39.7 %`, or a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def with_interval(metric: Estimate) -> str:
    """`39.7 % [36.0, 43.1]`."""
    return f"{percent(metric.value)} {interval(metric)}"


def interval(metric: Estimate) -> str:
    """`[36.0, 43.1]`."""
    return f"[{100 * metric.low:.1f}, {100 * metric.high:.1f}]"
