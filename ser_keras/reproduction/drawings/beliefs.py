"""What each new window adds: the running belief in each emotion over time, and what it comes to for whole files."""

import dataclasses

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.plots import LIGHT, WIDTH

CLAIMED = (0.25, 0.3)  # the share of right windows that the paper says suffices
TENTHS = np.linspace(0, 1, 11).round(1)


@dataclasses.dataclass(frozen=True, eq=False)
class FileBelief:
    """The belief in each class while a file is heard.

    Attributes:
        file: its name.
        true: index of its class.
        ends: [n] seconds within the file, the end of each window, in order of time.
        beliefs: [n, C] after each window.
        share_right: share of its windows whose likeliest class is the true one.
    """

    file: str
    true: int
    ends: np.ndarray
    beliefs: np.ndarray
    share_right: float

    @property
    def right(self):
        """Whether the last belief is strongest in the true class."""
        return int(self.beliefs[-1].argmax()) == self.true


def running_belief(probabilities):
    """Belief in each class after each window: b_n = b_(n-1) + (p_n - b_(n-1)) / n, the mean so far.

    Reference: A. M. Badshah et al., PlatCon 2017, section II.E: each prediction is evidence that updates the belief in
    all emotions.

    Args:
        probabilities: [n, C], in order of time.

    Returns:
        float64 [n, C].
    """
    probabilities = np.asarray(probabilities, np.float64)
    return probabilities.cumsum(axis=0) / np.arange(1, len(probabilities) + 1)[:, None]


def file_beliefs(windows):
    """The beliefs of every file.

    Args:
        windows: Predictions, one row a window (segments.csv); the windows of one file, label and fold are put in order
            of time.

    Returns:
        list of FileBelief, in order of first appearance.

    Raises:
        SerKerasError: no windows, or windows without times.
    """
    if not len(windows) or not np.isfinite(windows.start).all() or not np.isfinite(windows.end).all():
        raise SerKerasError("beliefs: no windows with times; give the run's segments.csv, not predictions.csv")
    rows = {}
    for row, key in enumerate(zip(windows.corpus, windows.file, windows.true, windows.fold, strict=True)):
        rows.setdefault(key, []).append(row)
    found = []
    for (_, file, true, _), members in rows.items():
        members = np.array(members)[np.argsort(windows.start[members], kind="stable")]
        beliefs = running_belief(windows.probabilities[members])
        right = float((windows.predicted[members] == true).mean())
        found.append(FileBelief(file, int(true), windows.end[members], beliefs, right))
    return found


def belief_figures(windows):
    """What the paper says of its figure 3, for any run.

    Args:
        windows: see `file_beliefs`.

    Returns:
        dict of plain numbers: `n_windows`, `n_files`, `file_accuracy` (of the last belief), `window_accuracy`;
        `classes`: class name -> `n_windows`, `n_files`, `mean` (of its windows' probability of the true class),
        `rival` and `rival_mean` (the other class of the highest mean on them), both None without data;
        `by_share`: list of `above`, `to` (shares of a file's windows that are right: above < share <= to; the first is
        files without any), `n_files`, `accuracy` (None without files); `claimed`: the same for shares `from` .25 `to`
        .3, which the paper says suffice.

    Raises:
        SerKerasError: see `file_beliefs`.
    """
    files = file_beliefs(windows)
    share = np.array([f.share_right for f in files])
    right = np.array([f.right for f in files])
    edges = [(-1.0, 0.0), *zip(TENTHS[:-1], TENTHS[1:], strict=True)]
    low, high = CLAIMED
    return {
        "n_windows": len(windows),
        "n_files": len(files),
        "file_accuracy": float(right.mean()),
        "window_accuracy": float((windows.predicted == windows.true).mean()),
        "classes": {name: _class_means(windows, files, label) for label, name in enumerate(windows.classes)},
        "by_share": [
            {"above": max(0.0, float(above)), "to": float(to), **_accuracy(right[(share > above) & (share <= to)])}
            for above, to in edges
        ],
        "claimed": {"from": low, "to": high, **_accuracy(right[(share >= low) & (share <= high)])},
    }


