"""A small net on the statistics of a window: a linear layer and, beside it, a hidden one."""

from __future__ import annotations

import keras
from keras import ops

from ser_keras.models.layers.blocks import l2_regularizer
from ser_keras.models.layers.standardization import Standardization


def statistics_mlp(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    hidden: int = 128,
    dropout: float = 0.3,
    limit: float = 5.0,
    l2: float = 1e-4,
) -> keras.Model:
    """Softmax of a linear layer on the statistics and on a hidden layer of them.

    The statistics are standardised by the training windows, once before training, and cut off at `limit` deviations.
    Without the hidden layer this is softmax regression.

    Reference: the project's own.

    Args:
        input_shape: (features,).
        n_classes: number of classes.
        hidden: units of the hidden layer; 0: softmax regression.
        dropout: share of the values dropped before and behind the hidden layer.
        limit: standard deviations at which a feature is cut off.
        l2: weight of the squared kernels in the loss.

    Input:
        [B, features].

    Output:
        [B, n_classes] probabilities, float32.
    """
    regularizer = l2_regularizer(l2)
    inputs = keras.Input(input_shape, name="features")
    x = ops.clip(Standardization(name="standardise")(inputs), -limit, limit)
    if hidden:
        y = keras.layers.Dropout(dropout, name="dropout")(x)
        y = keras.layers.Dense(hidden, activation="relu", kernel_regularizer=regularizer, name="hidden")(y)
        y = keras.layers.Dropout(dropout, name="hidden_dropout")(y)
        x = keras.layers.Concatenate(name="both")([x, y])
    logits = keras.layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits")(x)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model(inputs, outputs, name="classifier")
