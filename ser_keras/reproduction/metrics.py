"""The figures of a row: what it judged, in the paper's measure, with intervals; and differences of two rows."""

import dataclasses

import numpy as np

from ser_keras.evaluation import Predictions, bootstrap_ci, mean_of_speakers, uar

MEASURES = {"wa": "WA", "uar": "UAR"}
BY_SPEAKER = "single_speaker"  # the protocol whose figures are means over speakers


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval, fractions; `method` says how the interval was made."""

    value: float
    low: float
    high: float
    method: str


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """What a row predicted: Predictions by window (None where the classifier heard whole utterances) and utterance."""

    windows: Predictions | None
    utterances: Predictions

    def at(self, level):
        """The table of a level, `window` or `utterance`; None where there is none."""
        return self.windows if level == "window" else self.utterances


def read(folder):
    """What stands in a row's folder.

    Args:
        folder: with predictions.csv and, unless the row heard whole utterances, segments.csv.

    Returns:
        Judged.

    Raises:
        SerKerasError: a table is missing or damaged.
    """
    windows = Predictions.read_csv(folder / "segments.csv") if (folder / "segments.csv").is_file() else None
    return Judged(windows, Predictions.read_csv(folder / "predictions.csv"))


def figure(table, measure, by_speaker=False):
    """A measure with its interval; windows of one utterance are drawn together.

    Args:
        table: Predictions, windows or utterances.
        measure: `wa` or `uar`.
        by_speaker: take the mean over speakers of each one's figure over the classes that he or she has.

    Returns:
        Figure.
    """
    if by_speaker:
        return _mean_of_speakers([table], measure)
    true, predicted, n_classes = _labels(table, measure)
    low, high, method = bootstrap_ci(true, predicted, table.speaker, n_classes, utterances=_utterances(table))
    return Figure(uar(true, predicted, n_classes), low, high, method)


def over_folds(table, measure, by_speaker=False):
    """(mean, standard deviation) of a measure over the folds; (None, None) for one fold.

    `by_speaker`: every speaker has folds of their own; the first of each make one value, their mean, and so on.
    """
    folds = [table.take(table.fold == number) for number in np.unique(table.fold)]
    values = [uar(*_labels(fold, measure)) for fold in folds]
    if by_speaker:
        own = {}
        for fold, value in zip(folds, values, strict=True):
            own.setdefault(fold.speaker[0], []).append(value)
        values = [np.mean(part) for part in zip(*own.values(), strict=True)]
    return (float(np.mean(values)), float(np.std(values, ddof=1))) if len(values) > 1 else (None, None)


def _mean_of_speakers(tables, measure):
    """Mean of a table's figures of single speakers, or of their differences to a second table's."""
    (true, predicted, n_classes), *second = (_labels(table, measure) for table in tables)
    other = second[0][1] if second else None
    own = tables[0]
    return Figure(*mean_of_speakers(true, predicted, own.speaker, n_classes, other, utterances=_utterances(own)))


def difference(first, second, measure, by_speaker=False):
    """How far one system is above another on what both judged, with an interval from common draws.

    Args:
        first, second: Predictions of one level.
        measure: `wa` or `uar`.
        by_speaker: as in `figure`.

    Returns:
        (Figure of first minus second, n of rows that both judged); (None, n) where nothing is shared, or where the
        classes or labels differ.
    """
    ours, theirs = _places(first), _places(second)
    shared = [place for place in ours if place in theirs]
    if not shared or first.classes != second.classes:
        return None, len(shared)
    a, b = first.take([ours[place] for place in shared]), second.take([theirs[place] for place in shared])
    if not np.array_equal(a.true, b.true):
        return None, len(shared)
    if by_speaker:
        return _mean_of_speakers([a, b], measure), len(shared)
    true, predicted, n_classes = _labels(a, measure)
    _, other, _ = _labels(b, measure)
    # Both in one table, so that what they say of an utterance's windows is drawn together: the second's classes are
    # numbered on from the first's, and in them right and wrong are exchanged. The UAR of this table is
    # (first + 1 - second) / 2 in every draw.
    exchanged = np.where(other == true, 0, true + n_classes)
    low, high, method = bootstrap_ci(
        np.concatenate([true, true + n_classes]),
        np.concatenate([predicted, exchanged]),
        np.concatenate([a.speaker, a.speaker]),
        2 * n_classes,
        utterances=_utterances(a) * 2,
    )
    value = uar(true, predicted, n_classes) - uar(true, other, n_classes)
    return Figure(value, 2 * low - 1, 2 * high - 1, f"paired {method}"), len(shared)


def _labels(table, measure):
    """(true, predicted, number of classes) of which the UAR is the measure."""
    if measure == "uar":
        return table.true, table.predicted, len(table.classes)
    # Plain accuracy is the recall of one class that holds everything.
    return np.zeros(len(table), int), (table.predicted != table.true).astype(int), 2


def _utterances(table):
    columns = (table.corpus, table.file, table.true, table.fold)
    return ["\0".join(map(str, names)) for names in zip(*columns, strict=True)]


def _places(table):
    """What a row of a table judged -> the row."""
    columns = (table.corpus, table.file, table.start.tolist(), table.end.tolist())
    return {place: row for row, place in enumerate(zip(*columns, strict=True))}
