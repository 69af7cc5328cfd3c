"""Anomalous values are replaced."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.anomalies import ReplaceAnomalies
from ser_keras.models.papers.anand2015 import anand2015_cnn
from tests.models.made_features import PAIR, array, features


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


@pytest.mark.smoke
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
