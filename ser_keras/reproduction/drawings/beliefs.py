"""Drawings of what each new window adds: the running belief in each emotion over time, and its accuracy on files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ser_keras.common.files import write_atomic
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.plots import LIGHT, WIDTH, Theme
from ser_keras.reproduction.drawings.belief_metrics import (
    CLAIMED,
    BeliefMetrics,
    ClassMeans,
    FileBelief,
    ShareOfFiles,
    belief_metrics,
    file_beliefs,
    typical_files,
)


class DrawnBeliefs(BeliefMetrics):
    """`BeliefMetrics`, and class name -> name of the file drawn."""

    drawn: dict[str, str]


def write_beliefs(windows: Predictions, path: Path, theme: Theme = LIGHT) -> DrawnBeliefs:
    """Draw figure 3's analogue: beliefs over time for a file of each class, class means, accuracy by share of right
    windows.

    Reference: A. M. Badshah et al., PlatCon 2017, sections II.E and III.C, figure 3.

    Args:
        windows: see `file_beliefs`.
        path: of the PNG.
        theme: LIGHT or DARK.

    Returns:
        The metrics that are drawn, and the files.

    Raises:
        SerKerasError: see `file_beliefs`; or the file can't be written.
    """
    metrics = belief_metrics(windows)
    files = typical_files(file_beliefs(windows))
    write_atomic(path, plots.png(belief_plot(metrics, files, windows.classes, theme=theme)))
    return {**metrics, "drawn": {windows.classes[label]: belief.file for label, belief in files.items()}}


def belief_plot(
    metrics: BeliefMetrics, files: Mapping[int, FileBelief], classes: Sequence[str], *, theme: Theme = LIGHT
) -> Figure:
    """The plot of `write_beliefs`.

    Args:
        metrics: of `belief_metrics`.
        files: of `typical_files`.
        classes: names.
        theme: LIGHT or DARK.

    Returns:
        Panels below one another.
    """
    heights = [1.1] * len(files) + [0.75 + 0.34 * len(classes), 2.6]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained", facecolor=theme.background)
    panels = figure.subplots(len(heights), 1, height_ratios=heights)
    for axes in panels:
        plots.dress(axes, theme)
        axes.set_axisbelow(True)
    longest = max(f.ends[-1] for f in files.values())
    for axes, belief in zip(panels, files.values(), strict=False):
        _draw_file(axes, belief, classes, longest=longest, theme=theme)
        axes.tick_params(labelbottom=axes is panels[len(files) - 1])
    panels[len(files) - 1].set_xlabel("seconds heard")
    _draw_class_means(panels[-2], metrics["classes"], theme)
    _draw_shares(panels[-1], metrics["by_share"], theme)
    return figure


def _draw_file(axes: Axes, belief: FileBelief, classes: Sequence[str], *, longest: float, theme: Theme) -> None:
    """Belief in the true class, in its strongest rival, and in the others (thin)."""
    label = belief.true
    rivals = np.where(np.arange(len(classes)) == label, -1, belief.beliefs[-1])
    rival = int(rivals.argmax())
    others = [c for c in range(len(classes)) if c not in (label, rival)]
    for which, colour, style in ((label, theme.first, "o-"), (rival, theme.second, "o--")):
        axes.plot(belief.ends, belief.beliefs[:, which], style, color=colour, markersize=3, linewidth=1.8, zorder=3,
                  label=classes[which] + (" (true)" if which == label else ""))  # fmt: skip
    lines = axes.plot(belief.ends, belief.beliefs[:, others], color=theme.text, alpha=0.35, linewidth=0.8)
    if lines:
        lines[0].set_label("others")
    axes.legend(fontsize=8, frameon=False, labelcolor=theme.text, loc="lower left", bbox_to_anchor=(0, 0.93), ncols=3,
                borderpad=0, handlelength=2)  # fmt: skip
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(0, longest * 1.02)
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(color=theme.grid, linewidth=0.6)


def _draw_class_means(axes: Axes, classes: Mapping[str, ClassMeans], theme: Theme) -> None:
    for y, row in enumerate(classes.values()):
        if row["mean"] is None or row["rival_mean"] is None:
            axes.text(0.01, y, "no data", va="center", fontsize=8, color=theme.text)
            continue
        axes.barh(y, row["mean"], height=0.62, color=theme.first, alpha=0.85)
        axes.plot(row["rival_mean"], y, "D", color=theme.second, markersize=5, markeredgecolor=theme.background)
        text = f"{100 * row['mean']:.0f} %; {row['rival']} {100 * row['rival_mean']:.0f} %"
        end = max(row["mean"], row["rival_mean"]) + 0.025
        axes.text(end, y, text, va="center", fontsize=8, color=theme.text)
    axes.set_yticks(range(len(classes)), list(classes))
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_xlim(0, 1.5)  # room for the words beside a bar of 100 %
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="x", color=theme.grid, linewidth=0.6)
    axes.set_xlabel("mean probability of the true class\n(diamond: of its strongest rival)")


def _draw_shares(axes: Axes, rows: Sequence[ShareOfFiles], theme: Theme) -> None:
    low, high = CLAIMED
    axes.axvspan(low, high, color=theme.second, alpha=0.25, linewidth=0, label="said to suffice")
    points = [((r["above"] + r["to"]) / 2, r["accuracy"], r["n_files"]) for r in rows if r["accuracy"] is not None]
    axes.plot([x for x, *_ in points], [y for _, y, _ in points], "o-", color=theme.first, linewidth=1.8, markersize=5)
    for x, y, n_files in points:
        axes.annotate(str(n_files), (x, y), (-4, 4), textcoords="offset points", ha="right", fontsize=8,
                      color=theme.text)  # fmt: skip
    axes.set_xlim(-0.07, 1.04)
    axes.set_ylim(-0.03, 1.16)
    axes.set_yticks(np.linspace(0, 1, 6))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(color=theme.grid, linewidth=0.6)
    axes.legend(fontsize=8, frameon=False, labelcolor=theme.text, loc="lower right")
    axes.set_xlabel("share of a file's windows that are right, in tenths")
    axes.set_ylabel("files recognised (number of files)")
