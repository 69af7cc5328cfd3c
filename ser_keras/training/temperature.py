"""A temperature for a classifier's probabilities, chosen on training speakers that it wasn't fitted to."""

from __future__ import annotations

import dataclasses
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.common.seeds import Stream
from ser_keras.corpora.utterance import Utterance
from ser_keras.experiment.settings import Experiment
from ser_keras.models.classifier import KerasClassifier
from ser_keras.training.fold import FoldTrainer
from ser_keras.training.prediction import predict

LARGEST = 10.0  # temperatures from a tenth to ten


def temperature(probabilities: NDArray[np.float32] | NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature that makes probabilities most likely: p^(1 / T), normalised.

    Reference: C. Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.

    Args:
        probabilities: [n, C].
        labels: [n].

    Returns:
        T, from 0.1 to 10; above 1 the probabilities were too sure.
    """
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), 1e-30))

    def surprise(log_t: float) -> float:
        scaled = logits * np.exp(-log_t)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(labels)), labels]))

    bound = np.log(LARGEST)
    return float(np.exp(optimize.minimize_scalar(surprise, bounds=(-bound, bound), method="bounded").x))


def last_dense(classifier: keras.Model) -> keras.layers.Dense:
    """The layer whose values a classifier's softmax is of.

    Raises:
        SerKerasError: it has several outputs, or doesn't end so.
    """
    last, *before = classifier.layers[::-1]
    if len(classifier.outputs) == 1:
        if isinstance(last, keras.layers.Softmax) and before and isinstance(before[0], keras.layers.Dense):
            return before[0]
        if isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax:
            return last
    raise SerKerasError(
        f"training.calibration_groups: {classifier.name} doesn't end in one dense layer and its softmax; set it to 0"
    )


def calibrate(trainer: FoldTrainer) -> None:
    """Give a trained classifier its temperature, within the weights of its last layer.

    The training speakers are parted into groups. Each group is predicted by a classifier that was trained on the
    others alone, as this one was on all; the temperature fits these predictions of windows.

    Args:
        trainer: after `fit`; its classifier is changed in place, and `temperature` added to its counts. Without
            calibration groups in the settings nothing happens. Resumable at every epoch of every group.
    """
    job = trainer.job
    if not job.experiment.training.calibration_groups:
        return
    material, train = job.material, job.train
    assert isinstance(trainer.classifier, KerasClassifier)  # settings with other kinds are refused
    dense, probabilities, labels = last_dense(trainer.classifier.model), [], []
    groups = speaker_groups(job.experiment, material.items, train, fold=job.seeds.fold)
    n_groups = groups.max() + 1
    for k in range(n_groups):
        group, folder = train[groups == k], _folder(job.folder) / str(k)
        file = folder / "probabilities.npy"
        if not file.is_file():
            others = FoldTrainer(
                dataclasses.replace(
                    job,
                    train=train[groups != k],
                    folder=folder,
                    seeds=dataclasses.replace(job.seeds, group=k + 1),
                    title=f"{job.title}, calibration {k + 1}/{n_groups}",
                )
            )
            others.prepare()
            others.fit()
            content = io.BytesIO()
            np.save(content, predict(others.classifier, material, group))
            write_atomic(file, content.getvalue())
        probabilities.append(np.load(file))
        labels.append(material.labels[group] if material.sequence else material.labels[material.rows(group)[1]])
    fitted = temperature(np.concatenate(probabilities), np.concatenate(labels))
    dense.set_weights([weight / fitted for weight in dense.get_weights()])
    trainer.counts["temperature"] = round(fitted, 4)


def sweep(folder: Path) -> None:
    """Remove what `calibrate` left in a fold's folder to go on with."""
    shutil.rmtree(_folder(folder), ignore_errors=True)


def _folder(folder: Path) -> Path:
    return folder / "calibration"


def speaker_groups(
    experiment: Experiment, items: Sequence[Utterance], train: NDArray[np.int64], *, fold: int
) -> NDArray[np.int64]:
    """[n] the group, from 0, of each training item; the groups part speakers.

    Raises:
        SerKerasError: one speaker alone.
    """
    names, speaker = np.unique([str(items[i].speaker) for i in train], return_inverse=True)
    if len(names) < 2:
        raise SerKerasError(
            f"training.calibration_groups: fold {fold} trains on one speaker; calibration needs two or more"
        )
    place = seeds.generator(experiment.seed, Stream.CALIBRATION_GROUPS, fold).permutation(len(names))
    return (place % min(experiment.training.calibration_groups, len(names)))[speaker]
