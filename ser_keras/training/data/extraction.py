"""Features of items, from the cache or computed into it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import from_int16, to_int16
from ser_keras.audio.windows import cut_windows
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.common.row_store import RowStore, cache_folder, fingerprint
from ser_keras.experiment.settings import Augmentation
from ser_keras.features import conditions
from ser_keras.features.augmentation.grids import Cut, base_cut, copy_cuts, grid_cuts
from ser_keras.features.batched_graph import feature_function
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends.base import FrontEnd
from ser_keras.training.data.feature_store import Material, Variant
from ser_keras.training.data.items import Items, Windowing

if TYPE_CHECKING:
    from ser_keras.features.conditions import Condition

QUEUE = 64  # windows that are gathered before they go through the front end
Samples = NDArray[np.int16]


def extract(
    items: Items,
    extractor: Extractor,
    windowing: Windowing,
    *,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    sequence: bool = False,
    condition: Condition | None = None,
    needed: NDArray[np.int64] | None = None,
) -> Material:
    """Features of every window of every item.

    The cache's key is a hash of the item's samples, the front end's settings and version, the windowing and the point
    of the augmentation grid: no fold, seed or path.

    Args:
        items: utterances or chunks.
        extractor: a front end, or a descriptor set.
        windowing: how items are cut.
        augmentation: grids and copies are made here, what is random is else drawn live.
        seed: the experiment's, for copies.
        sequence: whether a classifier sees all windows of an item at once.
        condition: that under which all items are heard.
        needed: the items whose features are wanted; None: all. The others have no windows.

    Raises:
        SerKerasError: a condition that cuts or lengthens utterances of which the items are chunks.
    """
    heard = _HeardItems(items, condition)
    store = _store(extractor, windowing)
    indices = np.arange(len(items)) if needed is None else np.unique(needed)
    variants = []
    for cut in _cuts(extractor, windowing, augmentation, seed):
        samples: Callable[[int], Samples] = heard.samples
        keys = heard.keys
        if cut.rate > 1 and items.chunked:
            samples = heard.wider(cut.rate)
            keys = [fingerprint(key, samples(i)) for i, key in enumerate(keys)]
        with stage(cut.title, len(indices), "utterances") as advance:
            wanted = ((cut.key(keys[i]), i) for i in indices.tolist())
            store.extend(_missing(cut, wanted, samples, store=store, advance=advance))
        places = np.zeros((len(items), 2), int)
        places[indices] = [store.span(cut.key(keys[i])) for i in indices.tolist()]
        variants.append(Variant(places[:, 0], places[:, 1], cut.rate))
    starts = extractor.row_starts if extractor.takes == "utterance" else windowing.starts
    return Material(
        items=items.utterances,
        labels=np.asarray(items.labels),
        starts=[starts(n) for n in heard.lengths],
        store=store,
        window=windowing.window,
        spans=np.column_stack([items.spans[:, 0], heard.lengths]),
        audio_store=items.audio.store,
        around=items.around,
        unchanged=variants[0],
        variants=variants[1:] or variants,
        sequence=sequence,
        chunked=items.chunked,
    )


def _store(extractor: Extractor, windowing: Windowing) -> RowStore:
    """The cache of one extractor's features of windows that are cut in one way."""
    identity = [*extractor.identity(), windowing.window, windowing.hop, windowing.tail]
    shape = extractor.feature_shape(windowing.window)
    return RowStore(cache_folder() / "features" / fingerprint(identity), np.float32, shape)


