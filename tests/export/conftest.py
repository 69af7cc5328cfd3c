"""What the tests of this room share."""

import pytest

from ser_keras.export.convert import to_tflite
from tests import small_run


@pytest.fixture
def run(tmp_path_factory):
    return small_run.exported(tmp_path_factory)[0]


@pytest.fixture
def bundle(tmp_path_factory):
    return small_run.exported(tmp_path_factory)[1]


@pytest.fixture(scope="session")
def whole_model():
    """(Keras model, its float32 .tflite) converted in this process: `log_mel` and its net."""
    model = small_run.model(3)
    return model, to_tflite(model)
