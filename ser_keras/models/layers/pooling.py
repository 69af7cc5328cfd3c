"""Weighted pooling over time."""

import keras
from keras import ops


def mean_and_deviation(x: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    """[B, T, C] and weights of frames that broadcast to it, of sum 1 over time: [B, 2 C], means, then deviations."""
    mean = ops.sum(weights * x, axis=1)
    # The weighted mean of squared differences: mean of squares minus square of mean cancels in half precision.
    variance = ops.sum(weights * ops.square(x - ops.expand_dims(mean, 1)), axis=1)
    return ops.concatenate([mean, ops.sqrt(variance + 1e-4)], axis=-1)
