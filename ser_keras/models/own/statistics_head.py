"""The project's own classifier of feature vectors, as the front end `statistics` gives them."""

from collections.abc import Sequence

import keras
from keras import ops

from ser_keras.models.layers.blocks import l2_regularizer


def statistics_head(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    hidden: Sequence[int] = (),
    dropout: float = 0.0,
    limit: float = 5.0,
    l2: float = 1e-2,
) -> keras.Model:
    """Softmax regression on standardised features, or a small net with hidden layers before it.

    Each feature is standardised by the training data, augmented copies included, and cut off at `limit` deviations, so
    that no single feature decides alone in a recording unlike all training data.

    Reference: the project's own.

    Args:
        input_shape: (features,).
        n_classes: number of classes.
        hidden: units of each hidden layer; none: softmax regression.
        dropout: share of the values dropped before each layer.
        limit: standard deviations at which a feature is cut off.
        l2: weight of the squared kernels in the loss.

    Input:
        [B, features].

    Output:
        [B, n_classes] probabilities, float32.
    """
    regularizer = l2_regularizer(l2)
    inputs = keras.Input(input_shape, name="features")
    x = keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-5, name="standardise")(inputs)
    x = ops.clip(x, -limit, limit)
    for i, units in enumerate((*hidden, n_classes), start=1):
        last = i > len(hidden)
        x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x) if dropout else x
        x = keras.layers.Dense(units, kernel_regularizer=regularizer, name="logits" if last else f"hidden{i}")(x)
        x = x if last else keras.layers.ReLU(name=f"relu{i}")(x)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="classifier")
