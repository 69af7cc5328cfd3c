"""Every layer of a model is adapted to the training data that reaches it."""

import keras
import numpy as np
import pytest

from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.standardization import Standardization
from ser_keras.models.papers.anand2015 import anand2015_cnn
from tests.models.made_features import PAIR, array, features


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


@pytest.mark.smoke
def test_adapted_values_are_no_trainable_weights_and_are_saved(tmp_path):
    model = anand2015_cnn(PAIR, 3)
    data = features(PAIR)
    adapt_model(model, lambda: [data])
    assert not any("mean" in w.path for w in model.trainable_weights)
    model.save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").get_layer("minus_training_mean")
    np.testing.assert_allclose(array(layer.mean)[:, 0], data.mean(axis=(0, 2)), rtol=1e-5)


def standardised_on_neutral():
    inputs = keras.Input((4,))
    x = Standardization(name="all")(inputs)
    return keras.Model(inputs, Standardization(subset="neutral", name="neutral")(x))


def test_a_layer_with_a_subset_is_adapted_to_that_alone(tmp_path):
    everything = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    neutral = everything[:10]
    asked = []

    def batches(subset=None):
        asked.append(subset)
        return [everything if subset is None else neutral]

    model = standardised_on_neutral()
    assert adapt_model(model, batches) == 2
    assert asked == [None, "neutral"]
    result = array(model(neutral))
    np.testing.assert_allclose(result.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(result.std(axis=0), 1, atol=1e-4)
    assert np.abs(array(model(everything)).mean(axis=0)).max() > 0.1
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").get_layer("neutral").subset == "neutral"
