"""One fold, resumable at every epoch; the same for the final refit on all speakers."""

import contextlib
import dataclasses
import hashlib
import math
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ser_keras import experiment as settings
from ser_keras import pipeline
from ser_keras.checkpoints import EpochBoundary, History, load_checkpoint
from ser_keras.errors import SerKerasError
from ser_keras.frontends import FRONT_ENDS
from ser_keras.models import MODELS
from ser_keras.models.adapted import adapt_model
from ser_keras.models.assemble import end_to_end, split
from ser_keras.progress import stage
from ser_keras.runs import Run, read_json, replacing, write_atomic, write_json

FINAL = 2**16  # the number that stands for "fold" in the seeds of the final refit


def complete(experiment):
    """Check front end and model against their builders and write their defaults into the settings.

    Raises:
        SerKerasError: an unknown name or argument, with the nearest valid ones.
    """
    frontend = settings.complete(
        experiment.frontend, FRONT_ENDS, "frontend", given=("self", "name", "trainable", "dtype", "kwargs")
    )
    model = settings.complete(experiment.model, MODELS, "model", given=("input_shape", "n_classes"))
    return experiment.model_copy(
        update={
            "frontend": settings.Component(name=experiment.frontend.name, **frontend),
            "model": settings.Component(name=experiment.model.name, **model),
        }
    )


def build_frontend(experiment):
    """The experiment's front end, a Keras layer: waveform -> features."""
    try:
        return FRONT_ENDS[experiment.frontend.name](**experiment.frontend.arguments())
    except (TypeError, ValueError) as error:
        raise SerKerasError(f"frontend: {error}") from error


def build_classifier(experiment, feature_shape, n_classes):
    """The experiment's classifier, a Keras model: features -> probabilities."""
    try:
        return MODELS[experiment.model.name](feature_shape, n_classes, **experiment.model.arguments())
    except (TypeError, ValueError) as error:
        raise SerKerasError(f"model: {error}") from error


def configure(experiment):
    """Set TensorFlow up for an experiment: memory growth on GPUs, precision, and on CPUs repeatable operations."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy("mixed_float16" if experiment.training.mixed_precision else "float32")


def strategy():
    """MirroredStrategy over several GPUs, otherwise the default one."""
    devices = tf.config.list_logical_devices("GPU")
    return (
        tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else tf.distribute.get_strategy()
    )


def make_optimizer(training):
    options = {"learning_rate": training.learning_rate}
    if training.optimizer == "sgd":
        options["momentum"] = training.momentum
    if training.weight_decay or training.optimizer == "adamw":
        options["weight_decay"] = training.weight_decay
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "sgd": keras.optimizers.SGD}
    return kinds[training.optimizer](**options)


def fit(experiment, material, train, validation, n_classes, folder, number, title, initial=None, epochs=None):
    """Train one classifier, going on from the folder's checkpoint where there is one.

    Args:
        experiment: settings; `training` decides.
        material: pipeline.Material.
        train, validation: item indices; without early stopping the validation items are only watched.
        n_classes: outputs.
        folder: where `checkpoint.npz` and `history.csv` stand.
        number: the fold, for the seeds.
        title: for the progress bar.
        initial: a function that puts initial weights into the new classifier.
        epochs: instead of the settings' (the final refit's).

    Returns:
        (classifier in float32 with the chosen weights, History).
    """
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
            metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
            jit_compile=training.xla,
        )
        classifier.optimizer.build(classifier.trainable_variables)

    checkpoint = folder / "checkpoint.npz"
    history, best = load_checkpoint(checkpoint, classifier) if checkpoint.is_file() else (History(), None)
    weights = None
    if training.class_weights == "balanced":
        weights = pipeline.class_weights(material.labels[material.rows(train)[1]], n_classes)
    dataset, steps = pipeline.training_dataset(
        material,
        train,
        batch_size=training.batch_size,
        seed=experiment.seed,
        fold=number,
        epochs=training.epochs,
        first_epoch=history.epochs,
        weights=weights,
    )
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
    return _plain(experiment, classifier, material.feature_shape, n_classes), history


class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels, smoothed by `smoothing`; Keras has smoothing for one-hot labels alone."""

    def __init__(self, n_classes, smoothing=0.0, **kwargs):
        super().__init__(name="cross_entropy", **kwargs)
        self.n_classes, self.smoothing = n_classes, smoothing

    def call(self, y_true, y_pred):
        target = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), self.n_classes)
        return keras.losses.categorical_crossentropy(target, y_pred, label_smoothing=self.smoothing)


