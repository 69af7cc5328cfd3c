"""Probabilities of items by a trained classifier, as tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.predictions import geometric_mean
from ser_keras.experiment.settings import Experiment
from ser_keras.models.classifier import Classifier
from ser_keras.training.data.datasets import SEQUENCES
from ser_keras.training.data.feature_store import Material

Indices = NDArray[np.int64]
AVERAGES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "mean": lambda probabilities: probabilities.mean(axis=0),
    "geometric": geometric_mean,
}


def predict_items(
    classifier: Classifier, material: Material, items: Indices, *, experiment: Experiment, fold: int
) -> tuple[Predictions, Predictions | None]:
    """Predictions of some items, as tables.

    Args:
        classifier: what was trained.
        material: features of the items.
        items: [n] their indices.
        experiment: settings; they name the classes and say how windows are averaged.
        fold: number that stands in the tables.

    Returns:
        (a row an utterance; a row a window, or None where the classifier takes sequences). Where items are chunks, an
        utterance is those of its chunks that are among them.
    """
    classes = tuple(experiment.classes)
    probabilities = _probabilities(classifier, material, items)
    counts = np.ones(len(items), int) if material.sequence else material.n_windows[items]
    edges = np.cumsum(counts)[:-1]
    average = AVERAGES[experiment.aggregation]
    means = np.array([average(part) for part in np.split(probabilities.astype(float), edges)])

    def table(
        indices: Indices,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        *,
        values: NDArray[np.float32] | NDArray[np.float64],
    ) -> Predictions:
        utterances = [material.items[i] for i in indices]
        return Predictions(
            file=[u.name for u in utterances],
            corpus=[u.corpus for u in utterances],
            speaker=[u.speaker for u in utterances],
            gender=[u.gender for u in utterances],
            fold=fold,
            start=start,
            end=end,
            true=material.labels[indices],
            probabilities=values,
            classes=classes,
        )

    offset = np.array([material.items[i].start or 0.0 for i in items])
    length = material.spans[items, 1] / SAMPLE_RATE
    utterances = table(items, offset, offset + length, values=means)
    if material.sequence:
        return utterances, None
    owner = np.repeat(items, counts)
    starts = np.concatenate([material.starts[i] for i in items]) / SAMPLE_RATE
    ends = np.minimum(starts + material.window / SAMPLE_RATE, np.repeat(length, counts))
    begin = np.repeat(offset, counts)
    windows = table(owner, begin + starts, begin + ends, values=probabilities)
    if material.chunked:
        whole = [f"{material.items[i].corpus}/{material.items[i].name}@{material.around[i, 0]}" for i in owner]
        utterances = windows.by_utterance(whole, geometric=experiment.aggregation == "geometric")
    return utterances, windows


def _probabilities(classifier: Classifier, material: Material, items: Indices) -> NDArray[np.float32]:
    """As `predict`; of a classifier with a head for each corpus, each item's own head where there is one."""
    if not classifier.has_corpus_heads:
        return predict(classifier, material, items)
    corpora = np.array([material.items[i].corpus for i in items])
    of_window = corpora if material.sequence else np.repeat(corpora, material.n_windows[items])
    probabilities = np.empty((len(of_window), classifier.n_classes), np.float32)
    for corpus in np.unique(corpora):
        members = items[corpora == corpus]
        probabilities[of_window == corpus] = predict(classifier.for_corpus(corpus), material, members)
    return probabilities


def predict(classifier: Classifier, material: Material, items: Indices) -> NDArray[np.float32]:
    """Probabilities of every window of some items, or of every item where the classifier takes sequences; in order.

    Args:
        classifier: what was trained.
        material: features of the items.
        items: [m] their indices.

    Returns:
        [n, n_classes].
    """
    if classifier.takes == "sequence":
        return np.concatenate([classifier.probabilities(*batch) for batch in material.sequences(items, SEQUENCES)])
    return np.concatenate([classifier.probabilities(batch) for batch in material.batches(items)])
