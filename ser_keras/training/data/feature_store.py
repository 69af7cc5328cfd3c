"""Windows of items as features in the cache: what training and evaluation read."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio.samples import from_int16
from ser_keras.common.row_store import RowStore
from ser_keras.corpora.utterance import Utterance
from ser_keras.features.extractor import FeatureShape

PREDICTION_BATCH = 64


class Rows(Protocol):
    """Arrays of one shape, found by number: a RowStore, or several of them joined."""

    @property
    def shape(self) -> FeatureShape:
        """Shape of one row."""

    def gather(self, indices: NDArray[np.integer]) -> NDArray[np.float32]:
        """Rows by their number, copied: [len(indices), *shape]."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """One version of the items: unchanged, one point of the augmentation grid, or one random copy.

    Attributes:
        first_row: [n_items] the first row of each item in the store.
        n_windows: [n_items] how many rows each item has; 0 where none was asked for.
        rate: tempo of this version; its window k begins about where window k * rate of the unchanged item does.
    """

    first_row: NDArray[np.int64]
    n_windows: NDArray[np.int64]
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

    rows: NDArray[np.int64]
    owner: NDArray[np.int64]
    number: NDArray[np.int64]
    edges: NDArray[np.int64]
    sequence: bool

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def items(self) -> NDArray[np.int64]:
        """[n] item of each example."""
        return self.owner[self.edges[:-1]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Material:
    """Items with their windows' features in the cache.

    Attributes:
        items: [n] an utterance of each item.
        labels: [n] class of each.
        starts: [n] arrays, the windows' first samples within the item.
        store: float32 features, a row a window.
        window: samples of a window.
        spans: [n, 2] first sample and number of samples of each item in `audio_store`, as they are heard.
        audio_store: int16 samples.
        around: [n, 2] span of the utterance that each item is, or is a chunk of.
        unchanged: the items as they are.
        variants: what training hears: the items as they are, each point of the augmentation grid, or the copies too.
        sequence: whether a classifier sees all windows of an item at once.
        chunked: whether items are chunks of utterances.
    """

    items: Sequence[Utterance]
    labels: NDArray[np.int64]
    starts: Sequence[NDArray[np.int64]]
    store: Rows
    window: int
    spans: NDArray[np.int64]
    audio_store: RowStore
    around: NDArray[np.int64]
    unchanged: Variant
    variants: Sequence[Variant]
    sequence: bool = False
    chunked: bool = False

    @property
    def first_row(self) -> NDArray[np.int64]:
        """[n] the first row of each item, as it is, in the store."""
        return self.unchanged.first_row

    @property
    def n_windows(self) -> NDArray[np.int64]:
        """[n] how many windows each item has, as it is."""
        return self.unchanged.n_windows

    @property
    def feature_shape(self) -> FeatureShape:
        """Shape of one window's features."""
        return self.store.shape

    def samples(self, item: int) -> NDArray[np.float32]:
        """Samples of one item, [n] at 16 kHz."""
        first, n = self.spans[item].tolist()
        return from_int16(self.audio_store.slice(first, n))

    def rows(self, items: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(rows of all windows of some items as they are, in order; the item that each belongs to)."""
        rows, owner, _ = _rows(self.unchanged, items)
        return rows, owner

    def batches(self, items: ArrayLike, batch_size: int = PREDICTION_BATCH) -> Iterator[NDArray[np.float32]]:
        """The features of some items' windows as they are, in order, a batch at a time."""
        rows, _ = self.rows(items)
        for i in range(0, len(rows), batch_size):
            yield self.store.gather(rows[i : i + batch_size])

    def sequences(
        self, items: NDArray[np.int64], batch_size: int = PREDICTION_BATCH
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Some items in order as padded sequences: yields ([b, T, ...], present [b, T])."""
        for i in range(0, len(items), batch_size):
            rows, _, _ = _rows(self.unchanged, items[i : i + batch_size])
            edges = np.concatenate([[0], np.cumsum(self.n_windows[items[i : i + batch_size]])])
            yield self.padded(rows, edges)

    def padded(
        self, rows: NDArray[np.int64], edges: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Sequences of rows as one array: features [n, T, ...], zeros behind a sequence's end, and present [n, T]."""
        lengths = np.diff(edges)
        present = np.arange(lengths.max()) < lengths[:, None]
        features = np.zeros((*present.shape, *self.feature_shape), np.float32)
        features[present] = self.store.gather(rows)
        return features, present

    def examples(self, items: ArrayLike, without: Collection[int] | NDArray[np.int64] = ()) -> Examples:
        """What training on some items draws from, in every version of them.

        Args:
            items: indices.
            without: rows of unchanged windows to leave out, with what stands for them in other versions.
        """
        parts, edges, end = [], [np.zeros(1, int)], 0
        for variant in self.variants:
            rows, owner, number = _rows(variant, items)
            nearest = np.minimum(np.round(number * variant.rate).astype(int), self.n_windows[owner] - 1)
            keep = ~np.isin(self.first_row[owner] + nearest, np.asarray(without, int))
            rows, owner, number = rows[keep], owner[keep], number[keep]
            parts.append((rows, owner, number))
            ends = np.flatnonzero(np.diff(owner, append=-1)) + 1 if self.sequence else np.arange(1, len(rows) + 1)
            edges.append(end + ends)
            end += len(rows)
        rows, owner, number = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Examples(rows, owner, number, edges=np.concatenate(edges), sequence=self.sequence)


def _rows(variant: Variant, items: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(rows of all windows of some items, the items that they belong to, their numbers within these)."""
    items = np.asarray(items, int)
    counts = variant.n_windows[items]
    owner = np.repeat(items, counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return variant.first_row[owner] + number, owner, number
