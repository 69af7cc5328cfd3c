"""Features -> tf.data: the order of training, live augmentation and mixup, and what is validated on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.seeds import FoldSeeds, Stream
from ser_keras.training.data.examples import Labels
from ser_keras.training.data.feature_store import Examples, Material
from ser_keras.training.data.mixup import Mixup

SEQUENCES = 16  # utterances that are predicted at once


class DrawnAnew(Protocol):
    """Makes each epoch's examples anew: `Live`, `StreamWindows`."""

    def dataset(self, index: tf.data.Dataset, epoch: tf.Tensor, batch_size: int) -> tf.data.Dataset:
        """Batches of (features [b, ...], example numbers [b]) of some example numbers in an epoch."""


def class_weights(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """Weights that give each class the same share of the loss, with mean 1 over the examples."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.where(counts > 0, len(labels) / (np.maximum(counts, 1) * (counts > 0).sum()), 0.0)


def balanced_order(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """As many draws as there are examples, shuffled, the same number from each group as nearly as can be.

    A group is gone through whole before any of its examples comes again.

    Args:
        groups: [n] each example's group.
        rng: draws the order.

    Returns:
        [n] indices.
    """
    names = np.unique(groups)
    shares = len(groups) // len(names) + (rng.permutation(len(names)) < len(groups) % len(names))
    drawn: list[NDArray[np.int64]] = []
    for name, share in zip(names, shares, strict=True):
        members = np.flatnonzero(groups == name)
        drawn += [np.tile(members, share // len(members)), rng.permutation(members)[: share % len(members)]]
    return rng.permutation(np.concatenate(drawn))


def training_dataset(
    material: Material,
    examples: Examples,
    labels: Labels | None = None,
    *,
    batch_size: int,
    seeds: FoldSeeds,
    epochs: int,
    first_epoch: int = 0,
    weights: ArrayLike | None = None,
    groups: NDArray[np.int64] | None = None,
    live: DrawnAnew | None = None,
    mixup: Mixup | None = None,
) -> tuple[tf.data.Dataset, int]:
    """The training examples, shuffled anew each epoch.

    The order of an epoch, and all that is drawn in it, follow from the training's seeds and the epoch alone, so that a
    run resumed at an epoch sees what it would have seen.

    Args:
        material: features.
        examples: what `material.examples` gave for the training items.
        labels: [n] class of each example, or a dict of such arrays, one for each of the classifier's outputs; None: the
            material's.
        batch_size: examples a step; an epoch's last batch may be smaller.
        seeds: of the training; they decide the orders.
        epochs: the epoch to stop before.
        first_epoch: the epoch to start with.
        weights: [n_classes] weight of each class, or None.
        groups: [n] group of each example: each epoch draws as many from each; None: every example once.
        live: where augmentation is random; else features come from the cache.
        mixup: blends examples; the labels are then [b, n_classes].

    Returns:
        (tf.data.Dataset of (features, labels[, weights]) over all epochs from `first_epoch`, steps an epoch). For
        sequences the features are a pair (features [b, T, ...], present [b, T]).
    """
    classes = material.labels[examples.items].astype(np.int32)
    labels = classes if labels is None else labels
    steps = math.ceil(len(examples) / batch_size)

    def order(epoch: int) -> NDArray[np.int64]:
        rng = seeds.generator(Stream.EPOCH_ORDER, int(epoch))
        return rng.permutation(len(examples)) if groups is None else balanced_order(groups, rng)

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        index = tf.ensure_shape(tf.numpy_function(order, [epoch], tf.int64), [len(examples)])
        index = tf.data.Dataset.from_tensor_slices(index)
        if live is not None:
            return live.dataset(index, epoch, batch_size)
        return index.batch(batch_size).map(features, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    features = _cached_sequences(material, examples) if examples.sequence else _cached_windows(material, examples)
    dataset = tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_batches)

    def labelled(x: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        y = tf.nest.map_structure(lambda each: tf.gather(tf.constant(each), index), labels)
        if weights is None:
            return x, y
        weight = tf.gather(tf.constant(weights, tf.float32), tf.gather(tf.constant(classes), index))
        # Of several outputs Keras finds weights by place, and labels by name.
        return x, y, tuple(weight for _ in y) if isinstance(y, dict) else weight

    dataset = dataset.map(labelled)
    if mixup is not None:
        dataset = mixup.dataset(dataset, seeds, first_epoch * steps)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # Autotuning sleeps for longer and longer, up to a minute, and an iterator's end waits until it wakes.
    options.autotune.enabled = False
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE), steps


def _cached_windows(material: Material, examples: Examples) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Example numbers to (features, numbers), from the cache."""

    def fetch(index: NDArray[np.int64]) -> NDArray[np.float32]:
        return material.store.gather(examples.rows[index])

    def features(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Stateless, or else determinism would fetch one batch after the other.
        x = tf.numpy_function(fetch, [index], tf.float32, stateful=False)
        return tf.ensure_shape(x, [None, *material.feature_shape]), index

    return features


def _cached_sequences(material: Material, examples: Examples) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Example numbers to ((features, present), numbers), from the cache."""

    def fetch(index: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        parts = [examples.rows[examples.edges[i] : examples.edges[i + 1]] for i in index]
        return material.padded(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))

    def features(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, present = tf.numpy_function(fetch, [index], [tf.float32, tf.bool], stateful=False)
        return (
            tf.ensure_shape(x, [None, None, *material.feature_shape]),
            tf.ensure_shape(present, [None, None]),
        ), index

    return features


def validation_dataset(
    material: Material, items: NDArray[np.int64], batch_size: int, *, labels: Labels | None = None
) -> tf.data.Dataset:
    """Some items as they are, in order, once: tf.data.Dataset of (features, labels).

    `labels` is an array with an entry an item, or a dict of such arrays; None: the material's.
    """
    labels = material.labels[items].astype(np.int32) if labels is None else labels
    shape = material.feature_shape
    if material.sequence:
        spec = (tf.TensorSpec((None, None, *shape), tf.float32), tf.TensorSpec((None, None), tf.bool))
        parts: Callable[[], Iterator[tf.Tensor]] = lambda: material.sequences(items, SEQUENCES)  # noqa: E731
    else:
        spec = tf.TensorSpec((None, *shape), tf.float32)
        counts = material.n_windows[items]
        labels = tf.nest.map_structure(lambda each: np.repeat(each, counts), labels)
        parts = lambda: material.batches(items, batch_size)  # noqa: E731

    def batches() -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        done = 0
        for x in parts():
            n = len(x[0]) if material.sequence else len(x)
            yield x, tf.nest.map_structure(lambda each: each[done : done + n], labels)  # noqa: B023 - used at once
            done += n

    signature = (spec, tf.nest.map_structure(lambda _: tf.TensorSpec((None,), tf.int32), labels))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)
