"""Principal component analysis as a layer."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.pca import Pca
from tests.models.made_features import array


def correlated(n=400, shape=(7, 6), seed=0):
    """Frames of known covariance, far from 0."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(shape[-1], shape[-1])) * [5, 3, 2, 1, 0.5, 0.2]
    return (rng.normal(size=(n, *shape)) @ mixing.T + 100).astype(np.float32)


@pytest.mark.smoke
@pytest.mark.parametrize("whiten", [False, True])
def test_pca_is_the_eigenvectors_of_the_covariance(whiten, tmp_path):
    x = correlated()
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, Pca(3, whiten=whiten, name="pca")(inputs))
    assert adapt_model(model, lambda: np.split(x, [1, 50, 50, 130])) == 1
    rows = x.reshape(-1, 6).astype(np.float64)
    left, values, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    right *= np.sign(right[np.arange(6), np.abs(right).argmax(axis=1)])[:, np.newaxis]
    expected = (rows - rows.mean(axis=0)) @ right[:3].T
    if whiten:
        expected /= values[:3] / np.sqrt(len(rows))
    np.testing.assert_allclose(array(model(x)), expected.reshape(-1, 7, 3), atol=1e-3)
    if whiten:
        np.testing.assert_allclose(np.cov(array(model(x)).reshape(-1, 3).T, bias=True), np.eye(3), atol=1e-4)
    assert not model.trainable_weights
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(keras.models.load_model(tmp_path / "model.keras")(x)), array(model(x)))


def test_pca_of_an_axis_in_the_middle_is_that_of_the_last():
    x = correlated()
    middle, last = Pca(2, axis=2), Pca(2)
    turned = x.transpose(0, 2, 1)[:, np.newaxis]
    middle.adapt([turned])
    last.adapt([x])
    result = array(middle(turned))
    assert result.shape == middle.compute_output_shape(turned.shape) == (400, 1, 2, 7)
    np.testing.assert_allclose(result[:, 0].transpose(0, 2, 1), array(last(x)), atol=1e-3)


def test_pca_without_data_without_variance_and_without_room():
    x = correlated(4)
    np.testing.assert_array_equal(array(Pca(2)(x)), x[..., :2])  # not adapted
    # Three samples span two dimensions: whitened, the others are 0 and not noise blown up.
    few = correlated(3, (6,))
    layer = Pca(5, whiten=True)
    layer.adapt([few])
    result = array(layer(few))
    np.testing.assert_allclose(result[:, :2].var(axis=0), 1, rtol=1e-3)
    np.testing.assert_array_equal(result[:, 2:], 0)
    constant = Pca(2, whiten=True)
    constant.adapt([np.full((5, 6), 3.0)])
    np.testing.assert_array_equal(array(constant(np.full((5, 6), 3.0))), 0)
    with pytest.raises(SerKerasError, match="7 components of an axis of 6 values; n_components must be from 1 to 6"):
        Pca(7)(x)
    with pytest.raises(SerKerasError, match="no training data to adapt to"):
        Pca(2).adapt([])
    with pytest.raises(SerKerasError, match="aren't finite"):
        Pca(1).adapt([np.array([[1.0, np.nan]])])
