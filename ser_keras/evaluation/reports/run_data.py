"""A run directory as a report needs it: whatever is there, and a line for everything that isn't."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, TypeVar, cast

from ser_keras.common.errors import DamagedFile, MissingFile, SerKerasError, Unreadable
from ser_keras.common.files import read_json
from ser_keras.corpora import CORPORA
from ser_keras.evaluation import MetricsJson, Predictions, metrics
from ser_keras.evaluation.live_json import LiveEvaluationJson, read_live
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import RunDirectory

History: TypeAlias = dict[str, list[float]]  # column of history.csv -> a value an epoch, NaN where blank
Tree: TypeAlias = dict[str, Any]  # Any: a file that anybody may have written or edited; every value is checked on use
T = TypeVar("T")


class FoldRecord(TypedDict, total=False):
    """What a report reads of fold.json."""

    train: list[str | None]
    validation: list[str | None]
    test: list[str | None]
    epochs: int
    best_epoch: int


@dataclass
class RunData:
    """The content of a run directory, as far as it is there.

    Attributes:
        path: the directory.
        experiment: the resolved settings with `corpora`, {} where missing.
        provenance: {} where missing.
        metrics: content of metrics.json, computed from predictions.csv where that file is missing; None without both.
            Files of older versions lack some keys.
        predictions: content of predictions.csv, or None.
        histories: fold number as text, or "final" -> columns of history.csv.
        folds: fold number -> content of fold.json.
        live: name of an evaluation that was heard live -> content of its metrics.json.
        missing: lines that say what is not there.
    """

    path: Path
    experiment: Tree = field(default_factory=dict)
    provenance: Tree = field(default_factory=dict)
    metrics: MetricsJson | None = None
    predictions: Predictions | None = None
    histories: dict[str, History] = field(default_factory=dict)
    folds: dict[int, FoldRecord] = field(default_factory=dict)
    live: dict[str, LiveEvaluationJson] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def recipe(self) -> str:
        return str(self.experiment.get("recipe") or self.path.resolve().name)

    @property
    def title(self) -> str:
        return str(self.experiment.get("title") or self.recipe)

    @property
    def protocol(self) -> str | None:
        settings = self.experiment.get("protocol")
        configured = settings.get("name") if isinstance(settings, dict) else settings
        measured = None if self.metrics is None else self.metrics.get("protocol")
        name: str | None = measured or configured
        return name

    @property
    def corpora(self) -> list[Tree]:
        return [c if isinstance(c, dict) else {"name": c} for c in self.experiment.get("corpora") or []]

    @property
    def synthetic(self) -> bool:
        """Whether any of its speech came from a synthesiser."""
        names = {c.get("name") for c in self.corpora}
        names |= set(() if self.predictions is None else self.predictions.corpus)
        return any(not CORPORA[name].human for name in names if isinstance(name, str) and name in CORPORA)

    def speakers_on_both_sides(self) -> dict[int, list[str]]:
        """Fold number -> test speakers that stand in its training or validation part too, by its fold.json."""
        shared = {}
        for number, fold in self.folds.items():
            seen = {*(fold.get("train") or []), *(fold.get("validation") or [])}
            both = sorted(str(s) for s in seen & set(fold.get("test") or []))
            if both:
                shared[number] = both
        return shared


def load_run(path: Path | str) -> RunData:
    """Read a run directory; files that are missing or broken become lines in `missing`.

    Args:
        path: the run directory.

    Returns:
        What could be read.

    Raises:
        SerKerasError: the folder is not there, or nothing in it belongs to a run.
    """
    path = Path(path)
    files = ("experiment.yaml", "metrics.json", "predictions.csv", "provenance.json")
    if not path.is_dir():
        raise SerKerasError(f"{path}: no such run directory")
    if not any((path / name).is_file() for name in files):
        raise SerKerasError(
            f"{path} is no run directory (none of {', '.join(files)} in it); `ser-keras train` makes one"
        )
    data, run = RunData(path), RunDirectory(path)

    def attempt(name: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            value = read()
        except Unreadable as error:
            data.missing.append(error.line(Path(error.path).relative_to(path)))
            return otherwise
        if isinstance(otherwise, dict) and not isinstance(value, dict):
            data.missing.append(f"{name} can't be read: it is no mapping")
            return otherwise
        return value

    data.experiment = attempt("experiment.yaml", lambda: run.experiment, {})
    data.provenance = attempt("provenance.json", lambda: run.provenance, {})
    data.predictions = attempt("predictions.csv", lambda: Predictions.read_csv(path / "predictions.csv"), None)
    content: Mapping[str, object] = attempt("metrics.json", lambda: run.metrics, {})
    data.metrics = cast(MetricsJson, content) if content else None
    for folder in run.folds():
        empty: FoldRecord = {}
        record = attempt("fold.json", partial(_read_fold, folder / "fold.json"), empty)
        data.folds[int(folder.name)] = record
    refitted = (run.final / "fold.json").is_file()  # the metrics do not need it: `reproduce` trains none
    for folder in [*run.folds(), *([run.final] if refitted else [])]:
        no_history: History = {}
        if history := attempt("history.csv", partial(read_history, folder / "history.csv"), no_history):
            data.histories[folder.name] = history
    for file in sorted(path.glob("evaluations/*-live/metrics.json")):
        nothing: Mapping[str, object] = {}
        evaluation = attempt("metrics.json", partial(_read_live, file.parent), nothing)
        if "live" in evaluation:
            data.live[file.parent.name] = cast(LiveEvaluationJson, evaluation)
    if not data.folds:
        data.missing.append("no finished folds (folds/K/fold.json): what training saw can't be checked")
    if data.metrics is None and data.predictions is not None and len(data.predictions):
        kind = PROTOCOLS.get(data.protocol or "")
        data.metrics = metrics(
            data.predictions,
            protocol=data.protocol or "",
            leaky=kind is not None and kind.leaky,
            leaky_reason=kind.claim if kind is not None and kind.leaky else None,
            seed=data.experiment.get("seed"),
            commit=data.provenance.get("commit"),
        )
        data.missing.append("the figures were computed from predictions.csv for this report")
    return data


def _read_fold(path: Path) -> FoldRecord:
    record: FoldRecord = read_json(path)
    return record


def _read_live(folder: Path) -> Mapping[str, object]:
    evaluation: Mapping[str, object] = read_live(folder)
    return evaluation


def read_history(path: Path) -> History:
    """Columns of a history.csv.

    Args:
        path: the file.

    Returns:
        A value an epoch in each; a last line that was cut off is left out. Nothing of a baseline, which has no
        epochs: its file has the heading `epoch` alone.

    Raises:
        SerKerasError: missing, or no table of numbers.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
        if not rows and reader.fieldnames == ["epoch"]:
            return {}
        if rows and None in rows[-1].values():
            rows.pop()
        columns = {name: [float(row[name] or math.nan) for row in rows] for name in (rows[0] if rows else ())}
    except FileNotFoundError:
        raise MissingFile(path, "is missing") from None
    except OSError as error:
        raise DamagedFile(path, f"can't be read: {error.strerror or error}") from None
    except (ValueError, TypeError, csv.Error) as error:
        raise DamagedFile(path, f"can't be read: {error}") from None
    if "epoch" not in columns:
        raise DamagedFile(path, "can't be read: it has no column 'epoch' or no rows")
    return columns
