"""The search report's figures: parallel coordinates, each setting's effect, the course of the search, cost and UAR."""

import itertools

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ser_keras.evaluation.reports.plots import LIGHT, WIDTH, dress

TEXT = 18  # letters of a label


def parallel(table, axes, theme=LIGHT):
    """Parallel coordinates: a line a trial through its settings to its UAR, better ones in stronger colour.

    Args:
        table: outcome.Row of trials with a UAR.
        axes: space.Axis of each setting that took more than one value.
        theme: LIGHT or DARK.

    Returns:
        matplotlib Figure, or None without trials.
    """
    table = sorted((r for r in table if r.uar is not None), key=lambda r: r.uar)
    if not table or not axes:
        return None
    width = max(2 * WIDTH, 1.5 * (len(axes) + 1))
    figure = Figure(figsize=(width, 4.2), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    heat = LinearSegmentedColormap.from_list("uar", [theme.grid, theme.first])
    uars = np.array([r.uar for r in table])
    norm = Normalize(uars.min(), max(uars.max(), uars.min() + 1e-6))
    columns = [_positions(axis, table) for axis in axes]
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, (len(table), len(axes)))
    for i, r in enumerate(table):
        points = []
        for k, (axis, (places, _)) in enumerate(zip(axes, columns, strict=True)):
            if r.values.get(axis.name) in places:
                points.append((k, places[r.values[axis.name]] + jitter[i, k]))
        best = i == len(table) - 1
        look = {"color": theme.second if best else heat(0.15 + 0.85 * norm(r.uar))}
        look |= {"linewidth": 2.2 if best else 1.1, "alpha": 1 if best else 0.8, "zorder": 3 if best else 2}
        for (k, y), (after, next_y) in itertools.pairwise([*points, (len(axes), norm(r.uar))]):
            # Dotted past a setting that doesn't count in this trial.
            plot.plot([k, after], [y, next_y], linestyle="-" if after == k + 1 else ":", **look)
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


def _positions(axis, table):
    """({label: place in [0, 1]}, [(place, text)] of the marks) of an axis."""
    seen = {r.values[axis.name] for r in table if axis.name in r.values}
    if not axis.is_range:
        labels = [v for v in axis.labels if v in seen]
        places = {v: i / max(1, len(labels) - 1) if len(labels) > 1 else 0.5 for i, v in enumerate(labels)}
        return places, [(p, label_text(v)) for v, p in places.items()]
    scale = np.log if axis.log else np.asarray
    low, high = scale(axis.low), scale(axis.high)
    places = {v: float((scale(v) - low) / (high - low)) for v in seen}
    marks = np.geomspace(axis.low, axis.high, 4) if axis.log else np.linspace(axis.low, axis.high, 4)
    return places, [(i / 3, f"{v:.2g}") for i, v in enumerate(marks)]


def label_text(value):
    """A label, short enough for a figure."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"


def _short_name(name):
    short = name.rpartition(".")[2]
    return short if len(short) <= 13 else short.replace(" ", "\n", 1).replace("_", "_\n", 1)


def effect(groups, axis, theme=LIGHT):
    """One setting's effect: every trial's UAR at its value, and the mean of each value.

    Args:
        groups: label (or a bin's text) -> list of UARs.
        axis: space.Axis.
        theme: LIGHT or DARK.

    Returns:
        matplotlib Figure.
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


def course(table, theme=LIGHT):
    """UAR of each trial in order, and the best so far."""
    table = [r for r in table if r.uar is not None]
    if not table:
        return None
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    dress(plot, theme)
    numbers = [int(r.id) + 1 for r in table]
    whole = [(n, r.uar, r.uar_sd or 0) for n, r in zip(numbers, table, strict=True) if r.status == "completed"]
    cut = [(n, r.uar) for n, r in zip(numbers, table, strict=True) if r.status == "stopped"]
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
        plot.plot(*zip(*cut, strict=True), "x", color=theme.third, markersize=5, label="stopped: mean of its folds")
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    plot.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    plot.grid(color=theme.grid, linewidth=0.6)
    plot.set_xlabel("trial")
    plot.set_ylabel("UAR")
    figure.legend(loc="outside upper left", fontsize=7.5, frameon=False, labelcolor=theme.text, ncols=1)
    return figure


def cost(table, measure, unit, theme=LIGHT):
    """UAR against a cost of each trial."""
    table = [r for r in table if r.uar is not None and measure in r.costs]
    if not table:
        return None
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained", facecolor=theme.background)
    plot = figure.subplots()
    dress(plot, theme)
    plot.plot([r.costs[measure] for r in table], [r.uar for r in table], "o", color=theme.first, markersize=5)
    plot.set_xscale("log")
    plot.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    plot.grid(color=theme.grid, linewidth=0.6)
    plot.set_xlabel(unit)
    plot.set_ylabel("mean validation UAR")
    return figure
