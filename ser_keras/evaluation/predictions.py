"""The table of predictions: one row an utterance (predictions.csv) or a window (segments.csv)."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import DamagedFile, MissingFile
from ser_keras.common.files import write_atomic
from ser_keras.common.text import html_table

TEXT_COLUMNS = ("file", "corpus", "speaker", "gender")
SHOWN = 5  # rows in a `repr`
COLUMNS = (*TEXT_COLUMNS, "fold", "start", "end", "true", "predicted")

Texts: TypeAlias = Sequence[str | None] | NDArray[np.object_] | NDArray[np.str_]
Rows: TypeAlias = NDArray[np.bool_] | NDArray[np.int64] | Sequence[int] | slice


def geometric_mean(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, C] to [C], sum 1. Of softmaxed decision values it is the softmax of their mean."""
    logarithms = np.log(np.maximum(probabilities, 1e-30)).mean(axis=0)
    means: NDArray[np.float64] = np.exp(logarithms - logarithms.max())
    return np.asarray(means / means.sum())


@dataclass(frozen=True, eq=False, init=False)
class Predictions:
    """Predicted probabilities beside the truth, as columns of equal length n.

    Args:
        file: [n] names of the audio files.
        corpus: [n] names of the corpora; None for the whole column where they are unknown.
        speaker: [n] names, None where unknown; or None for the whole column.
        gender: [n], None where unknown; or None for the whole column.
        fold: int [n], the fold in whose test part the row was; or one int for all rows.
        start: float [n], seconds within the file, NaN where the row is a whole file; or None for the whole column.
        end: as `start`.
        true: int [n], index into `classes`.
        probabilities: float [n, n_classes].
        classes: names of the classes in the order of the outputs.

    Raises:
        ValueError: columns of different lengths, labels outside `classes`, probabilities that are not finite.

    Example:
        >>> table = Predictions(
        ...     file=["a.wav", "b.wav"], speaker=["ann", None], true=[0, 1], classes=("anger", "neutral"),
        ...     probabilities=[[0.7, 0.3], [0.6, 0.4]],
        ... )
        >>> table.predicted
        array([0, 0])
    """

    file: NDArray[np.object_]
    corpus: NDArray[np.object_]
    speaker: NDArray[np.object_]
    gender: NDArray[np.object_]
    fold: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    true: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]

    def __init__(
        self,
        *,
        file: Texts,
        true: ArrayLike,
        probabilities: ArrayLike,
        classes: Sequence[str],
        corpus: Texts | None = None,
        speaker: Texts | None = None,
        gender: Texts | None = None,
        fold: ArrayLike = 0,
        start: ArrayLike | None = None,
        end: ArrayLike | None = None,
    ) -> None:
        n = len(file)
        columns = {
            "file": _text_column(file, n),
            "corpus": _text_column(corpus, n),
            "speaker": _text_column(speaker, n),
            "gender": _text_column(gender, n),
            "fold": np.full(n, fold) if np.ndim(fold) == 0 else np.array(fold, dtype=int),
            "start": np.full(n, np.nan) if start is None else np.array(start, dtype=float),
            "end": np.full(n, np.nan) if end is None else np.array(end, dtype=float),
            "true": np.array(true, dtype=int),
            "probabilities": np.array(probabilities, dtype=float).reshape(-1, len(classes)),
            "classes": tuple(classes),
        }
        for name, column in columns.items():
            object.__setattr__(self, name, column)  # the table is frozen
        for field in fields(self):
            if field.name != "classes" and len(getattr(self, field.name)) != n:
                raise ValueError(f"column '{field.name}' has {len(getattr(self, field.name))} rows, 'file' has {n}")
        if n and not 0 <= self.true.min() <= self.true.max() < len(self.classes):
            raise ValueError(f"labels {self.true.min()} to {self.true.max()} don't fit {len(self.classes)} classes")
        if not np.isfinite(self.probabilities).all():
            bad = int(np.argmin(np.isfinite(self.probabilities).all(axis=1)))
            raise ValueError(f"the probabilities of '{self.file[bad]}' are not finite")

    def __len__(self) -> int:
        return len(self.file)

    def __repr__(self) -> str:
        n_speakers = len({name for name in self.speaker if name is not None})
        rows = [f" {file}: {true}, heard as {heard} ({p:.2f})" for file, true, heard, p in self._answers(SHOWN)]
        more = [f" and {len(self) - SHOWN} more"] if len(self) > SHOWN else []
        head = f"<Predictions: {len(self)} rows, {n_speakers} speakers, {len(self.classes)} classes"
        return "\n".join([head, *rows, *more]) + ">"

    def _repr_html_(self) -> str:
        headings = ["file", "speaker", "fold", "true", "predicted", *(f"p_{name}" for name in self.classes)]
        rows = [
            [file, self.speaker[i], self.fold[i], true, heard, *(f"{p:.3f}" for p in self.probabilities[i])]
            for i, (file, true, heard, _) in enumerate(self._answers(SHOWN))
        ]
        return html_table(headings, rows, f"the first {len(rows)} of {len(self)} rows")

    def _answers(self, n: int) -> list[tuple[str, str, str, float]]:
        """(file, true class, predicted class, its probability) of the first rows."""
        first = self.take(slice(n))
        columns = zip(first.file, first.true, first.predicted, first.probabilities, strict=True)
        return [(file, self.classes[true], self.classes[heard], float(p[heard])) for file, true, heard, p in columns]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """int [n]: the class of the largest probability, the first of equals."""
        return self.probabilities.argmax(axis=1).astype(np.int64) if len(self) else np.zeros(0, np.int64)

    def take(self, rows: Rows) -> Predictions:
        """The rows that an index or bool array names, as a table of its own."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "classes"})

    @staticmethod
    def concatenate(tables: Iterable[Predictions]) -> Predictions:
        """Join tables of the same classes, in order.

        Raises:
            ValueError: no tables, or their classes differ.
        """
        tables = list(tables)
        if len({t.classes for t in tables}) != 1:
            raise ValueError(f"tables to join must be of one class list, not {sorted({t.classes for t in tables})}")
        names = [f.name for f in fields(Predictions) if f.name != "classes"]
        return replace(tables[0], **{name: np.concatenate([getattr(t, name) for t in tables]) for name in names})

    def by_utterance(
        self, utterances: Sequence[Hashable] | NDArray[np.int64] | None = None, geometric: bool = False
    ) -> Predictions:
        """Average the probabilities of the windows of each utterance.

        Args:
            utterances: array [n] that says which utterance a window belongs to. None: the windows of one file, label
                and fold are an utterance, which is right for corpora of one utterance a file.
            geometric: take `geometric_mean`.

        Returns:
            One row an utterance, in the order of first appearance; `start` is the first window's
            start, `end` the last one's end, the other columns those of the first window.
        """
        keys: list[Hashable]
        if utterances is None:
            keys = list(zip(self.corpus, self.file, self.true, self.fold, strict=True))
        else:
            keys = list(utterances)
            if len(keys) != len(self):
                raise ValueError(f"{len(self)} windows but {len(keys)} utterance names")
        order: dict[Hashable, int] = {}
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

    def write_csv(self, path: Path) -> None:
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
    def read_csv(cls, path: Path | str) -> Predictions:
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
        texts: dict[str, list[str | None]] = {name: [] for name in TEXT_COLUMNS}
        times: dict[str, list[float]] = {"start": [], "end": []}
        folds: list[int] = []
        true: list[int] = []
        probabilities: list[list[float]] = []
        for number, row in enumerate(rows, start=2):
            try:
                record = dict(zip(header, row, strict=True))
                probabilities.append([float(value) for value in row[len(COLUMNS) :]])
                for name, seconds in times.items():
                    seconds.append(float(record[name] or "nan"))
                for name, column in texts.items():
                    column.append(record[name] or None)
                folds.append(int(record["fold"]))
                true.append(index[record["true"]])
            except (ValueError, KeyError) as error:
                raise DamagedFile(
                    path, f", row {number}: not a row of predictions ({error}); cut off? make the file again"
                ) from error
        try:
            return cls(
                file=texts["file"],
                corpus=texts["corpus"],
                speaker=texts["speaker"],
                gender=texts["gender"],
                fold=folds,
                start=times["start"],
                end=times["end"],
                true=true,
                probabilities=probabilities,
                classes=classes,
            )
        except ValueError as error:
            raise DamagedFile(path, f": {error}") from error


def _text_column(values: Texts | None, n: int) -> NDArray[np.object_]:
    """Texts with None for the unknown or empty; all None where the whole column is unknown."""
    column = np.full(n if values is None else len(values), None, dtype=object)
    for i, value in enumerate(() if values is None else values):
        column[i] = None if value is None or value == "" else str(value)
    return column
