"""What a training draws from: which items, which windows of them, and what it is trained towards."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from ser_keras.common.seeds import FoldSeeds, Stream
from ser_keras.corpora import dimensions
from ser_keras.experiment.assembly import PRIMARY, has_own_loss
from ser_keras.experiment.protocols import protocol_kind
from ser_keras.experiment.settings import Experiment
from ser_keras.models.corpus_heads import has_corpus_heads, head_name
from ser_keras.training.data.feature_store import Examples, Material
from ser_keras.training.data.label_cleaning import mislabelled

Indices = NDArray[np.int64]
Labels = NDArray[np.int32] | dict[str, NDArray[np.int32]]


def labelled_items(experiment: Experiment, material: Material, train: Indices, *, seeds: FoldSeeds) -> Indices:
    """The training items whose labels may be used: a share of each class, at least one item."""
    if experiment.labelled_fraction == 1:
        return train
    rng = seeds.generator(Stream.LABELLED_SHARE)
    labels, parts = material.labels[train], []
    for label in np.unique(labels):
        members = rng.permutation(train[labels == label])
        parts.append(members[: max(1, round(experiment.labelled_fraction * len(members)))])
    return np.sort(np.concatenate(parts))


def training_examples(
    experiment: Experiment, material: Material, train: Indices, *, labelled: Indices, seeds: FoldSeeds
) -> tuple[Examples, dict[str, int]]:
    """What training on some items draws from, without windows that are probably mislabelled.

    Args:
        experiment: settings; `cleaning` decides.
        material: features.
        train: item indices.
        labelled: those of them whose labels may be used.
        seeds: of the training.

    Returns:
        (Examples; how many there are, how many unchanged windows were left out, how many items have labels).
    """
    share, without = experiment.cleaning.drop_mislabelled, np.array([], int)
    if share:
        rows, owner = material.rows(labelled)
        files: dict[tuple[str, str], int] = {}
        groups = np.array([files.setdefault((u.corpus, u.name), len(files)) for u in material.items])
        dropped = mislabelled(
            lambda: material.batches(labelled),
            material.labels[owner],
            groups[owner],
            share=share,
            seed=seeds.integer(Stream.LABEL_CLEANING),
        )
        without = rows[dropped]
    examples = material.examples(train, without)
    return examples, {"n_examples": len(examples), "n_mislabelled": len(without), "n_labelled": len(labelled)}


def labels_of(
    classifier: keras.Model, material: Material, items: Indices, *, labelled: Indices | None = None
) -> Labels:
    """What a classifier is trained towards: [n] classes, or a dict of them for several outputs; -1 is unknown.

    Args:
        classifier: what is trained.
        material: features.
        items: [n] the examples' items.
        labelled: items whose labels are known; None: all.
    """
    labels = material.labels[items].astype(np.int32)
    has_label = np.ones(len(items), bool) if labelled is None else np.isin(items, labelled)
    if len(classifier.outputs) == 1 or has_own_loss(classifier):
        return np.where(has_label, labels, -1)
    if has_corpus_heads(classifier):
        heads = np.array([head_name(material.items[i].corpus) for i in items])
        masks = {name: has_label & (heads == name) for name in classifier.output_names[1:]}
        return {name: np.where(masks.get(name, has_label), labels, -1) for name in classifier.output_names}
    rated = dimensions.dimension_levels([material.items[i] for i in items])
    targets = {PRIMARY: labels, "activation": rated.activation, "valence": rated.valence}
    return {name: np.where(has_label, targets[name], -1).astype(np.int32) for name in classifier.output_names}


def items_of_class(experiment: Experiment, material: Material, train: Indices, *, name: str | None) -> Indices:
    """The training items of a class; all, where it is None or has none."""
    classes = list(experiment.classes)
    members = train[material.labels[train] == classes.index(name)] if name in classes else train
    return members if len(members) else train


def search_groups(experiment: Experiment, material: Material, items: Indices) -> Indices:
    """Whom items belong to, for searches inside the training part: speakers where the protocol parts these."""
    kind = protocol_kind(experiment.protocol.name, material.items)
    names = [material.items[i].speaker for i in items]
    if kind.unseen in ("speaker", "corpus") and None not in names and len(set(names)) > 1:
        return np.unique(np.array(names, str), return_inverse=True)[1]
    return np.asarray(items)


def sampling_groups(sampling: str, material: Material, items: Indices) -> Indices | None:
    """[n] the group of each item that `training.sampling` balances, None where it does not."""
    if sampling == "all":
        return None
    corpora = np.unique([material.items[i].corpus for i in items], return_inverse=True)[1]
    labels = material.labels[items]
    keys = {"class": labels, "corpus": corpora, "corpus_class": corpora * (labels.max() + 1) + labels}
    return keys[sampling]
