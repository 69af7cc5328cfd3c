"""The table of predictions: one row an utterance (predictions.csv) or a window (segments.csv)."""

import csv
import io
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ser_keras.common.errors import DamagedFile, MissingFile
from ser_keras.common.files import write_atomic

TEXT_COLUMNS = ("file", "corpus", "speaker", "gender")
COLUMNS = (*TEXT_COLUMNS, "fold", "start", "end", "true", "predicted")


def geometric_mean(probabilities):
    """[n, C] to [C], sum 1. Of softmaxed decision values it is the softmax of their mean."""
    logarithms = np.log(np.maximum(probabilities, 1e-30)).mean(axis=0)
    return np.exp(logarithms - logarithms.max()) / np.exp(logarithms - logarithms.max()).sum()


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted probabilities beside the truth, as columns of equal length n.

    Args:
        file: [n] names of the audio files.
        corpus: [n] names of the corpora, or None.
        speaker: [n] names, None where unknown; or None for the whole column.
        gender: [n], None where unknown; or None for the whole column.
        fold: int [n], the fold in whose test part the row was; or one int for all rows.
        start: float [n], seconds within the file, NaN where the row is a whole file; or None for the whole column.
        end: as `start`.
        true: int [n], index into `classes`.
        probabilities: float [n, n_classes].
        classes: names of the classes in the order of the outputs.

    Raises:
        ValueError: columns of different lengths, labels outside `classes`, probabilities that aren't finite.
    """

    file: np.ndarray
    corpus: np.ndarray
    speaker: np.ndarray
    gender: np.ndarray
    fold: np.ndarray
    start: np.ndarray
    end: np.ndarray
    true: np.ndarray
    probabilities: np.ndarray
    classes: tuple

    def __post_init__(self):
        n = len(self.file)
        for name in TEXT_COLUMNS:
            _set(self, name, _text_column(getattr(self, name), n))
        for name in ("start", "end"):
            value = getattr(self, name)
            _set(self, name, np.full(n, np.nan) if value is None else np.array(value, dtype=float))
        _set(self, "fold", np.full(n, self.fold) if np.ndim(self.fold) == 0 else np.array(self.fold, dtype=int))
        _set(self, "true", np.array(self.true, dtype=int))
        _set(self, "classes", tuple(self.classes))
        _set(self, "probabilities", np.array(self.probabilities, dtype=float).reshape(-1, len(self.classes)))
        for field in fields(self):
            if field.name != "classes" and len(getattr(self, field.name)) != n:
                raise ValueError(f"column '{field.name}' has {len(getattr(self, field.name))} rows, 'file' has {n}")
        if n and not 0 <= self.true.min() <= self.true.max() < len(self.classes):
            raise ValueError(f"labels {self.true.min()} to {self.true.max()} don't fit {len(self.classes)} classes")
        if not np.isfinite(self.probabilities).all():
            bad = int(np.argmin(np.isfinite(self.probabilities).all(axis=1)))
            raise ValueError(f"the probabilities of '{self.file[bad]}' are not finite")

    def __len__(self):
        return len(self.file)

    @property
    def predicted(self):
        """int [n]: the class of the largest probability, the first of equals."""
        return self.probabilities.argmax(axis=1) if len(self) else np.zeros(0, int)

    def take(self, rows):
        """The given rows (index or bool array) as a table of its own."""
        kept = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "classes"}
        return replace(self, **kept)

    @staticmethod
    def concatenate(tables):
        """Join tables of the same classes, in order.

        Raises:
            ValueError: no tables, or their classes differ.
        """
        tables = list(tables)
        if len({t.classes for t in tables}) != 1:
            raise ValueError(f"tables to join must be of one class list, not {sorted({t.classes for t in tables})}")
        names = [f.name for f in fields(Predictions) if f.name != "classes"]
        return replace(tables[0], **{name: np.concatenate([getattr(t, name) for t in tables]) for name in names})

    def by_utterance(self, utterances=None, geometric=False):
        """Average the probabilities of the windows of each utterance.

        Args:
            utterances: array [n] that says which utterance a window belongs to. None: the windows of one file, label
                and fold are an utterance, which is right for corpora of one utterance a file.
            geometric: take `geometric_mean`.

        Returns:
            Predictions with one row an utterance, in the order of first appearance; `start` is the first window's
            start, `end` the last one's end, the other columns those of the first window.
        """
        if utterances is None:
            keys = zip(self.corpus, self.file, self.true, self.fold, strict=True)
        else:
            keys = np.asarray(utterances).tolist()
            if len(keys) != len(self):
                raise ValueError(f"{len(self)} windows but {len(keys)} utterance names")
        order = {}
        member = np.array([order.setdefault(key, len(order)) for key in keys], dtype=int)
        first = np.unique(member, return_index=True)[1]
        sums = np.zeros((len(order), len(self.classes)))
        np.add.at(sums, member, self.probabilities)
        start, end = np.full(len(order), np.inf), np.full(len(order), -np.inf)
        np.minimum.at(start, member, self.start)
        np.maximum.at(end, member, self.end)
        means = sums / np.bincount(member, minlength=len(order))[:, None]
        if geometric:
            means = np.array([geometric_mean(self.probabilities[member == i]) for i in range(len(order))])
        return replace(self.take(first), probabilities=means, start=start, end=end)

    def write_csv(self, path):
        """Write the table; numbers keep 9 significant digits, which float32 survives exactly. Atomic."""
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"p_{name}" for name in self.classes)])
        predicted = self.predicted
        for i in range(len(self)):
            texts = ["" if value is None else value for value in (getattr(self, name)[i] for name in TEXT_COLUMNS)]
            times = ["" if np.isnan(value) else f"{value:.9g}" for value in (self.start[i], self.end[i])]
            labels = [self.classes[self.true[i]], self.classes[predicted[i]]]
            writer.writerow([*texts, self.fold[i], *times, *labels, *(f"{p:.9g}" for p in self.probabilities[i])])
        # surrogateescape: file names that aren't UTF-8 come back as the bytes they were
        write_atomic(path, buffer.getvalue().encode("utf-8", "surrogateescape"))

    @classmethod
    def read_csv(cls, path):
        """Read a table that `write_csv` wrote.

        Raises:
            SerKerasError: the file is missing, or isn't such a table; the line says where.
        """
        path = Path(path)
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
                rows = list(csv.reader(stream))
        except FileNotFoundError:
            raise MissingFile(path, "is missing") from None
        except csv.Error as error:
            raise DamagedFile(path, f"can't be read: {error}") from None
        except OSError as error:
            raise DamagedFile(path, f"can't be read: {error.strerror or error}") from None
        header = rows.pop(0) if rows else []
        classes = tuple(name[2:] for name in header[len(COLUMNS) :])
        if tuple(header) != (*COLUMNS, *(f"p_{name}" for name in classes)) or not classes:
            raise DamagedFile(
                path,
                f"is no table of predictions: its first line must be {','.join(COLUMNS)},p_CLASS,... "
                f"and is '{','.join(header)[:200]}'",
            )
        index = {name: i for i, name in enumerate(classes)}
        parsed = []
        for number, row in enumerate(rows, start=2):
            try:
                record = dict(zip(header, row, strict=True))
                numbers = [float(value) for value in row[len(COLUMNS) :]]
                times = [float(record[name] or "nan") for name in ("start", "end")]
                texts = [record[name] or None for name in TEXT_COLUMNS]
                parsed.append((*texts, int(record["fold"]), *times, index[record["true"]], numbers))
            except (ValueError, KeyError) as error:
                raise DamagedFile(
                    path, f", row {number}: not a row of predictions ({error}); cut off? make the file again"
                ) from error
        columns = [list(column) for column in zip(*parsed, strict=True)] or [[] for _ in range(9)]
        try:
            return cls(*columns, classes=classes)
        except ValueError as error:
            raise DamagedFile(path, f": {error}") from error


def _set(table, name, value):
    object.__setattr__(table, name, value)


def _text_column(values, n):
    column = np.full(n if values is None else len(values), None, dtype=object)
    for i, value in enumerate(() if values is None else values):
        column[i] = None if value is None or value == "" else str(value)
    return column
