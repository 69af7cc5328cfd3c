"""Where a search's time goes: training steps, everything around them, waiting for the chief."""

import contextlib
import os
import time

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


class Stopwatch:
    """Seconds of one process by part."""

    def __init__(self):
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextlib.contextmanager
    def part(self, name):
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] += time.monotonic() - started

    @contextlib.contextmanager
    def training(self):
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

    def __init__(self):
        super().__init__()
        self.first, self.others, self._began, self._n = 0.0, 0.0, 0.0, 0

    def on_train_batch_begin(self, batch, logs=None):
        self._began = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
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
        watch: Stopwatch.
        started: `time.monotonic()` when the process began its work.
    """

    def __init__(self, path, watch, started):
        self.path, self.watch, self.started = path, watch, started

    def note(self):
        """Write how the time has gone so far."""
        wall = time.monotonic() - self.started
        known = sum(seconds for part, seconds in self.watch.seconds.items() if part != "rest")
        seconds = {**self.watch.seconds, "rest": max(0.0, wall - known)}
        cpu = os.times()
        write_json(
            self.path,
            {
                "wall": round(wall, 2),
                "cpu": round(cpu.user + cpu.system + cpu.children_user + cpu.children_system, 2),
                "seconds": {part: round(s, 2) for part, s in seconds.items()},
            },
        )


def summary(folder):
    """The time of all workers of a search together, over all its starts: {"wall", "cpu", "seconds": {part: s}}."""
    total = {"wall": 0.0, "cpu": 0.0, "seconds": dict.fromkeys(PARTS, 0.0)}
    for file in sorted(folder.glob("*.json")):
        session = read_json(file)
        total["wall"] += session["wall"]
        total["cpu"] += session["cpu"]
        for part, seconds in session["seconds"].items():
            total["seconds"][part] += seconds
    return total


def lines(total):
    """What a person reads of it: one line a part, the largest first."""
    if not total["wall"]:
        return []
    parts = sorted(total["seconds"].items(), key=lambda item: -item[1])
    found = [
        f"the workers' time, {total['wall']:.0f} s in all, {total['cpu'] / total['wall']:.2f} CPUs in use on average:"
    ]
    return found + [
        f"  {100 * s / total['wall']:4.1f} %  {PARTS[part]}" for part, s in parts if s > 0.0005 * total["wall"]
    ]
