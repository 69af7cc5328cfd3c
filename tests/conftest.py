"""What all tests share: where the real corpora are, and a quiet TensorFlow."""

import os
from pathlib import Path

import pytest

from ser_keras.common import progress
from tests.made_once import session_folder
from tests.other_backend import jax_process  # noqa: F401 - a fixture
from tests.trained_runs import ONE_EPOCH, TrainedRuns, quick

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
progress.to_standard_error()  # tests read what users of the command line see

DATA = Path(os.environ.get("SER_KERAS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

# The files that take longest, the longest first: they begin first, so that no process ends long after the other.
LONG = (
    "training/test_kinds_of_runs.py",
    "training/test_checkpoints.py",
    "models/test_models.py",
    "tuning/test_search.py",
    "training/test_crossvalidation.py",
    "export/test_variants.py",
    "tuning/test_workers.py",
    "models/test_joint_training.py",
    "experiment/test_saved_model.py",
    "test_old_run.py",
    "features/test_frontends.py",
    "features/test_faces.py",
    "evaluation/reports/test_run_report.py",
    "corpora/test_synthetic.py",
    "export/test_estimate.py",
    "reproduction/test_running.py",
    "test_packaging.py",
    "training/test_feature_store.py",
    "features/test_egemaps.py",
    "api/test_training.py",
    "api/test_run.py",
    "training/test_fold.py",
    "export/test_from_run.py",
    "models/papers/test_anand2015_sequence.py",
    "training/test_datasets.py",
    "test_tensorboard.py",
    "models/papers/test_he2019.py",
    "features/test_augmentation.py",
    "corpora/test_checking.py",
)


def pytest_collection_modifyitems(items):
    folder, ranks = Path(__file__).parent, {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(folder).as_posix(), len(LONG)))


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
