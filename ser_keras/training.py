"""One fold, resumable at every epoch; the same for the final refit on all speakers."""

import time

import keras
import numpy as np

from ser_keras import baselines, pipeline
from ser_keras.augmentation.live import Live
from ser_keras.augmentation.mixup import Mixup
from ser_keras.building import (
    SmoothedCrossEntropy,
    accuracy,
    build_classifier,
    build_extractor,
    in_float32,
    make_optimizer,
    strategy,
)
from ser_keras.checkpoints import EpochBoundary, History, load_checkpoint
from ser_keras.cleaning import mislabelled
from ser_keras.models.adapted import adapt_model
from ser_keras.progress import stage
from ser_keras.runs import write_atomic, write_json
from ser_keras.saving import save_model

FINAL = 2**16  # the number that stands for "fold" in the seeds of the final refit


def training_examples(experiment, material, train, number):
    """What training on some items draws from, without windows that are probably mislabelled.

    Args:
        experiment: settings; `cleaning` decides.
        material: Material.
        train: item indices.
        number: the fold, for the seeds.

    Returns:
        (Examples, number of unchanged windows that were left out).
    """
    share, without = experiment.cleaning.drop_mislabelled, np.array([], int)
    if share:
        rows, owner = material.rows(train)
        files = {}
        groups = [files.setdefault((u.corpus, u.name), len(files)) for u in material.items]
        seed = int(np.random.default_rng([experiment.seed, number, 1]).integers(2**31))
        without = rows[
            mislabelled(lambda: material.batches(train), material.labels[owner], np.array(groups)[owner], share, seed)
        ]
    return material.examples(train, without), len(without)


def fit(experiment, material, train, validation, n_classes, folder, number, title, initial=None, epochs=None):
    """Train one classifier, going on from the folder's checkpoint where there is one.

    Args:
        experiment: settings; `training` decides.
        material: Material.
        train, validation: item indices; without early stopping the validation items are only watched.
        n_classes: outputs.
        folder: where `checkpoint.npz` and `history.csv` stand.
        number: the fold, for the seeds.
        title: for the progress bar.
        initial: a function that puts initial weights into the new classifier.
        epochs: instead of the settings' (the final refit's).

    Returns:
        (classifier in float32 with the chosen weights, or a baseline; History; dict of what the examples were).
    """
    examples, n_dropped = training_examples(experiment, material, train, number)
    counts = {"n_examples": len(examples), "n_mislabelled": n_dropped}
    if experiment.model.name in baselines.BASELINES:
        return _fit_baseline(experiment, material, examples, n_classes, number, title), History(), counts
    training = experiment.training
    if epochs is not None:
        training = training.model_copy(update={"epochs": epochs, "early_stopping": None})
    keras.utils.set_random_seed(int(np.random.default_rng([experiment.seed, number]).integers(2**31)))
    with strategy().scope():
        classifier = build_classifier(experiment, material.feature_shape, n_classes)
        adapt_model(classifier, lambda: material.batches(train))
        if initial is not None:
            initial(classifier)
        classifier.compile(
            make_optimizer(training),
            loss=SmoothedCrossEntropy(n_classes, training.label_smoothing),
            metrics=[accuracy],
            jit_compile=training.xla,
        )
        classifier.optimizer.build(classifier.trainable_variables)

    checkpoint = folder / "checkpoint.npz"
    history, best = load_checkpoint(checkpoint, classifier) if checkpoint.is_file() else (History(), None)
    dataset, steps = dataset_of(experiment, training, material, examples, n_classes, number, history.epochs)
    with stage(title, training.epochs, "epochs") as advance:
        advance(history.epochs)
        boundary = EpochBoundary(
            training, experiment.seed, number, checkpoint, history, best, lambda logs: advance(1, _note(logs))
        )
        if history.epochs < training.epochs and not boundary.stopped(training.early_stopping):
            classifier.fit(
                dataset,
                steps_per_epoch=steps,
                initial_epoch=history.epochs,
                epochs=training.epochs,
                validation_data=pipeline.validation_dataset(material, validation, 256) if len(validation) else None,
                callbacks=[boundary, _tensorboard(folder)],
                shuffle=False,  # the dataset does
                verbose=0,
            )
    if training.early_stopping is not None and boundary.best is not None:
        classifier.set_weights(boundary.best)
    return _plain(experiment, classifier, material.feature_shape, n_classes), history, counts


