"""The search report's plots: parallel coordinates, each setting's effect, the course of the search, cost and UAR."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ser_keras.evaluation.reports.plots import LIGHT, WIDTH, Theme, dress
from ser_keras.tuning.objective import COSTS
from ser_keras.tuning.values import Value

if TYPE_CHECKING:
    from ser_keras.tuning.outcome import TrialResult
    from ser_keras.tuning.space import Axis

TEXT = 18  # letters of a label


def parallel(table: Sequence[TrialResult], axes: Sequence[Axis], theme: Theme = LIGHT) -> Figure | None:
    """Parallel coordinates: a line a trial through its settings to its UAR, better ones in stronger colour.

    Args:
        table: trials with a UAR.
        axes: each setting that took more than one value.
        theme: LIGHT or DARK.

    Returns:
        The plot, or None without trials.
    """
    measured = sorted(((r.uar, r) for r in table if r.uar is not None), key=lambda pair: pair[0])
    if not measured or not axes:
        return None
    figure_width = max(2 * WIDTH, 1.5 * (len(axes) + 1))
    figure = Figure(figsize=(figure_width, 4.2), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    heat = LinearSegmentedColormap.from_list("uar", [theme.grid, theme.first])
    uars = np.array([uar for uar, _ in measured])
    table = [r for _, r in measured]
    norm = Normalize(uars.min(), max(uars.max(), uars.min() + 1e-6))
    columns = [_positions(axis, table) for axis in axes]
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, (len(table), len(axes)))
    for i, (uar, r) in enumerate(measured):
        points = []
        for k, (axis, (places, _)) in enumerate(zip(axes, columns, strict=True)):
            if r.values.get(axis.name) in places:
                points.append((k, places[r.values[axis.name]] + jitter[i, k]))
        best = i == len(table) - 1
        colour = theme.second if best else heat(0.15 + 0.85 * norm(uar))
        width, alpha, layer = (2.2, 1, 3) if best else (1.1, 0.8, 2)
        for (k, y), (after, next_y) in itertools.pairwise([*points, (len(axes), norm(uar))]):
            # Dotted past a setting that doesn't count in this trial.
            style = "-" if after == k + 1 else ":"
            plot.plot(
                [k, after], [y, next_y], linestyle=style, color=colour, linewidth=width, alpha=alpha, zorder=layer
            )
    for k, (_, marks) in enumerate(columns):
        plot.axvline(k, color=theme.grid, linewidth=1, zorder=1)
        for place, label in marks:
            plot.text(k - 0.03, place, label, ha="right", va="center", fontsize=7.5, color=theme.text, zorder=4,
                      bbox={"facecolor": theme.background, "edgecolor": "none", "alpha": 0.75, "pad": 0.8})  # fmt: skip
    plot.axvline(len(axes), color=theme.grid, linewidth=1)
    for value in MaxNLocator(5).tick_values(uars.min(), uars.max()):
        if uars.min() <= value <= uars.max():
            plot.text(len(axes) + 0.04, norm(value), f"{100 * value:.0f} %", va="center", fontsize=8, color=theme.text)
    plot.set_xlim(-0.75, len(axes) + 0.4)
    plot.set_ylim(-0.07, 1.07)
    plot.set_xticks(
        range(len(axes) + 1), [*(_short_name(a.name) for a in axes), "mean UAR"], fontsize=8.5, color=theme.text
    )
    plot.set_yticks([])
    plot.tick_params(length=0)
    for side in plot.spines.values():
        side.set_visible(False)
    plot.set_facecolor(theme.background)
    return figure


def _positions(axis: Axis, table: Sequence[TrialResult]) -> tuple[dict[Value, float], list[tuple[float, str]]]:
    """({value: place in [0, 1]}, [(place, text)] of the marks) of an axis."""
    seen = {r.values[axis.name] for r in table if axis.name in r.values}
    if not axis.is_range:
        labels = [v for v in axis.labels if v in seen]
        places = {v: i / max(1, len(labels) - 1) if len(labels) > 1 else 0.5 for i, v in enumerate(labels)}
        return places, [(p, label_text(v)) for v, p in places.items()]
    scale: Callable[[float], float] = np.log if axis.log else float
    low, high = scale(axis.low), scale(axis.high)
    places = {v: float((scale(float(v)) - low) / (high - low)) for v in seen}
    marks = np.geomspace(axis.low, axis.high, 4) if axis.log else np.linspace(axis.low, axis.high, 4)
    return places, [(i / 3, f"{v:.2g}") for i, v in enumerate(marks)]


def label_text(value: Value) -> str:
    """A label, short enough for a figure."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"


