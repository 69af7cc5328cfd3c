"""How long a training will take, measured on a few steps."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ser_keras.common.seeds import FoldSeeds
from ser_keras.common.text import duration, html_table
from ser_keras.experiment.assembly import build_classifier, model_kind
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.saved_model import load_initial
from ser_keras.experiment.settings import Experiment
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.models import baselines
from ser_keras.training.compilation import compiled
from ser_keras.training.crossvalidation import check_trainable
from ser_keras.training.data.examples import labels_of
from ser_keras.training.data.feature_store import Examples
from ser_keras.training.data.labelled_audio import read_audio, read_corpora
from ser_keras.training.data.preparation import Prepared, compute_features, make_folds, prepare
from ser_keras.training.fold_job import FoldJob, dataset_of

Corpora = Sequence[tuple[str, str | Path]]


@dataclasses.dataclass(frozen=True)
class PlannedFold:
    """A fold, with the number of utterances in each of its parts."""

    number: int
    name: str
    n_train: int
    n_validation: int
    n_test: int


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """What a training will do.

    Attributes:
        n_utterances, n_windows: of the material.
        classes: class -> number of utterances.
        folds: in order; the final refit on all utterances follows.
        epochs: of each fold and of the refit, at most.
        early_stopping: whether a fold may stop earlier.
        seconds: what it takes at most, measured on a few steps.
    """

    n_utterances: int
    n_windows: int
    classes: Mapping[str, int]
    folds: Sequence[PlannedFold]
    epochs: int
    early_stopping: bool
    seconds: float

    @property
    def lines(self) -> list[str]:
        """The plan for people."""
        lines = [f"{self.n_utterances} utterances, {self.n_windows} windows"]
        lines.append("classes: " + ", ".join(f"{name} {n}" for name, n in self.classes.items()))
        for fold in self.folds:
            parts = {"train": fold.n_train, "validation": fold.n_validation, "test": fold.n_test}
            counts = ", ".join(f"{n} {part}" for part, n in parts.items() if n)
            lines.append(f"fold {fold.number} ({fold.name}): {counts}")
        at_most = " at most (early stopping)" if self.early_stopping else ""
        trainings = f"{len(self.folds)} folds and the final refit, {self.epochs} epochs each"
        return [*lines, f"{trainings}: about {duration(self.seconds)}{at_most}"]

    def __repr__(self) -> str:
        return "\n ".join([f"<TrainingPlan: {self.lines[0]}", *self.lines[1:]]) + ">"

    def _repr_html_(self) -> str:
        rows = [(f.number, f.name, f.n_train, f.n_validation, f.n_test) for f in self.folds]
        caption = f"{self.lines[0]}; {self.lines[-1]}"
        return html_table(["fold", "test", "train utterances", "validation", "test utterances"], rows, caption)


def dry_run(
    experiment: Experiment, corpora: Corpora, *, only_fold: int | None = None, init: str | Path | None = None
) -> TrainingPlan:
    """What `train` would do: classes, folds, windows, and how long it will take.

    Files are decoded and features cached, as the training itself would do; nothing is written beside that.
    """
    with tensorflow_session(experiment):
        initial = load_initial(init) if init is not None else None
        data = make_folds(read_audio(experiment, read_corpora(corpora)))
        initial = initial and initial.for_classes(list(data.experiment.classes))
        check_trainable(data, only_fold=only_fold, initial=initial)
        prepared = compute_features(data)
        seconds = _seconds(prepared, refit=True)
    folds, training = prepared.folds, prepared.experiment.training
    counts = np.bincount(prepared.labels, minlength=prepared.n_classes).tolist()
    return TrainingPlan(
        n_utterances=len(prepared.audio.utterances),
        n_windows=int(prepared.material.n_windows.sum()),
        classes=dict(zip(prepared.experiment.classes, counts, strict=True)),
        folds=[
            PlannedFold(f.number, f.name, n_train=len(f.train), n_validation=len(f.validation), n_test=len(f.test))
            for f in folds
        ],
        epochs=training.epochs,
        early_stopping=training.early_stopping is not None,
        seconds=seconds,
    )


def estimate(experiment: Experiment, corpora: Corpora, out: str | Path | None = None) -> float:
    """Seconds that `train` without the final refit will take for the folds that are not done, measured on a few steps.

    Files are decoded and features cached, as the training itself would do.
    """
    done = [] if out is None else [int(folder.name) for folder in RunDirectory(out).folds()]
    with tensorflow_session(experiment):
        return _seconds(prepare(experiment, read_corpora(corpora), quiet=True), refit=False, done=done)


def _seconds(prepared: Prepared, *, refit: bool, done: Collection[int] = ()) -> float:
    experiment, material = prepared.experiment, prepared.material
    first = material.examples(prepared.folds[0].train)
    sizes = [len(material.examples(fold.train)) for fold in prepared.folds if fold.number not in done]
    if refit:
        sizes.append(len(material.examples(np.arange(len(material.items)))))
    epochs = experiment.training.epochs if model_kind(experiment).keras else 1
    an_example = estimate_seconds(prepared, first) / max(len(first), 1)
    # k groups left out in turn are k trainings more, of (k - 1) / k of the material each
    return an_example * sum(sizes) * epochs * max(1, experiment.training.calibration_groups)


def estimate_seconds(prepared: Prepared, examples: Examples, *, steps: int = 6) -> float:
    """Seconds that an epoch over some examples, or the fit of a baseline, will take; measured on a few of them."""
    experiment, material = prepared.experiment, prepared.material
    if not model_kind(experiment).keras:
        stride = max(1, len(examples.rows) // 500)
        few, labels = examples.rows[::stride], material.labels[examples.owner[::stride]]
        started = time.monotonic()
        baselines.fit(
            experiment.model.name,
            material.store.gather(few),
            labels,
            n_classes=prepared.n_classes,
            seed=0,
            **experiment.model.arguments(),
        )
        return (time.monotonic() - started) * len(examples.rows) / len(few)
    classifier = build_classifier(experiment, material.feature_shape, prepared.n_classes)
    if not classifier.trainable_variables:
        return 0.0
    compiled(classifier, experiment.training, prepared.n_classes)
    batch_size = min(experiment.training.batch_size, len(examples))
    training = experiment.training.model_copy(update={"batch_size": batch_size})
    job = FoldJob(
        experiment=experiment.model_copy(update={"training": training}),
        material=material,
        train=np.unique(examples.items),
        validation=np.array([], int),
        folder=Path(),
        seeds=FoldSeeds(experiment.seed, 0),
        title="time estimate",
    )
    dataset, n_steps = dataset_of(job, examples, labels_of(classifier, material, examples.items))
    times, started = [], time.monotonic()
    for x, y, *_ in dataset.take(steps + 2):
        classifier.train_on_batch(x, y)
        times.append(time.monotonic() - started)
        started = time.monotonic()
    # The first steps compile, and now and then one is held up by others.
    return float(np.median(times[2:] or times)) * n_steps
