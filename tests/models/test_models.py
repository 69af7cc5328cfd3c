"""Classifiers, layers adapted to training data, and the end-to-end model."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.extractor import JoinedShape
from ser_keras.models import MODELS
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.models.model_kind import kind_of
from tests.models.made_features import PAIR, array, features, inputs_of

SHAPES = {
    "alexnet": (67, 67, 3),
    "anand2015_cnn": PAIR,
    "anand2015_dense": PAIR,
    "anand2015_face_dense": (16, 16, 1),
    "anand2015_audio_visual": JoinedShape((PAIR, (16, 16, 3))),
    "anand2015_lstm": PAIR,
    "anand2015_cnn_lstm": PAIR,
    "badshah2017_cnn": (67, 67, 1),
    "huang2014_semi_cnn": (15, 64, 1),
    "log_mel_cnn": (53, 64, 1),
    "he2019_lld_blstm": (20,),
    "he2019_cnn_blstm": (15, 64, 1),
    "neumann2016_cnn": (53, 26, 1),
    "statistics_cnn": (40 + 16 * 6,),
    "statistics_head": (40,),
    "statistics_mlp": (40,),
}
# Quick to train.
HE2019 = {"units": 32, "dropout": 0, "noise": 0}
SIZES = {
    "alexnet": {"weights": "random", "filters": (8, 8, 12, 12, 8), "hidden": 32, "dropout": 0},
    "badshah2017_cnn": {"filters": (8, 8, 12), "hidden": (32, 32), "dropout": 0},
    "he2019_lld_blstm": HE2019 | {"hidden": 128},
    "he2019_cnn_blstm": HE2019 | {"n_components": 12, "n_kernels": 8},
    "huang2014_semi_cnn": {"n_components": 12, "n_kernels": 8, "sparsity_weight": 0.0, "salient": 40, "nuisance": 40},
    "anand2015_lstm": {"units": 16},
    "anand2015_audio_visual": {"filters": (8,), "face_filters": (4,), "units": 16, "dropout": 0},
    "anand2015_cnn_lstm": {"filters": (8,), "units": 16, "dropout": 0},
    "statistics_cnn": {"n_statistics": 40, "n_channels": 6, "channels": 8, "hidden": 16, "dropout": 0.0},
    "statistics_head": {"l2": 0.0},
    "statistics_mlp": {"hidden": 16, "dropout": 0.0, "l2": 0.0},
}
SLOW = {
    "huang2014_semi_cnn": {"learning_rate": 1e-2, "steps": 80},  # sigmoid units
    "statistics_cnn": {"learning_rate": 3e-3, "steps": 16},  # whole tracks are dropped
    "statistics_head": {"learning_rate": 2e-2, "steps": 20},  # linear
    "statistics_mlp": {"learning_rate": 1e-2, "steps": 20},  # nearly linear
}
# All but the net that gives features for a head, and the large ones of Keras (test_faces.py).
CLASSIFIERS = [name for name in MODELS if name not in ("huang2014_features", "keras_application")]


@pytest.mark.parametrize(
    ("name", "shape", "sizes", "message"),
    [
        ("anand2015_cnn", (64, 5, 2), {}, "don't fit its input of 64x5; make window_s longer"),
        ("anand2015_cnn", PAIR, {"filters": [8, 8, 8, 8, 8, 8]}, "of convolution 4 don't fit its input of 1x4"),
        ("anand2015_cnn", PAIR, {"pool": "globel"}, "pool is 'globel'; nearest: global"),
        ("log_mel_cnn", (1, 64, 1), {}, "1 frames by 64 bands are too small"),
        ("log_mel_cnn", (50, 3, 1), {}, "50 frames by 3 bands are too small"),
        ("statistics_cnn", (528,), {}, "take the front end statistics with track_ms=20"),
        ("statistics_cnn", (528 + 40 * 55,), {}, "528 statistics and at least 4 frames of 56 tracks"),
    ],
)
def test_what_does_not_fit_gets_one_clear_line(name, shape, sizes, message):
    with pytest.raises(SerKerasError, match=message):
        MODELS[name](shape, 7, **sizes)


@pytest.mark.smoke
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_model_gives_probabilities_learns_and_survives_saving(name, tmp_path):
    keras.utils.set_random_seed(0)
    x = features(SHAPES[name], 16)
    labels = np.arange(16) % 2
    x[labels == 1, :8] += 2
    model = MODELS[name](SHAPES[name], 2, **SIZES.get(name, {}))
    assert model.name == "classifier"
    adapt_model(model, lambda: [x])
    x = inputs_of(model, x)
    np.testing.assert_allclose(array(model(x)).sum(axis=1), 1, atol=1e-5)
    slow = SLOW.get(name, {"learning_rate": 1e-3, "steps": 8})
    model.compile(keras.optimizers.Adam(slow["learning_rate"]), "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(x, labels) for _ in range(slow["steps"])]
    assert losses[-1] < 0.7 * losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(again(x)), array(model(x)), atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_mixed_precision_ends_in_float32_probabilities(name):
    x = features(SHAPES[name])
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = MODELS[name](SHAPES[name], 3, **SIZES.get(name, {}))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    # Values that half precision holds in steps of 1: only a difference taken in float32 keeps what tells them apart.
    x = x + 2000
    adapt_model(model, lambda: [x])
    x = inputs_of(model, x)
    probabilities = array(model(x))
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    whole = MODELS[name](SHAPES[name], 3, **SIZES.get(name, {}))
    whole.set_weights(model.get_weights())
    np.testing.assert_allclose(probabilities, array(whole(x)), atol=0.02)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_models_take_what_their_entries_declare(name):
    model = MODELS[name](SHAPES[name], 3, **SIZES.get(name, {}))
    assert kind_of(MODELS[name]).takes == ("sequence" if takes_sequences(model) else "window")


def test_every_entry_declares_what_its_models_take():
    assert all(kind_of(builder).keras and kind_of(builder).takes for builder in MODELS.values())
