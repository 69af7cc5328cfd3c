"""The nets of Anand & Verma (2015) that see one window."""

import keras
import numpy as np
import pytest

from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.papers.anand2015 import anand2015_cnn, anand2015_dense
from tests.models.made_features import PAIR, array, features, trainable


# Counted by hand from SYSTEMS.md: kernels + biases of the convolutions, hidden layer, output layer.
@pytest.mark.parametrize(
    ("row", "sizes", "expected"),
    [
        ("s1", {"filters": [16], "kernel": [5, 5]}, 50 * 16 + 16 + 32 * 32 * 16 * 64 + 64 + 455),
        ("s2", {"filters": [32], "kernel": [5, 5]}, 50 * 32 + 32 + 32 * 32 * 32 * 64 + 64 + 455),
        (
            "s3",
            {"filters": [16, 32], "kernel": [5, 5]},
            50 * 16 + 16 + 25 * 16 * 32 + 32 + 16 * 16 * 32 * 64 + 64 + 455,
        ),
        (
            "s4",
            {"filters": [256], "kernel": [5, 5], "hidden": 128},
            50 * 256 + 256 + 32 * 32 * 256 * 128 + 128 + 128 * 7 + 7,
        ),
        ("r1", {"filters": [1024], "kernel": [64, 5]}, 640 * 1024 + 1024 + 30 * 1024 * 64 + 64 + 455),
        ("r2", {"filters": [32], "kernel": [64, 5]}, 640 * 32 + 32 + 30 * 32 * 64 + 64 + 455),
        (
            "r3",
            {"filters": [16, 32], "kernel": [64, 5]},
            640 * 16 + 16 + 5 * 16 * 32 + 32 + 13 * 32 * 64 + 64 + 455,
        ),
        ("r4", {"filters": [128], "kernel": [64, 10]}, 1280 * 128 + 128 + 27 * 128 * 64 + 64 + 455),
        ("r5", {"filters": [1024], "kernel": [64, 10]}, 1280 * 1024 + 1024 + 27 * 1024 * 64 + 64 + 455),
        ("r6", {"filters": [1024], "kernel": [64, 5], "dropout": 0.5, "leaky_slope": 0.01}, 2_622_983),
        ("r1, global", {"filters": [1024], "kernel": [64, 5], "pool": "global"}, 722_439),
    ],
)
def test_anand2015_has_the_parameters_of_each_row(row, sizes, expected):
    model = anand2015_cnn(PAIR, 7, **sizes)
    assert trainable(model) == expected
    assert model.output_shape == (None, 7)


def test_anand2015_r1_has_the_shapes_of_the_paper():
    model = anand2015_cnn(PAIR, 7, filters=(1024,))
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert (shapes["conv1"], shapes["pool1"], shapes["hidden"]) == ((1, 60, 1024), (1, 30, 1024), (64,))
    square = anand2015_cnn(PAIR, 7, filters=(16, 32), kernel=(5, 5))
    shapes = {layer.name: layer.output.shape[1:] for layer in square.layers}
    assert (shapes["conv1"], shapes["pool1"], shapes["pool2"]) == ((64, 64, 16), (32, 32, 16), (16, 16, 32))


@pytest.mark.parametrize(
    ("shape", "hidden", "expected"),
    [
        (PAIR, (64,), 8192 * 64 + 64 + 455),
        (PAIR, (100, 50), 8192 * 100 + 100 + 100 * 50 + 50 + 50 * 7 + 7),
        ((26,), (), 26 * 7 + 7),
    ],
)
def test_anand2015_dense_is_fc2_fc3_and_softmax(shape, hidden, expected):
    model = anand2015_dense(shape, 7, hidden=hidden, dropout=0.5)
    assert trainable(model) == expected
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == len(hidden)
    assert len(model.losses) == len(hidden) + 1


def test_anand2015_dense_scales_features_of_different_units():
    x = features((26,), 200) * np.geomspace(1e-3, 1e3, 26).astype(np.float32)
    model = anand2015_dense((26,), 7, hidden=(), scale=True)
    adapt_model(model, lambda: [x])
    reached = array(keras.Model(model.input, model.get_layer("flatten").output)(x))
    np.testing.assert_allclose(reached.std(axis=0), 1, rtol=1e-3)


def test_anand2015_settings_reach_the_layers():
    model = anand2015_cnn(PAIR, 7, dropout=0.5, leaky_slope=0.01, l2=1e-3)
    layers = {layer.name: layer for layer in model.layers}
    assert [layers[n].rate for n in ("dropout1", "dropout2")] == [0.5, 0.5]
    assert {layers[n].negative_slope for n in ("relu1", "relu_hidden")} == {0.01}
    kernels = [layers[n].kernel for n in ("conv1", "hidden", "logits")]
    assert float(sum(model.losses)) == pytest.approx(
        1e-3 * sum(float((array(k) ** 2).sum()) for k in kernels), rel=1e-4
    )
    plain = anand2015_cnn(PAIR, 7, l2=0)
    assert not plain.losses and not any("dropout" in layer.name for layer in plain.layers)
