"""Where a search's time goes: training steps, everything around them, waiting for the chief."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

import keras

from ser_keras.common.files import read_json, write_json

# What a process' time is divided into; `rest` is what is left of its wall time.
PARTS = {
    "steps": "training steps",
    "first steps": "first steps of each training, with compilation",
    "around steps": "building, adapting, cleaning, validation and checkpoints of trainings",
    "data": "decoding, front end, features",
    "predict": "predicting the validation speakers",
    "costs": "size and latency",
    "waiting": "waiting for a trial",
    "start": "start of the process: imports, reading corpora, checks",
    "rest": "the rest",
}


class Times(TypedDict):
    """Seconds of one process, or of several together: of the clock, of the processors, and of the clock by part."""

    wall: float
    cpu: float
    seconds: dict[str, float]


class Stopwatch:
    """Seconds of one process by part."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Around what belongs to a part, a name in PARTS."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] += time.monotonic() - started

    @contextlib.contextmanager
    def training(self) -> Iterator[StepTimer]:
        """Around one fit; yields the callback that times its steps."""
        steps, started = StepTimer(), time.monotonic()
        try:
            yield steps
        finally:
            whole = time.monotonic() - started
            self.seconds["first steps"] += steps.first
            self.seconds["steps"] += steps.others
            self.seconds["around steps"] += max(0.0, whole - steps.first - steps.others)


class StepTimer(keras.callbacks.Callback):
    """Seconds in training steps, each with the fetching of its batch; the first, which compiles, apart."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.others = 0.0, 0.0  # seconds of the first step, and of all others
        self._began, self._n = 0.0, 0

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        seconds = time.monotonic() - self._began
        self._n += 1
        if self._n == 1:
            self.first += seconds
        else:
            self.others += seconds


class Session:
    """The time of one process of a search, kept in a file that survives it.

    Args:
        path: the file.
        watch: seconds by part.
        started: `time.monotonic()` when the process began its work.
    """

    def __init__(self, path: Path, watch: Stopwatch, started: float) -> None:
        self.path, self.watch, self.started = path, watch, started

    def note(self) -> None:
        """Write how the time has gone so far."""
        wall = time.monotonic() - self.started
        measured = sum(seconds for part, seconds in self.watch.seconds.items() if part != "rest")
        seconds = {**self.watch.seconds, "rest": max(0.0, wall - measured)}
        cpu = os.times()
        write_json(
            self.path,
            {
                "wall": round(wall, 2),
                "cpu": round(cpu.user + cpu.system + cpu.children_user + cpu.children_system, 2),
                "seconds": {part: round(s, 2) for part, s in seconds.items()},
            },
        )


def summary(folder: Path) -> Times:
    """The time of all workers of a search together, over all its starts."""
    total: Times = {"wall": 0.0, "cpu": 0.0, "seconds": dict.fromkeys(PARTS, 0.0)}
    for file in sorted(folder.glob("*.json")):
        session = read_json(file)
        total["wall"] += session["wall"]
        total["cpu"] += session["cpu"]
        for part, seconds in session["seconds"].items():
            total["seconds"][part] += seconds
    return total
