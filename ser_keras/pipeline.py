"""Utterances + front end -> tf.data: decoding, windows, cached features, and the order of training."""

import contextlib
import dataclasses
import json
import math
import os

import numpy as np
import tensorflow as tf

from ser_keras import audio
from ser_keras.cache import RowStore, cache_folder, fingerprint
from ser_keras.errors import SerKerasError
from ser_keras.progress import stage

AUDIO_CACHE_VERSION = 1
FEATURE_BATCH = 4  # windows; more leave the processor's cache and take longer each
QUEUE = 64  # windows that are gathered before they go through the front end
PREDICTION_BATCH = 64


@dataclasses.dataclass
class Decoded:
    """Utterances whose audio is in the cache.

    Attributes:
        utterances: those that could be used.
        spans: [n, 2] first sample and number of samples of each in `store`.
        hashes: a hash of each one's samples.
        bad_files: name -> reason of those that couldn't.
        warnings: lines on silence, clipping and the like.
        store: RowStore of int16 samples at 16 kHz.
    """

    utterances: list
    spans: np.ndarray
    hashes: list
    bad_files: dict
    warnings: list
    store: RowStore


def decode(utterances, decoder="soundfile", bad_files="skip"):
    """Decode utterances to 16 kHz mono int16 in the cache; what is there already is not decoded again.

    Args:
        utterances: list of Utterance.
        decoder: see `audio.load`.
        bad_files: `skip` leaves out what can't be used and lists it; `fail` stops at the first.

    Raises:
        SerKerasError: a bad file under `fail`, or no usable file at all.
    """
    store = RowStore(cache_folder() / "audio", np.int16)
    bad, warnings, kept, keys = {}, [], [], []
    contents = {}
    said = _Said(store.folder / "warnings.jsonl")

    def missing():
        for utterance in utterances:
            advance()
            try:
                if utterance.path not in contents:
                    with open(utterance.path, "rb") as file:
                        contents[utterance.path] = fingerprint(file.read())
                part = (utterance.start, utterance.end)
                key = fingerprint(contents[utterance.path], part, decoder, AUDIO_CACHE_VERSION)
                if key not in store:
                    loaded = audio.load(utterance.path, *part, decoder)
                    said.keep(key, loaded.warnings)
                    yield key, audio.to_int16(loaded.samples)
                warnings.extend(f"{utterance.name}: {w}" for w in said.of(key))
            except (audio.AudioError, OSError) as error:
                if bad_files == "fail":
                    raise SerKerasError(f"{error} (audio.bad_files=skip goes on without such files)") from None
                bad[utterance.name] = getattr(error, "reason", None) or str(error)
                continue
            kept.append(utterance)
            keys.append(key)

    with stage("decoding", len(utterances), "files") as advance:
        store.extend(missing())
    if not kept:
        first = next(iter(bad.values()), "the corpus is empty")
        raise SerKerasError(f"none of the {len(utterances)} audio files can be used: {first}")
    spans = np.array([store.span(k) for k in keys])
    hashes = [fingerprint(store.rows(k)) for k in keys]
    return Decoded(kept, spans, hashes, bad, warnings, store)


class _Said:
    """What decoding warned of, kept beside the audio so that it is said for cached files as well."""

    def __init__(self, path):
        self.path, self.lines = path, {}
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError):  # torn by a kill
                    key, warnings = json.loads(line)
                    self.lines[key] = warnings

    def keep(self, key, warnings):
        if warnings:
            self.lines[key] = list(warnings)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.lines[key]]) + "\n")

    def of(self, key):
        return self.lines.get(key, [])


