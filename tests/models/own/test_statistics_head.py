"""The project's own classifier of statistics."""

import numpy as np

from ser_keras.models import MODELS
from tests.models.made_features import array, features, trainable


def test_no_single_statistic_decides_alone():
    model = MODELS["statistics_head"]((40,), 3, limit=4.0)
    x = 0.1 * features((40,), 2, seed=1)  # so that nothing is certain
    far, farther = x.copy(), x.copy()
    far[:, 7], farther[:, 7] = 100, 1e9
    np.testing.assert_array_equal(array(model(far)), array(model(farther)))
    assert np.abs(array(model(far)) - array(model(x))).max() > 1e-3
    assert trainable(model) == 41 * 3
    assert trainable(MODELS["statistics_head"]((40,), 3, hidden=(8,), dropout=0.1)) == 41 * 8 + 9 * 3
