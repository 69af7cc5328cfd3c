"""The content of metrics.json, from tables of predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.evaluation import intervals, measures
from ser_keras.evaluation.predictions import Predictions

Bounds = list[float | None]  # low and high of a 95 % interval


class RowMetrics(TypedDict):
    """Metrics of some rows of a table; None where there is no data."""

    n: int
    uar: float | None
    wa: float | None


class SpeakerMetrics(RowMetrics):
    """A speaker's; the UAR is over the classes that the speaker has."""

    gender: str | None


class FoldMetrics(RowMetrics):
    """A fold's."""

    fold: int


class CorpusMetrics(RowMetrics):
    """A corpus's; the UAR is over the classes that the corpus has."""

    uar_ci95: Bounds
    ci_utterances_only: bool


class FoldStatistic(TypedDict):
    """The mean, or the standard deviation (n - 1), over the folds; None for the deviation of one fold."""

    uar: float | None
    wa: float | None


class TableMetrics(TypedDict):
    """The metrics that utterances and windows have in common; None where there is no data."""

    uar: float | None
    uar_ci95: Bounds
    ci_method: str
    ci_utterances_only: bool
    wa: float | None
    macro_f1: float | None
    ece: float | None
    per_class_recall: dict[str, float | None]
    per_class_recall_ci95: dict[str, Bounds]
    per_speaker: dict[str, SpeakerMetrics]
    per_corpus: dict[str, CorpusMetrics]
    folds: list[FoldMetrics]
    folds_mean: FoldStatistic
    folds_sd: FoldStatistic


class SegmentMetrics(TableMetrics):
    """The metrics of single windows."""

    n: int


class MetricsJson(TableMetrics):
    """The content of metrics.json; docs/metrics.md describes the keys."""

    protocol: str
    leaky: bool
    leaky_reason: str | None
    n_utterances: int
    n_speakers: int
    classes: dict[str, int]
    confusion: list[list[int]]
    segment: SegmentMetrics | None
    selection_overlap: int | None
    seed: int | None
    commit: str | None


def read_metrics(folder: Path) -> MetricsJson:
    """The content of a folder's metrics.json.

    Raises:
        SerKerasError: it is missing, or is no JSON.
    """
    content: MetricsJson = read_json(folder / "metrics.json")
    return content


def metrics(
    predictions: Predictions,
    segments: Predictions | None = None,
    *,
    protocol: str,
    leaky: bool = False,
    leaky_reason: str | None = None,
    seed: int | None = None,
    commit: str | None = None,
    selection_overlap: int | None = None,
) -> MetricsJson:
    """Everything that metrics.json holds; docs/metrics.md describes the keys.

    Args:
        predictions: one row an utterance, the test parts of all folds.
        segments: one row a window, or None where the system has no windows.
        protocol: name of the protocol.
        leaky: whether training saw material of the test utterances.
        leaky_reason: why, in words; for a leaky protocol.
        seed: the run's seed.
        commit: the commit that ran.
        selection_overlap: how many of the test utterances took part in a choice of settings (0 where none did).

    Returns:
        Plain Python values, ready for JSON, in the order of the file: metrics without data are None.

    Raises:
        SerKerasError: there are no predictions.
    """
    if not len(predictions):
        raise SerKerasError("there are no predictions to evaluate: no test fold holds an utterance")
    counts = np.bincount(predictions.true, minlength=len(predictions.classes))
    confusion = measures.confusion(predictions.true, predictions.predicted, len(predictions.classes))
    summary: MetricsJson = {
        "protocol": protocol,
        "leaky": bool(leaky),
        "leaky_reason": (leaky_reason or "not stated") if leaky else None,
        "n_utterances": len(predictions),
        "n_speakers": len({s for s in predictions.speaker if s is not None}),
        "classes": {name: int(n) for name, n in zip(predictions.classes, counts, strict=True)},
        **_of_table(predictions, None),
        "confusion": confusion.tolist(),
        "segment": None,
        "selection_overlap": selection_overlap,
        "seed": seed,
        "commit": commit,
    }
    if segments is not None and len(segments):
        summary["segment"] = {"n": len(segments), **_of_table(segments, _of_one_utterance(segments))}
    return without_nan(summary)


