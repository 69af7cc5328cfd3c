"""Converted files compared with the Keras model."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.export import parity
from ser_keras.export.convert import to_tflite
from tests import small_run
from tests.export.converted import some_windows


def test_parity_notices_another_model(whole_model):
    windows = some_windows()
    other = small_run.model(4).predict(windows, verbose=0)
    with pytest.raises(SerKerasError, match="conversion changed the model"):
        parity.check({"model_float32.tflite": whole_model[1]}, windows, other)


@pytest.mark.smoke
def test_parity_notices_a_graph_that_lets_nan_through():
    import keras

    wave = keras.Input((64,))
    front = keras.layers.Dense(8, name="frontend")(wave)
    model = keras.Model(wave, keras.layers.Dense(3, activation="softmax")(front))
    windows = np.zeros((2, 64), np.float32)
    with pytest.raises(SerKerasError, match="nan"):
        parity.check({"model": to_tflite(model)}, windows, model.predict(windows, verbose=0))


def test_compare():
    result = parity.compare([[0.8, 0.2], [0.4, 0.6]], [[0.7, 0.3], [0.6, 0.4]])
    assert result == {"n": 2, "mean": pytest.approx(0.15), "largest": pytest.approx(0.2), "decisions_differ": 1}
