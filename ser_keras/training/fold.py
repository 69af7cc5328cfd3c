"""One fold, resumable at every epoch; the same for the final refit on all speakers."""

import warnings

import keras
import numpy as np

from ser_keras.common.files import write_atomic, write_json
from ser_keras.common.progress import stage
from ser_keras.corpora import dimensions
from ser_keras.experiment.assembly import PRIMARY, build_classifier, build_extractor, has_own_loss, model_kind, primary
from ser_keras.experiment.protocols import protocol_kind
from ser_keras.experiment.saved_model import save_model
from ser_keras.experiment.tensorflow_session import in_float32, strategy
from ser_keras.models import baselines
from ser_keras.models.classifier import KerasClassifier
from ser_keras.models.corpus_heads import has_corpus_heads, head_name, learn_which
from ser_keras.models.fitted_head import cut_at, fit_head
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.training.checkpoints import EpochBoundary, History, load_checkpoint
from ser_keras.training.compilation import compiled
from ser_keras.training.data import datasets
from ser_keras.training.data.label_cleaning import mislabelled
from ser_keras.training.data.live_augmentation import Live
from ser_keras.training.data.mixup import Mixup

FINAL = 2**16  # the number that stands for "fold" in the seeds of the final refit


def training_examples(experiment, material, train, labelled, number):
    """What training on some items draws from, without windows that are probably mislabelled.

    Args:
        experiment: settings; `cleaning` decides.
        material: Material.
        train: item indices.
        labelled: those of them whose labels may be used.
        number: the fold, for the seeds.

    Returns:
        (Examples; how many there are, how many unchanged windows were left out, how many items have labels).
    """
    share, without = experiment.cleaning.drop_mislabelled, np.array([], int)
    if share:
        rows, owner = material.rows(labelled)
        files = {}
        groups = [files.setdefault((u.corpus, u.name), len(files)) for u in material.items]
        seed = int(np.random.default_rng([experiment.seed, number, 1]).integers(2**31))
        without = rows[
            mislabelled(
                lambda: material.batches(labelled), material.labels[owner], np.array(groups)[owner], share, seed
            )
        ]
    examples = material.examples(train, without)
    return examples, {"n_examples": len(examples), "n_mislabelled": len(without), "n_labelled": len(labelled)}


def fit(
    experiment, material, train, validation, n_classes, folder, number, title, initial=None, epochs=None, callbacks=()
):
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
        callbacks: more Keras callbacks.

    Returns:
        (Classifier, a Keras model in float32 with the chosen weights; History; dict of what the examples were).
    """
    labelled = labelled_items(experiment, material, train, number)
    if not model_kind(experiment).keras:
        examples, counts = training_examples(experiment, material, labelled, labelled, number)
        return _fit_baseline(experiment, material, examples, n_classes, number, title), History(), counts
    training = experiment.training
    if epochs is not None:
        training = training.model_copy(update={"epochs": epochs, "early_stopping": None})
    keras.utils.set_random_seed(int(np.random.default_rng([experiment.seed, number]).integers(2**31)))
    with strategy().scope():
        classifier = build_classifier(experiment, material.feature_shape, n_classes)
        adapt_model(classifier, lambda subset=None: material.batches(_of_class(experiment, material, train, subset)))
        if experiment.corpus_heads != "shared":
            learn_which(classifier, [material.items[i].corpus for i in labelled], material.labels[labelled])
        if initial is not None:
            initial(classifier)
        if classifier.trainable_variables:
            compiled(classifier, training, n_classes)
    drawn = train if model_kind(experiment).semi_supervised else labelled
    examples, counts = training_examples(experiment, material, drawn, labelled, number)
    history = History()
    if classifier.trainable_variables:
        history = _run_epochs(
            *(experiment, training, classifier, material, examples, labelled, validation, folder, number, title),
            callbacks=callbacks,
        )
    plain = _plain(experiment, classifier, material.feature_shape, n_classes)
    if experiment.head is not None:
        head = _fit_head(experiment, plain, material, examples, labelled, n_classes, number, title)
        return head, history, counts
    if experiment.corpus_heads == "shared":
        plain = primary(plain)
    return KerasClassifier(plain), history, counts


def _run_epochs(
    experiment, training, classifier, material, examples, labelled, validation, folder, number, title, callbacks
):
    """Train a compiled classifier, going on from the folder's checkpoint; returns History."""
    checkpoint = folder / "checkpoint.npz"
    history, best = load_checkpoint(checkpoint, classifier) if checkpoint.is_file() else (History(), None)
    n_classes = len(experiment.classes)
    dataset, steps = dataset_of(
        experiment,
        training,
        material,
        examples,
        n_classes,
        number,
        history.epochs,
        labels_of(classifier, material, examples.items, labelled),
    )
    watched = None
    if len(validation):
        watched = datasets.validation_dataset(material, validation, 256, labels_of(classifier, material, validation))
    with stage(title, training.epochs, "epochs") as advance:
        advance(history.epochs)
        boundary = EpochBoundary(
            training, experiment.seed, number, checkpoint, history, best, lambda logs: advance(1, _note(logs))
        )
        if history.epochs < training.epochs and not boundary.stopped(training.early_stopping):
            with warnings.catch_warnings():
                # Keras takes the end of the validation data for a lack of it.
                warnings.filterwarnings("ignore", message="Your input ran out of data")
                classifier.fit(
                    dataset,
                    steps_per_epoch=steps,
                    initial_epoch=history.epochs,
                    epochs=training.epochs,
                    validation_data=watched,
                    callbacks=[boundary, _tensorboard(folder), *callbacks],
                    shuffle=False,  # the dataset does
                    verbose=0,
                )
    if training.early_stopping is not None and boundary.best is not None:
        classifier.set_weights(boundary.best)
    return history


