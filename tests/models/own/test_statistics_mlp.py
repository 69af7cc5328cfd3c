"""The project's own net of statistics: softmax regression with a hidden layer beside it."""

import numpy as np
import pytest

from ser_keras.models import MODELS
from ser_keras.models.layers.adaptation import adapt_model
from tests.models.made_features import array, features, trainable


@pytest.fixture(scope="module")
def model():
    made = MODELS["statistics_mlp"]((40,), 3, hidden=8, limit=4.0)
    adapt_model(made, lambda: [features((40,), 64, seed=0)])
    return made


def test_it_is_a_linear_layer_on_the_statistics_and_on_a_hidden_one(model):
    assert trainable(model) == 41 * 8 + (40 + 8 + 1) * 3
    assert trainable(MODELS["statistics_mlp"]((40,), 3, hidden=0)) == 41 * 3


def test_no_single_statistic_decides_alone(model):
    x = 0.1 * features((40,), 2, seed=1)
    far, farther = x.copy(), x.copy()
    far[:, 7], farther[:, 7] = 1e3, 1e9
    np.testing.assert_array_equal(array(model(far)), array(model(farther)))
    assert np.abs(array(model(far)) - array(model(x))).max() > 1e-3


def test_it_is_standardised_before_training(model):
    layer = model.get_layer("standardise")
    assert float(np.abs(array(layer(features((40,), 64, seed=0))).mean())) < 1e-3