def _short_name(name: str) -> str:
    """The last part of a setting's name, on two lines where it is long."""
    short = name.rpartition(".")[2]
    return short if len(short) <= 13 else short.replace(" ", "\n", 1).replace("_", "_\n", 1)


def effect(groups: Mapping[Value, Sequence[float]], theme: Theme = LIGHT) -> Figure:
    """One setting's effect: every trial's UAR at its value, and the mean of each value.

    Args:
        groups: value (or a bin's text) -> UAR of each trial.
        theme: LIGHT or DARK.
    """
    figure = Figure(figsize=(WIDTH, 0.9 + 0.42 * len(groups)), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    dress(plot, theme)
    rng = np.random.default_rng(0)
    for i, uars in enumerate(groups.values()):
        plot.plot(uars, i + rng.uniform(-0.16, 0.16, len(uars)), "o", color=theme.first, markersize=4, alpha=0.65)
        plot.plot([np.mean(uars)] * 2, [i - 0.3, i + 0.3], color=theme.second, linewidth=2.5)
    plot.set_yticks(range(len(groups)), [f"{label_text(v)} ({len(u)})" for v, u in groups.items()])
    plot.set_ylim(len(groups) - 0.5, -0.5)
    plot.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    plot.grid(axis="x", color=theme.grid, linewidth=0.6)
    plot.set_xlabel("mean validation UAR")
    return figure


def course(table: Sequence[TrialResult], theme: Theme = LIGHT) -> Figure | None:
    """UAR of each trial in order, and the best so far."""
    measured = [(int(r.id) + 1, r.uar, r) for r in table if r.uar is not None]
    if not measured:
        return None
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    dress(plot, theme)
    whole = [(n, uar, r.uar_sd or 0) for n, uar, r in measured if r.status == "completed"]
    cut = [(n, uar) for n, uar, r in measured if r.status == "stopped"]
    if whole:
        x, y, deviation = zip(*whole, strict=True)
        plot.errorbar(
            x,
            y,
            deviation,
            fmt="o",
            color=theme.first,
            markersize=4,
            linewidth=0.8,
            label="trial ± deviation over folds",
        )
        plot.step(x, np.maximum.accumulate(y), where="post", color=theme.second, label="best so far")
    if cut:
        x, y = zip(*cut, strict=True)
        plot.plot(x, y, "x", color=theme.third, markersize=5, label="stopped: mean of its folds")
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    plot.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    plot.grid(color=theme.grid, linewidth=0.6)
    plot.set_xlabel("trial")
    plot.set_ylabel("UAR")
    figure.legend(loc="outside upper left", fontsize=7.5, frameon=False, labelcolor=theme.text, ncols=1)
    return figure


def beside_uar(table: Sequence[TrialResult], measure: str, title: str, *, theme: Theme = LIGHT) -> Figure | None:
    """UAR against a cost or another measure of each trial; costs on a logarithmic axis."""
    points = [(r.figures[measure], r.uar) for r in table if r.uar is not None and measure in r.figures]
    if not points:
        return None
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    dress(plot, theme)
    plot.plot([x for x, _ in points], [y for _, y in points], "o", color=theme.first, markersize=5)
    if measure in COSTS:
        plot.set_xscale("log")
    plot.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    plot.grid(color=theme.grid, linewidth=0.6)
    plot.set_xlabel(title)
    plot.set_ylabel("mean validation UAR")
    return figure
