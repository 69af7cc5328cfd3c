"""A run directory as a report needs it: whatever is there, and a line for everything that isn't."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from ser_keras.common.errors import DamagedFile, MissingFile, SerKerasError, Unreadable
from ser_keras.common.files import read_json
from ser_keras.corpora import CORPORA
from ser_keras.evaluation import Predictions, metrics
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import Run


@dataclass
class RunData:
    """What was found in a run directory.

    Attributes:
        path: the directory.
        experiment: the resolved settings with `corpora`, {} where missing.
        provenance: {} where missing.
        metrics: content of metrics.json, computed from predictions.csv where that file is missing; None without both.
        predictions: Predictions, or None.
        histories: fold number as text, or "final" -> {column: list of floats, NaN where blank}.
        folds: fold number -> content of fold.json.
        missing: lines that say what isn't there.
    """

    path: Path
    experiment: dict = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)
    metrics: dict | None = None
    predictions: Predictions | None = None
    histories: dict = field(default_factory=dict)
    folds: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)

    @property
    def recipe(self):
        return str(self.experiment.get("recipe") or self.path.resolve().name)

    @property
    def title(self):
        return str(self.experiment.get("title") or self.recipe)

    @property
    def protocol(self):
        settings = self.experiment.get("protocol")
        configured = settings.get("name") if isinstance(settings, dict) else settings
        return (self.metrics or {}).get("protocol") or configured

    @property
    def corpora(self):
        return [c if isinstance(c, dict) else {"name": c} for c in self.experiment.get("corpora") or []]

    @property
    def synthetic(self):
        """Whether any of its speech came from a synthesiser."""
        names = {c.get("name") for c in self.corpora}
        names |= set(() if self.predictions is None else self.predictions.corpus)
        return any(name in CORPORA and not CORPORA[name].human for name in names)

    def speakers_on_both_sides(self):
        """Fold number -> test speakers that stand in its training or validation part too, by its fold.json."""
        shared = {}
        for number, fold in self.folds.items():
            seen = {*(fold.get("train") or []), *(fold.get("validation") or [])}
            both = sorted(str(s) for s in seen & set(fold.get("test") or []))
            if both:
                shared[number] = both
        return shared


def load_run(path):
    """Read a run directory; files that are missing or broken become lines in `missing`.

    Args:
        path: the run directory.

    Returns:
        RunData.

    Raises:
        SerKerasError: the folder isn't there, or nothing in it belongs to a run.
    """
    path = Path(path)
    known = ("experiment.yaml", "metrics.json", "predictions.csv", "provenance.json")
    if not path.is_dir():
        raise SerKerasError(f"{path}: no such run directory")
    if not any((path / name).is_file() for name in known):
        raise SerKerasError(
            f"{path} is no run directory (none of {', '.join(known)} in it); `ser-keras train` makes one"
        )
    data, run = RunData(path), Run(path)

    def attempt(name, read, otherwise):
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
    data.metrics = attempt("metrics.json", lambda: run.metrics, {}) or None
    for folder in run.folds():
        data.folds[int(folder.name)] = attempt("fold.json", lambda f=folder: read_json(f / "fold.json"), {})
    refitted = (run.final / "fold.json").is_file()  # the figures don't need it: `reproduce` trains none
    for folder in [*run.folds(), *([run.final] if refitted else [])]:
        history = attempt("history.csv", lambda f=folder: read_history(f / "history.csv"), {})
        if history:
            data.histories[folder.name] = history
    if not data.folds:
        data.missing.append("no finished folds (folds/K/fold.json): what training saw can't be checked")
    if data.metrics is None and data.predictions is not None and len(data.predictions):
        kind = PROTOCOLS.get(data.protocol)
        leaky = bool(kind and kind.leaky)
        data.metrics = metrics(
            data.predictions,
            protocol=data.protocol,
            leaky=leaky,
            leaky_reason=kind.claim if leaky else None,
            seed=data.experiment.get("seed"),
            commit=data.provenance.get("commit"),
        )
        data.missing.append("the figures were computed from predictions.csv for this report")
    return data


def read_history(path):
    """Columns of a history.csv.

    Args:
        path: the file.

    Returns:
        {column: list of floats}, NaN for a blank; a last line that was cut off is left out.

    Raises:
        SerKerasError: missing, or no table of numbers.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
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
