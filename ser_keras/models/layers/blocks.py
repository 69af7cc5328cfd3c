"""Blocks of layers that several nets share."""

from collections.abc import Sequence
from typing import Literal, get_args

import keras

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.layers.anomalies import ReplaceAnomalies
from ser_keras.models.layers.standardization import Standardization

Pool = Literal["flatten", "global"]
POOLS: tuple[Pool, ...] = get_args(Pool)


def fully_connected(
    inputs: keras.KerasTensor,
    x: keras.KerasTensor,
    n_classes: int,
    *,
    hidden: Sequence[int],
    dropout: float,
    l2: float,
) -> keras.Model:
    """Affine layers with ReLU, and softmax: a model from `inputs`, whose normalised features are `x`."""
    regularizer = l2_regularizer(l2)
    x = keras.layers.Flatten(name="flatten")(x)
    for i, units in enumerate(hidden, start=1):
        x = keras.layers.Dense(units, kernel_regularizer=regularizer, name=f"hidden{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x) if dropout else x
    return keras.Model(inputs, class_probabilities(x, n_classes, regularizer), name="classifier")


def l2_regularizer(l2: float) -> keras.regularizers.Regularizer | None:
    """The regularizer of a weight l2; None for 0."""
    return keras.regularizers.L2(l2) if l2 else None


def minus_training_mean(
    x: keras.KerasTensor, replace_anomalous: float | None, scale: bool = False
) -> keras.KerasTensor:
    """Features without their training mean, of each frequency and channel; anomalous values are replaced first."""
    axis = (1, 3) if len(x.shape) == 4 else (len(x.shape) - 1,)
    if replace_anomalous is not None:
        x = ReplaceAnomalies(axis, replace_anomalous, name="replace_anomalies")(x)
    return Standardization(axis, scale=scale, name="minus_training_mean")(x)


def convolved(
    x: keras.KerasTensor,
    *,
    filters: Sequence[int],
    kernel: tuple[int, int],
    hidden: int,
    dropout: float,
    leaky_slope: float,
    pool: Pool,
    regularizer: keras.regularizers.Regularizer | None,
    builder: str,
) -> keras.KerasTensor:
    """The layers of `anand2015_cnn` from its first convolution to its hidden affine layer.

    Args:
        x: [B, F, T, C], less the training mean.
        filters, kernel, hidden, dropout, leaky_slope, pool: see `anand2015_cnn`.
        regularizer: of all kernels.
        builder: name of the net, for messages.

    Returns:
        [B, hidden].

    Raises:
        SerKerasError: a kernel that does not fit, or an unknown pool.
    """
    if pool not in POOLS:
        raise SerKerasError(f"{builder}: pool is '{pool}'; nearest: {nearest(pool, POOLS)}")
    rectangular = kernel[0] >= x.shape[1]
    pooling = (1, 2) if rectangular else (2, 2)
    for i, n_filters in enumerate(filters, start=1):
        height, width = x.shape[1:3]
        if width < kernel[1] + 1 or height < pooling[0]:
            raise SerKerasError(
                f"{builder}: kernel {kernel[0]}x{kernel[1]} and pool {pooling[0]}x{pooling[1]} of convolution {i} "
                f"don't fit its input of {height}x{width}; make window_s longer or the kernel smaller"
            )
        x = keras.layers.Conv2D(
            n_filters,
            (min(kernel[0], height), kernel[1]),
            padding="valid" if rectangular else "same",
            kernel_regularizer=regularizer,
            name=f"conv{i}",
        )(x)
        x = keras.layers.ReLU(negative_slope=leaky_slope, name=f"relu{i}")(x)
        x = keras.layers.MaxPooling2D(pooling, name=f"pool{i}")(x)
    x = (
        keras.layers.Flatten(name="flatten")(x)
        if pool == "flatten"
        else keras.layers.GlobalMaxPooling2D(name="global")(x)
    )
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout1")(x)
    x = keras.layers.Dense(hidden, kernel_regularizer=regularizer, name="hidden")(x)
    return keras.layers.ReLU(negative_slope=leaky_slope, name="relu_hidden")(x)


def class_probabilities(
    x: keras.KerasTensor, n_classes: int, regularizer: keras.regularizers.Regularizer | None = None
) -> keras.KerasTensor:
    """The last affine layer and softmax: [B, D] to [B, n_classes], float32."""
    x = keras.layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits")(x)
    return keras.layers.Softmax(dtype="float32", name="probabilities")(x)