def _of_one_utterance(table: Predictions) -> list[str]:
    """What windows of one utterance have in common: they are no independent trials, and are drawn together."""
    return [f"{file}\0{label}" for file, label in zip(table.file, table.true, strict=True)]


def _of_table(table: Predictions, utterances: Sequence[str] | None) -> TableMetrics:
    """The metrics that utterances and windows have in common."""
    classes, n_classes = table.classes, len(table.classes)
    truth, predicted = table.true, table.predicted
    low, high, method = intervals.bootstrap_ci(
        truth, predicted, table.speaker, n_classes=n_classes, utterances=utterances
    )
    by_class = intervals.recall_intervals(truth, predicted, table.speaker, n_classes=n_classes, utterances=utterances)
    folds: list[FoldMetrics] = [
        {"fold": int(number), **_of_rows(table, table.fold == number)} for number in np.unique(table.fold)
    ]
    fold_uars = np.array([fold["uar"] for fold in folds], float)
    fold_was = np.array([fold["wa"] for fold in folds], float)
    genders: dict[str | None, str | None] = dict(zip(table.speaker, table.gender, strict=True))
    return {
        "uar": measures.uar(truth, predicted, n_classes),
        "uar_ci95": [low, high],
        "ci_method": method,
        "ci_utterances_only": "utterances only" in method,
        "wa": measures.wa(truth, predicted),
        "macro_f1": measures.macro_f1(truth, predicted, n_classes),
        "ece": measures.ece(truth, table.probabilities),
        "per_class_recall": dict(zip(classes, measures.recalls(truth, predicted, n_classes).tolist(), strict=True)),
        "per_class_recall_ci95": dict(zip(classes, by_class.tolist(), strict=True)),
        "per_speaker": {
            name: {"gender": genders[name], **_of_rows(table, table.speaker == name)}
            for name in sorted(name for name in genders if name is not None)
        },
        "per_corpus": _per_corpus(table, utterances),
        "folds": folds,
        "folds_mean": {"uar": float(np.mean(fold_uars)), "wa": float(np.mean(fold_was))},
        "folds_sd": {"uar": _deviation(fold_uars), "wa": _deviation(fold_was)},
    }


def _per_corpus(table: Predictions, utterances: Sequence[str] | None) -> dict[str, CorpusMetrics]:
    """Corpus to its metrics, where there are several."""
    corpora = np.array([name or "" for name in table.corpus])
    names = np.unique(corpora)
    by_corpus: dict[str, CorpusMetrics] = {}
    for name in names if len(names) > 1 else ():
        rows = np.flatnonzero(corpora == name)
        low, high, method = intervals.bootstrap_ci(
            table.true[rows],
            table.predicted[rows],
            table.speaker[rows],
            n_classes=len(table.classes),
            utterances=None if utterances is None else [utterances[i] for i in rows],
        )
        utterances_only = "utterances only" in method
        of_rows = _of_rows(table, rows)
        by_corpus[name] = {**of_rows, "uar_ci95": [low, high], "ci_utterances_only": utterances_only}
    return by_corpus


def _of_rows(table: Predictions, rows: NDArray[np.bool_] | NDArray[np.intp]) -> RowMetrics:
    truth, predicted = table.true[rows], table.predicted[rows]
    return {
        "n": len(truth),
        "uar": measures.uar(truth, predicted, len(table.classes)),
        "wa": measures.wa(truth, predicted),
    }


def _deviation(values: NDArray[np.float64]) -> float:
    """Sample standard deviation (n - 1); NaN for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


Tree = TypeVar("Tree")


def without_nan(tree: Tree) -> Tree:
    """Plain data with None in place of NaN, and lists in place of tuples."""
    if isinstance(tree, Mapping):
        return cast(Tree, {key: without_nan(branch) for key, branch in tree.items()})
    if isinstance(tree, list | tuple):
        return cast(Tree, [without_nan(branch) for branch in tree])
    return cast(Tree, None) if isinstance(tree, float) and math.isnan(tree) else tree
