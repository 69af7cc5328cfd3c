"""The local response normalisation of AlexNet."""

import keras
import numpy as np

from ser_keras.models.layers.local_response_normalization import LocalResponseNormalization
from tests.models.made_features import array


def _norm(x):
    total = np.zeros_like(x)
    for c in range(x.shape[1]):
        total[:, c] = np.square(x[:, max(0, c - 2) : c + 3]).sum(axis=1)
    return x / (1 + 1e-4 / 5 * total) ** 0.75


def test_local_response_normalisation_divides_by_what_the_neighbours_do():
    x = np.random.default_rng(0).normal(0, 300, (2, 3, 4, 7)).astype(np.float32)
    layer = LocalResponseNormalization()
    expected = _norm(x.transpose(0, 3, 1, 2).astype(np.float64)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(array(layer(x)), expected, rtol=1e-5)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    # The paper's own constants.
    own = LocalResponseNormalization(3, alpha=3e-4, beta=0.5, bias=2.0)
    np.testing.assert_allclose(array(own(np.full((1, 2), 100.0))), 100 / (2 + 1e-4 * 2e4) ** 0.5, rtol=1e-6)


def test_half_precision_does_not_overflow():
    layer = LocalResponseNormalization(dtype="mixed_float16")
    result = layer(np.full((1, 4), 1000, np.float16))
    assert keras.backend.standardize_dtype(result.dtype) == "float16"
    np.testing.assert_allclose(array(result)[0, 1], 1000 / (1 + 2e-5 * 4e6) ** 0.75, rtol=2e-3)
