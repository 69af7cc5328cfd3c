"""The project's own net on utterance-level statistics and frame-level descriptors (tracks) of a window."""

from collections.abc import Sequence

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.blocks import class_probabilities, l2_regularizer
from ser_keras.models.layers.weighted_statistics import WeightedStatistics


def statistics_cnn(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    n_statistics: int = 528,
    n_channels: int = 56,
    channels: int = 96,
    halvings: int = 2,
    dilations: Sequence[int] = (1, 2, 3),
    hidden: int = 128,
    dropout: float = 0.4,
    track_dropout: float = 0.2,
    limit: float = 5.0,
    l2: float = 1e-4,
) -> keras.Model:
    """Two branches to one softmax: a hidden layer on the statistics, and convolutions over time on the tracks.

    Both inputs are standardised by the training data and cut off at `limit` deviations, as in `statistics_head`. The
    tracks go through convolutions that halve their rate and through residual blocks. Their mean and deviation over
    time, with each frame weighted by its activity, go through a second hidden layer.

    Reference: the project's own.

    Args:
        input_shape: (n_statistics + frames * n_channels,), as `statistics` with `track_ms` gives them.
        n_classes: number of classes.
        n_statistics: values before the tracks.
        n_channels: values of each frame of the tracks; the last is the frame's activity, from 0 to 1.
        channels: channels of the convolutions.
        halvings: convolutions of 5 frames that halve the rate.
        dilations: dilation in frames of each residual block's convolution of 3 frames.
        hidden: units of each hidden layer.
        dropout: share of the values dropped before and behind the hidden layers.
        track_dropout: share of the tracks that are dropped whole.
        limit: standard deviations at which a value is cut off.
        l2: weight of the squared kernels in the loss.

    Input:
        [B, features].

    Output:
        [B, n_classes] probabilities, float32. 252 k trained parameters for the defaults and 8 classes.

    Raises:
        SerKerasError: the features are not statistics and tracks.
    """
    n_frames, rest = divmod(input_shape[0] - n_statistics, n_channels) if len(input_shape) == 1 else (0, 0)
    if n_frames < 2**halvings or rest:
        raise SerKerasError(
            f"statistics_cnn: features of shape {tuple(input_shape)} aren't {n_statistics} statistics and at least "
            f"{2**halvings} frames of {n_channels} tracks; take the front end statistics with track_ms=20"
        )
    regularizer = l2_regularizer(l2)
    inputs = keras.Input(input_shape, name="features")

    def standardised(x: keras.KerasTensor, epsilon: float, name: str) -> keras.KerasTensor:
        x = keras.layers.BatchNormalization(center=False, scale=False, epsilon=epsilon, name=name)(x)
        return ops.clip(x, -limit, limit)

    def hidden_layer(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = keras.layers.Dense(hidden, activation="relu", kernel_regularizer=regularizer, name=f"{name}_hidden")(x)
        return keras.layers.Dropout(dropout, name=f"{name}_hidden_dropout")(x)

    def convolution(
        x: keras.KerasTensor, size: int, name: str, *, strides: int = 1, dilation_rate: int = 1
    ) -> keras.KerasTensor:
        x = keras.layers.Conv1D(
            channels,
            size,
            strides=strides,
            padding="same",
            dilation_rate=dilation_rate,
            use_bias=False,
            kernel_regularizer=regularizer,
            name=name,
        )(x)
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        return keras.layers.ReLU(name=f"{name}_relu")(x)

    statistics = standardised(inputs[:, :n_statistics], 1e-5, "standardise")
    tracks = keras.layers.Reshape((n_frames, n_channels), name="tracks")(inputs[:, n_statistics:])
    active = tracks[:, :, -1:]
    x = standardised(tracks, 1e-3, "standardise_tracks")
    x = keras.layers.SpatialDropout1D(track_dropout, name="track_dropout")(x)
    for i in range(1, halvings + 1):
        x = convolution(x, 5, f"halving{i}", strides=2)
        active = keras.layers.AveragePooling1D(2, padding="same", name=f"active{i}")(active)
    for i, dilation in enumerate(dilations, start=1):
        y = convolution(x, 3, f"block{i}", dilation_rate=dilation)
        y = keras.layers.SpatialDropout1D(track_dropout / 2, name=f"block{i}_dropout")(y)
        x = keras.layers.Add(name=f"block{i}_add")([x, y])
    x = WeightedStatistics(name="pooling")([x, active])
    x = keras.layers.BatchNormalization(name="pooling_norm")(x)
    both = [hidden_layer(statistics, "statistics"), hidden_layer(x, "tracks")]
    x = keras.layers.Concatenate(name="both")(both)
    return keras.Model(inputs, class_probabilities(x, n_classes, regularizer), name="classifier")
