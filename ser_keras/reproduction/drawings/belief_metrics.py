"""The running belief in each emotion while a file is heard, and what it comes to for whole files."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions

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
    ends: NDArray[np.float64]
    beliefs: NDArray[np.float64]
    share_right: float

    @property
    def right(self) -> bool:
        """Whether the last belief is strongest in the true class."""
        return int(self.beliefs[-1].argmax()) == self.true


class ClassMeans(TypedDict):
    """The windows and files of a class.

    `mean` is of its windows' probability of the true class; `rival` the other class of the highest mean on them,
    `rival_mean` that mean. None without data.
    """

    n_windows: int
    n_files: int
    mean: float | None
    rival: str | None
    rival_mean: float | None


class Accuracy(TypedDict):
    """How many files, and the share of them whose last belief is right; None without files."""

    n_files: int
    accuracy: float | None


class ShareOfFiles(TypedDict):
    above: float
    to: float
    n_files: int
    accuracy: float | None


ClaimedShare = TypedDict("ClaimedShare", {"from": float, "to": float, "n_files": int, "accuracy": float | None})


class BeliefMetrics(TypedDict):
    """What the paper says of its figure 3, for any run; as `beliefs.json` holds it.

    `file_accuracy` is of the last belief. `by_share`: shares of a file's windows that are right, `above` < share <=
    `to`; the first entry is files without any. `claimed`: the same for shares `from` .25 `to` .3, which the paper says
    suffice.
    """

    n_windows: int
    n_files: int
    file_accuracy: float
    window_accuracy: float
    classes: dict[str, ClassMeans]
    by_share: list[ShareOfFiles]
    claimed: ClaimedShare


def running_belief(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Belief in each class after each window: b_n = b_(n-1) + (p_n - b_(n-1)) / n, the mean so far.

    Reference: A. M. Badshah et al., PlatCon 2017, section II.E: each prediction is evidence that updates the belief in
    all emotions.

    Args:
        probabilities: [n, C], in order of time.

    Returns:
        [n, C].
    """
    sums = np.asarray(probabilities, np.float64).cumsum(axis=0)
    return np.asarray(sums / np.arange(1, len(sums) + 1)[:, None])


def file_beliefs(windows: Predictions) -> list[FileBelief]:
    """The beliefs of every file.

    Args:
        windows: one row a window (segments.csv); the windows of one file, label and fold are put in order of time.

    Returns:
        Beliefs, in order of first appearance.

    Raises:
        SerKerasError: no windows, or windows without times.
    """
    if not len(windows) or not np.isfinite(windows.start).all() or not np.isfinite(windows.end).all():
        raise SerKerasError("beliefs: no windows with times; give the run's segments.csv, not predictions.csv")
    rows: dict[Hashable, list[int]] = {}
    for row, key in enumerate(zip(windows.corpus, windows.file, windows.true, windows.fold, strict=True)):
        rows.setdefault(key, []).append(row)
    predicted = windows.predicted
    beliefs = []
    for members in rows.values():
        in_time = np.array(members)[np.argsort(windows.start[members], kind="stable")]
        true = int(windows.true[members[0]])
        beliefs.append(
            FileBelief(
                file=windows.file[members[0]],
                true=true,
                ends=windows.end[in_time],
                beliefs=running_belief(windows.probabilities[in_time]),
                share_right=float((predicted[in_time] == true).mean()),
            )
        )
    return beliefs


def belief_metrics(windows: Predictions) -> BeliefMetrics:
    """What the paper says of its figure 3, for any run.

    Args:
        windows: see `file_beliefs`.

    Returns:
        Plain numbers.

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


def _class_means(windows: Predictions, files: Sequence[FileBelief], label: int) -> ClassMeans:
    probabilities = windows.probabilities[windows.true == label]
    n_windows, n_files = len(probabilities), sum(f.true == label for f in files)
    if not n_windows:
        return {"n_windows": 0, "n_files": n_files, "mean": None, "rival": None, "rival_mean": None}
    means = probabilities.mean(axis=0)
    rival = int(np.where(np.arange(len(means)) == label, -1, means).argmax())
    return {
        "n_windows": n_windows,
        "n_files": n_files,
        "mean": float(means[label]),
        "rival": windows.classes[rival],
        "rival_mean": float(means[rival]),
    }


def _accuracy(right: NDArray[np.bool_]) -> Accuracy:
    return {"n_files": len(right), "accuracy": float(right.mean()) if len(right) else None}


def typical_files(files: Sequence[FileBelief]) -> dict[int, FileBelief]:
    """One file a class: of those with the most windows (at least the class's median number), the one whose last belief
    in its class is the median. None of it is chosen by eye.

    Args:
        files: the beliefs of all files.

    Returns:
        Class index -> the file's, for classes that have files.
    """
    typical = {}
    for label in sorted({f.true for f in files}):
        of_class = [f for f in files if f.true == label]
        median = np.median([len(f.ends) for f in of_class])
        long = [f for f in of_class if len(f.ends) >= median]
        in_order = sorted(long, key=lambda f: (float(f.beliefs[-1, f.true]), f.file))
        typical[label] = in_order[len(long) // 2]
    return typical
