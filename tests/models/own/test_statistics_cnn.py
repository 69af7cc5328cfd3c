"""The project's own net on statistics and tracks."""

import keras
import numpy as np

from ser_keras.models import MODELS
from tests.models.made_features import array, features, trainable


def test_statistics_cnn_hears_both_statistics_and_tracks():
    keras.utils.set_random_seed(0)
    model = MODELS["statistics_cnn"]((528 + 198 * 56,), 8)
    assert trainable(model) == 251_720
    x = features((528 + 198 * 56,), 2)
    statistics, tracks, inactive = x.copy(), x.copy(), x.copy()
    statistics[:, :528] += 1
    tracks[:, 528:] = np.roll(tracks[:, 528:].reshape(2, 198, 56), 1, axis=2).reshape(2, -1)
    inactive[:, 528 + 55 :: 56] = np.arange(198) < 50  # the frames' last value: how much they count
    for other in (statistics, tracks, inactive):
        assert np.abs(array(model(other)) - array(model(x))).max() > 1e-4
