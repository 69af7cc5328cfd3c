"""The two caches, decoded audio and features, as append-only stores of rows that survive a kill at any moment."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import Damaged, write_error
from ser_keras.common.files import Json

RowNumbers: TypeAlias = "Sequence[int] | NDArray[np.integer[Any]]"  # Any: integers of any number of bits
Scalar = TypeVar("Scalar", bound=np.generic)


def cache_folder() -> Path:
    """Where caches live: `$SER_KERAS_CACHE`, else `$XDG_CACHE_HOME/ser-keras`, else `~/.cache/ser-keras`."""
    if folder := os.environ.get("SER_KERAS_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ser-keras"


def fingerprint(*parts: Json | NDArray[np.generic]) -> str:
    """A hash of strings, bytes, arrays and plain data; equal parts give equal fingerprints everywhere."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            content = str((part.dtype.str, part.shape)).encode() + np.ascontiguousarray(part).tobytes()
        else:
            content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


class RowStore(Generic[Scalar]):
    """Rows of one dtype and shape in one file, found by key.

    `rows.bin` holds the rows, `index.jsonl` a line a key: first row and number of rows. Rows reach the disk before
    their lines do; what a killed writer left behind the last line is overwritten by the next. Several processes may
    use a store: writers take turns by a file lock, and readers map the file.

    Args:
        folder: the store's folder, made when missing.
        dtype: of the rows.
        shape: of one row; `()` for plain samples.

    Raises:
        NotWritable, DiskFull: the folder cannot be used, or no space is left; what was stored before stays.
        Damaged: the index is no index.
    """

    def __init__(self, folder: str | Path, dtype: type[Scalar], shape: Sequence[int] = ()) -> None:
        self.folder, self.dtype, self.shape = Path(folder), np.dtype(dtype), tuple(shape)
        self._row_bytes = self.dtype.itemsize * math.prod(self.shape)
        self._spans: dict[str, tuple[int, int]] = {}  # key -> (first row, number of rows)
        self._end = 0  # rows that the index knows
        self._index_read = 0  # bytes of the index
        self._map: np.memmap[tuple[int, ...], np.dtype[Scalar]] | None = None
        with self._readable_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("rows.bin", "index.jsonl"):
                (self.folder / name).touch()
            self._refresh()

    @contextlib.contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise write_error(
                f"the cache {self.folder} can't be used: {error.strerror} (SER_KERAS_CACHE names another place)", error
            ) from error

    def _refresh(self) -> None:
        """Read the index lines that were added since the last look."""
        with open(self.folder / "index.jsonl", "rb") as file:
            file.seek(self._index_read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # torn by a kill: the next writer cuts it off
                try:
                    key, first, n = json.loads(line)
                except (ValueError, TypeError):
                    raise self._damaged() from None
                self._spans[key] = (first, n)
                self._end = max(self._end, first + n)
                self._index_read += len(line)

    def _damaged(self) -> Damaged:
        return Damaged(f"the cache {self.folder} is damaged: delete it, and it is made again")

    def __contains__(self, key: str) -> bool:
        return key in self._spans

    def span(self, key: str) -> tuple[int, int]:
        """(first row, number of rows) of a key."""
        return self._spans[key]

    def extend(self, pairs: Iterable[tuple[str, NDArray[np.generic]]], flush_bytes: int = 32 * 2**20) -> None:
        """Store (key, rows [n, *shape]) pairs as they come; a key that is there already is left as it is.

        Raises:
            DiskFull, NotWritable: they cannot be stored; what was stored before stays.
        """
        pending: list[tuple[str, NDArray[Scalar]]] = []
        size = 0
        for key, values in pairs:
            rows = np.ascontiguousarray(values, self.dtype)
            if rows.shape[1:] != self.shape:
                raise ValueError(f"rows of shape {rows.shape[1:]} do not fit a store of {self.shape}")
            pending.append((key, rows))
            size += rows.nbytes
            if size >= flush_bytes:
                self._write(pending)
                pending, size = [], 0
        self._write(pending)

    def _write(self, pairs: Sequence[tuple[str, NDArray[Scalar]]]) -> None:
        with self._readable_errors(), open(self.folder / "index.jsonl", "rb+") as index:
            fcntl.flock(index, fcntl.LOCK_EX)
            self._refresh()
            index.truncate(self._index_read)
            index.seek(self._index_read)
            lines, end = [], self._end
            with open(self.folder / "rows.bin", "rb+") as file:
                file.seek(end * self._row_bytes)
                for key, rows in {k: r for k, r in pairs if k not in self._spans}.items():
                    file.write(rows.data)
                    lines.append(json.dumps([key, end, len(rows)]).encode() + b"\n")
                    end += len(rows)
                file.flush()
                os.fsync(file.fileno())
            index.writelines(lines)
        with self._readable_errors():
            self._refresh()

    def rows(self, key: str) -> NDArray[Scalar]:
        """The rows of a key, mapped: [n, *shape], read-only."""
        return self.slice(*self._spans[key])

    def slice(self, first: int, n: int) -> NDArray[Scalar]:
        """n rows from `first` on, mapped: [n, *shape], read-only."""
        return self._mapped(first + n)[first : first + n]

    def gather(self, indices: RowNumbers) -> NDArray[Scalar]:
        """Rows by their number in the store, copied: [len(indices), *shape]."""
        return self._mapped(int(np.max(indices, initial=-1)) + 1)[indices]

    def _mapped(self, n_rows: int) -> np.memmap[tuple[int, ...], np.dtype[Scalar]]:
        if self._map is None or len(self._map) < n_rows:
            size = (self.folder / "rows.bin").stat().st_size // self._row_bytes
            if size < n_rows:
                raise self._damaged()
            self._map = np.memmap(self.folder / "rows.bin", self.dtype, "r", shape=(size, *self.shape))
        return self._map
