"""Progress on long work: bars on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress


class Advance(Protocol):
    """Counts steps of a stage as done; `note` stands beside the bar."""

    def __call__(self, n: int = 1, note: str = "") -> None: ...


@contextlib.contextmanager
def stage(description: str, total: int | None, unit: str = "") -> Iterator[Advance]:
    """Show a stage of work; yields the function that counts its steps.

    On a terminal a bar with the time left; elsewhere one line when the stage ends, with its time. Everything goes to
    standard error, so that results on standard output can be piped.

    Args:
        description: what is done.
        total: how many steps; None where it is not known.
        unit: what a step is.
    """
    started = time.monotonic()
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(description, total=total, note="", unit=unit)

            def move(n: int = 1, note: str = "") -> None:
                bar.update(task, advance=n, note=note)

            yield move
        return
    done, last_note = 0, ""

    def count(n: int = 1, note: str = "") -> None:
        nonlocal done, last_note
        done, last_note = done + n, note

    yield count
    steps = f" {done}{' ' + unit if unit else ''}" if done else ""
    note = f", {last_note}" if last_note else ""
    print(f"{description}:{steps} in {time.monotonic() - started:.1f} s{note}", file=sys.stderr, flush=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )


def say(line: str) -> None:
    """One line for the person at the terminal, on standard error."""
    print(line, file=sys.stderr, flush=True)
