"""How long a training will take, measured on a few steps."""

import time

import numpy as np

from ser_keras.common.text import duration
from ser_keras.experiment import saved_model
from ser_keras.experiment.assembly import build_classifier, model_kind
from ser_keras.experiment.run import Run
from ser_keras.models import baselines
from ser_keras.training.compilation import compiled
from ser_keras.training.crossvalidation import check_before_writing
from ser_keras.training.data.preparation import prepare, read_corpora
from ser_keras.training.fold import dataset_of, labels_of


def dry_run(experiment, corpora, only_fold=None, init=None):
    """Lines that say what `train` would do: classes, folds, windows, and how long it will take.

    Files are decoded and features cached, as the training itself would do; nothing is written beside that.
    """
    start = saved_model.load_initial(init) if init is not None else None
    prepared = prepare(experiment, read_corpora(corpora))
    check_before_writing(prepared, only_fold, start and start.for_classes(prepared.experiment.classes))
    material, folds = prepared.material, prepared.folds
    lines = [f"{len(prepared.decoded.utterances)} utterances, {material.n_windows.sum()} windows"]
    counts = np.bincount(prepared.labels, minlength=prepared.n_classes)
    lines.append("classes: " + ", ".join(f"{n} {c}" for n, c in zip(prepared.experiment.classes, counts, strict=True)))
    for fold in folds:
        parts = [f"{len(getattr(fold, p))} {p}" for p in ("train", "validation", "test") if len(getattr(fold, p))]
        lines.append(f"fold {fold.number} ({fold.name}): {', '.join(parts)}")
    trained = prepared.experiment.training
    at_most = " at most (early stopping)" if trained.early_stopping else ""
    seconds = _seconds(prepared, refit=True)
    lines.append(
        f"{len(folds)} folds and the final refit, {trained.epochs} epochs each: about {duration(seconds)}{at_most}"
    )
    return lines


def estimate(experiment, corpora, out=None):
    """Seconds that `train` without the final refit will take for the folds that aren't done, measured on a few steps.

    Files are decoded and features cached, as the training itself would do.
    """
    done = [] if out is None else [int(folder.name) for folder in Run(out).folds()]
    return _seconds(prepare(experiment, read_corpora(corpora), quiet=True), False, done)


def _seconds(prepared, refit, done=()):
    experiment, material = prepared.experiment, prepared.material
    fold = material.examples(prepared.folds[0].train)
    sizes = [len(material.examples(f.train)) for f in prepared.folds if f.number not in done]
    if refit:
        sizes.append(len(material.examples(np.arange(len(material.items)))))
    epochs = experiment.training.epochs if model_kind(experiment).keras else 1
    an_example = estimate_seconds(experiment, material, fold, prepared.n_classes) / max(len(fold), 1)
    # k groups left out in turn are k trainings more, of (k - 1) / k of the material each
    return an_example * sum(sizes) * epochs * max(1, experiment.training.calibration_groups)


def estimate_seconds(experiment, material, examples, n_classes, steps=6):
    """Seconds that an epoch over some examples, or the fit of a baseline, will take; measured on a few of them."""
    if not model_kind(experiment).keras:
        few = examples.rows[:: max(1, len(examples.rows) // 500)]
        labels = material.labels[examples.owner[:: max(1, len(examples.rows) // 500)]]
        started = time.monotonic()
        baselines.fit(
            experiment.model.name,
            material.store.gather(few),
            labels,
            n_classes=n_classes,
            seed=0,
            **experiment.model.arguments(),
        )
        return (time.monotonic() - started) * len(examples.rows) / len(few)
    training = experiment.training
    batch = training.model_copy(update={"batch_size": min(training.batch_size, len(examples))})
    classifier = build_classifier(experiment, material.feature_shape, n_classes)
    if not classifier.trainable_variables:
        return 0.0
    compiled(classifier, training, n_classes)
    labels = labels_of(classifier, material, examples.items)
    dataset, n_steps = dataset_of(experiment, batch, material, examples, n_classes, 0, 0, labels)
    times, started = [], time.monotonic()
    for x, y, *_ in dataset.take(steps + 2):
        classifier.train_on_batch(x, y)
        times.append(time.monotonic() - started)
        started = time.monotonic()
    # The first steps compile, and now and then one is held up by others.
    return float(np.median(times[2:] or times)) * n_steps
