"""Windows of utterances as cached features: what training and evaluation read."""

import dataclasses
import functools

import numpy as np

from ser_keras.audio.samples import from_int16, to_int16
from ser_keras.audio.windows import cut_windows, window_starts
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.common.row_store import RowStore, cache_folder, fingerprint
from ser_keras.features import conditions
from ser_keras.features.augmentation.grids import base_cut, copy_cuts, grid_cuts
from ser_keras.features.batched_graph import feature_function

QUEUE = 64  # windows that are gathered before they go through the front end
PREDICTION_BATCH = 64


@dataclasses.dataclass
class Variant:
    """One way of hearing the items: as they are, at one point of an augmentation grid, or as one copy's draws.

    Attributes:
        first_row, n_windows: [n_items] where an item's windows stand in the store.
        rate: its tempo; window k begins about where window k * rate of the unchanged item does.
    """

    first_row: np.ndarray
    n_windows: np.ndarray
    rate: float = 1.0


@dataclasses.dataclass(frozen=True)
class Examples:
    """What training draws from: windows, or utterances as sequences of windows.

    Attributes:
        rows: [n_windows] rows of the store.
        owner: [n_windows] item that a window belongs to.
        number: [n_windows] the window's number within its item.
        edges: [n + 1]; example i is the windows edges[i] to edges[i + 1] - 1.
        sequence: whether an example is a sequence.
    """

    rows: np.ndarray
    owner: np.ndarray
    number: np.ndarray
    edges: np.ndarray
    sequence: bool

    def __len__(self):
        return len(self.edges) - 1

    @property
    def items(self):
        """[n] item of each example."""
        return self.owner[self.edges[:-1]]


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
        around: [n_items, 2] span of the utterance that each item is a part of, or is.
        variants: what training hears: the items as they are, each point of the augmentation grid, or the copies too.
        sequence: whether a classifier sees all windows of an item at once.
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
    around: np.ndarray
    variants: list
    sequence: bool = False

    @property
    def feature_shape(self):
        return self.store.shape

    def samples(self, item):
        """float32 samples of one item, [n] at 16 kHz."""
        return from_int16(self.audio_store.slice(*self.spans[item].tolist()))

    def rows(self, items):
        """(rows of all windows of some items as they are, in order; the item that each belongs to)."""
        rows, owner, _ = _rows(self.first_row, self.n_windows, items)
        return rows, owner

    def batches(self, items, batch_size=PREDICTION_BATCH):
        """The features of some items' windows as they are, in order, a batch at a time."""
        rows, _ = self.rows(items)
        for i in range(0, len(rows), batch_size):
            yield self.store.gather(rows[i : i + batch_size])

    def sequences(self, items, batch_size=PREDICTION_BATCH):
        """Some items in order as padded sequences: yields ([b, T, ...], present [b, T])."""
        for i in range(0, len(items), batch_size):
            rows, _, _ = _rows(self.first_row, self.n_windows, items[i : i + batch_size])
            edges = np.concatenate([[0], np.cumsum(self.n_windows[items[i : i + batch_size]])])
            yield self.padded(rows, edges)

    def padded(self, rows, edges):
        """Sequences of rows as one array: features [n, T, ...], zeros behind a sequence's end, and present [n, T]."""
        lengths = np.diff(edges)
        present = np.arange(lengths.max()) < lengths[:, None]
        features = np.zeros((*present.shape, *self.feature_shape), np.float32)
        features[present] = self.store.gather(rows)
        return features, present

    def examples(self, items, without=()):
        """What training on some items draws from, at every point of the augmentation grid.

        Args:
            items: indices.
            without: rows of unchanged windows to leave out, with what stands for them at other points of the grid.

        Returns:
            Examples.
        """
        parts, edges, end = [], [np.zeros(1, int)], 0
        for variant in self.variants:
            rows, owner, number = _rows(variant.first_row, variant.n_windows, items)
            nearest = np.minimum(np.round(number * variant.rate).astype(int), self.n_windows[owner] - 1)
            keep = ~np.isin(self.first_row[owner] + nearest, without)
            rows, owner, number = rows[keep], owner[keep], number[keep]
            parts.append((rows, owner, number))
            ends = np.flatnonzero(np.diff(owner, append=-1)) + 1 if self.sequence else np.arange(1, len(rows) + 1)
            edges.append(end + ends)
            end += len(rows)
        return Examples(*(np.concatenate(p) for p in zip(*parts, strict=True)), np.concatenate(edges), self.sequence)