def _class_means(windows, files, label):
    probabilities = windows.probabilities[windows.true == label]
    figures = {"n_windows": len(probabilities), "n_files": sum(f.true == label for f in files)}
    if not len(probabilities):
        return {**figures, "mean": None, "rival": None, "rival_mean": None}
    means = probabilities.mean(axis=0)
    rival = int(np.where(np.arange(len(means)) == label, -1, means).argmax())
    return {**figures, "mean": float(means[label]), "rival": windows.classes[rival], "rival_mean": float(means[rival])}


def _accuracy(right):
    return {"n_files": len(right), "accuracy": float(right.mean()) if len(right) else None}


def typical_files(files):
    """One file a class: of those with the most windows (at least the class's median number), the one whose last belief
    in its class is the median. None of it is chosen by eye.

    Args:
        files: list of FileBelief.

    Returns:
        dict, class index -> FileBelief, for classes that have files.
    """
    chosen = {}
    for label in sorted({f.true for f in files}):
        own = [f for f in files if f.true == label]
        long = [f for f in own if len(f.ends) >= np.median([len(o.ends) for o in own])]
        chosen[label] = sorted(long, key=lambda f: (f.beliefs[-1, label], f.file))[len(long) // 2]
    return chosen


def write_beliefs(windows, path, theme=LIGHT):
    """Draw figure 3's analogue: beliefs over time for a file of each class, class means, accuracy by share of right
    windows.

    Reference: A. M. Badshah et al., PlatCon 2017, sections II.E and III.C, figure 3.

    Args:
        windows: see `file_beliefs`.
        path: of the PNG.
        theme: LIGHT or DARK.

    Returns:
        dict, see `belief_figures`; and `drawn`: class name -> name of the file drawn.

    Raises:
        SerKerasError: see `file_beliefs`; or the file can't be written.
    """
    figures = belief_figures(windows)
    files = typical_files(file_beliefs(windows))
    write_atomic(path, plots.png(belief_plot(figures, files, windows.classes, theme)))
    return {**figures, "drawn": {windows.classes[label]: belief.file for label, belief in files.items()}}


def belief_plot(figures, files, classes, theme=LIGHT):
    """The figure of `write_beliefs`.

    Args:
        figures: of `belief_figures`.
        files: of `typical_files`.
        classes: names.
        theme: LIGHT or DARK.

    Returns:
        matplotlib Figure.
    """
    heights = [1.1] * len(files) + [0.75 + 0.34 * len(classes), 2.6]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained", facecolor=theme.background)
    panels = figure.subplots(len(heights), 1, height_ratios=heights)
    for axes in panels:
        plots.dress(axes, theme)
        axes.set_axisbelow(True)
    longest = max(f.ends[-1] for f in files.values())
    for axes, (label, belief) in zip(panels, files.items(), strict=False):
        _draw_file(axes, belief, label, classes, longest, theme)
        axes.tick_params(labelbottom=axes is panels[len(files) - 1])
    panels[len(files) - 1].set_xlabel("seconds heard")
    _draw_class_means(panels[-2], figures["classes"], theme)
    _draw_shares(panels[-1], figures["by_share"], theme)
    return figure


def _draw_file(axes, belief, label, classes, longest, theme):
    """Belief in the true class, in its strongest rival, and in the others (thin)."""
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


def _draw_class_means(axes, classes, theme):
    for y, row in enumerate(classes.values()):
        if row["mean"] is None:
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


def _draw_shares(axes, rows, theme):
    low, high = CLAIMED
    axes.axvspan(low, high, color=theme.second, alpha=0.25, linewidth=0, label="said to suffice")
    drawn = [row for row in rows if row["n_files"]]
    middles = [(row["above"] + row["to"]) / 2 for row in drawn]
    axes.plot(middles, [row["accuracy"] for row in drawn], "o-", color=theme.first, linewidth=1.8, markersize=5)
    for x, row in zip(middles, drawn, strict=True):
        axes.annotate(str(row["n_files"]), (x, row["accuracy"]), (-4, 4), textcoords="offset points", ha="right",
                      fontsize=8, color=theme.text)  # fmt: skip
    axes.set_xlim(-0.07, 1.04)
    axes.set_ylim(-0.03, 1.16)
    axes.set_yticks(np.linspace(0, 1, 6))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(color=theme.grid, linewidth=0.6)
    axes.legend(fontsize=8, frameon=False, labelcolor=theme.text, loc="lower right")
    axes.set_xlabel("share of a file's windows that are right, in tenths")
    axes.set_ylabel("files recognised (number of files)")
