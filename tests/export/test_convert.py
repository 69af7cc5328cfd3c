"""Conversion to TFLite in a child process."""

import pytest
from ai_edge_litert import schema_py_generated as schema

from ser_keras.common import child_process
from ser_keras.common.errors import SerKerasError
from ser_keras.export import convert
from ser_keras.export.convert import Conversion, to_tflite
from tests.export.converted import FILES
from tests.messages import one_line


@pytest.mark.smoke
def test_signature_and_builtin_operations(bundle):
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    for name in FILES:
        signatures = LiteRT(str(bundle / name)).get_signature_list()
        assert signatures == {"serving_default": {"inputs": ["audio"], "outputs": ["probabilities"]}}
        model = schema.Model.GetRootAs((bundle / name).read_bytes(), 0)
        assert model.SubgraphsLength() == 1
        assert not [code for i in range(model.OperatorCodesLength()) if (code := model.OperatorCodes(i).CustomCode())]


@pytest.mark.smoke
def test_operations_without_builtin_are_named():
    import keras

    wave = keras.Input((64,))
    x = keras.layers.Dense(3)(keras.ops.erfinv(keras.ops.tanh(wave)))
    with pytest.raises(SerKerasError) as error:
        to_tflite(keras.Model(wave, keras.ops.softmax(x)))
    assert "Erfinv" in one_line(error)


def test_input_without_fixed_length_is_refused():
    import keras

    wave = keras.Input((None,))
    with pytest.raises(SerKerasError, match="fixed N"):
        to_tflite(keras.Model(wave, keras.ops.mean(wave, axis=1, keepdims=True)))


def test_a_file_that_is_no_keras_model(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"nonsense")
    with pytest.raises(SerKerasError) as error:
        convert.convert([Conversion(tmp_path / "model.keras", tmp_path / "a", tmp_path / "b")])
    assert "model.keras" in one_line(error) and "no Keras model" in str(error.value)


@pytest.mark.parametrize(("act", "said"), [("kill -SEGV $$", "SIGSEGV"), ("echo LLVM ERROR: x >&2; exit 9", "LLVM")])
def test_a_crash_of_the_converter_is_one_line(tmp_path, monkeypatch, act, said):
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{act}\n")
    script.chmod(0o755)
    monkeypatch.setattr(child_process.sys, "executable", str(script))
    with pytest.raises(SerKerasError) as error:
        convert.convert([Conversion(tmp_path / "model.keras", tmp_path / "a", tmp_path / "b")])
    assert said in one_line(error)