def _note(logs):
    shown = ("loss", "accuracy", "val_loss", "val_accuracy")
    return " ".join(f"{name} {logs[name]:.3f}" for name in shown if name in logs)


def _tensorboard(folder):
    run, fold = (folder.parents[1], folder.name) if folder.parent.name == "folds" else (folder.parent, folder.name)
    return keras.callbacks.TensorBoard(run / "tensorboard" / fold, write_graph=False)


def _plain(experiment, classifier, feature_shape, n_classes):
    """The same weights in a model that computes in float32, without optimiser and loss."""
    with _float32():
        plain = build_classifier(experiment, feature_shape, n_classes)
    plain.set_weights(classifier.get_weights())
    return plain


@contextlib.contextmanager
def _float32():
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(policy)


def save_model(path, experiment, classifier):
    """Write the end-to-end model, waveform -> probabilities, as one `.keras` file."""
    model = end_to_end(build_frontend(experiment), classifier, experiment.window_samples)
    with replacing(path) as temporary:
        model.save(temporary)


def load_model(path):
    """(front end, classifier) of an end-to-end model that `save_model` wrote.

    Raises:
        SerKerasError: missing or damaged.
    """
    try:
        with _float32():
            return split(keras.models.load_model(path, compile=False))
    except (OSError, ValueError, KeyError) as error:
        raise SerKerasError(f"{path} can't be loaded: {str(error).splitlines()[0]}") from error


@dataclasses.dataclass
class InitialWeights:
    """Weights to start from; called with a new classifier, it puts in what fits.

    Attributes:
        weights: list of arrays, in the model's order.
        speakers: those that the weights have seen.
        described: what experiment.yaml says of them.
    """

    weights: list
    speakers: set
    described: dict

    def __call__(self, classifier):
        """Copy the weights; with another number of classes the last layer keeps its own.

        Raises:
            SerKerasError: they are of another architecture.
        """
        own = classifier.get_weights()
        fits = [a.shape == b.shape for a, b in zip(self.weights, own, strict=False)]
        if len(self.weights) != len(own) or not all(fits[:-2]):  # the last two: kernel and bias of the last layer
            raise SerKerasError(f"--init: the weights of {self.described['name']} are of another architecture")
        classifier.set_weights([a if fit else b for a, b, fit in zip(self.weights, own, fits, strict=True)])


def load_initial(path):
    """The weights of a run's final model, or of a bundle's.

    Raises:
        SerKerasError: `path` is neither.
    """
    path = Path(path)
    if (path / "final" / "model.keras").is_file():
        file, origin = path / "final" / "model.keras", Run.existing(path).experiment
    elif (path / "model.keras").is_file():
        file, origin = path / "model.keras", read_json(path / "bundle.json")["created_from"]
    else:
        raise SerKerasError(f"--init {path}: neither a finished run (final/model.keras) nor a bundle with model.keras")
    corpora, before = origin["corpora"], origin.get("init") or {}
    _, classifier = load_model(file)
    speakers = {s for corpus in corpora for s in corpus.get("speakers", [])} | set(before.get("speakers", []))
    names = sorted({corpus["name"] for corpus in corpora} | set(before.get("corpora", [])))
    described = {
        "name": path.name,
        "corpora": names,
        "speakers": sorted(speakers),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    return InitialWeights(classifier.get_weights(), speakers, described)


def finish(folder, experiment, classifier, history, record):
    """Write a trained fold's files; `fold.json` comes last and marks it done."""
    save_model(folder / "model.keras", experiment, classifier)
    write_atomic(folder / "history.csv", history.csv())
    chosen = history.best_epoch or history.epochs
    write_json(folder / "fold.json", {**record, "epochs": history.epochs, "best_epoch": chosen})
    (folder / "checkpoint.npz").unlink(missing_ok=True)


def estimate_seconds(experiment, feature_shape, n_classes, windows, steps=4):
    """Seconds that an epoch over `windows` windows will take, measured on random batches."""
    training = experiment.training
    classifier = build_classifier(experiment, feature_shape, n_classes)
    loss = SmoothedCrossEntropy(n_classes, training.label_smoothing)
    classifier.compile(make_optimizer(training), loss=loss, jit_compile=training.xla)
    batch = min(training.batch_size, windows)
    x = np.random.default_rng(0).normal(size=(batch, *feature_shape)).astype(np.float32)
    y = np.arange(batch) % n_classes
    classifier.train_on_batch(x, y)
    started = time.monotonic()
    for _ in range(steps):
        classifier.train_on_batch(x, y)
    return (time.monotonic() - started) / steps * math.ceil(windows / batch)
