"""The project's own classifier of feature vectors, as the front end `statistics` gives them."""

import keras
from keras import ops


def statistics_head(input_shape, n_classes, *, hidden=(), dropout=0.0, limit=5.0, l2=1e-2):
    """Softmax regression on standardised features, or a small net with hidden layers before it.

    Each feature is standardised by what training sees, copies and all, and cut off at `limit` deviations, so that no
    single one, in a recording unlike all that was trained on, decides alone.

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
    regularizer = keras.regularizers.L2(l2) if l2 else None
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
