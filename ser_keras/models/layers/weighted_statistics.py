"""Mean and deviation over time, weighted by a second input."""

import keras
from keras import ops

from ser_keras.models.layers.pooling import mean_and_deviation

LEAST_SHARE = 0.05  # of a window's frames: fewer active ones count as this many


@keras.saving.register_keras_serializable("ser_keras")
class WeightedStatistics(keras.layers.Layer):
    """Mean and standard deviation over time, frames weighted by a second input.

    Args:
        kwargs: what `keras.layers.Layer` takes.

    Input:
        [B, T, C] and weights [B, T, 1], from 0 to 1. Where the weights sum to less than a twentieth of the frames, the
        result shrinks towards 0.

    Output:
        [B, 2 C]: means, then standard deviations.
    """

    def call(self, inputs: tuple[keras.KerasTensor, keras.KerasTensor]) -> keras.KerasTensor:
        x, weights = inputs
        weights = ops.clip(weights, 0.0, 1.0) + 1e-3
        # A sum that int8 arithmetic can't take for 0, and no division: LiteRT has none for int8.
        total = ops.maximum(ops.sum(weights, axis=1, keepdims=True), LEAST_SHARE * x.shape[1])
        return mean_and_deviation(x, weights * ops.square(ops.rsqrt(total)))

    def compute_output_shape(
        self, input_shape: tuple[tuple[int | None, int | None, int], tuple[int | None, ...]]
    ) -> tuple[int | None, int]:
        return (input_shape[0][0], 2 * input_shape[0][-1])
