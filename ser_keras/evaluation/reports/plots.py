"""Plots by matplotlib without pyplot: nothing global is read or changed.

Every plot is about 4.8 inches wide, so that its 9-point text is still readable on a phone. Colours are Okabe and
Ito's, which colour-blind readers tell apart; lines differ in style too.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from ser_keras.common.files import write_atomic
from ser_keras.evaluation.intervals import Estimate
from ser_keras.evaluation.metrics_json import SpeakerMetrics

if TYPE_CHECKING:
    from ser_keras.evaluation.reports.run_data import History, RunData

Bar: TypeAlias = tuple[str, float | None, float | None, float | None]  # label, value, low, high

WIDTH = 4.8  # inches
DPI = 160
LABELLED_SPEAKERS = 40  # beyond, names would make the plot a metre high


@dataclass(frozen=True)
class Theme:
    """Colours of a plot."""

    background: str
    text: str
    grid: str
    first: str
    second: str
    third: str
    heat: tuple[str, str, str]


LIGHT = Theme("#ffffff", "#1b1f24", "#d8dce1", "#0072b2", "#d55e00", "#1b1f24", ("#ffffff", "#0072b2", "#00304d"))
DARK = Theme("#171b21", "#e6e9ed", "#39414c", "#56b4e9", "#f0935a", "#e6e9ed", ("#171b21", "#0f6ea8", "#9bd6fb"))


class Plot(Figure):
    """A figure that notebooks show without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """PNG bytes of a plot."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def confusion(matrix: ArrayLike, classes: Sequence[str], theme: Theme = LIGHT) -> Figure:
    """Confusion matrix: share of the true class in large, number of utterances below.

    Args:
        matrix: int array [n, n], rows are true classes.
        classes: n names.
        theme: LIGHT or DARK.
    """
    counts = np.asarray(matrix)
    n = len(classes)
    support = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(support, 1)
    size = max(WIDTH, 1.6 + 0.56 * n)
    figure, axes = _figure(theme, size, size * 0.94)
    heat = LinearSegmentedColormap.from_list("share", theme.heat)
    axes.imshow(share, cmap=heat, vmin=0, vmax=1)
    for row in range(n):
        for column in range(n):
            if not counts[row, column]:
                continue
            colour = _readable_on(heat(share[row, column]))
            axes.text(column, row - 0.06, f"{100 * share[row, column]:.0f} %", ha="center", va="bottom", color=colour,
                      fontsize=9, fontweight="bold" if row == column else "normal")  # fmt: skip
            axes.text(column, row + 0.08, str(counts[row, column]), ha="center", va="top", color=colour, fontsize=7)
    axes.set_xticks(range(n), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), [f"{name} ({count})" for name, count in zip(classes, support[:, 0], strict=True)])
    axes.set_xlabel("recognised as")
    axes.set_ylabel("true class (utterances)")
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=theme.grid, linewidth=0.8)
    axes.tick_params(which="both", length=0)
    return figure


def learning_curves(histories: Mapping[str, History], theme: Theme = LIGHT) -> Figure | None:
    """Accuracy and loss over epochs: a thin line a fold, a thick one their mean, the final refit dotted.

    Args:
        histories: fold number as text, or "final" -> the history's columns.
        theme: LIGHT or DARK.

    Returns:
        None where there is no curve to draw.
    """
    folds = [h for name, h in histories.items() if name != "final"]
    final = histories.get("final")
    panels = [m for m in ("accuracy", "loss") if any(_drawable(h, m) for h in histories.values())]
    if not panels:
        return None
    figure = Plot(figsize=(WIDTH, 0.5 + 2.3 * len(panels)), layout="constrained", facecolor=theme.background)
    for axes, measure in zip(np.atleast_1d(figure.subplots(len(panels), 1, sharex=True)), panels, strict=True):
        dress(axes, theme)
        axes.grid(color=theme.grid, linewidth=0.6)
        lines = (("training", measure, theme.first, "-"), ("validation", f"val_{measure}", theme.second, "--"))
        for label, column, colour, style in lines:
            of_folds = [h for h in folds if _drawable(h, column)]
            _fold_lines(axes, of_folds, column, label=label, colour=colour, style=style)
        if final and _drawable(final, measure):
            axes.plot(final["epoch"], final[measure], ":", color=theme.third, linewidth=1.6, label="final refit")
        axes.set_ylabel(measure)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if measure == "accuracy":
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(fontsize=8, frameon=False, labelcolor=theme.text)
    axes.set_xlabel("epoch")
    return figure


def curves(
    lines: Mapping[str, Sequence[tuple[str, Estimate]]], x_label: str, y_label: str, *, theme: Theme = LIGHT
) -> Figure:
    """A metric over a setting: a line each, with intervals.

    Args:
        lines: label -> (value of the setting as text, the metric, a fraction) of each point.
        x_label: of the axis.
        y_label: of the axis.
        theme: LIGHT or DARK.
    """
    figure, axes = _figure(theme, WIDTH, 3.0)
    axes.grid(color=theme.grid, linewidth=0.6)
    kinds = [(theme.first, "-", "o"), (theme.second, "--", "s"), (theme.third, ":", "^")]
    for i, (label, points) in enumerate(lines.items()):
        colour, style, marker = kinds[i % len(kinds)]
        x = np.arange(len(points)) + 0.06 * (i - (len(lines) - 1) / 2)
        value = np.array([metric.value for _, metric in points])
        low = np.array([metric.low for _, metric in points])
        high = np.array([metric.high for _, metric in points])
        axes.errorbar(
            x, value, [value - low, high - value], color=colour, linestyle=style, marker=marker, markersize=4,
            capsize=2, linewidth=1.4, elinewidth=0.8, label=label,
        )  # fmt: skip
    axes.set_xticks(range(len(points)), [setting for setting, _ in points])
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(fontsize=8, frameon=False, labelcolor=theme.text)
    return figure


def stages(values: Mapping[str, tuple[float, float | None]], theme: Theme = LIGHT) -> Figure:
    """Bars with deviations, from the first stage of a system to its last.

    Args:
        values: stage -> (mean over folds, deviation or None), fractions.
        theme: LIGHT or DARK.
    """
    figure, axes = _figure(theme, WIDTH, 2.8)
    axes.grid(axis="y", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    means = [mean for mean, _ in values.values()]
    axes.bar(
        range(len(values)), means, 0.6, yerr=[deviation or 0.0 for _, deviation in values.values()], capsize=3,
        color=theme.first, ecolor=theme.text,
    )  # fmt: skip
    for i, mean in enumerate(means):
        axes.text(i, 0.02, f"{100 * mean:.0f} %", ha="center", color=theme.background, fontsize=9, fontweight="bold")
    axes.set_xticks(range(len(values)), list(values))
    axes.set_ylabel("accuracy, mean and deviation of folds")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def per_class(
    recalls: Mapping[str, float | None],
    intervals: Mapping[str, Sequence[float | None]],
    chance: float,
    *,
    theme: Theme = LIGHT,
) -> Figure:
    """Recall of each class with its 95 % interval, and chance.

    Args:
        recalls: class name -> fraction, or None where the class has no data.
        intervals: class name -> (low, high), either may be None.
        chance: fraction.
        theme: LIGHT or DARK.
    """
    rows: list[Bar] = []
    for name, recall in recalls.items():
        low, high = intervals.get(name) or (None, None)
        rows.append((name, recall, low, high))
    figure, axes = _figure(theme, WIDTH, 0.9 + 0.32 * len(rows))
    _bars(axes, rows, theme)
    axes.axvline(chance, color=theme.text, linewidth=1, linestyle=":")
    axes.set_xlabel(f"recall, 95 % interval (dotted: chance, {100 * chance:.0f} %)")
    return figure


def per_speaker(speakers: Mapping[str, SpeakerMetrics], pooled: float | None, theme: Theme = LIGHT) -> Figure:
    """UAR of each speaker, best first, with the pooled UAR.

    Args:
        speakers: speaker -> metrics.
        pooled: the UAR over all utterances.
        theme: LIGHT or DARK.
    """
    rows: list[Bar] = [(name, speaker.get("uar"), None, None) for name, speaker in speakers.items()]
    rows.sort(key=lambda row: -(row[1] or 0))
    labelled = len(rows) <= LABELLED_SPEAKERS
    figure, axes = _figure(theme, WIDTH, 0.9 + (0.26 if labelled else 0.07) * len(rows))
    _bars(axes, rows, theme, values=labelled)
    if not labelled:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(rows)} speakers")
    if pooled is not None:
        axes.axvline(pooled, color=theme.text, linewidth=1, linestyle=":")
    axes.set_xlabel("UAR of the speaker (dotted: all utterances)")
    return figure


def comparison(rows: Sequence[Bar], chance: float | None = None, theme: Theme = LIGHT) -> Figure:
    """UAR of several runs with their intervals.

    Args:
        rows: (label, uar, low, high) of each run.
        chance: fraction, or None where the runs' classes differ.
        theme: LIGHT or DARK.
    """
    figure, axes = _figure(theme, WIDTH, 0.9 + 0.42 * len(rows))
    positions = np.arange(len(rows))
    for y, (_, value, low, high) in zip(positions, rows, strict=True):
        if is_finite(low) and is_finite(high):
            axes.plot([low, high], [y, y], color=theme.first, linewidth=3, alpha=0.55, solid_capstyle="butt")
        if is_finite(value):
            axes.plot(value, y, "o", color=theme.first, markersize=7)
            axes.annotate(f"{100 * value:.1f}", (value, y), (0, 7), textcoords="offset points", ha="center",
                          color=theme.text, fontsize=8)  # fmt: skip
    _rows_of(axes, [row[0] for row in rows], theme)
    axes.set_ylim(len(rows) - 0.4, -0.8)
    if chance is not None:
        axes.axvline(chance, color=theme.text, linewidth=1, linestyle=":")
    axes.set_xlabel("UAR, 95 % interval" + ("" if chance is None else f" (dotted: chance, {100 * chance:.0f} %)"))
    return figure


def write_plots(data: RunData) -> list[Path]:
    """Write confusion.png and learning_curves.png of a run, each where there is something to draw.

    Args:
        data: the run's files.

    Returns:
        The paths written.

    Raises:
        SerKerasError: the directory can't be written to.
    """
    plots = {"learning_curves.png": learning_curves(data.histories)}
    if data.metrics and data.metrics.get("confusion"):
        plots["confusion.png"] = confusion(data.metrics["confusion"], tuple(data.metrics["classes"]))
    paths = []
    for name, figure in plots.items():
        if figure is not None:
            write_atomic(data.path / name, png(figure))
            paths.append(data.path / name)
    return paths


def _figure(theme: Theme, width: float, height: float) -> tuple[Figure, Axes]:
    figure = Plot(figsize=(width, height), layout="constrained", facecolor=theme.background)
    axes = figure.subplots()
    dress(axes, theme)
    return figure, axes


def dress(axes: Axes, theme: Theme) -> None:
    """Gives axes a theme's colours, and the sizes of all plots."""
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.text, labelsize=9, length=2)
    axes.xaxis.label.set(color=theme.text, fontsize=9)
    axes.yaxis.label.set(color=theme.text, fontsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _bars(axes: Axes, rows: Sequence[Bar], theme: Theme, *, values: bool = True) -> None:
    """Horizontal bars of (label, value, low, high), first row on top."""
    for y, (_, value, low, high) in enumerate(rows):
        if not is_finite(value):
            axes.text(0.01, y, "no data", va="center", fontsize=8, color=theme.text)
            continue
        axes.barh(y, value, height=0.62, color=theme.first, alpha=0.85)
        end = value
        if is_finite(low) and is_finite(high):
            axes.plot([low, high], [y, y], color=theme.text, linewidth=1.4)
            axes.plot([low, high], [y, y], "|", color=theme.text, markersize=6)
            end = max(value, high)
        if values:
            axes.text(end + 0.015, y, f"{100 * value:.0f} %", va="center", fontsize=8, color=theme.text)
    _rows_of(axes, [row[0] for row in rows], theme)
    axes.set_xlim(0, 1.12)
    axes.set_xticks(np.linspace(0, 1, 6))


def _rows_of(axes: Axes, labels: Sequence[str], theme: Theme) -> None:
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="x", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)