def dataset_of(experiment, training, material, examples, n_classes, number, first_epoch):
    """The training part as `fit` reads it: (dataset, steps an epoch)."""
    augmentation, weights, live = experiment.augmentation, None, None
    if training.class_weights == "balanced":
        weights = pipeline.class_weights(material.labels[examples.items], n_classes)
    if augmentation.mode == "random":
        live = Live(augmentation, build_extractor(experiment), material, examples)
    return pipeline.training_dataset(
        material,
        examples,
        batch_size=training.batch_size,
        seed=experiment.seed,
        fold=number,
        epochs=training.epochs,
        first_epoch=first_epoch,
        weights=weights,
        live=live,
        mixup=Mixup(augmentation.mixup, n_classes) if augmentation.mixup else None,
    )


def _fit_baseline(experiment, material, examples, n_classes, number, title):
    seed = int(np.random.default_rng([experiment.seed, number]).integers(2**31))
    with stage(title, 1, "fit") as advance:
        x, y = material.store.gather(examples.rows), material.labels[examples.items]
        fitted = baselines.fit(experiment.model.name, x, y, n_classes, seed, **experiment.model.arguments())
        advance()
    return fitted


def _note(logs):
    shown = ("loss", "accuracy", "val_loss", "val_accuracy")
    return " ".join(f"{name} {logs[name]:.3f}" for name in shown if name in logs)


def _tensorboard(folder):
    run, fold = (folder.parents[1], folder.name) if folder.parent.name == "folds" else (folder.parent, folder.name)
    return keras.callbacks.TensorBoard(run / "tensorboard" / fold, write_graph=False)


def _plain(experiment, classifier, feature_shape, n_classes):
    """The same weights in a model that computes in float32, without optimiser and loss."""
    with in_float32():
        plain = build_classifier(experiment, feature_shape, n_classes)
    plain.set_weights(classifier.get_weights())
    return plain


def finish(folder, experiment, classifier, history, record):
    """Write a trained fold's files; `fold.json` comes last and marks it done."""
    save_model(folder, experiment, classifier)
    write_atomic(folder / "history.csv", history.csv())
    chosen = history.best_epoch or history.epochs
    write_json(folder / "fold.json", {**record, "epochs": history.epochs, "best_epoch": chosen})
    (folder / "checkpoint.npz").unlink(missing_ok=True)


def estimate_seconds(experiment, material, examples, n_classes, steps=6):
    """Seconds that an epoch over some examples, or the fit of a baseline, will take; measured on a few of them."""
    if experiment.model.name in baselines.BASELINES:
        few = examples.rows[:: max(1, len(examples.rows) // 500)]
        labels = material.labels[examples.owner[:: max(1, len(examples.rows) // 500)]]
        started = time.monotonic()
        baselines.fit(
            *(experiment.model.name, material.store.gather(few), labels, n_classes, 0), **experiment.model.arguments()
        )
        return (time.monotonic() - started) * len(examples.rows) / len(few)
    training = experiment.training
    batch = training.model_copy(update={"batch_size": min(training.batch_size, len(examples))})
    classifier = build_classifier(experiment, material.feature_shape, n_classes)
    loss = SmoothedCrossEntropy(n_classes, training.label_smoothing)
    classifier.compile(make_optimizer(training), loss=loss, jit_compile=training.xla)
    dataset, n_steps = dataset_of(experiment, batch, material, examples, n_classes, 0, 0)
    times = []
    for x, y, *_ in dataset.take(steps + 2):
        started = time.monotonic()
        classifier.train_on_batch(x, y)
        times.append(time.monotonic() - started)
    # The first steps compile, and now and then one is held up by others.
    return float(np.median(times[2:] or times)) * n_steps
