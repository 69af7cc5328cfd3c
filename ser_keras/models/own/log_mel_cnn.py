"""The project's own small net on log-mel features."""

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.pooling import mean_and_deviation
from ser_keras.models.layers.standardization import Standardization


@keras.saving.register_keras_serializable("ser_keras")
class AttentiveStatistics(keras.layers.Layer):
    """Mean and standard deviation over time, each channel's frames weighted by an attention of its own.

    Reference: K. Okabe, T. Koshinaka, K. Shinoda, Attentive statistics pooling for deep speaker embedding,
    Interspeech 2018; weights for each channel as in B. Desplanques et al., ECAPA-TDNN, Interspeech 2020.

    Args:
        units: size of the attention's hidden layer.
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, C].

    Output:
        [B, 2 C]: means, then standard deviations.
    """

    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.hidden = keras.layers.Dense(self.units, activation="tanh", dtype=self.dtype_policy, name="hidden")
        self.score = keras.layers.Dense(input_shape[-1], dtype=self.dtype_policy, name="score")
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], self.units))

    def call(self, inputs):
        weights = ops.softmax(self.score(self.hidden(inputs)), axis=1)
        return mean_and_deviation(inputs, weights)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _conv_2d(x, n_filters, pooling, i):
    """3x3 convolution, batch normalisation, ReLU, max-pooling (time, bands); [B, T, M, C]."""
    x = keras.layers.Conv2D(n_filters, 3, padding="same", use_bias=False, name=f"start{i}")(x)
    x = keras.layers.BatchNormalization(name=f"start{i}_norm")(x)
    x = keras.layers.ReLU(name=f"start{i}_relu")(x)
    return keras.layers.MaxPooling2D(pooling, name=f"start{i}_pool")(x)


def _residual(x, dilation, dropout, i):
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
    input_shape,
    n_classes,
    *,
    start_filters=(16, 32),
    channels=112,
    dilations=(1, 2, 4),
    attention=32,
    dropout=0.3,
    l2=0.0,
):
    """A 2-D start on the log-mel image, residual blocks over time, attentive mean and deviation pooling, softmax.

    Each band is standardised by training data first (`Standardization`). Each 2-D convolution halves the bands, the
    last one time as well; what is left of the bands is joined to the channels.

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
        x = _conv_2d(x, n_filters, (2, 2) if i == n_starts else (1, 2), i)
    x = keras.layers.Reshape((x.shape[1], -1), name="bands_to_channels")(x)
    x = keras.layers.Conv1D(channels, 1, use_bias=False, name="join")(x)
    x = keras.layers.BatchNormalization(name="join_norm")(x)
    x = keras.layers.ReLU(name="join_relu")(x)
    for i, dilation in enumerate(dilations, start=1):
        x = _residual(x, dilation, dropout / 2, i)
    x = AttentiveStatistics(attention, name="pooling")(x)
    x = keras.layers.BatchNormalization(name="pooling_norm")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    x = keras.layers.Dense(n_classes, kernel_regularizer=keras.regularizers.L2(l2) if l2 else None, name="logits")(x)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="classifier")
