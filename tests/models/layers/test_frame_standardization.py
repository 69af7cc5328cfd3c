"""Standardisation of frames that leaves out digital silence."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.frame_standardization import FrameStandardization
from tests.models.made_features import array

SHAPE = (40, 26, 1)


def features(n=6, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(-3, 2, (n, *shape)).astype(np.float32)


def test_statistics_are_those_of_the_frames_that_sound():
    x = features(8)
    x[:, 30:] = np.linspace(-14, -13, 26)[:, np.newaxis]
    x[2] = -14  # silent throughout
    layer = FrameStandardization()
    layer.adapt(np.split(x, [2, 3, 5]))
    sounding = np.delete(x, 2, axis=0)[:, :30]
    np.testing.assert_allclose(array(layer.mean)[0], sounding.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(array(layer.deviation)[0], sounding.std((0, 1)), rtol=1e-5)
    result = array(layer(x))
    assert not result[:, 30:].any() and not result[2].any()
    np.testing.assert_allclose(np.delete(result, 2, axis=0)[:, :30].mean((0, 1)), 0, atol=1e-5)
    # A frame that is like its neighbours in all bands but one sounds.
    x[2, :, 3, 0] = np.arange(40)
    assert array(layer(x))[2].any(axis=(1, 2)).all()
    again = FrameStandardization.from_config(layer.get_config())
    assert (again.axis, again.scale) == (layer.axis, layer.scale)


def test_training_data_without_sound_or_finite_values_are_refused():
    with pytest.raises(SerKerasError, match="no training data to adapt to"):
        FrameStandardization().adapt([np.full((2, *SHAPE), -14, np.float32)])
    x = features()
    x[1, 3:6, 2] = np.nan
    with pytest.raises(SerKerasError, match="aren't finite"):
        FrameStandardization().adapt([x])
