"""Progress on long work: bars on a terminal, a line a stage elsewhere."""

import contextlib
import sys
import time


@contextlib.contextmanager
def stage(title, total, unit=""):
    """Show a stage of work; yields `advance(n=1, note="")`.

    Args:
        title: what is done.
        total: how many steps; None where it isn't known.
        unit: what a step is.

    On a terminal a bar with the time left; elsewhere one line when the stage ends, with its time. Everything goes to
    standard error, so that results on standard output can be piped.
    """
    started = time.monotonic()
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(title, total=total, note="", unit=unit)
            yield lambda n=1, note="": bar.update(task, advance=n, note=note)
        return
    state = {"done": 0, "note": ""}

    def advance(n=1, note=""):
        state["done"] += n
        state["note"] = note

    yield advance
    count = f" {state['done']}{' ' + unit if unit else ''}" if state["done"] else ""
    note = f", {state['note']}" if state["note"] else ""
    print(f"{title}:{count} in {time.monotonic() - started:.1f} s{note}", file=sys.stderr, flush=True)


def _bar():
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


def say(line):
    """One line for the person at the terminal, on standard error."""
    print(line, file=sys.stderr, flush=True)
