"""Rows of pictures, and rows that join sound and picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.row_store import RowNumbers, RowStore
from ser_keras.features.extractor import JoinedShape


class PixelStore(RowStore[np.uint8]):
    """A RowStore of 8-bit pictures that gives them as float32 in [0, 1]: a quarter of the disk that floats need."""

    def gather(  # type: ignore[override]  # stored as bytes, given as floats: that is what the class is for
        self, indices: RowNumbers
    ) -> NDArray[np.float32]:
        return super().gather(indices).astype(np.float32) / np.float32(255)


class JoinedStore:
    """Rows of several stores, flattened, one behind the other; computed when they are asked for.

    Args:
        stores: what the parts are read from.
        rows: for each store, [n] the row of it that a joined row takes.

    Attributes:
        shape: of a joined row.
    """

    def __init__(self, stores: Sequence[RowStore], rows: Sequence[NDArray[np.integer]]) -> None:
        self._stores, self._rows = stores, [np.asarray(r, int) for r in rows]
        self.shape = JoinedShape(tuple(tuple(store.shape) for store in stores))

    def gather(self, indices: RowNumbers) -> NDArray[np.float32]:
        """Rows by their number: [len(indices), *shape]."""
        parts = [
            store.gather(rows[indices]).reshape(len(indices), -1)
            for store, rows in zip(self._stores, self._rows, strict=True)
        ]
        return np.concatenate(parts, axis=1)
