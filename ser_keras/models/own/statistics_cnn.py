"""The project's own net on the statistics of a window and on the tracks that they are of."""

import keras
from keras import ops

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.pooling import mean_and_deviation

LEAST_SHARE = 0.05  # of a window's frames, as which fewer active ones count


@keras.saving.register_keras_serializable("ser_keras")
class WeightedStatistics(keras.layers.Layer):
    """Mean and standard deviation over time, frames counted by weights that are given.

    Args:
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, C] and weights [B, T, 1], from 0 to 1; where they sum to less than a twentieth of the frames, the result
        shrinks towards 0.

    Output:
        [B, 2 C]: means, then standard deviations.
    """

    def call(self, inputs):
        x, weights = inputs
        weights = ops.clip(weights, 0.0, 1.0) + 1e-3
        # A sum that int8 arithmetic can't take for 0, and no division: LiteRT has none for int8.
        total = ops.maximum(ops.sum(weights, axis=1, keepdims=True), LEAST_SHARE * x.shape[1])
        return mean_and_deviation(x, weights * ops.square(ops.rsqrt(total)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], 2 * input_shape[0][-1])


def statistics_cnn(
    input_shape,
    n_classes,
    *,
    n_statistics=528,
    n_channels=56,
    channels=96,
    halvings=2,
    dilations=(1, 2, 3),
    hidden=128,
    dropout=0.4,
    track_dropout=0.2,
    limit=5.0,
    l2=1e-4,
):
    """Two ways to one softmax: a hidden layer on the statistics, and convolutions over time on the tracks.

    Both are standardised by what training sees and cut off at `limit` deviations, as in `statistics_head`. The tracks
    go through convolutions that halve their rate and residual blocks; mean and deviation over time, frames by how
    active they are, go through a hidden layer of their own.

    Reference: the project's own.

    Args:
        input_shape: (n_statistics + frames * n_channels,), as `statistics` with `track_ms` gives them.
        n_classes: number of classes.
        n_statistics: values before the tracks.
        n_channels: values of each frame of the tracks; the last says how active the frame is.
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
        SerKerasError: the features aren't statistics and tracks.
    """
    n_frames, rest = divmod(input_shape[0] - n_statistics, n_channels) if len(input_shape) == 1 else (0, 0)
    if n_frames < 2**halvings or rest:
        raise SerKerasError(
            f"statistics_cnn: features of shape {tuple(input_shape)} aren't {n_statistics} statistics and at least "
            f"{2**halvings} frames of {n_channels} tracks; take the front end statistics with track_ms=20"
        )
    regularizer = keras.regularizers.L2(l2) if l2 else None
    inputs = keras.Input(input_shape, name="features")

    def standardised(x, epsilon, name):
        x = keras.layers.BatchNormalization(center=False, scale=False, epsilon=epsilon, name=name)(x)
        return ops.clip(x, -limit, limit)

    def hidden_layer(x, name):
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = keras.layers.Dense(hidden, activation="relu", kernel_regularizer=regularizer, name=f"{name}_hidden")(x)
        return keras.layers.Dropout(dropout, name=f"{name}_hidden_dropout")(x)

    def convolution(x, size, name, **kwargs):
        x = keras.layers.Conv1D(
            channels, size, padding="same", use_bias=False, kernel_regularizer=regularizer, name=name, **kwargs
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
    x = keras.layers.Dense(n_classes, kernel_regularizer=regularizer, name="logits")(x)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="classifier")
