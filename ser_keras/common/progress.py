"""Progress on long work: events for a callback, and lines of the logger `ser_keras`."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from html import escape
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINES = logging.getLogger("ser_keras")
STAGES = logging.getLogger("ser_keras.stages")  # a line when a stage ends, for readers who see no bar


@dataclasses.dataclass(frozen=True)
class Step:
    """How far a stage of long work is.

    Attributes:
        stage: what is done: `decoding`, `fold 1/10 emodb/03`.
        done: steps done so far.
        total: all steps; None where the number is not known.
        unit: what a step is: `files`, `epochs`.
        note: a figure that stands beside the bar: `loss 0.53`.
        seconds: since the stage began.
        finished: whether the stage has ended.
    """

    stage: str
    done: int
    total: int | None
    unit: str
    note: str
    seconds: float
    finished: bool = False

    def __str__(self) -> str:
        steps = f" {self.done}{' ' + self.unit if self.unit else ''}" if self.done else ""
        return f"{self.stage}:{steps} in {self.seconds:.1f} s{', ' + self.note if self.note else ''}"


Callback = Callable[[Step], object]
_callback: ContextVar[Callback | None] = ContextVar("callback", default=None)
_file: ContextVar[TextIO | None] = ContextVar("file", default=None)  # takes all lines, in place of the loggers


class Advance(Protocol):
    """Counts steps of a stage as done; `note` stands beside the bar."""

    def __call__(self, n: int = 1, note: str = "") -> None: ...


@contextlib.contextmanager
def reporting(callback: Callback | None) -> Iterator[None]:
    """Report the stages of the work within the block to `callback`; None: to the one around it, if there is one."""
    token = _callback.set(callback or _callback.get())
    try:
        yield
    finally:
        _callback.reset(token)


@contextlib.contextmanager
def reporting_to(file: TextIO) -> Iterator[None]:
    """Report the work within the block to a file alone: neither a callback nor a logger hears of it."""
    token, file_token = _callback.set(None), _file.set(file)
    try:
        yield
    finally:
        _callback.reset(token)
        _file.reset(file_token)


@contextlib.contextmanager
def stage(description: str, total: int | None, unit: str = "") -> Iterator[Advance]:
    """Report a stage of work; yields the function that counts its steps.

    The callback of `reporting` gets a `Step` at the beginning, after each step and at the end. At the end the logger
    `ser_keras.stages` gets a line.

    Args:
        description: what is done.
        total: how many steps; None where it is not known.
        unit: what a step is.
    """
    callback, started = _callback.get(), time.monotonic()
    step = Step(description, 0, total, unit, "", 0.0)

    def report() -> None:
        if callback is not None:
            callback(step)

    def advance(n: int = 1, note: str = "") -> None:
        nonlocal step
        seconds = time.monotonic() - started
        step = dataclasses.replace(step, done=step.done + n, note=note, seconds=seconds)
        report()

    report()
    well = False
    try:
        yield advance
        well = True
    finally:
        step = dataclasses.replace(step, seconds=time.monotonic() - started, finished=True)
        report()
        if well:
            _write(STAGES, str(step))


def say(line: str) -> None:
    """One line for whoever follows the work, to the logger `ser_keras`."""
    _write(LINES, line)


def _write(logger: logging.Logger, line: str) -> None:
    if (file := _file.get()) is not None:
        print(line, file=file, flush=True)
    else:
        logger.info("%s", line)


class Bars:
    """A callback that draws a bar for each stage, on a terminal or in a notebook.

    Example:
        ser_keras.train(experiment, corpora, "runs/first", progress=ser_keras.Bars())
    """

    def __init__(self) -> None:
        self._bars: list[tuple[str, _TerminalBar | _NotebookBar]] = []

    def __call__(self, step: Step) -> None:
        if not self._bars or self._bars[-1][0] != step.stage:
            self._bars.append((step.stage, _NotebookBar() if _in_notebook() else _TerminalBar(step)))
        self._bars[-1][1].show(step)
        if step.finished:
            self._bars.pop()


class _TerminalBar:
    """A bar on standard error."""

    def __init__(self, step: Step) -> None:
        self._bar = _bar()
        self._bar.start()
        self._task: TaskID = self._bar.add_task(step.stage, total=step.total, note="", unit=step.unit)

    def show(self, step: Step) -> None:
        self._bar.update(self._task, completed=step.done, note=step.note)
        if step.finished:
            self._bar.stop()


class _NotebookBar:
    """A bar below the cell of a notebook; rich needs ipywidgets for that."""

    EVERY_S = 0.2  # each drawing is a message to the browser

    def __init__(self) -> None:
        self._step, self._drawn = Step("", 0, None, "", "", 0.0), 0.0
        self._handle: _Handle | None = None

    def show(self, step: Step) -> None:
        self._step, now = step, time.monotonic()
        if self._handle is None:
            self._handle = sys.modules["IPython"].display.display(self, display_id=True)
        elif step.finished or now - self._drawn >= self.EVERY_S:
            self._handle.update(self)
        else:
            return
        self._drawn = now

    def __repr__(self) -> str:
        return str(self._step)

    def _repr_html_(self) -> str:
        step = self._step
        reached = "" if step.total is None else f' value="{step.done}" max="{step.total}"'
        of = "" if step.total is None else f"/{step.total}"
        words = f"{step.done}{of} {step.unit} {step.seconds:.0f} s {step.note}"
        return f"<div>{escape(step.stage)} <progress{reached}></progress> {escape(words)}</div>"


class _Handle(Protocol):
    """What IPython gives for a display that can be changed."""

    def update(self, shown: object) -> None: ...


def _in_notebook() -> bool:
    """Whether a notebook runs this process; IPython in a terminal has no kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


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


class _StandardError(logging.Handler):
    """Writes lines to what standard error is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed: `ser-keras ... 2>&1 | head`
            print(record.getMessage(), file=sys.stderr, flush=True)


def to_standard_error() -> Callback | None:
    """Write lines to standard error, as programs do that own the terminal; results on standard output can be piped.

    Returns:
        The callback that draws bars, where standard error is a terminal; elsewhere None, and each stage is a line.
    """
    if not any(isinstance(handler, _StandardError) for handler in LINES.handlers):
        LINES.addHandler(_StandardError())
    LINES.setLevel(logging.INFO)
    on_terminal = sys.stderr.isatty()
    STAGES.disabled = on_terminal
    return Bars() if on_terminal else None
