"""How long a model takes and what memory it needs, each measurement in a process of its own. Imports no TensorFlow."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.child_process import Child, Died, Failed, answering
from ser_keras.common.errors import BadInput, Damaged, SerKerasError, Unavailable
from ser_keras.common.hardware import hardware
from ser_keras.runtime import bundle
from ser_keras.runtime.interpreter import Interpreter, RuntimeChoice, RuntimeName, choose, import_runtime
from ser_keras.runtime.isolated_interpreter import IsolatedInterpreter

CHILD = "from ser_keras.runtime.benchmark import serve; serve()"
RUNS, SECONDS, WARM_UP = 200, 1.0, 3  # at most, whichever comes first; and after the first window and before them
PATIENCE_S = 120

Operations = list[tuple[str, float, float]]  # (operation, milliseconds a window, times called a window)


@dataclasses.dataclass(frozen=True)
class Latency:
    """How long a model takes for one window.

    Attributes:
        first_ms: the very first window.
        median_ms, p95_ms: the timed windows, after those that warm up.
        cpu_ms: median time that processors worked on a window, which other work on the machine changes little.
        runs: number of timed windows.
    """

    first_ms: float
    median_ms: float
    p95_ms: float
    cpu_ms: float
    runs: int


class _Measured(TypedDict):
    load_ms: float
    first_ms: float
    median_ms: float
    p95_ms: float
    cpu_ms: float
    runs: int
    memory_mb: float | None
    threads: int
    runtime: RuntimeName


class _MeasuredOperations(_Measured, total=False):
    operations: Operations | None
    operations_missing: str


class Measurement(_MeasuredOperations):
    """What `measure` gives, as it stands in JSON: the fields of Latency, and these.

    `load_ms`: bytes to ready. `real_time_factor`: seconds of work a second of audio. `memory_mb`: 10^6 bytes that the
    process grew by at its largest, None where the system does not tell. `operations`: where the time goes, the largest
    first, or None with `operations_missing`; there where it was asked for.
    """

    real_time_factor: float


class ModelReport(TypedDict):
    """One model's part of a Report; `threads`: number of threads -> what `measure` gives without `operations`."""

    name: str
    bytes: int
    operations: Operations | None
    operations_missing: str | None
    threads: dict[int, Measurement]
    window_s: float
    hop_s: float


class Report(TypedDict):
    """What `benchmark` gives; `load`: processes that wanted a processor as it began, None where it is not told."""

    machine: str
    load: float | None
    runtime: RuntimeName
    models: list[ModelReport]


def noise_window(n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """A window [n_samples] of noise to measure on: silence may take another time."""
    return np.random.default_rng(seed).uniform(-0.1, 0.1, n_samples).astype(np.float32)


def latency(
    model: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    window: NDArray[np.float32],
    runs: int = RUNS,
    *,
    seconds: float = SECONDS,
) -> Latency:
    """Run a model on a window, again and again.

    Args:
        model: window [N] -> probabilities [C].
        window: [N], 16 kHz, in [-1, 1].
        runs: at most so many windows are timed, after one first and WARM_UP further ones.
        seconds: they are timed for at most so long.
    """
    times: list[float] = []
    work: list[float] = []
    until = None
    while len(times) < runs + WARM_UP + 1 and (until is None or time.monotonic() < until):
        started, worked = time.perf_counter(), time.process_time()
        model(window)
        times.append(1000 * (time.perf_counter() - started))
        work.append(1000 * (time.process_time() - worked))
        if len(times) == WARM_UP + 1:
            until = time.monotonic() + seconds
    timed, worked_on = times[WARM_UP + 1 :], work[WARM_UP + 1 :]
    median, p95 = float(np.median(timed)), float(np.percentile(timed, 95))
    return Latency(times[0], median, p95_ms=p95, cpu_ms=float(np.median(worked_on)), runs=len(timed))


def measure(
    content: bytes,
    name: str | Path,
    hop_samples: int,
    *,
    runtime: RuntimeName = "litert",
    threads: int = 1,
    runs: int = RUNS,
    by_operation: bool = False,
) -> Measurement:
    """Load a model in a fresh process and run it.

    Args:
        content: bytes of the `.tflite`.
        name: what error messages call it.
        hop_samples: samples from window to window, which the real-time factor is for.
        runtime: which one.
        threads: of the runtime.
        runs: at most so many windows are timed, for at most SECONDS.
        by_operation: whether LiteRT's profiler says where the time goes, too.

    Raises:
        BadInput: the file cannot be run.
        Damaged: it brings the process down.
        Unavailable: no process can be started.
    """
    request = {"name": str(name), "runtime": runtime, "threads": threads, "runs": runs, "size": len(content)}
    request["by_operation"] = by_operation
    try:
        with Child(CHILD) as child:
            child.send(json.dumps(request).encode() + b"\n" + content)
            measured: _MeasuredOperations = json.loads(child.answer(PATIENCE_S))
    except Failed as failure:
        raise BadInput(str(failure)) from None
    except Died as death:
        raise Damaged(f"{name} brings {runtime} down ({death})") from None
    except OSError as error:
        raise Unavailable(f"{name} can't be run in a process of its own: {error.strerror}") from None
    return {**measured, "real_time_factor": measured["median_ms"] / 1000 / (hop_samples / SAMPLE_RATE)}


def serve() -> None:
    """The child's side: a line of settings and a model on standard input, one JSON object back."""
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())
        content = stdin.read(request.pop("size"))
        try:
            answer(json.dumps(_measured(content, **request)).encode())
        except BrokenPipeError:
            raise
        except SerKerasError as error:
            answer(failure=str(error))
        except Exception as error:  # the runtime's complaint about a node
            answer(failure=f"{request['name']}: {' '.join(str(error).split())[:200]}")