def _rows(first_row, n_windows, items):
    """(rows of all windows of some items, the items that they belong to, their numbers within these)."""
    items = np.asarray(items, int)
    counts = n_windows[items]
    owner = np.repeat(items, counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first_row[owner] + number, owner, number


def extract(
    decoded,
    items,
    labels,
    spans,
    extractor,
    window,
    hop,
    tail,
    augmentation=None,
    seed=0,
    sequence=False,
    condition=None,
    around=None,
):
    """Features of every window of every item, from the cache or through the front end into it.

    The cache's key is a hash of the item's samples, the front end's settings and version, the windowing and the point
    of the augmentation grid: no fold, seed or path.

    Args:
        decoded: Decoded.
        items, labels: utterances or chunks and their classes.
        spans: [n, 2] where each item's samples stand in the audio store.
        extractor: a FrontEnd, or a descriptor set.
        window, hop: in samples.
        tail: tail rule of `audio.windows`.
        augmentation: experiment.Augmentation; grids and copies are made here, what is random is else drawn live.
        seed: the experiment's, for copies.
        sequence: whether a classifier sees all windows of an item at once.
        condition: conditions.Condition under which all items are heard, or None.
        around: [n, 2] spans of the utterances that items are chunks of: what a copy of a higher tempo lacks comes from
            there. None: items are utterances.

    Returns:
        Material.
    """
    whole, shape = getattr(extractor, "whole", False), feature_shape(extractor, window)
    settings = [extractor.get_config(), type(extractor).__name__, extractor.VERSION, window, hop, tail]
    settings[0] = {k: v for k, v in settings[0].items() if k not in ("name", "trainable")}
    store = RowStore(cache_folder() / "features" / fingerprint(settings), np.float32, shape)
    wholes = {tuple(span): digest for span, digest in zip(decoded.spans.tolist(), decoded.hashes, strict=True)}

    def key_of(first, n):
        return wholes.get((first, n)) or fingerprint(decoded.store.slice(first, n))

    keys = [key_of(*span) for span in spans.tolist()]
    chunked, around = around is not None, spans if around is None else around
    if condition is not None and chunked and any(condition.length(n) != n for n in around[:, 1].tolist()):
        raise SerKerasError(f"{condition.name} cuts utterances, and under this protocol their chunks are judged singly")

    @functools.lru_cache(maxsize=16)
    def distorted(first, n):
        """An utterance under the condition; what is random in it follows from the utterance's samples."""
        samples = from_int16(decoded.store.slice(first, n))
        return to_int16(condition(samples, int(key_of(first, n)[:8], 16)))

    def hear(i):
        first, n = spans[i].tolist()
        if condition is None:
            return decoded.store.slice(first, n)
        begin = first - int(around[i, 0])
        return distorted(*around[i].tolist())[begin : begin + n] if chunked else distorted(first, n)

    def hear_faster(rate):
        """Chunks with so much more of their utterances as a tempo needs."""
        wider = np.array([_wider(*pair, rate) for pair in zip(spans.tolist(), around.tolist(), strict=True)])
        return lambda i: decoded.store.slice(*wider[i].tolist())

    rows_of = keys
    if condition is not None:
        origin = [[key] for key in keys]
        if chunked:  # what is heard of a chunk follows from its utterance
            places = (spans - around).tolist()
            origin = [[key_of(*whole), place] for whole, place in zip(around.tolist(), places, strict=True)]
        rows_of = [fingerprint(*own, condition.name, conditions.VERSION) for own in origin]
    lengths = [n if condition is None or chunked else condition.length(n) for n in spans[:, 1].tolist()]

    def windows_of(samples):
        return cut_windows(samples, window, hop, tail=tail)

    # What needs the whole utterance is computed where it is cut.
    cut_item, compute = (extractor, np.asarray) if whole else (windows_of, feature_function(extractor, window))
    base = base_cut(compute, cut_item)
    cuts = [base]
    if augmentation is not None and augmentation.mode == "grid":
        cuts += grid_cuts(augmentation, extractor, base, cut_item, window, hop, tail)
    if augmentation is not None and augmentation.copies:
        cuts += [base, *copy_cuts(augmentation, seed, extractor, window, hop, tail)]
    variants = []
    for cut in cuts:
        heard, named = hear, rows_of
        if cut.rate > 1 and around is not spans:
            heard = hear_faster(cut.rate)
            named = [fingerprint(key, heard(i)) for i, key in enumerate(rows_of)]
        with stage(cut.title, len(items), "utterances") as advance:
            store.extend(_missing(cut, named, heard, store, advance))
        found = np.array([store.span(cut.key(key)) for key in named])
        variants.append(Variant(found[:, 0], found[:, 1], cut.rate))
    first = variants[0]
    heard_spans = np.column_stack([spans[:, 0], lengths])
    starts = [extractor.row_starts(n) if whole else window_starts(n, window, hop, tail=tail) for n in lengths]
    return Material(
        *(items, np.asarray(labels), first.first_row, first.n_windows, starts, store, window, heard_spans),
        audio_store=decoded.store,
        around=around,
        variants=variants[1:] or variants,
        sequence=sequence,
    )


def feature_shape(extractor, window):
    """The shape of one window's features; a descriptor set of whole utterances has no window."""
    whole = getattr(extractor, "whole", False)
    return tuple(extractor.compute_output_shape((None, None if whole else window))[1:])


def _wider(chunk, utterance, rate):
    """Span of a chunk at a higher tempo: longer, and begun earlier where its utterance ends too soon."""
    (first, n), (start, whole) = chunk, utterance
    length = min(whole, int(np.ceil(n * rate)))
    return min(first, start + whole - length), length


def _missing(cut, keys, hear, store, advance):
    """Yield (key, features) of what the store lacks; `hear(i)` gives item i's samples."""
    queue, queued, seen = [], 0, set()

    def computed():
        if queue:
            features = cut.compute(np.concatenate([windows for _, windows in queue]))
            edges = np.cumsum([len(windows) for _, windows in queue])[:-1]
            yield from zip((key for key, _ in queue), np.split(features, edges), strict=True)

    for i, key in enumerate(map(cut.key, keys)):
        advance()
        if key in store or key in seen:
            continue
        seen.add(key)
        queue.append((key, cut.windows(hear(i))))
        queued += len(queue[-1][1])
        if queued >= QUEUE:
            yield from computed()
            queue, queued = [], 0
    yield from computed()
