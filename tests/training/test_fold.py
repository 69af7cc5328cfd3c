"""The training of one fold."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import saved_model
from ser_keras.training import crossvalidation
from ser_keras.training import reevaluation as finished_runs
from tests.trained_runs import ONE_EPOCH, quick


@pytest.mark.smoke
def test_the_normalisation_is_of_training_material_alone(finished):
    prepared = finished_runs.reopen_prepared(finished)
    for fold in prepared.folds:
        classifier = saved_model.load_keras_model(finished.fold(fold.number))
        means = [np.asarray(w) for layer in classifier.layers if hasattr(layer, "adapt") for w in layer.weights]
        mean = next(w for w in means if w.size > 1).squeeze()
        every = np.arange(len(prepared.material.items))
        training_mean, pooled_mean = (
            np.concatenate(list(prepared.material.batches(items))).mean(axis=(0, 2)) for items in (fold.train, every)
        )
        np.testing.assert_allclose(mean, training_mean, atol=1e-3)
        assert np.abs(mean - pooled_mean).max() > 1e-2


def test_a_loss_that_is_not_finite_is_one_line(corpus, tmp_path):
    with pytest.raises(SerKerasError, match="lower training.learning_rate"):
        crossvalidation.train(quick("training.optimizer=sgd", "training.learning_rate=1e30"), corpus, tmp_path / "run")


@pytest.mark.smoke
def test_mixed_precision_trains_and_leaves_a_float32_model(corpus, tmp_path):
    changes = ("training.mixed_precision=true", ONE_EPOCH)
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run", only_fold=0)
    classifier = saved_model.load_keras_model(run.fold(0))
    assert {layer.compute_dtype for layer in classifier.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_xla_is_a_setting(corpus, tmp_path):
    run = crossvalidation.train(quick("training.xla=true", ONE_EPOCH), corpus, tmp_path / "run", only_fold=0)
    assert len(run.folds()) == 1


TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from ser_keras.training import crossvalidation, fold
from tests.trained_runs import quick
fold.strategy = lambda: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
seen = []
build = fold.build_classifier
def counted(*arguments):
    seen.append(tf.distribute.get_strategy().num_replicas_in_sync)
    return build(*arguments)
fold.build_classifier = counted
run = crossvalidation.train(quick(), [("manifest", sys.argv[1])], sys.argv[2], refit=False)
assert 2 in seen, seen
print(run.metrics["uar"])
"""


@pytest.mark.smoke
def test_several_devices_train_by_mirrored_strategy(corpus, tmp_path):
    """Two logical CPUs stand for two GPUs."""
    code = [sys.executable, "-c", TWO_DEVICES, str(corpus[0][1]), str(tmp_path / "run")]
    done = subprocess.run(code, capture_output=True, text=True, timeout=280, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.strip().splitlines()[-1]) > 0.6