def labelled_items(experiment, material, train, number):
    """The training items whose labels may be used: a share of each class, at least one item."""
    if experiment.labelled_fraction == 1:
        return train
    rng = np.random.default_rng([experiment.seed, number, 2])
    labels, chosen = material.labels[train], []
    for label in np.unique(labels):
        own = rng.permutation(train[labels == label])
        chosen.append(own[: max(1, round(experiment.labelled_fraction * len(own)))])
    return np.sort(np.concatenate(chosen))


def labels_of(classifier, material, items, labelled=None):
    """What a classifier is trained towards: [n] classes, or a dict of them for several outputs; -1 is unknown.

    Args:
        classifier: keras.Model.
        material: Material.
        items: [n] the examples' items.
        labelled: items whose labels are known; None: all.
    """
    labels = material.labels[items].astype(np.int32)
    known = np.ones(len(items), bool) if labelled is None else np.isin(items, labelled)
    if len(classifier.outputs) == 1 or has_own_loss(classifier):
        return np.where(known, labels, -1)
    if has_corpus_heads(classifier):
        heads = np.array([head_name(material.items[i].corpus) for i in items])
        own = {name: known & (heads == name) for name in classifier.output_names[1:]}
        return {name: np.where(own.get(name, known), labels, -1) for name in classifier.output_names}
    rated = dimensions.dimension_levels([material.items[i] for i in items])
    targets = {PRIMARY: labels, "activation": rated.activation, "valence": rated.valence}
    return {name: np.where(known, targets[name], -1).astype(np.int32) for name in classifier.output_names}


def _of_class(experiment, material, train, name):
    """The training items of a class; all, where it is None or has none."""
    classes = list(experiment.classes)
    own = train[material.labels[train] == classes.index(name)] if name in classes else train
    return own if len(own) else train


def _groups(experiment, material, items):
    """Whom items belong to, for searches inside the training part: speakers where the protocol parts these."""
    kind = protocol_kind(experiment.protocol.name, material.items)
    names = [material.items[i].speaker for i in items]
    if kind.unseen in ("speaker", "corpus") and None not in names and len(set(names)) > 1:
        return np.unique(np.array(names, str), return_inverse=True)[1]
    return np.asarray(items)


def _fit_head(experiment, classifier, material, examples, labelled, n_classes, number, title):
    head, known = experiment.head, np.isin(examples.owner, labelled)
    with stage(f"{title}, head", 1, "fit") as advance:
        fitted = fit_head(
            cut_at(classifier, head.layer),
            head.name,
            material.store,
            indices=examples.rows[known],
            labels=material.labels[examples.owner[known]],
            groups=_groups(experiment, material, examples.owner[known]),
            n_classes=n_classes,
            seed=[experiment.seed, number],
            **head.arguments(),
        )
        advance()
    return fitted


def dataset_of(experiment, training, material, examples, n_classes, number, first_epoch, labels):
    """The training part as `fit` reads it: (dataset, steps an epoch); `labels` as from `labels_of`."""
    augmentation, weights, live = experiment.augmentation, None, None
    if training.class_weights == "balanced":
        weights = datasets.class_weights(material.labels[examples.items], n_classes)
    if augmentation.live:
        live = Live(augmentation, build_extractor(experiment), material, examples)
    return datasets.training_dataset(
        material,
        examples,
        labels,
        batch_size=training.batch_size,
        seed=experiment.seed,
        fold=number,
        epochs=training.epochs,
        first_epoch=first_epoch,
        weights=weights,
        groups=sampling_groups(training.sampling, material, examples.items),
        live=live,
        mixup=Mixup(augmentation.mixup, n_classes) if augmentation.mixup else None,
    )


def sampling_groups(sampling, material, items):
    """[n] the group of each item that `training.sampling` balances, None where it doesn't."""
    if sampling == "all":
        return None
    corpora = np.unique([material.items[i].corpus for i in items], return_inverse=True)[1]
    labels = material.labels[items]
    keys = {"class": labels, "corpus": corpora, "corpus_class": corpora * (labels.max() + 1) + labels}
    return keys[sampling]


def _fit_baseline(experiment, material, examples, n_classes, number, title):
    seed = int(np.random.default_rng([experiment.seed, number]).integers(2**31))
    with stage(title, 1, "fit") as advance:
        x, y = material.store.gather(examples.rows), material.labels[examples.items]
        groups = _groups(experiment, material, examples.items)
        fitted = baselines.fit(
            experiment.model.name, x, y, n_classes=n_classes, seed=seed, groups=groups, **experiment.model.arguments()
        )
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
