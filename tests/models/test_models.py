"""Classifiers, layers adapted to training data, and the end-to-end model."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.extractor import JoinedShape
from ser_keras.features.frontends import LogMel, SpectrogramPair
from ser_keras.models import MODELS
from ser_keras.models.end_to_end import end_to_end, split
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.anomalies import ReplaceAnomalies
from ser_keras.models.layers.attentive_statistics import AttentiveStatistics
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.models.layers.standardization import Standardization
from ser_keras.models.layers.weighted_statistics import WeightedStatistics
from ser_keras.models.model_kind import kind_of
from ser_keras.models.own.log_mel_cnn import log_mel_cnn
from ser_keras.models.papers.anand2015 import anand2015_cnn, anand2015_dense

pytestmark = pytest.mark.smoke

PAIR = (64, 64, 2)
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
}
SLOW = {
    "huang2014_semi_cnn": {"learning_rate": 1e-2, "steps": 80},  # sigmoid units
    "statistics_cnn": {"learning_rate": 3e-3, "steps": 16},  # whole tracks are dropped
    "statistics_head": {"learning_rate": 2e-2, "steps": 20},  # linear
}
# All but the net that gives features for a head, and the large ones of Keras (test_faces.py).
CLASSIFIERS = [name for name in MODELS if name not in ("huang2014_features", "keras_application")]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def features(shape, n=6, seed=0):
    return np.random.default_rng(seed).normal(-3, 2, (n, *shape)).astype(np.float32)


def inputs_of(model, windows):
    """Windows as a classifier takes them; a sequence holds one twice, and padding."""
    if not takes_sequences(model):
        return windows
    sequences = np.stack([windows, windows, np.zeros_like(windows)], axis=1)
    return [sequences, np.tile([True, True, False], (len(windows), 1))]


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


def test_log_mel_cnn_is_small():
    model = log_mel_cnn((298, 64, 1), 7)
    assert 100_000 < trainable(model) < 200_000
    assert model.output_shape == (None, 7)


def test_no_single_statistic_decides_alone():
    model = MODELS["statistics_head"]((40,), 3, limit=4.0)
    x = 0.1 * features((40,), 2, seed=1)  # so that nothing is certain
    far, farther = x.copy(), x.copy()
    far[:, 7], farther[:, 7] = 100, 1e9
    np.testing.assert_array_equal(array(model(far)), array(model(farther)))
    assert np.abs(array(model(far)) - array(model(x))).max() > 1e-3
    assert trainable(model) == 41 * 3
    assert trainable(MODELS["statistics_head"]((40,), 3, hidden=(8,), dropout=0.1)) == 41 * 8 + 9 * 3


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


def test_attentive_statistics_is_a_weighted_mean_and_deviation():
    x = features((20, 5), 3)
    layer = AttentiveStatistics(4)
    pooled = array(layer(x))
    assert pooled.shape == layer.compute_output_shape(x.shape) == (3, 10)
    scores = array(layer.score(layer.hidden(x)))
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    mean = (weights * x).sum(axis=1)
    deviation = np.sqrt((weights * (x - mean[:, None]) ** 2).sum(axis=1) + 1e-4)
    np.testing.assert_allclose(pooled, np.concatenate([mean, deviation], axis=1), rtol=1e-4, atol=1e-4)


def test_weighted_statistics_are_a_weighted_mean_and_deviation():
    x, weights = features((20, 5), 3), np.random.default_rng(1).uniform(0, 1, (3, 20, 1)).astype(np.float32)
    weights[0] = 0  # nothing counts
    layer = WeightedStatistics()
    pooled = array(layer([x, weights]))
    assert pooled.shape == layer.compute_output_shape([x.shape, weights.shape]) == (3, 10)
    for pool, frames, weight in zip(pooled[1:], x[1:], weights[1:, :, 0] + 1e-3, strict=True):
        mean = np.average(frames, axis=0, weights=weight)
        variance = np.average((frames - mean) ** 2, axis=0, weights=weight)
        np.testing.assert_allclose(pool, np.concatenate([mean, np.sqrt(variance + 1e-4)]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(pooled[0, :5], 0.02 * x[0].mean(axis=0), atol=1e-4)  # .001 of each of 20, by .05 * 20


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


def anomalous(n=600):
    """Features of two channels on different scales, some of them wild, and which those are."""
    x = features((4, 5, 2), n) * [1, 100]
    wild = np.random.default_rng(1).random(x.shape) < 0.02
    strange = np.array([np.nan, np.inf, -np.inf, 1e6, -1e6])
    x[wild] = strange[np.arange(wild.sum()) % 5]
    return x.astype(np.float32), wild


def test_anomalous_values_become_a_typical_training_value(tmp_path):
    x, wild = anomalous()
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, ReplaceAnomalies(axis=(1, 3), threshold=6.0, name="clean")(inputs))
    assert adapt_model(model, lambda: np.split(x, [1, 50, 50])) == 1
    assert not model.trainable_weights
    result = array(model(x))
    np.testing.assert_array_equal(result[~wild], x[~wild])
    for frequency in range(4):
        for channel, deviation in enumerate((2, 200)):
            part = (slice(None), frequency, slice(None), channel)
            replaced = result[part][wild[part]]
            assert len(np.unique(replaced)) == 1
            # The median of 1000 of 3000 values, give or take its standard error.
            assert abs(replaced[0] - np.median(x[part][~wild[part]])) < 0.2 * deviation
            found = array(model.get_layer("clean").deviation)[frequency, 0, channel]
            assert found == pytest.approx(deviation, rel=0.1)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(keras.models.load_model(tmp_path / "model.keras")(x)), result)


def test_the_threshold_is_in_robust_standard_deviations():
    layer = ReplaceAnomalies(threshold=3.0)
    # Median 0, median absolute deviation 1: the limit is 3 x 1.4826.
    layer.adapt([np.array([[-2], [-1], [0], [1], [2]], np.float32)])
    assert array(layer(np.array([[4.4], [4.5], [-4.4], [-4.5]])))[:, 0] == pytest.approx([4.4, 0, -4.4, 0])


def test_replacing_passes_on_what_it_should_not_touch():
    x, _ = anomalous()
    np.testing.assert_array_equal(array(ReplaceAnomalies()(x)), x)  # not adapted
    mostly_zero = np.zeros((100, 2), np.float32)
    mostly_zero[:30, 0] = 7
    mostly_zero[:, 1] = np.nan
    layer = ReplaceAnomalies()
    layer.adapt([mostly_zero])
    # Without a deviation nothing is far; without any finite value 0 is as good as any.
    np.testing.assert_array_equal(array(layer(mostly_zero)), np.nan_to_num(mostly_zero))
    assert array(layer(np.array([[np.inf, 3.0]])))[0] == pytest.approx([0, 3])


def test_replacing_learns_from_a_sample_where_memory_is_bounded(monkeypatch):
    x = np.arange(10_000, dtype=np.float32)[:, np.newaxis]
    monkeypatch.setattr("ser_keras.models.layers.anomalies.SAMPLE_VALUES", 500)
    layers = [ReplaceAnomalies(seed=seed) for seed in (0, 0, 1)]
    for layer, cuts in zip(layers, ([3, 600], range(0, 10_000, 64), [3]), strict=True):
        layer.adapt(np.split(x, cuts))
    # Of every part of the data alike, whatever the batches.
    assert float(layers[0].median[0]) == pytest.approx(5000, abs=600)
    assert float(layers[0].deviation[0]) == pytest.approx(1.4826 * 2500, rel=0.15)
    weights = [[array(w) for w in layer.weights] for layer in layers]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_replacing_refuses_no_data_and_bad_settings():
    with pytest.raises(SerKerasError, match="no training data to adapt to"):
        ReplaceAnomalies().adapt([])
    with pytest.raises(SerKerasError, match="threshold 0 and n_values 1000 must be above 0"):
        ReplaceAnomalies(threshold=0)


def test_a_net_that_replaces_anomalous_values_survives_them_in_half_precision():
    x = features(PAIR, 40) + 2000
    x[3, 7, 9, 1], x[4, 7, 9, 1] = np.nan, 1e30
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = anand2015_cnn(PAIR, 3, replace_anomalous=5.0)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert adapt_model(model, lambda: [x]) == 2
    reached = array(model.get_layer("minus_training_mean").mean)
    assert reached == pytest.approx(1997, abs=0.5)
    whole = anand2015_cnn(PAIR, 3, replace_anomalous=5.0)
    whole.set_weights(model.get_weights())
    np.testing.assert_allclose(array(model(x)), array(whole(x)), atol=0.02)


def test_adapt_model_adapts_in_order_to_what_reaches_each_layer():
    data = features((6,), 64)
    inputs = keras.Input((6,))
    x = Standardization(name="first")(inputs)
    x = keras.layers.Dense(3, activation="relu")(x)
    model = keras.Model(inputs, Standardization(name="second")(x))
    calls = []

    def batches():
        calls.append(1)
        return np.split(data, 4)

    assert adapt_model(model, batches) == 2
    assert len(calls) == 2
    # The second is right only if it was adapted behind the first, which had already been adapted.
    result = array(model(data))
    np.testing.assert_allclose(result.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(result.std(axis=0), 1, atol=1e-4)


def test_adapted_values_are_no_trainable_weights_and_are_saved(tmp_path):
    model = anand2015_cnn(PAIR, 3)
    data = features(PAIR)
    adapt_model(model, lambda: [data])
    assert not any("mean" in w.path for w in model.trainable_weights)
    model.save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").get_layer("minus_training_mean")
    np.testing.assert_allclose(array(layer.mean)[:, 0], data.mean(axis=(0, 2)), rtol=1e-5)


def test_end_to_end_is_front_end_then_classifier_and_splits_again(tmp_path):
    waves = np.random.default_rng(0).uniform(-1, 1, (3, 8800)).astype(np.float32)
    frontend = SpectrogramPair(name="anything")
    classifier = anand2015_cnn(PAIR, 3)
    classifier.name = "something"
    model = end_to_end(frontend, classifier, 8800)
    assert [layer.name for layer in model.layers] == ["waveform", "frontend", "classifier"]
    expected = array(classifier(frontend(waves)))
    np.testing.assert_allclose(array(model(waves)), expected, atol=1e-6)
    assert split(model)[1] is classifier
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(again(waves)), expected, atol=1e-6)
    frontend, classifier = split(again)
    np.testing.assert_allclose(array(classifier(frontend(waves))), expected, atol=1e-6)


def test_end_to_end_refuses_a_classifier_of_other_features():
    with pytest.raises(
        SerKerasError, match=r"takes features of shape \(64, 64, 2\), but the front end gives \(53, 64, 1\)"
    ):
        end_to_end(LogMel(), anand2015_cnn(PAIR, 3), 8800)
    with pytest.raises(SerKerasError, match="'frontend' and 'classifier'"):
        split(anand2015_cnn(PAIR, 3))


@pytest.mark.parametrize(("frontend", "name"), [(SpectrogramPair, "anand2015_cnn"), (LogMel, "log_mel_cnn")])
def test_waveform_to_probabilities_in_litert(frontend, name):
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    keras.utils.set_random_seed(0)
    layer = frontend()
    waves = np.random.default_rng(0).normal(0, 0.1, (5, 8800)).astype(np.float32)
    classifier = MODELS[name](layer.compute_output_shape((None, 8800))[1:], 5)
    adapt_model(classifier, lambda: [array(layer(waves))])
    model = end_to_end(layer, classifier, 8800)
    interpreter = interpreter_module.Interpreter(model_content=to_tflite(model), num_threads=1)
    run = interpreter.get_signature_runner()
    result = np.concatenate([run(audio=wave[None])["probabilities"] for wave in waves])
    np.testing.assert_allclose(result, array(model(waves)), atol=1e-5)
    operations = interpreter._get_ops_details()
    names = [interpreter._get_tensor_details(op["outputs"][0], 0)["name"] for op in operations]
    # Quantisation leaves the front end alone by these names.
    assert all("frontend" in n or "classifier" in n for n in names if "PartitionedCall" not in n)
    assert any("frontend" in n for n in names) and any("classifier" in n for n in names)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_models_take_what_their_entries_declare(name):
    model = MODELS[name](SHAPES[name], 3, **SIZES.get(name, {}))
    assert kind_of(MODELS[name]).takes == ("sequence" if takes_sequences(model) else "window")


def test_every_entry_declares_what_its_models_take():
    assert all(kind_of(builder).keras and kind_of(builder).takes for builder in MODELS.values())
