"""Quantisation of the classifier behind a float front end."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from ser_keras.common.errors import SerKerasError
from ser_keras.export.convert import to_tflite
from ser_keras.export.quantise import frontend_operations, quantise
from ser_keras.runtime.interpreter import installed
from tests import small_run
from tests.export.converted import outputs, some_windows


@pytest.fixture(scope="session")
def pair_model():
    """The same for `spectrogram_pair` and a net of Anand & Verma."""
    model = small_run.model(3, "spectrogram_pair", "anand2015_cnn")
    return model, to_tflite(model)


def tensors_of(content):
    """Name, dtype and consumers' output names of every constant of the graph."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    produced = {int(t) for o in graph.operators for t in o.outputs} | {int(t) for t in graph.inputs}
    for number, tensor in enumerate(graph.tensors):
        if number in produced:
            continue
        users = [o for o in graph.operators if number in o.inputs]
        yield tensor, {graph.tensors[t].name.decode() for o in users for t in o.outputs}


@pytest.mark.smoke
def test_front_end_stays_float_and_the_classifier_does_not(whole_model, pair_model):
    for (_, content), largest in ((whole_model, 257 * 64), (pair_model, 32 * 15 * 8)):
        frontend = frontend_operations(content)
        constants = list(tensors_of(quantise(content)))
        int8 = [users for tensor, users in constants if tensor.type == schema.TensorType.INT8]
        assert int8 and not any(users & frontend for users in int8)
        floats = [
            np.prod(t.shape) for t, users in constants if users & frontend and t.type == schema.TensorType.FLOAT32
        ]
        assert max(floats) >= largest  # mel bank; block functions


def test_features_are_those_of_the_float_file(monkeypatch):
    """Quantised with the rest, the features of `spectrogram_pair` would be off by a tenth of their deviation."""
    import keras

    from ser_keras.features.frontends import FRONT_ENDS

    front = FRONT_ENDS["spectrogram_pair"]()
    wave = keras.Input((small_run.WINDOW,))
    content = to_tflite(keras.Model(wave, keras.layers.Flatten()(front(wave))))
    windows = some_windows(5)
    whole = outputs(content, windows)
    assert np.abs(outputs(quantise(content), windows) - whole).max() < 1e-4
    monkeypatch.setattr("ser_keras.export.quantise.frontend_operations", lambda content: {"nothing of this name"})
    monkeypatch.setattr("ser_keras.export.quantise.SMALL", 0)
    assert np.abs(outputs(quantise(content), windows) - whole).max() > 0.1 * whole.std()


@pytest.mark.smoke
def test_int8_weights_are_right_in_every_runtime(whole_model, pair_model):
    """The quantiser's dynamic files are off by up to .5 in tflite-runtime 2.14; weight-only ones are not."""
    windows = some_windows(20)
    for model, content in (whole_model, pair_model):
        expected = model.predict(windows, verbose=0)
        results = [outputs(quantise(content), windows, runtime) for runtime in installed()]
        for rows in results:
            assert np.abs(rows - results[0]).max() < 1e-4
            assert np.abs(rows - expected).max() < 1e-2


def test_a_model_without_front_end_layer_is_refused():
    import keras

    wave = keras.Input((64,))
    content = to_tflite(keras.Model(wave, keras.layers.Dense(3, activation="softmax")(wave)))
    with pytest.raises(SerKerasError, match="frontend"):
        quantise(content)
