"""The project's own small net on log-mel features."""

from collections.abc import Sequence

import keras

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.attentive_statistics import AttentiveStatistics
from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.standardization import Standardization


def _conv_2d(x: keras.KerasTensor, n_filters: int, pooling: tuple[int, int], *, i: int) -> keras.KerasTensor:
    """3x3 convolution, batch normalisation, ReLU, max-pooling (time, bands); [B, T, M, C]."""
    x = keras.layers.Conv2D(n_filters, 3, padding="same", use_bias=False, name=f"start{i}")(x)
    x = keras.layers.BatchNormalization(name=f"start{i}_norm")(x)
    x = keras.layers.ReLU(name=f"start{i}_relu")(x)
    return keras.layers.MaxPooling2D(pooling, name=f"start{i}_pool")(x)


def _residual(x: keras.KerasTensor, dilation: int, dropout: float, *, i: int) -> keras.KerasTensor:
    """Two depthwise-separable convolutions over time, added to their input; [B, T, C]."""
    y = x
    for part in "ab":
        y = keras.layers.SeparableConv1D(
            x.shape[-1], 5, padding="same", dilation_rate=dilation, use_bias=False, name=f"block{i}{part}"
        )(y)
        y = keras.layers.BatchNormalization(name=f"block{i}{part}_norm")(y)
        if part == "a":
            y = keras.layers.ReLU(name=f"block{i}_relu")(y)
            y = keras.layers.SpatialDropout1D(dropout, name=f"block{i}_dropout")(y) if dropout else y
    y = keras.layers.Add(name=f"block{i}_add")([x, y])
    return keras.layers.ReLU(name=f"block{i}_out")(y)


def log_mel_cnn(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    start_filters: Sequence[int] = (16, 32),
    channels: int = 112,
    dilations: Sequence[int] = (1, 2, 4),
    attention: int = 32,
    dropout: float = 0.3,
    l2: float = 0.0,
) -> keras.Model:
    """A 2-D start on the log-mel image, residual blocks over time, attentive mean and deviation pooling, softmax.

    Each band is standardised by training data first (`Standardization`). Each 2-D convolution halves the bands, the
    last one time as well; the remaining bands are joined to the channels.

    Reference: the project's own; pooling as in Okabe et al. 2018 (see `AttentiveStatistics`).

    Args:
        input_shape: (frames, bands, 1), as `log_mel` gives them.
        n_classes: number of classes.
        start_filters: filters of each 2-D convolution.
        channels: channels of the residual blocks.
        dilations: dilation in frames of each residual block.
        attention: hidden units of the attention.
        dropout: share of the units dropped before the softmax; half of it within the residual blocks.
        l2: weight of the squared kernel of the output layer in the loss.

    Input:
        [B, *input_shape].

    Output:
        [B, n_classes] probabilities, float32. 154 k parameters for 64 bands and 7 classes.

    Raises:
        SerKerasError: too few bands or frames for the halvings.
    """
    n_starts = len(start_filters)
    if input_shape[0] < 2 or input_shape[1] < 2**n_starts:
        raise SerKerasError(
            f"log_mel_cnn: features of {input_shape[0]} frames by {input_shape[1]} bands are too small, {n_starts} "
            f"halvings need at least 2 by {2**n_starts}; raise window_s or n_mels, or give fewer start_filters"
        )
    inputs = keras.Input(input_shape, name="features")
    x = Standardization(axis=2, name="standardise")(inputs)
    for i, n_filters in enumerate(start_filters, start=1):
        x = _conv_2d(x, n_filters, (2, 2) if i == n_starts else (1, 2), i=i)
    x = keras.layers.Reshape((x.shape[1], -1), name="bands_to_channels")(x)
    x = keras.layers.Conv1D(channels, 1, use_bias=False, name="join")(x)
    x = keras.layers.BatchNormalization(name="join_norm")(x)
    x = keras.layers.ReLU(name="join_relu")(x)
    for i, dilation in enumerate(dilations, start=1):
        x = _residual(x, dilation, dropout / 2, i=i)
    x = AttentiveStatistics(attention, name="pooling")(x)
    x = keras.layers.BatchNormalization(name="pooling_norm")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes, l2_regularizer(l2)), name="classifier")
