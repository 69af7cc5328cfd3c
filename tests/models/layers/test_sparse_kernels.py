"""Kernels learnt without labels."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.sparse_kernels import SparseKernels
from tests.models.made_features import array

ATOMS = 8


def sparse_data(n=6_000):
    """Windows of 5 x 8 values, each the sum of the few of 8 atoms that are active, and the atoms."""
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(ATOMS, 40))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = (rng.random((n, ATOMS)) < 0.05) * rng.uniform(1, 2, (n, ATOMS))
    x = codes @ atoms + 0.02 * rng.normal(size=(n, 40))
    return x.reshape(n, 5, 8).astype(np.float32), atoms


@pytest.mark.smoke
@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
def test_sparse_kernels_find_the_atoms_of_sparse_data_and_dense_ones_do_not(decoder):
    x, atoms = sparse_data()
    found, activations = {}, {}
    for weight in (3.0, 0.0):
        layer = SparseKernels(
            ATOMS, 5, decoder=decoder, sparsity_weight=weight, share=1.0, epochs=80, learning_rate=0.02
        )
        trained = layer.adapt(np.split(x, 5))
        assert trained.losses[-1] < 0.5 * trained.losses[0]
        # Columns were scaled by their deviations: back to the data's units.
        basis = trained.decoder.reshape(-1, 5, 8) * x.std(axis=(0, 1))
        basis = basis.reshape(ATOMS, 40) / np.linalg.norm(basis, axis=(1, 2))[:, np.newaxis]
        found[weight] = np.abs(basis @ atoms.T).max(axis=0)
        activations[weight] = array(layer(x)).mean(axis=(0, 1))
    assert found[3.0].min() > 0.9 and found[0.0].mean() < 0.8
    np.testing.assert_allclose(activations[3.0], 0.05, atol=0.015)
    assert activations[0.0].min() > 0.1


def test_the_contractive_penalty_shrinks_the_jacobian_and_ties_the_decoder():
    x, _ = sparse_data(2000)
    norms = []
    for weight in (0.01, 1.0):
        layer = SparseKernels(6, 5, sparsity_weight=0.0, contractive=weight, share=1.0)
        trained = layer.adapt([x])
        np.testing.assert_array_equal(trained.decoder, trained.encoder.T)
        h = array(layer(x)).reshape(-1, 6)
        norms.append(np.mean((h * (1 - h)) ** 2 @ np.square(trained.encoder).sum(axis=0)))
    assert norms[1] < 0.2 * norms[0]


def test_kernels_take_features_as_they_are():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(200, 9, 4)) * [1, 10, 100, 0] + [0, 50, -300, 7]).astype(np.float32)
    layer = SparseKernels(5, 3, share=1.0, sparsity_weight=0, epochs=50)
    trained = layer.adapt([x])
    patches = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1).transpose(0, 1, 3, 2)
    deviation = np.where(np.arange(4) == 3, 1, patches.std(axis=(0, 1, 2)))
    standard = ((patches - patches.mean(axis=(0, 1, 2))) / deviation * 0.4 / 3).reshape(200, 7, 12)
    expected = 1 / (1 + np.exp(-(standard @ trained.encoder + trained.hidden_bias)))
    np.testing.assert_allclose(array(layer(x)), expected, rtol=1e-3)
    assert expected.std() > 0.05
    np.testing.assert_array_equal(array(layer(x[..., np.newaxis])), array(layer(x)))
    assert not layer.trainable_weights


def test_kernels_follow_from_the_seed_and_not_from_the_batches(tmp_path):
    x = np.random.default_rng(0).normal(size=(90, 8, 4)).astype(np.float32)
    options = {"n_patches": 100, "epochs": 2}
    layers = [SparseKernels(5, 3, seed=seed, **options) for seed in (0, 0, 1)]
    for layer, cuts in zip(layers, ([40], [1, 7, 80], [40]), strict=True):
        layer.adapt(np.split(x, cuts))
    kernels = [array(layer.kernel) for layer in layers]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.allclose(kernels[0], kernels[2])
    inputs = keras.Input((8, 4))
    model = keras.Model(inputs, layers[0](inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again(x)), array(model(x)))
    assert again.layers[-1].get_config() == layers[0].get_config()


def test_patches_come_from_a_share_of_the_windows_at_all_positions():
    # The window's number and the frame's stand in the values.
    x = np.stack(np.broadcast_arrays(np.arange(300)[:, np.newaxis], np.arange(8)), axis=-1).astype(np.float32)
    layer = SparseKernels(5, 3, n_patches=400)
    patches = layer.sample_patches(np.split(x, 7 * [1])).reshape(400, 3, 2)
    assert (np.diff(patches[..., 0], axis=1) == 0).all() and (np.diff(patches[..., 1], axis=1) == 1).all()
    windows, starts = np.unique(patches[:, 0, 0]), patches[:, 0, 1]
    assert 70 < len(windows) < 130 and windows.max() > 250
    assert sorted(set(starts)) == [0, 1, 2, 3, 4, 5] and np.bincount(starts.astype(int)).min() > 40
    assert len(np.unique(patches[:, 0], axis=0)) == 400  # each at most once
    # also where nothing is taken from a batch
    one_by_one = SparseKernels(5, 3, n_patches=400).sample_patches(np.split(x, 300))
    np.testing.assert_array_equal(one_by_one.reshape(400, 3, 2), patches)
    taller = SparseKernels(5, 6, n_patches=10_000).sample_patches([x]).reshape(-1, 6, 2)
    assert set(windows) <= set(taller[:, 0, 0]) and len(taller) == 3 * len(set(taller[:, 0, 0]))


def test_kernels_may_stride_and_refuse_what_does_not_fit():
    x = np.random.default_rng(0).normal(size=(2, 15, 4)).astype(np.float32)
    layer = SparseKernels(5, 6, stride=6)
    result = array(layer(x))
    assert result.shape == layer.compute_output_shape(x.shape) == (2, 2, 5)
    whole = SparseKernels(5, 6)
    whole.build(x.shape)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(result, array(whole(x))[:, ::6], atol=1e-6)
    for settings, message in (
        ({"decoder": "sigmiod"}, "decoder is 'sigmiod'; nearest: sigmoid"),
        ({"share": 0}, "share 0 above 0"),
        ({"sparsity": 1}, "sparsity 1 must be between 0 and 1"),
    ):
        with pytest.raises(SerKerasError, match=message):
            SparseKernels(5, 3, **settings)
    with pytest.raises(SerKerasError, match="kernels of 16 frames don't fit 15 frames; make window_s longer"):
        SparseKernels(5, 16)(x)
    with pytest.raises(SerKerasError, match=r"takes \[B, T, D\] or \[B, T, D, 1\], not"):
        SparseKernels(5, 3)(x[..., np.newaxis, np.newaxis])
    with pytest.raises(SerKerasError, match="no training data to adapt to"):
        SparseKernels(5, 3).adapt([])
    with pytest.raises(SerKerasError, match="aren't finite"):
        SparseKernels(5, 3).adapt([np.full((1, 15, 4), np.inf)])
