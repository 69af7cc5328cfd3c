"""What all tests share: where the real corpora are, and a quiet TensorFlow."""

import os
from pathlib import Path

import pytest

from tests.made_once import session_folder
from tests.trained_runs import ONE_EPOCH, TrainedRuns, quick

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

DATA = Path(os.environ.get("SER_KERAS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def shared_data(name):
    """The folder of a real corpus; the test is skipped where it isn't there."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs the real corpus '{name}' in ../shared/data (or SER_KERAS_TEST_DATA)")
    return folder


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's caches; one folder serves the whole session."""
    monkeypatch.setenv("SER_KERAS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory):
    return TrainedRuns(session_folder(tmp_path_factory))


@pytest.fixture
def trained(trained_runs):
    """Runs that are trained once a session; see `TrainedRuns`."""
    yield trained_runs
    trained_runs.check()


@pytest.fixture
def corpus(trained):
    """Generated vowels, as (registry name, path) pairs; see `TrainedRuns.corpus`."""
    return trained.corpus


@pytest.fixture
def finished(trained):
    """A whole run of the corpus, to be read alone."""
    return trained.run(quick())


@pytest.fixture
def begun(trained, tmp_path):
    """A run of one epoch of which fold 0 alone is there, to be changed."""
    return trained.copy(tmp_path / "begun", quick(ONE_EPOCH), only_fold=0)


def pytest_addoption(parser):
    parser.addoption("--python", default="python", help="the interpreter that tests/inference_only.py looks at")