def _cuts(extractor: Extractor, windowing: Windowing, augmentation: Augmentation | None, seed: int) -> list[Cut]:
    """The versions of items to compute: the unchanged ones first, then what training hears where that is another."""
    window, hop, tail = windowing.window, windowing.hop, windowing.tail

    def windows_of(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return cut_windows(samples, window, hop, tail=tail)

    # What needs the whole utterance is computed where it is cut.
    by_utterance = extractor.takes == "utterance"
    cut_item: Callable[[NDArray[np.float32]], NDArray[np.float32]] = extractor if by_utterance else windows_of
    base = base_cut(np.asarray if by_utterance else feature_function(extractor, window), cut_item)
    cuts = [base]
    if augmentation is not None and augmentation.mode == "grid":
        cuts += grid_cuts(augmentation, extractor, base, cut=cut_item, window=window, hop=hop, tail=tail)
    if augmentation is not None and augmentation.copies:
        frontend = cast(FrontEnd, extractor)  # the rules refuse others
        cuts += [base, *copy_cuts(augmentation, seed, frontend, window=window, hop=hop, tail=tail)]
    return cuts


class _HeardItems:
    """Samples of items as they are heard, and what identifies them in the cache.

    Attributes:
        keys: [n] identity of each item's samples, and of the condition.
        lengths: [n] samples of each item, as it is heard.
    """

    def __init__(self, items: Items, condition: Condition | None) -> None:
        self._items, self._condition = items, condition
        audio, spans, around = items.audio, items.spans, items.around
        self._hashes = {tuple(span): digest for span, digest in zip(audio.spans.tolist(), audio.hashes, strict=True)}
        self._distorted = functools.lru_cache(maxsize=16)(self._distort)
        self.keys = [self._key(first, n) for first, n in spans.tolist()]
        self.lengths = spans[:, 1].tolist()
        if condition is None:
            return
        origins: list[list[str | list[int]]] = [[key] for key in self.keys]
        if items.chunked:  # what is heard of a chunk follows from its utterance
            lengths = around[:, 1].tolist()
            if condition.lead or any(condition.length(n) != n for n in lengths):
                does = "cuts" if any(condition.length(n) < n for n in lengths) else "puts a pause around"
                raise SerKerasError(
                    f"{condition.name} {does} utterances, and under this protocol their chunks are judged singly"
                )
            places = (spans - around).tolist()
            origins = [[self._key(*whole), place] for whole, place in zip(around.tolist(), places, strict=True)]
        else:
            self.lengths = [condition.length(n) for n in self.lengths]
        self.keys = [fingerprint(*origin, *condition.identity, conditions.VERSION) for origin in origins]

    def _key(self, first: int, n: int) -> str:
        return self._hashes.get((first, n)) or fingerprint(self._items.audio.store.slice(first, n))

    def _distort(self, first: int, n: int) -> Samples:
        """An utterance under the condition; what is random in it follows from the utterance's samples."""
        assert self._condition is not None
        samples = from_int16(self._items.audio.store.slice(first, n))
        return to_int16(self._condition(samples, int(self._key(first, n)[:8], 16)))

    def samples(self, i: int) -> Samples:
        """Samples of one item."""
        first, n = self._items.spans[i].tolist()
        if self._condition is None:
            return self._items.audio.store.slice(first, n)
        if not self._items.chunked:
            return self._distorted(first, n)
        begin = first - int(self._items.around[i, 0])
        return self._distorted(*self._items.around[i].tolist())[begin : begin + n]

    def wider(self, rate: float) -> Callable[[int], Samples]:
        """Samples of chunks with so much more of their utterances as a tempo needs."""
        pairs = zip(self._items.spans.tolist(), self._items.around.tolist(), strict=True)
        spans = [_wider(chunk, utterance, rate) for chunk, utterance in pairs]
        return lambda i: self._items.audio.store.slice(*spans[i])


def _wider(chunk: Sequence[int], utterance: Sequence[int], rate: float) -> tuple[int, int]:
    """Span of a chunk at a higher tempo: longer, and begun earlier where its utterance ends too soon."""
    (first, n), (start, whole) = chunk, utterance
    length = min(whole, int(np.ceil(n * rate)))
    return min(first, start + whole - length), length


def _missing(
    cut: Cut,
    wanted: Iterable[tuple[str, int]],
    samples: Callable[[int], Samples],
    *,
    store: RowStore,
    advance: Callable[[], None],
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield (key, features) of what the store lacks.

    Args:
        cut: the version of the items.
        wanted: (key, item) pairs.
        samples: gives an item's samples.
        store: the cache.
        advance: called for each item.
    """
    queue: list[tuple[str, NDArray[np.generic]]] = []
    n_queued, seen = 0, set()

    def computed() -> Iterator[tuple[str, NDArray[np.float32]]]:
        if queue:
            features = cut.compute(np.concatenate([windows for _, windows in queue]))
            edges = np.cumsum([len(windows) for _, windows in queue])[:-1]
            yield from zip((key for key, _ in queue), np.split(features, edges), strict=True)

    for key, i in wanted:
        advance()
        if key in store or key in seen:
            continue
        seen.add(key)
        queue.append((key, cut.windows(samples(i))))
        n_queued += len(queue[-1][1])
        if n_queued >= QUEUE:
            yield from computed()
            queue, n_queued = [], 0
    yield from computed()