def _short(label: str, limit: int = 26) -> str:
    # "$" would start mathematics in matplotlib
    label = str(label).encode("utf-8", "replace").decode().replace("$", r"\$")
    return label if len(label) <= limit else f"{label[: limit - 9]}…{label[-8:]}"


def _fold_lines(axes: Axes, histories: Sequence[History], column: str, *, label: str, colour: str, style: str) -> None:
    if not histories:
        return
    for history in histories:
        axes.plot(history["epoch"], history[column], style, color=colour, linewidth=0.7, alpha=0.35)
    reached = min(len(h["epoch"]) for h in histories)  # beyond it a mean would jump whenever a fold stops
    mean = np.mean([h[column][:reached] for h in histories], axis=0)
    word = f"{label}, mean of {len(histories)} folds" if len(histories) > 1 else label
    axes.plot(histories[0]["epoch"][:reached], mean, style, color=colour, linewidth=2, label=word)


def _drawable(history: History, column: str) -> bool:
    return any(is_finite(value) for value in history.get(column, ()))


def is_finite(value: float | None) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return value is not None and math.isfinite(value)


def _readable_on(colour: Sequence[float]) -> str:
    """Black or white, whichever is read better on an RGBA colour (WCAG relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return "#000000" if np.dot(linear, (0.2126, 0.7152, 0.0722)) > 0.179 else "#ffffff"