def _measured(
    content: bytes, name: str, runtime: RuntimeName, *, threads: int, runs: int, by_operation: bool
) -> _MeasuredOperations:
    import_runtime(runtime)
    before = _memory(reset=True)
    started = time.perf_counter()
    model = Interpreter(content, name, runtime, threads=threads)
    load_ms = 1000 * (time.perf_counter() - started)
    window = noise_window(model.window_samples)
    timing = latency(model, window, runs)
    after = _memory()
    measured: _MeasuredOperations = {
        "load_ms": load_ms,
        "first_ms": timing.first_ms,
        "median_ms": timing.median_ms,
        "p95_ms": timing.p95_ms,
        "cpu_ms": timing.cpu_ms,
        "runs": timing.runs,
        "memory_mb": None if before is None or after is None else max(0, after - before) / 1e6,
        "threads": threads,
        "runtime": runtime,
    }
    if by_operation:
        from ser_keras.runtime import profiler

        try:
            measured["operations"] = profiler.operations(content, window, threads)
        except SerKerasError as error:
            measured["operations"], measured["operations_missing"] = None, str(error)
    return measured


def _memory(reset: bool = False) -> int | None:
    """Bytes of memory: the largest so far; with `reset`, the present ones, from which the largest is counted anew."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return None


def machine() -> str:
    """`hardware` in a few words."""
    this = hardware()
    return f"{this['cpu']}, {this['cores']} cores, {this['system']}"


def load() -> float | None:
    """Processes that wanted a processor in the last minute, those of others included; None where it is not told."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def busy(load: float | None) -> bool:
    """Whether more processes wanted processors than there are; `load` as the function gives it."""
    return load is not None and load > (os.cpu_count() or 1)


def benchmark(
    models: Iterable[str | Path | None], runtime: RuntimeChoice = "auto", threads: Sequence[int] = (1, 2)
) -> Report:
    """Measure models beside one another.

    Args:
        models: each as for `ser_keras.load`.
        runtime: as for `ser_keras.load`.
        threads: numbers of threads.

    Raises:
        SerKerasError: a model is not there, is damaged, or cannot be run.
    """
    runtime_name, load_before = choose(runtime), load()
    reports: list[ModelReport] = []
    for model in models:
        file = bundle.find(model)
        settings = file.settings
        if settings is None:  # no checksum vouches for the file: it is tried in a process of its own first
            trial = IsolatedInterpreter(file.content, file.path, runtime_name)
            trial(np.zeros(trial.window_samples, np.float32))
            settings = bundle.embedded_settings(file, trial.window_samples)
        measurements = {
            n: measure(
                file.content,
                file.name,
                settings.hop_samples,
                runtime=runtime_name,
                threads=n,
                by_operation=n == min(threads),
            )
            for n in threads
        }
        profiled = measurements[min(threads)]
        reports.append(
            {
                "name": file.name,
                "bytes": len(file.content),
                "operations": profiled.pop("operations", None),
                "operations_missing": profiled.pop("operations_missing", None),
                "threads": measurements,
                "window_s": settings.window_samples / SAMPLE_RATE,
                "hop_s": settings.hop_samples / SAMPLE_RATE,
            }
        )
    return {"machine": machine(), "load": load_before, "runtime": runtime_name, "models": reports}
