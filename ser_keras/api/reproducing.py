"""Run the rows of papers beside what the papers report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.api.corpus import Corpora, located
from ser_keras.api.session import at_work

if TYPE_CHECKING:
    from ser_keras.common.progress import Callback
    from ser_keras.reproduction.result import Reproduction


def reproduce(
    ids: str | Sequence[str],
    corpora: Corpora,
    out: str | Path,
    *,
    protocols: Sequence[str] | None = None,
    changes: Sequence[str] = (),
    progress: Callback | None = None,
) -> Reproduction:
    """Run rows of papers beside what the papers report; again, with the same arguments: go on.

    Args:
        ids: rows (`anand2015.r1`), or papers (`anand2015`), which stand for all their rows.
        corpora: as in `ser_keras.train`.
        out: where runs and tables go.
        protocols: instead of `speaker_independent` and then the papers' own.
        changes: settings of every row: `training.epochs=3`.
        progress: as in `ser_keras.train`.

    Returns:
        The rows; those that could not be run say why.

    Raises:
        SerKerasError: unknown rows, unreadable corpora, or a directory in use.

    Example:
        ser_keras.reproduce("anand2015.r2", {"emodb": "/data/emodb"}, "runs/anand2015")
    """
    folders = located(corpora)
    with at_work(progress):
        from ser_keras.reproduction import running

        names = [ids] if isinstance(ids, str) else list(ids)
        return running.reproduce(names, folders, Path(out), protocols=protocols, changes=changes)
