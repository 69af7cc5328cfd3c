"""Rows of pictures, and rows that join sound and picture."""

import math

import numpy as np

from ser_keras.common.row_store import RowStore


class PixelStore(RowStore):
    """A RowStore of 8-bit pictures that gives them as float32 in [0, 1]: a quarter of the disk that floats need."""

    def gather(self, indices):
        return super().gather(indices).astype(np.float32) / np.float32(255)


class JoinedSize(int):
    """Values in a row that holds several arrays, flattened, one behind the other; `parts` are the arrays' shapes."""

    def __new__(cls, parts):
        size = super().__new__(cls, sum(math.prod(part) for part in parts))
        size.parts = tuple(map(tuple, parts))
        return size


class JoinedStore:
    """Rows of several stores, flattened, one behind the other; computed when they are asked for.

    Args:
        stores: list of RowStore.
        rows: list of [n] arrays: the row of each store that a joined row takes.

    Attributes:
        shape: of a row, a JoinedSize.
    """

    def __init__(self, stores, rows):
        self._stores, self._rows = stores, [np.asarray(r, int) for r in rows]
        self.shape = (JoinedSize([store.shape for store in stores]),)

    def gather(self, indices):
        """Rows by their number: [len(indices), *shape] float32."""
        parts = [
            store.gather(rows[indices]).reshape(len(indices), -1)
            for store, rows in zip(self._stores, self._rows, strict=True)
        ]
        return np.concatenate(parts, axis=1)
