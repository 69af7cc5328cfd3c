"""The report of one run as a single HTML file: no request leaves it, and it reads well on a phone, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, TypedDict, cast

import numpy as np
import yaml

from ser_keras.evaluation import MetricsJson, Predictions
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.comparison import write_comparison
from ser_keras.evaluation.reports.live_section import LivePart, live_parts
from ser_keras.evaluation.reports.page import Picture, is_number, percent, picture, write_page
from ser_keras.evaluation.reports.run_data import RunData, load_run
from ser_keras.experiment.protocols import PROTOCOLS

__all__ = ["write_comparison", "write_report"]

MISTAKES = 15

Share: TypeAlias = tuple[int, float]  # a cell of a confusion matrix: count, share of the true class


class ClassRow(TypedDict):
    """A class: its recall with interval, and the class it is most often taken for, how often; None where unknown."""

    name: str
    n: int
    recall: float | None
    interval: Sequence[float | None] | None
    taken_for: str | None
    taken: int


class Mistake(TypedDict):
    """A wrong prediction: its probability, and that of the true class."""

    file: str | None
    start: float | None
    speaker: str | None
    true: str
    predicted: str
    p: float
    p_true: float


def write_report(run_dir: Path | str) -> Path:
    """Write `report.html`, `confusion.png` and `learning_curves.png` into a run directory, from whatever is in it.

    Args:
        run_dir: the run directory; what is missing in it is named in the report.

    Returns:
        Path of the report.

    Raises:
        SerKerasError: no run directory, or it can't be written to.
    """
    data = load_run(run_dir)
    plots.write_plots(data)
    path = data.path / "report.html"
    write_page(path, "report.html", run=data, metrics=data.metrics or {}, **_content(data))
    return path


class _Content(TypedDict):
    """The template's variables beside the run and its metrics."""

    claim: str
    checked_unseen: bool
    shared: dict[int, list[str]]
    chance: float | None
    majority: float | None
    pictures: dict[str, Picture | None]
    class_rows: list[ClassRow]
    fold_rows: list[dict[str, object]]
    confusion: list[list[Share]]
    mistakes: list[Mistake]
    bad_files: list[tuple[str, str]]
    settings: str
    live: list[LivePart]


def _content(data: RunData) -> _Content:
    metrics = _metrics(data)
    kind = PROTOCOLS.get(data.protocol or "")
    classes = metrics.get("classes") or {}
    return {
        "claim": kind.claim if kind else f"Protocol: {data.protocol or 'unknown'}.",
        "checked_unseen": bool(kind and kind.unseen in ("speaker", "corpus") and data.folds),
        "shared": data.speakers_on_both_sides() if kind and kind.unseen in ("speaker", "corpus") else {},
        "chance": 1 / len(classes) if classes else None,
        "majority": max(classes.values()) / sum(classes.values()) if sum(classes.values()) else None,
        "pictures": _pictures(data),
        "class_rows": _class_rows(metrics),
        "fold_rows": [{**data.folds.get(f.get("fold"), {}), **f} for f in metrics.get("folds") or []],
        "confusion": _shares(metrics.get("confusion")),
        "mistakes": [] if data.predictions is None else _mistakes(data.predictions),
        "bad_files": _pairs(data.provenance.get("bad_files")),
        "settings": yaml.safe_dump(data.experiment, sort_keys=False, allow_unicode=True) if data.experiment else "",
        "live": live_parts(data.path / "evaluations", data.live),
    }


def _metrics(data: RunData) -> MetricsJson:
    """The run's metrics; every key may be missing, so they are read by `get`."""
    return data.metrics if data.metrics is not None else cast(MetricsJson, {})


def _pictures(data: RunData) -> dict[str, Picture | None]:
    metrics = _metrics(data)
    pictures = {
        "curves": picture(
            lambda theme: plots.learning_curves(data.histories, theme),
            "Learning curves: accuracy and loss over epochs, a thin line a fold, a thick one their mean",
        )
    }
    classes = metrics.get("classes")
    recalls, intervals = metrics.get("per_class_recall"), metrics.get("per_class_recall_ci95") or {}
    if classes and recalls:
        words = ", ".join(f"{name} {percent(value, 0)}" for name, value in recalls.items())
        pictures["per_class"] = picture(
            lambda theme: plots.per_class(recalls, intervals, 1 / len(classes), theme=theme),
            f"Recall of each class: {words}",
        )
    speakers = metrics.get("per_speaker")
    if speakers:
        uars = [uar for uar in (speaker.get("uar") for speaker in speakers.values()) if is_number(uar)]
        span = f" from {percent(min(uars), 0)} to {percent(max(uars), 0)}" if uars else ""
        pictures["per_speaker"] = picture(
            lambda theme: plots.per_speaker(speakers, metrics.get("uar"), theme),
            f"UAR of each of {len(speakers)} speakers{span}",
        )
    return pictures


def _class_rows(metrics: MetricsJson) -> list[ClassRow]:
    classes, matrix = list(metrics.get("classes") or {}), np.array(metrics.get("confusion") or [])
    rows = []
    for index, name in enumerate(classes):
        row: ClassRow = {
            "name": name,
            "n": metrics["classes"][name],
            "recall": (metrics.get("per_class_recall") or {}).get(name),
            "interval": (metrics.get("per_class_recall_ci95") or {}).get(name),
            "taken_for": None,
            "taken": 0,
        }
        if matrix.size:
            errors = matrix[index].copy()
            errors[index] = 0
            if errors.any():
                row["taken_for"], row["taken"] = classes[int(errors.argmax())], int(errors.max())
        rows.append(row)
    return rows


def _shares(matrix: Sequence[Sequence[int]] | None) -> list[list[Share]]:
    """The cells of a confusion matrix of counts."""
    return [[(count, count / max(sum(row), 1)) for count in row] for row in matrix or []]


def _mistakes(table: Predictions) -> list[Mistake]:
    """The wrong predictions with the largest probability."""
    predicted = table.predicted
    wrong = np.flatnonzero(predicted != table.true)
    order = wrong[np.argsort(-table.probabilities[wrong, predicted[wrong]], kind="stable")]
    return [
        {
            "file": table.file[i],
            "start": None if math.isnan(table.start[i]) else table.start[i],
            "speaker": table.speaker[i],
            "true": table.classes[table.true[i]],
            "predicted": table.classes[predicted[i]],
            "p": table.probabilities[i, predicted[i]],
            "p_true": table.probabilities[i, table.true[i]],
        }
        for i in order[:MISTAKES]
    ]


def _pairs(files: dict[str, str] | Sequence[str] | None) -> list[tuple[str, str]]:
    """(name, reason) of bad files, which may come as a mapping or a list."""
    return list(files.items()) if isinstance(files, dict) else [(name, "") for name in files or []]
