"""TFLite metadata within the model files."""

import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from ser_keras.common.errors import SerKerasError
from ser_keras.export.metadata import Metadata, read_metadata, with_metadata
from tests import small_run
from tests.export.converted import FILES, outputs, some_windows


@pytest.mark.smoke
def test_metadata_and_labels_can_be_read_back(bundle):
    for name in FILES:
        found = read_metadata(bundle / name)
        assert (found.labels, found.sample_rate, found.channels) == (small_run.CLASSES, 16000, 1)
        assert found.name == "ser-keras toy" and "CC0-1.0" in found.licence and found.parser_version == "1.3.0"
        with zipfile.ZipFile(bundle / name) as archive:
            assert archive.read("labels.txt").decode().split() == list(small_run.CLASSES)


@pytest.mark.smoke
def test_metadata_keeps_the_model_and_aligns_its_buffers(whole_model):
    content = whole_model[1]
    metadata = Metadata("name", "über Töne", "1", author="author", licence="licence", labels=("a b", "c", "d", "e"))
    written = with_metadata(content, metadata)
    assert written == with_metadata(content, metadata)
    windows = some_windows(3)
    assert np.array_equal(outputs(written, windows), outputs(content, windows))
    assert len(written) < len(content)  # names within the graph are longer than metadata and labels
    model = schema.Model.GetRootAs(written, 0)
    beginning = np.frombuffer(written, np.uint8).ctypes.data
    data = [model.Buffers(i).DataAsNumpy() for i in range(model.BuffersLength()) if model.Buffers(i).DataLength()]
    assert data and all((array.ctypes.data - beginning) % 16 == 0 for array in data)


def test_metadata_written_twice_is_there_once(whole_model, tmp_path):
    first = Metadata("first", "", "1", author="", licence="", labels=("a", "b"))
    second = Metadata("second", "d", "2", author="a", licence="l", labels=("x y", "z"))
    path = tmp_path / "m.tflite"
    path.write_bytes(with_metadata(with_metadata(whole_model[1], first), second))
    assert read_metadata(path) == second


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(1000)])
def test_files_without_metadata(tmp_path, content):
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(SerKerasError, match="no readable TFLite metadata"):
        read_metadata(tmp_path / "m.tflite")
