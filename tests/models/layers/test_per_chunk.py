"""A model of one window on every window."""

import keras
import numpy as np

from ser_keras.models.layers.per_chunk import PerChunk
from ser_keras.models.layers.standardization import Standardization
from tests.models.made_features import array

CHUNK = (16, 12, 2)


def sequences(n, length, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (n, length, *CHUNK)).astype(np.float32)


def test_per_chunk_is_its_model_on_each_chunk():
    chunk = keras.Input(CHUNK)
    model = keras.Model(chunk, keras.layers.Dense(3)(keras.layers.Flatten()(Standardization()(chunk))))
    layer, x = PerChunk(model), sequences(2, 4)
    result = array(layer(x))
    assert result.shape == layer.compute_output_shape(x.shape) == (2, 4, 3)
    for t in range(4):
        np.testing.assert_allclose(result[:, t], array(model(x[:, t])), atol=1e-6)
