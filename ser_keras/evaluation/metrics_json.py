"""The content of metrics.json and confusion.csv, from tables of predictions."""

import math

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import measures


def metrics(
    predictions,
    segments=None,
    *,
    protocol,
    leaky=False,
    leaky_reason=None,
    seed=None,
    commit=None,
    selection_overlap=None,
    folds_info=None,
):
    """Everything that metrics.json holds; the keys are described in docs/metrics.md.

    Args:
        predictions: Predictions with one row an utterance, the test parts of all folds.
        segments: Predictions with one row a window, or None where the system has no windows.
        protocol: name of the protocol.
        leaky: whether training saw material of the test utterances.
        leaky_reason: why, in words; for a leaky protocol.
        seed: the run's seed.
        commit: the commit that ran.
        selection_overlap: how much of the test material took part in a choice of settings (0 where none did).
        folds_info: map from fold number to a dict that is added to the fold's entry (epochs, n_train, ...).

    Returns:
        dict of plain Python values, ready for JSON: figures without data are None.

    Raises:
        SerKerasError: there are no predictions.
    """
    if not len(predictions):
        raise SerKerasError("there are no predictions to evaluate: no test fold holds an utterance")
    counts = np.bincount(predictions.true, minlength=len(predictions.classes))
    summary = {
        "protocol": protocol,
        "leaky": bool(leaky),
        "leaky_reason": (leaky_reason or "not stated") if leaky else None,
        "n_utterances": len(predictions),
        "n_speakers": len({s for s in predictions.speaker if s is not None}),
        "classes": {name: int(n) for name, n in zip(predictions.classes, counts, strict=True)},
        **_figures(predictions, folds_info or {}, None),
        "confusion": measures.confusion(predictions.true, predictions.predicted, len(predictions.classes)).tolist(),
        "segment": None,
        "selection_overlap": selection_overlap,
        "seed": seed,
        "commit": commit,
    }
    if segments is not None and len(segments):
        summary["segment"] = {"n": len(segments), **_figures(segments, {}, _of_one_utterance(segments))}
    return _without_nan(summary)


def _of_one_utterance(table):
    """What windows of one utterance have in common: they are no independent trials, and are drawn together."""
    return [f"{file}\0{label}" for file, label in zip(table.file, table.true, strict=True)]


def _figures(table, folds_info, utterances):
    """The figures that utterances and windows have in common."""
    classes, n_classes = table.classes, len(table.classes)
    truth, predicted = table.true, table.predicted
    low, high, method = measures.bootstrap_ci(truth, predicted, table.speaker, n_classes, utterances=utterances)
    intervals = measures.recall_intervals(truth, predicted, table.speaker, n_classes, utterances=utterances)
    folds = [
        {"fold": int(k), **_of_rows(table, table.fold == k), **folds_info.get(int(k), {})}
        for k in np.unique(table.fold)
    ]
    genders = dict(zip(table.speaker, table.gender, strict=True))
    return {
        "uar": measures.uar(truth, predicted, n_classes),
        "uar_ci95": [low, high],
        "ci_method": method,
        "ci_utterances_only": "utterances only" in method,
        "wa": measures.wa(truth, predicted),
        "macro_f1": measures.macro_f1(truth, predicted, n_classes),
        "ece": measures.ece(truth, table.probabilities),
        "per_class_recall": dict(zip(classes, measures.recalls(truth, predicted, n_classes).tolist(), strict=True)),
        "per_class_recall_ci95": dict(zip(classes, intervals.tolist(), strict=True)),
        "per_speaker": {
            name: {"gender": genders[name], **_of_rows(table, table.speaker == name)}
            for name in sorted(name for name in genders if name is not None)
        },
        "per_corpus": _per_corpus(table, utterances),
        "folds": folds,
        "folds_mean": {key: float(np.mean([fold[key] for fold in folds])) for key in ("uar", "wa")},
        "folds_sd": {key: _deviation([fold[key] for fold in folds]) for key in ("uar", "wa")},
    }


def _per_corpus(table, utterances):
    """Corpus to its figures, where there are several."""
    corpora = np.array([name or "" for name in table.corpus])
    names = np.unique(corpora)
    figures = {}
    for name in names if len(names) > 1 else ():
        rows = np.flatnonzero(corpora == name)
        own = None if utterances is None else [utterances[i] for i in rows]
        low, high, method = measures.bootstrap_ci(
            *(table.true[rows], table.predicted[rows], table.speaker[rows], len(table.classes)), utterances=own
        )
        few = "utterances only" in method
        figures[name] = {**_of_rows(table, rows), "uar_ci95": [low, high], "ci_utterances_only": few}
    return figures


def _of_rows(table, rows):
    truth, predicted = table.true[rows], table.predicted[rows]
    return {
        "n": len(truth),
        "uar": measures.uar(truth, predicted, len(table.classes)),
        "wa": measures.wa(truth, predicted),
    }


def _deviation(values):
    """Sample standard deviation (n - 1); NaN for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
