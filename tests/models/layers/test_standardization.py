"""Standardisation on training data."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.standardization import Standardization
from tests.models.made_features import array, features


@pytest.mark.smoke
def test_standardization_is_exact_in_batches_of_any_size():
    data = features((3, 4, 2), 101) * [1, 100] + [0, 1e4]
    layer = Standardization(axis=(1, 3))
    layer.adapt(part for part in np.split(data, [1, 50, 50, 97]))
    np.testing.assert_allclose(array(layer.mean), data.mean(axis=(0, 2))[:, None], rtol=1e-6)
    np.testing.assert_allclose(array(layer.deviation), data.std(axis=(0, 2))[:, None], rtol=1e-6)
    result = array(layer(data.astype(np.float32)))
    np.testing.assert_allclose(result.mean(axis=(0, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(result.std(axis=(0, 2)), 1, atol=1e-3)


def test_standardization_passes_on_what_it_should_not_touch():
    data = features((4,), 50)
    data[:, 1] = 0.1  # constant
    np.testing.assert_array_equal(array(Standardization()(data)), data)  # not adapted
    layer = Standardization()
    layer.adapt([data])
    assert np.isfinite(array(layer(data))).all()
    np.testing.assert_allclose(array(layer(data))[:, 1], 0, atol=1e-6)
    centred = Standardization(scale=False)
    centred.adapt([data])
    np.testing.assert_allclose(array(centred(data)), data - data.mean(axis=0), atol=1e-5)
    scaled = Standardization(centre=False)
    scaled.adapt([data])
    np.testing.assert_allclose(array(scaled(data))[:, 0], data[:, 0] / data[:, 0].std(), rtol=1e-4)


def test_standardization_refuses_no_data_and_bad_data():
    with pytest.raises(SerKerasError, match="no training data to adapt to"):
        Standardization().adapt([])
    with pytest.raises(SerKerasError, match="aren't finite"):
        Standardization().adapt([np.array([[1.0, np.nan]])])
    with pytest.raises(SerKerasError, match="must be sized"):
        Standardization(axis=1).build((None, None, 4))
