"""Attention over the steps of a sequence."""

import numpy as np

from ser_keras.models.layers.attention import AttentionWeights
from tests.models.made_features import array


def test_attention_is_a_softmax_over_the_steps_that_are_there():
    h = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    present = np.arange(5) < np.array([5, 2, 1])[:, np.newaxis]
    layer = AttentionWeights()
    weights = array(layer(h, present))
    scores = np.where(present, np.exp(h @ array(layer.theta)[:, 0]), 0)
    np.testing.assert_allclose(weights, scores / scores.sum(axis=1, keepdims=True), atol=1e-6)
    assert (weights[~present] == 0).all() and weights.shape == layer.compute_output_shape(h.shape, present.shape)
