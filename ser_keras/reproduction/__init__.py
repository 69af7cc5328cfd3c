"""The rows of published papers, run and set beside the figures that the papers report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ser_keras.reproduction.rows import ids

__all__ = ["ids", "reproduce"]


def reproduce(
    ids: Sequence[str],
    corpora: Sequence[tuple[str, Path]],
    out: Path,
    *,
    protocols: Sequence[str] | None = None,
    changes: Sequence[str] = (),
) -> Iterator[str]:
    """Run rows into a directory, or go on with it; see `running.reproduce`."""
    # `--list` needs no TensorFlow
    from ser_keras.reproduction import running

    return running.reproduce(ids, corpora, out, protocols=protocols, changes=changes)
