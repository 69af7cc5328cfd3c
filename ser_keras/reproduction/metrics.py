"""The metrics of a row: what it judged, in the paper's measure, with intervals; and differences of two rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Estimate, Predictions, bootstrap_ci, mean_of_speakers, uar

MeasureName = Literal["wa", "uar"]  # what papers report; both in `evaluation.MEASURES`
Level = Literal["window", "utterance"]
BY_SPEAKER = "single_speaker"  # the protocol whose metrics are means over speakers


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """What a row predicted: Predictions by window (None where the classifier heard whole utterances) and utterance."""

    windows: Predictions | None
    utterances: Predictions

    def at(self, level: Level | None) -> Predictions | None:
        """The table of a level; None where there is none."""
        return self.windows if level == "window" else self.utterances

    def require(self, level: Level) -> Predictions:
        """The table of a level.

        Raises:
            SerKerasError: there is none.
        """
        table = self.at(level)
        if table is None:
            raise SerKerasError(f"metrics by {level} are asked for, and utterances alone were judged")
        return table


class OverFolds(NamedTuple):
    """Mean and standard deviation (n - 1) of a measure over folds; None for one fold."""

    mean: float | None
    deviation: float | None


class _Task(NamedTuple):
    """The labels of which the UAR is the measure."""

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    n_classes: int


def read(folder: Path) -> Judged:
    """The predictions in a row's folder.

    Args:
        folder: with predictions.csv and, unless the row heard whole utterances, segments.csv.

    Returns:
        The tables.

    Raises:
        SerKerasError: a table is missing or damaged.
    """
    windows = Predictions.read_csv(folder / "segments.csv") if (folder / "segments.csv").is_file() else None
    return Judged(windows, Predictions.read_csv(folder / "predictions.csv"))


def estimate(table: Predictions, measure: MeasureName, by_speaker: bool = False) -> Estimate:
    """A measure with its interval; windows of one utterance are drawn together.

    Args:
        table: windows or utterances.
        measure: `wa` or `uar`.
        by_speaker: take the mean over speakers of each one's measure over the classes that he or she has.

    Returns:
        The value, its interval, and how the interval was made.
    """
    if by_speaker:
        return _mean_of_speakers(table, None, measure)
    true, predicted, n_classes = _task(table, measure)
    low, high, method = bootstrap_ci(true, predicted, table.speaker, n_classes=n_classes, utterances=_utterances(table))
    return Estimate(uar(true, predicted, n_classes), low, high, method)


def over_folds(table: Predictions, measure: MeasureName, by_speaker: bool = False) -> OverFolds:
    """Mean and standard deviation of a measure over the folds.

    Args:
        table: windows or utterances.
        measure: `wa` or `uar`.
        by_speaker: every speaker has folds of their own; the first of each make one value, their mean, and so on.

    Returns:
        Both None for one fold.
    """
    folds = [table.take(table.fold == number) for number in np.unique(table.fold)]
    values = [uar(*_task(fold, measure)) for fold in folds]
    if by_speaker:
        of_speaker: dict[str | None, list[float]] = {}
        for fold, value in zip(folds, values, strict=True):
            of_speaker.setdefault(fold.speaker[0], []).append(value)
        values = [float(np.mean(part)) for part in zip(*of_speaker.values(), strict=True)]
    if len(values) < 2:
        return OverFolds(None, None)
    return OverFolds(float(np.mean(values)), float(np.std(values, ddof=1)))


def _mean_of_speakers(table: Predictions, other: Predictions | None, measure: MeasureName) -> Estimate:
    """Mean over speakers of a table's measure, or of its difference to another table's."""
    true, predicted, n_classes = _task(table, measure)
    return mean_of_speakers(
        true,
        predicted,
        table.speaker,
        n_classes=n_classes,
        other=None if other is None else _task(other, measure).predicted,
        utterances=_utterances(table),
    )


def difference(
    first: Predictions, second: Predictions, measure: MeasureName, *, by_speaker: bool = False
) -> tuple[Estimate | None, int]:
    """How far one system is above another on what both judged, with an interval from common draws.

    Args:
        first: windows or utterances.
        second: the other system's, of the same level.
        measure: `wa` or `uar`.
        by_speaker: as in `estimate`.

    Returns:
        (first minus second, n of rows that both judged); (None, n) where nothing is shared, or where the classes or
        labels differ.
    """
    ours, theirs = _places(first), _places(second)
    shared = [place for place in ours if place in theirs]
    if not shared or first.classes != second.classes:
        return None, len(shared)
    a, b = first.take([ours[place] for place in shared]), second.take([theirs[place] for place in shared])
    if not np.array_equal(a.true, b.true):
        return None, len(shared)
    if by_speaker:
        return _mean_of_speakers(a, b, measure), len(shared)
    true, predicted, n_classes = _task(a, measure)
    other = _task(b, measure).predicted
    # Both systems stand in one table, so that their predictions of an utterance's windows are drawn together: the
    # second's classes are numbered on from the first's, and in them right and wrong are exchanged. The UAR of this
    # table is (first + 1 - second) / 2 in every draw.
    exchanged = np.where(other == true, 0, true + n_classes)
    low, high, method = bootstrap_ci(
        np.concatenate([true, true + n_classes]),
        np.concatenate([predicted, exchanged]),
        np.concatenate([a.speaker, a.speaker]),
        n_classes=2 * n_classes,
        utterances=_utterances(a) * 2,
    )
    value = uar(true, predicted, n_classes) - uar(true, other, n_classes)
    return Estimate(value, 2 * low - 1, 2 * high - 1, f"paired {method}"), len(shared)


def _task(table: Predictions, measure: MeasureName) -> _Task:
    """The labels of which the UAR is the measure."""
    if measure == "uar":
        return _Task(table.true, table.predicted, len(table.classes))
    # Plain accuracy is the recall of one class that holds everything.
    return _Task(np.zeros(len(table), np.int64), (table.predicted != table.true).astype(np.int64), 2)


def _utterances(table: Predictions) -> list[str]:
    columns = (table.corpus, table.file, table.true, table.fold)
    return ["\0".join(map(str, names)) for names in zip(*columns, strict=True)]


def _places(table: Predictions) -> dict[Hashable, int]:
    """What a row of a table judged -> the row."""
    columns = (table.corpus, table.file, table.start.tolist(), table.end.tolist())
    return {place: row for row, place in enumerate(zip(*columns, strict=True))}
