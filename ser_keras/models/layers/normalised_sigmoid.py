"""Probabilities of classes from one sigmoid a class."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ser_keras")
class NormalisedSigmoid(keras.layers.Layer):
    """Sigmoids scaled to the sum 1: logits [B, C] to probabilities [B, C]."""

    def call(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        # A sum of zeros can't be divided by.
        z = ops.maximum(ops.sigmoid(logits), 1e-7)
        return z / ops.sum(z, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
