"""Mean and deviation over time by attention."""

import numpy as np

from ser_keras.models.layers.attentive_statistics import AttentiveStatistics
from tests.models.made_features import array, features


def test_attentive_statistics_is_a_weighted_mean_and_deviation():
    x = features((20, 5), 3)
    layer = AttentiveStatistics(4)
    pooled = array(layer(x))
    assert pooled.shape == layer.compute_output_shape(x.shape) == (3, 10)
    scores = array(layer.score(layer.hidden(x)))
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    mean = (weights * x).sum(axis=1)
    deviation = np.sqrt((weights * (x - mean[:, None]) ** 2).sum(axis=1) + 1e-4)
    np.testing.assert_allclose(pooled, np.concatenate([mean, deviation], axis=1), rtol=1e-4, atol=1e-4)
