"""All that one training depends on, and the data that it draws from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.common.seeds import FoldSeeds
from ser_keras.experiment.assembly import build_extractor, own_augmentations
from ser_keras.experiment.saved_model import InitialWeights
from ser_keras.experiment.settings import Experiment, Training
from ser_keras.features.frontends.base import FrontEnd
from ser_keras.training.data import datasets
from ser_keras.training.data.examples import Labels, sampling_groups
from ser_keras.training.data.feature_store import Examples, Material
from ser_keras.training.data.live_augmentation import Live
from ser_keras.training.data.mixup import Mixup
from ser_keras.training.data.sounds import TrainingSounds
from ser_keras.training.data.stream_windows import StreamWindows

FINAL = 2**16  # the number that stands for "fold" in the seeds of the final refit


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoldJob:
    """All that one training depends on.

    Attributes:
        experiment: settings, complete.
        material: features of the items.
        train: [n] indices of the items to train on.
        validation: [m] indices of the items to stop early by; without early stopping they are only watched.
        folder: where the checkpoint and the fold's files stand.
        seeds: of this training.
        title: for the progress bars.
        initial: weights to start from.
        epochs: instead of the settings' number, and without early stopping (the final refit's).
        callbacks: more Keras callbacks.
    """

    experiment: Experiment
    material: Material
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    folder: Path
    seeds: FoldSeeds
    title: str
    initial: InitialWeights | None = None
    epochs: int | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.experiment.classes)

    @property
    def training(self) -> Training:
        """The settings of this training."""
        if self.epochs is None:
            return self.experiment.training
        return self.experiment.training.model_copy(update={"epochs": self.epochs, "early_stopping": None})

    @property
    def checkpoint(self) -> Path:
        """The file that an interrupted training goes on from."""
        return self.folder / "checkpoint.npz"


def dataset_of(
    job: FoldJob, examples: Examples, labels: Labels, *, first_epoch: int = 0
) -> tuple[tf.data.Dataset, int]:
    """The training part as Keras's `fit` reads it.

    Args:
        job: what to train.
        examples: what is drawn from.
        labels: as from `labels_of`.
        first_epoch: the epoch to start with.

    Returns:
        (dataset, steps an epoch).
    """
    experiment, material, training = job.experiment, job.material, job.training
    augmentation, weights = experiment.augmentation, None
    if training.class_weights == "balanced":
        weights = datasets.class_weights(material.labels[examples.items], job.n_classes)
    return datasets.training_dataset(
        material,
        examples,
        labels,
        batch_size=training.batch_size,
        seeds=job.seeds,
        epochs=training.epochs,
        first_epoch=first_epoch,
        weights=weights,
        groups=sampling_groups(training.sampling, material, examples.items),
        live=drawn_anew(job, examples) if augmentation.live else None,
        mixup=Mixup(augmentation.mixup, job.n_classes) if augmentation.mixup else None,
    )


def drawn_anew(job: FoldJob, examples: Examples) -> Live | StreamWindows:
    """What draws a training's windows anew in each epoch.

    Args:
        job: what to train, with live augmentation.
        examples: what is drawn from.
    """
    augmentation = job.experiment.augmentation
    frontend = cast(FrontEnd, build_extractor(job.experiment))  # the rules refuse others
    changes = own_augmentations(job.experiment)
    if augmentation.mode == "random":
        return Live(augmentation, frontend, job.material, examples=examples, seeds=job.seeds, changes=changes)
    return StreamWindows(
        augmentation,
        frontend,
        job.material,
        examples=examples,
        seeds=job.seeds,
        sounds=TrainingSounds.of(augmentation),
        changes=changes,
    )
