"""One fold, resumable at every epoch; the same for the final refit on all speakers."""

import contextlib
import dataclasses
import hashlib
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ser_keras import baselines, pipeline
from ser_keras import experiment as settings
from ser_keras.augmentation.live import Live
from ser_keras.augmentation.mixup import Mixup
from ser_keras.checkpoints import EpochBoundary, History, load_checkpoint
from ser_keras.cleaning import mislabelled
from ser_keras.descriptors import DESCRIPTORS
from ser_keras.errors import SerKerasError
from ser_keras.frontends import FRONT_ENDS
from ser_keras.models import MODELS
from ser_keras.models.adapted import adapt_model
from ser_keras.models.assemble import end_to_end, split
from ser_keras.progress import stage
from ser_keras.protocols import protocol_kind
from ser_keras.runs import Run, read_json, replacing, write_atomic, write_json

FINAL = 2**16  # the number that stands for "fold" in the seeds of the final refit


def complete(experiment):
    """Check front end and model against their builders and write their defaults into the settings.

    Raises:
        SerKerasError: an unknown name or argument, with the nearest valid ones; or parts that don't go together.
    """
    given = ("self", "name", "trainable", "dtype", "kwargs")
    frontend = settings.complete(experiment.frontend, {**FRONT_ENDS, **DESCRIPTORS}, "frontend", given)
    models = {**MODELS, **baselines.BASELINES}
    model = settings.complete(experiment.model, models, "model", given=("input_shape", "n_classes", "seed"))
    if experiment.augmentation.mode == "random":
        whole = {"model": experiment.model.name in MODELS, "unit": experiment.unit == "window"}
        whole["frontend"] = experiment.frontend.name in FRONT_ENDS
        if lacking := [name for name, fits in whole.items() if not fits]:
            raise SerKerasError(
                f"augmentation.mode=random draws windows anew each epoch, which this recipe's {lacking[0]} can't take; "
                "use augmentation.mode=grid"
            )
    if experiment.augmentation.mixup and (experiment.model.name not in MODELS or experiment.unit != "window"):
        raise SerKerasError("augmentation.mixup blends single windows for a Keras model; set it to 0 for this recipe")
    if experiment.unit == "utterance" and protocol_kind(experiment.protocol.name).leaky:
        raise SerKerasError(
            f"protocol {experiment.protocol.name} splits windows, and unit=utterance trains on whole utterances; "
            "utterance_random splits these"
        )
    return experiment.model_copy(
        update={
            "frontend": settings.Component(name=experiment.frontend.name, **frontend),
            "model": settings.Component(name=experiment.model.name, **model),
        }
    )


def why_not_exportable(experiment):
    """Why an experiment's models can't run on a phone, or None where they can."""
    if experiment.frontend.name in DESCRIPTORS:
        return f"its features ({experiment.frontend.name}) are computed outside the graph"
    if experiment.model.name in baselines.BASELINES:
        return f"its model ({experiment.model.name}) is no Keras model"
    return None


def build_extractor(experiment):
    """The experiment's front end, a Keras layer: waveform -> features; or its descriptor set."""
    try:
        return {**FRONT_ENDS, **DESCRIPTORS}[experiment.frontend.name](**experiment.frontend.arguments())
    except (TypeError, ValueError) as error:
        raise SerKerasError(f"frontend: {error}") from error


def build_classifier(experiment, feature_shape, n_classes):
    """The experiment's classifier, a Keras model: features -> probabilities."""
    try:
        classifier = MODELS[experiment.model.name](feature_shape, n_classes, **experiment.model.arguments())
    except (TypeError, ValueError) as error:
        raise SerKerasError(f"model: {error}") from error
    unit = "utterance" if len(classifier.inputs) > 1 else "window"
    if unit != experiment.unit:
        takes = "sequences of windows" if unit == "utterance" else "single windows"
        raise SerKerasError(f"model {experiment.model.name} takes {takes}: set unit={unit}")
    return classifier


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


def accuracy(y_true, y_pred):
    """Share of the examples whose class is the most probable one; mixed labels count as their greater part."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
        y_true = keras.ops.argmax(y_true, axis=-1)
    return keras.ops.cast(
        keras.ops.equal(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), keras.ops.argmax(y_pred, axis=-1)),
        "float32",
    )


class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels or of mixed ones [B, n_classes], smoothed by `smoothing`.

    Keras has smoothing for one-hot labels alone.
    """

    def __init__(self, n_classes, smoothing=0.0, **kwargs):
        super().__init__(name="cross_entropy", **kwargs)
        self.n_classes, self.smoothing = n_classes, smoothing

    def call(self, y_true, y_pred):
        target = y_true
        if len(y_true.shape) < 2 or y_true.shape[-1] != self.n_classes:
            target = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), self.n_classes)
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


END_TO_END, CLASSIFIER_ALONE, BASELINE = "model.keras", "classifier.keras", "baseline.skops"


def save_model(folder, experiment, classifier):
    """Write what was trained as one file: waveform -> probabilities where the graph holds all of it."""
    if experiment.model.name in baselines.BASELINES:
        classifier.save(folder / BASELINE)
        return
    path = folder / (CLASSIFIER_ALONE if why_not_exportable(experiment) else END_TO_END)
    model = classifier
    if path.name == END_TO_END:
        chunks = {}
        if experiment.unit == "utterance":
            chunks = {"chunks": experiment.export.chunks, "hop_samples": experiment.hop_samples}
        model = end_to_end(build_extractor(experiment), classifier, experiment.window_samples, **chunks)
    with replacing(path) as temporary:
        model.save(temporary)


def load_classifier(folder):
    """The classifier, or the baseline, that `save_model` wrote into a folder.

    Raises:
        SerKerasError: missing or damaged.
    """
    if (folder / BASELINE).is_file():
        return baselines.load(folder / BASELINE)
    if (folder / CLASSIFIER_ALONE).is_file():
        return _load_keras(folder / CLASSIFIER_ALONE)
    return split(_load_keras(folder / END_TO_END))[1]


def _load_keras(path):
    try:
        with _float32():
            return keras.models.load_model(path, compile=False)
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
    _, classifier = split(_load_keras(file))
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
