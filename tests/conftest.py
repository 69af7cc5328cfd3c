"""What all tests share: where the real corpora are, and a quiet TensorFlow."""

import os
from pathlib import Path

import pytest

from ser_keras.common import plugins, progress
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
    "api/test_training.py",
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
    "training/test_own_parts.py",
    "tuning/test_own_objective.py",
    "training/test_stream_windows.py",
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


# What `make test` leaves to CI, so that it ends in minutes: tests of nine seconds and more (two cores, nothing beside
# them) whose parts have tests of their own, and kills.
THOROUGH = (
    "api/test_training.py::test_a_bundle_is_an_object_that_can_be_loaded",
    "corpora/test_synthetic.py::test_killed_processes_leave_nothing_and_two_at_once_make_one",
    "docs/test_guides.py::test_the_guide_works_as_it_is_written",
    "experiment/test_saved_model.py::test_a_bundle_s_weights_and_speakers_are_those_of_its_run",
    "export/test_estimate.py::test_a_fold_is_measured_on_its_own_test_speakers",
    "export/test_estimate.py::test_without_audio_the_estimate_is_null_with_a_reason",
    "export/test_folder.py::test_kills_at_random_moments_leave_old_or_new_never_a_mix",
    "export/test_variants.py::test_a_default_that_was_not_made_or_is_unknown",
    "features/test_faces.py::test_faces_are_learnt_and_shuffled_labels_are_not",
    "features/test_faces.py::test_the_audio_visual_net_learns_from_faces",
    "features/test_frontends.py::test_another_backend_runs_forward_and_backward",
    "models/papers/test_he2019.py::test_another_backend_adapts_and_learns",
    "models/test_joint_training.py::test_the_exported_file_runs",
    "test_old_run.py::test_an_old_run_is_exported_and_its_bundle_predicts",
    "training/test_fold.py::test_several_devices_train_by_mirrored_strategy",
    "training/test_kinds_of_runs.py::test_a_sequence_model_is_exported_with_its_chunks",
    "training/test_kinds_of_runs.py::test_what_a_run_will_take_is_estimated_for_every_kind",
    "training/test_own_parts.py::test_own_layers_are_converted",
    "training/test_own_parts.py::test_workers_find_own_parts",
    "tuning/test_own_objective.py::test_workers_find_the_module_and_write_the_logs_of_their_trials",
    "tuning/test_workers.py::test_a_killed_chief_comes_back_and_its_workers_go_on",
)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves tests out by their marks
def pytest_collection_modifyitems(items):
    folder, ranks = Path(__file__).parent, {name: rank for rank, name in enumerate(LONG)}
    for item in items:
        place = item.path.relative_to(folder).as_posix()
        if f"{place}::{item.name.partition('[')[0]}" in THOROUGH:
            item.add_marker("thorough")
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


@pytest.fixture(autouse=True)
def trust_of_its_own(monkeypatch):
    """No test's modules are trusted in another."""
    monkeypatch.setattr(plugins, "trusted_modules", {})


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
