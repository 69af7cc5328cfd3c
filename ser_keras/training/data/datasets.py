"""Material -> tf.data: the order of training, live augmentation, and predictions."""

import math

import numpy as np
import tensorflow as tf

SEQUENCES = 16  # utterances that are predicted at once


def class_weights(labels, n_classes):
    """Weights that give each class the same share of the loss, with mean 1 over the examples."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.where(counts > 0, len(labels) / (np.maximum(counts, 1) * (counts > 0).sum()), 0.0)


def balanced_order(groups, rng):
    """As many draws as there are examples, shuffled, the same number from each group as nearly as can be.

    A group is gone through whole before any of its examples comes again.

    Args:
        groups: [n] each example's group.
        rng: numpy Generator.

    Returns:
        [n] indices.
    """
    names = np.unique(groups)
    shares = len(groups) // len(names) + (rng.permutation(len(names)) < len(groups) % len(names))
    drawn = []
    for name, share in zip(names, shares, strict=True):
        own = np.flatnonzero(groups == name)
        drawn += [np.tile(own, share // len(own)), rng.permutation(own)[: share % len(own)]]
    return rng.permutation(np.concatenate(drawn))


def training_dataset(
    material,
    examples,
    labels=None,
    *,
    batch_size,
    seed,
    fold,
    epochs,
    first_epoch=0,
    weights=None,
    groups=None,
    live=None,
    mixup=None,
):
    """The training examples, shuffled anew each epoch.

    The order of an epoch, and all that is drawn in it, follow from (seed, fold, epoch) alone, so that a run resumed at
    an epoch sees what it would have seen.

    Args:
        material: Material.
        examples: what `material.examples` gave for the training items.
        labels: [n] class of each example, or a dict of such arrays, one for each of the classifier's outputs; None: the
            material's.
        batch_size: examples a step; an epoch's last batch may be smaller.
        seed, fold, first_epoch, epochs: decide the orders.
        weights: [n_classes] weight of each class, or None.
        groups: [n] group of each example: each epoch draws as many from each; None: every example once.
        live: augmentation.live.Live where augmentation is random, else None: features come from the cache.
        mixup: augmentation.mixup.Mixup, or None; the labels are then [b, n_classes].

    Returns:
        (tf.data.Dataset of (features, labels[, weights]) over all epochs from `first_epoch`, steps an epoch). For
        sequences the features are a pair (features [b, T, ...], present [b, T]).
    """
    classes = material.labels[examples.items].astype(np.int32)
    labels = classes if labels is None else labels
    steps = math.ceil(len(examples) / batch_size)

    def order(epoch):
        rng = np.random.default_rng([seed, fold, int(epoch)])
        return rng.permutation(len(examples)) if groups is None else balanced_order(groups, rng)

    def epoch_batches(epoch):
        index = tf.ensure_shape(tf.numpy_function(order, [epoch], tf.int64), [len(examples)])
        index = tf.data.Dataset.from_tensor_slices(index)
        if live is not None:
            return live.dataset(index, tf.stack([seed, fold, epoch]), batch_size)
        return index.batch(batch_size).map(features, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    features = _cached_sequences(material, examples) if examples.sequence else _cached_windows(material, examples)
    dataset = tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_batches)

    def labelled(x, index):
        y = tf.nest.map_structure(lambda known: tf.gather(tf.constant(known), index), labels)
        if weights is None:
            return x, y
        weight = tf.gather(tf.constant(weights, tf.float32), tf.gather(tf.constant(classes), index))
        # Of several outputs Keras finds weights by place, and labels by name.
        return x, y, tuple(weight for _ in y) if isinstance(y, dict) else weight

    dataset = dataset.map(labelled)
    if mixup is not None:
        dataset = mixup.dataset(dataset, seed, fold, first_epoch * steps)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # Autotuning sleeps for longer and longer, up to a minute, and an iterator's end waits until it wakes.
    options.autotune.enabled = False
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE), steps


def _cached_windows(material, examples):
    """Example numbers to (features, numbers), from the cache."""

    def fetch(index):
        return material.store.gather(examples.rows[index])

    def features(index):
        # Stateless, or else determinism would fetch one batch after the other.
        x = tf.numpy_function(fetch, [index], tf.float32, stateful=False)
        return tf.ensure_shape(x, [None, *material.feature_shape]), index

    return features


def _cached_sequences(material, examples):
    """Example numbers to ((features, present), numbers), from the cache."""

    def fetch(index):
        parts = [examples.rows[examples.edges[i] : examples.edges[i + 1]] for i in index]
        return material.padded(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))

    def features(index):
        x, present = tf.numpy_function(fetch, [index], [tf.float32, tf.bool], stateful=False)
        return (
            tf.ensure_shape(x, [None, None, *material.feature_shape]),
            tf.ensure_shape(present, [None, None]),
        ), index

    return features


def validation_dataset(material, items, batch_size, labels=None):
    """Some items as they are, in order, once: tf.data.Dataset of (features, labels).

    `labels` is an array with an entry an item, or a dict of such arrays; None: the material's.
    """
    labels = material.labels[items].astype(np.int32) if labels is None else labels
    shape = material.feature_shape
    if material.sequence:
        spec = (tf.TensorSpec((None, None, *shape), tf.float32), tf.TensorSpec((None, None), tf.bool))
        parts = lambda: material.sequences(items, SEQUENCES)  # noqa: E731
    else:
        spec = tf.TensorSpec((None, *shape), tf.float32)
        counts = material.n_windows[items]
        labels = tf.nest.map_structure(lambda known: np.repeat(known, counts), labels)
        parts = lambda: material.batches(items, batch_size)  # noqa: E731

    def batches():
        done = 0
        for x in parts():
            n = len(x[0]) if material.sequence else len(x)
            yield x, tf.nest.map_structure(lambda known: known[done : done + n], labels)  # noqa: B023 - used at once
            done += n

    signature = (spec, tf.nest.map_structure(lambda _: tf.TensorSpec((None,), tf.int32), labels))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)
