"""One trunk with a softmax head for each corpus, for classifiers that are trained on several at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.sequence import takes_sequences

PREFIX = "head_"


@keras.saving.register_keras_serializable("ser_keras")
class KnownMean(keras.layers.Layer):
    """The mean of several heads' probabilities, over the heads whose corpora had the class in training.

    A head that never saw a class says next to nothing of it: it takes no part in that class's mean. What comes out is
    scaled to the sum 1.

    Input:
        List of H arrays [B, n_classes].

    Output:
        [B, n_classes].
    """

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        shape = (len(input_shape), 1, input_shape[0][-1])
        self.share = self.add_weight(
            shape=shape, initializer=keras.initializers.Constant(1 / shape[0]), trainable=False, name="share"
        )

    def know(self, membership: ArrayLike) -> None:
        """Set which head had which class in training: [H, n_classes] bool."""
        counts = np.asarray(membership, np.float32)[:, None, :]
        self.share.assign(counts / np.maximum(counts.sum(axis=0, keepdims=True), 1))

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        mean = ops.sum(ops.stack(inputs) * self.share, axis=0)
        return mean / ops.maximum(ops.sum(mean, axis=-1, keepdims=True), keras.config.epsilon())

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        return tuple(input_shape[0])


def head_name(corpus: str) -> str:
    """The name of a corpus's output."""
    return PREFIX + re.sub(r"\W", "_", corpus)


def with_corpus_heads(classifier: keras.Model, corpora: Sequence[str]) -> keras.Model:
    """A classifier whose last layer stands once for each corpus, on a trunk that they share.

    Args:
        classifier: functional model that ends in a dense layer `logits` and a softmax `probabilities`.
        corpora: names, at least two.

    Returns:
        `keras.Model` with the outputs `probabilities` (the heads' mean, for speech of no corpus in particular; the one
        that is exported) and one `head_CORPUS` each (`head_name`), in the order of `corpora`, all [B, n_classes].

    Raises:
        SerKerasError: the classifier ends otherwise, or two names differ in punctuation alone.
    """
    names = [head_name(corpus) for corpus in corpora]
    if len(set(names)) < len(corpora):
        raise SerKerasError(f"corpus_heads: {' and '.join(corpora)} would share a head's name; rename one")
    layers = {layer.name: layer for layer in classifier.layers}
    logits, softmax = layers.get("logits"), layers.get("probabilities")
    ends = isinstance(logits, keras.layers.Dense) and isinstance(softmax, keras.layers.Softmax)
    if logits is None or not ends or len(classifier.outputs) > 1:
        raise SerKerasError("corpus_heads=separate needs a model that ends in one dense softmax layer; use shared")
    heads = []
    for name in names:
        dense = keras.layers.Dense.from_config({**logits.get_config(), "name": f"logits_{name.removeprefix(PREFIX)}"})
        heads.append(keras.layers.Softmax(dtype="float32", name=name)(dense(logits.input)))
    mean = KnownMean(dtype="float32", name="probabilities")(heads)
    inputs = classifier.inputs if takes_sequences(classifier) else classifier.input
    model = keras.Model(inputs, [mean, *heads], name=classifier.name)
    model.loss_weights = {"probabilities": 0.0} | dict.fromkeys(names, 1.0)
    return model


def has_corpus_heads(classifier: keras.Model) -> bool:
    """Whether a model is what `with_corpus_heads` gave."""
    return any(isinstance(layer, KnownMean) for layer in classifier.layers)


def learn_which(classifier: keras.Model, corpora: Sequence[str], labels: NDArray[np.integer]) -> None:
    """Tell the heads' mean which classes each corpus has in training.

    Args:
        classifier: what `with_corpus_heads` gave.
        corpora: [n] the training utterances' corpora.
        labels: [n] their classes.
    """
    heads, n_classes = np.array([head_name(corpus) for corpus in corpora]), classifier.outputs[0].shape[-1]
    membership = [np.isin(np.arange(n_classes), labels[heads == name]) for name in classifier.output_names[1:]]
    classifier.get_layer("probabilities").know(membership)


def heard_as(classifier: keras.Model, corpus: str | None) -> keras.Model:
    """A classifier with one output: the corpus's own head where it has one that was trained, else its first.

    Args:
        classifier: [B, ...] -> probabilities, with or without further outputs.
        corpus: a name, or None.
    """
    outputs = dict(zip(classifier.output_names, classifier.outputs, strict=True))
    if len(outputs) == 1:
        return classifier
    output = classifier.outputs[0]
    if corpus is not None and head_name(corpus) in outputs:
        place = classifier.output_names.index(head_name(corpus)) - 1
        trained = np.any(ops.convert_to_numpy(classifier.get_layer("probabilities").share)[place])
        output = outputs[head_name(corpus)] if trained else output
    return keras.Model(
        classifier.inputs if takes_sequences(classifier) else classifier.input, output, name=classifier.name
    )
