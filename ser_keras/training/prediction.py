"""Probabilities of items by a trained classifier, as tables."""

import numpy as np
import tensorflow as tf

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.predictions import geometric_mean
from ser_keras.models.corpus_heads import heard_as
from ser_keras.training.data.datasets import SEQUENCES
from ser_keras.training.data.feature_store import PREDICTION_BATCH

AVERAGES = {"mean": lambda probabilities: probabilities.mean(axis=0), "geometric": geometric_mean}


def _probabilities(classifier, material, items):
    """As `pipeline.predict`; of a classifier with a head for each corpus, each item's own head where there is one."""
    if len(getattr(classifier, "outputs", ())) < 2:
        return predict(classifier, material, items)
    items = np.asarray(items)
    corpora = np.array([material.items[i].corpus for i in items])
    of_window = corpora if material.sequence else np.repeat(corpora, material.n_windows[items])
    probabilities = np.empty((len(of_window), classifier.outputs[0].shape[-1]), np.float32)
    for corpus in np.unique(corpora):
        own = predict(heard_as(classifier, corpus), material, items[corpora == corpus])
        probabilities[of_window == corpus] = own
    return probabilities


def predict_items(classifier, prepared, items, fold):
    """Predictions of some items: (a row an utterance; a row a window, or None where the classifier took sequences).

    Where items are chunks, an utterance is those of its chunks that are among them.
    """
    material, classes = prepared.material, tuple(prepared.experiment.classes)
    probabilities = _probabilities(classifier, material, items)
    counts = np.ones(len(items), int) if material.sequence else material.n_windows[items]
    edges = np.cumsum(counts)[:-1]
    average = AVERAGES[prepared.experiment.aggregation]
    means = np.array([average(part) for part in np.split(probabilities.astype(float), edges)])

    def table(indices, start, end, values):
        chosen = [material.items[i] for i in indices]
        return Predictions(
            file=[u.name for u in chosen],
            corpus=[u.corpus for u in chosen],
            speaker=[u.speaker for u in chosen],
            gender=[u.gender for u in chosen],
            fold=fold,
            start=start,
            end=end,
            true=material.labels[indices],
            probabilities=values,
            classes=classes,
        )

    offset = np.array([material.items[i].start or 0.0 for i in items])
    length = material.spans[items, 1] / SAMPLE_RATE
    utterances = table(items, offset, offset + length, means)
    if material.sequence:
        return utterances, None
    owner = np.repeat(items, counts)
    starts = np.concatenate([material.starts[i] for i in items]) / SAMPLE_RATE
    ends = np.minimum(starts + material.window / SAMPLE_RATE, np.repeat(length, counts))
    begin = np.repeat(offset, counts)
    windows = table(owner, begin + starts, begin + ends, probabilities)
    if prepared.chunked:
        whole = [f"{material.items[i].corpus}/{material.items[i].name}@{material.around[i, 0]}" for i in owner]
        utterances = windows.by_utterance(whole, geometric=prepared.experiment.aggregation == "geometric")
    return utterances, windows


def predict(model, material, items):
    """Probabilities of every window of some items, or of every item where the classifier takes sequences; in order.

    Args:
        model: classifier, features -> probabilities; or a baseline.

    Returns:
        [n, n_classes] float32.
    """
    if hasattr(model, "probabilities"):
        return np.concatenate([model.probabilities(batch) for batch in material.batches(items, PREDICTION_BATCH)])
    shape = material.feature_shape
    signature, parts = [tf.TensorSpec((None, *shape), tf.float32)], ((x,) for x in material.batches(items))
    if material.sequence:
        signature = [tf.TensorSpec((None, None, *shape), tf.float32), tf.TensorSpec((None, None), tf.bool)]
        parts = material.sequences(items, SEQUENCES)
    # A concrete function: a tf.function a model would count as retracing.
    infer = tf.function(
        lambda *x: model(list(x) if material.sequence else x[0], training=False),
        input_signature=signature,
        autograph=False,
    ).get_concrete_function()
    return np.concatenate([infer(*map(tf.constant, part)).numpy() for part in parts]).astype(np.float32)