@dataclasses.dataclass
class Material:
    """Items (utterances, or chunks of them) with their windows' features in the cache.

    Attributes:
        items: list of Utterance.
        labels: [n_items] class of each.
        first_row, n_windows: [n_items] where an item's windows stand in `store`.
        starts: list of arrays, the windows' first samples within the item.
        store: RowStore of float32 features.
        window: samples of a window.
        spans: [n_items, 2] first sample and number of samples of each item in `audio_store`.
        audio_store: RowStore of int16 samples.
    """

    items: list
    labels: np.ndarray
    first_row: np.ndarray
    n_windows: np.ndarray
    starts: list
    store: RowStore
    window: int
    spans: np.ndarray
    audio_store: RowStore

    @property
    def feature_shape(self):
        return self.store.shape

    def samples(self, item):
        """float32 samples of one item, [n] at 16 kHz."""
        return audio.from_int16(self.audio_store.slice(*self.spans[item].tolist()))

    def rows(self, items):
        """(rows of all windows of some items, in order; the item that each belongs to)."""
        items = np.asarray(items, int)
        counts = self.n_windows[items]
        owner = np.repeat(items, counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.first_row[owner] + within, owner

    def batches(self, items, batch_size=PREDICTION_BATCH):
        """The features of some items' windows in order, a batch at a time."""
        rows, _ = self.rows(items)
        for i in range(0, len(rows), batch_size):
            yield self.store.gather(rows[i : i + batch_size])


def extract(decoded, items, labels, spans, frontend, window, hop, tail):
    """Features of every window of every item, from the cache or through the front end into it.

    The cache's key is a hash of the item's samples, the front end's settings and version, and the windowing: no fold,
    seed or path.

    Args:
        decoded: Decoded.
        items, labels: utterances or chunks and their classes.
        spans: [n, 2] where each item's samples stand in the audio store.
        frontend: a FrontEnd.
        window, hop: in samples.
        tail: tail rule of `audio.windows`.

    Returns:
        Material.
    """
    shape = tuple(frontend.compute_output_shape((None, window))[1:])
    settings = [frontend.get_config(), type(frontend).__name__, frontend.VERSION, window, hop, tail]
    settings[0] = {k: v for k, v in settings[0].items() if k not in ("name", "trainable")}
    store = RowStore(cache_folder() / "features" / fingerprint(settings), np.float32, shape)

    compute = front_end_graph(frontend, window)
    wholes = {tuple(span): digest for span, digest in zip(decoded.spans.tolist(), decoded.hashes, strict=True)}
    keys = [wholes.get((first, n)) or fingerprint(decoded.store.slice(first, n)) for first, n in spans.tolist()]

    def missing():
        queue, queued, seen = [], 0, set()
        for key, (first, n) in zip(keys, spans.tolist(), strict=True):
            advance()
            if key in store or key in seen:
                continue
            seen.add(key)
            cut = audio.windows(decoded.store.slice(first, n), window, hop, tail)
            queue.append((key, cut))
            queued += len(cut)
            if queued >= QUEUE:
                yield from computed(queue)
                queue, queued = [], 0
        yield from computed(queue)

    def computed(queue):
        if not queue:
            return
        features = compute(audio.from_int16(np.concatenate([cut for _, cut in queue])))
        edges = np.cumsum([len(cut) for _, cut in queue])[:-1]
        yield from zip((key for key, _ in queue), np.split(features, edges), strict=True)

    with stage("features", len(items), "utterances") as advance:
        store.extend(missing())
    found = np.array([store.span(key) for key in keys])
    starts = [audio.window_starts(n, window, hop, tail) for n in spans[:, 1].tolist()]
    return Material(items, np.asarray(labels), found[:, 0], found[:, 1], starts, store, window, spans, decoded.store)


def front_end_graph(frontend, window):
    """The front end as the caches are filled with it: compiled for small batches of one size.

    Args:
        frontend: a FrontEnd.
        window: N, samples.

    Returns:
        Function: float32 windows [n, N], any n, to features [n, ...], both NumPy arrays.
    """
    graph = tf.function(
        lambda waves: frontend(waves),
        input_signature=[tf.TensorSpec((FEATURE_BATCH, window), tf.float32)],
        jit_compile=frontend.XLA,
        autograph=False,
    ).get_concrete_function()

    with _silenced_stderr() if frontend.XLA else contextlib.nullcontext():
        graph(tf.zeros((FEATURE_BATCH, window)))

    def features(windows):
        lacking = -len(windows) % FEATURE_BATCH
        filled = np.concatenate([windows, np.zeros((lacking, window), np.float32)]) if lacking else windows
        batches = (filled[i : i + FEATURE_BATCH] for i in range(0, len(filled), FEATURE_BATCH))
        return np.concatenate([graph(tf.constant(batch)).numpy() for batch in batches])[: len(windows)]

    return features


@contextlib.contextmanager
def _silenced_stderr():
    """XLA greets on the first compilation, past Python and past every setting of TensorFlow's logs."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def class_weights(labels, n_classes):
    """Weights that give each class the same share of the loss, with mean 1 over the windows."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.where(counts > 0, len(labels) / (np.maximum(counts, 1) * (counts > 0).sum()), 0.0)


def training_dataset(material, items, *, batch_size, seed, fold, epochs, first_epoch=0, weights=None):
    """The windows of the training items, shuffled anew each epoch.

    The order of an epoch follows from (seed, fold, epoch) alone, so that a run resumed at an epoch sees what it would
    have seen.

    Args:
        material: Material.
        items: indices of the training items.
        batch_size: windows a step; an epoch's last batch may be smaller.
        seed, fold, first_epoch, epochs: decide the orders.
        weights: [n_classes] weight of each class, or None.

    Returns:
        (tf.data.Dataset of (features, labels[, weights]) over all epochs from `first_epoch`, steps an epoch).
    """
    rows, owner = material.rows(items)
    labels = material.labels[owner].astype(np.int32)

    def order(epoch):
        return np.random.default_rng([seed, fold, int(epoch)]).permutation(len(rows))

    def fetch(index):
        return material.store.gather(rows[index]), labels[index]

    def epoch_batches(epoch):
        index = tf.numpy_function(order, [epoch], tf.int64)
        return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(index, [len(rows)])).batch(batch_size)

    def batch(index):
        x, y = tf.numpy_function(fetch, [index], [tf.float32, tf.int32])
        x, y = tf.ensure_shape(x, [None, *material.feature_shape]), tf.ensure_shape(y, [None])
        return (x, y) if weights is None else (x, y, tf.gather(tf.constant(weights, tf.float32), y))

    dataset = tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_batches)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = dataset.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).with_options(options)
    return dataset.prefetch(tf.data.AUTOTUNE), math.ceil(len(rows) / batch_size)


def validation_dataset(material, items, batch_size):
    """The windows of some items in order, once: tf.data.Dataset of (features, labels)."""
    rows, owner = material.rows(items)
    labels = material.labels[owner].astype(np.int32)

    def batches():
        for i in range(0, len(rows), batch_size):
            yield material.store.gather(rows[i : i + batch_size]), labels[i : i + batch_size]

    signature = (
        tf.TensorSpec((None, *material.feature_shape), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    )
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)


def predict(model, material, items, batch_size=PREDICTION_BATCH):
    """Probabilities of every window of some items, in order.

    Args:
        model: classifier, features -> probabilities.

    Returns:
        [n_windows, n_classes] float32.
    """
    # A concrete function: a tf.function a model would count as retracing.
    infer = tf.function(
        lambda x: model(x, training=False),
        input_signature=[tf.TensorSpec((None, *material.feature_shape), tf.float32)],
        autograph=False,
    ).get_concrete_function()
    parts = [infer(tf.constant(batch)).numpy() for batch in material.batches(items, batch_size)]
    return np.concatenate(parts).astype(np.float32)
