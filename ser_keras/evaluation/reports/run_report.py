"""The report of one run as a single HTML file: no request leaves it, and it reads well on a phone, light or dark."""

import math

import numpy as np
import yaml

from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.reports.comparison import write_comparison
from ser_keras.evaluation.reports.page import is_number, percent, picture, write_page
from ser_keras.evaluation.reports.run_data import load_run
from ser_keras.experiment.protocols import PROTOCOLS

__all__ = ["write_comparison", "write_report"]

MISTAKES = 15


def write_report(run_dir):
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


def _content(data):
    metrics = data.metrics or {}
    kind = PROTOCOLS.get(data.protocol)
    classes = metrics.get("classes") or {}
    return {
        "claim": kind.claim if kind else f"Protocol: {data.protocol or 'unknown'}.",
        "checked_unseen": bool(kind and kind.unseen in ("speaker", "corpus") and data.folds),
        "shared": data.speakers_on_both_sides() if kind and kind.unseen in ("speaker", "corpus") else {},
        "chance": 1 / len(classes) if classes else None,
        "majority": max(classes.values()) / sum(classes.values()) if sum(classes.values()) else None,
        "pictures": _pictures(data, metrics),
        "class_rows": _class_rows(metrics),
        "fold_rows": [{**data.folds.get(f.get("fold"), {}), **f} for f in metrics.get("folds") or []],
        "confusion": _shares(metrics.get("confusion")),
        "mistakes": [] if data.predictions is None else _mistakes(data.predictions),
        "bad_files": _pairs(data.provenance.get("bad_files")),
        "settings": yaml.safe_dump(data.experiment, sort_keys=False, allow_unicode=True) if data.experiment else "",
    }


def _pictures(data, metrics):
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
            lambda theme: plots.per_class(recalls, intervals, 1 / len(classes), theme), f"Recall of each class: {words}"
        )
    if metrics.get("per_speaker"):
        uars = [s["uar"] for s in metrics["per_speaker"].values() if is_number(s.get("uar"))]
        span = f" from {percent(min(uars), 0)} to {percent(max(uars), 0)}" if uars else ""
        pictures["per_speaker"] = picture(
            lambda theme: plots.per_speaker(metrics["per_speaker"], metrics.get("uar"), theme),
            f"UAR of each of {len(metrics['per_speaker'])} speakers{span}",
        )
    return pictures


def _class_rows(metrics):
    """One dict a class: name, n, recall, interval, and the class it is most often taken for."""
    classes, matrix = list(metrics.get("classes") or {}), np.array(metrics.get("confusion") or [])
    rows = []
    for index, name in enumerate(classes):
        row = {"name": name, "n": metrics["classes"][name], "taken_for": None, "taken": 0}
        row["recall"] = (metrics.get("per_class_recall") or {}).get(name)
        row["interval"] = (metrics.get("per_class_recall_ci95") or {}).get(name)
        if matrix.size:
            errors = matrix[index].copy()
            errors[index] = 0
            if errors.any():
                row["taken_for"], row["taken"] = classes[int(errors.argmax())], int(errors.max())
        rows.append(row)
    return rows


def _shares(matrix):
    """Rows of (count, share of the true class) from a confusion matrix of counts."""
    return [[(count, count / max(sum(row), 1)) for count in row] for row in matrix or []]


def _mistakes(table):
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


def _pairs(files):
    """(name, reason) of bad files, which may come as a mapping or a list."""
    return list(files.items()) if isinstance(files, dict) else [(name, "") for name in files or []]
