"""Mean and deviation over time by weights."""

import numpy as np

from ser_keras.models.layers.weighted_statistics import WeightedStatistics
from tests.models.made_features import array, features


def test_weighted_statistics_are_a_weighted_mean_and_deviation():
    x, weights = features((20, 5), 3), np.random.default_rng(1).uniform(0, 1, (3, 20, 1)).astype(np.float32)
    weights[0] = 0  # nothing counts
    layer = WeightedStatistics()
    pooled = array(layer([x, weights]))
    assert pooled.shape == layer.compute_output_shape([x.shape, weights.shape]) == (3, 10)
    for pool, frames, weight in zip(pooled[1:], x[1:], weights[1:, :, 0] + 1e-3, strict=True):
        mean = np.average(frames, axis=0, weights=weight)
        variance = np.average((frames - mean) ** 2, axis=0, weights=weight)
        np.testing.assert_allclose(pool, np.concatenate([mean, np.sqrt(variance + 1e-4)]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(pooled[0, :5], 0.02 * x[0].mean(axis=0), atol=1e-4)  # .001 of each of 20, by .05 * 20
