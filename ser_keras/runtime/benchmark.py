"""How long a model takes and what memory it needs, each measurement in a process of its own. Imports no TensorFlow."""

import contextlib
import json
import os
import time
from pathlib import Path

import numpy as np

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.child_process import Child, Died, answering
from ser_keras.common.errors import SerKerasError
from ser_keras.common.hardware import hardware
from ser_keras.runtime import bundle
from ser_keras.runtime.interpreter import Interpreter, choose, import_runtime
from ser_keras.runtime.isolated_interpreter import IsolatedInterpreter

CHILD = "from ser_keras.runtime.benchmark import serve; serve()"
RUNS, SECONDS, WARM_UP = 200, 1.0, 3  # at most, whichever comes first; and before them
PATIENCE_S = 120


def measure(content, name, hop_samples, runtime="litert", threads=1, runs=RUNS, by_operation=False):
    """Load a model in a fresh process and run it.

    Args:
        content: bytes of the `.tflite`.
        name: what error messages call it.
        hop_samples: samples from window to window, which the real-time factor is for.
        runtime: `litert` or `tflite-runtime`.
        threads: of the runtime.
        runs: at most so many windows are timed, for at most SECONDS.
        by_operation: whether LiteRT's profiler says where the time goes, too.

    Returns:
        dict: `load_ms` (bytes to ready), `first_ms` (the first window), `median_ms`, `p95_ms`, `runs`, `cpu_ms` (median
        time that processors worked on a window, which other work on the machine changes little),
        `real_time_factor` (seconds of work a second of audio), `memory_mb` (10^6 bytes that the process grew by at
        its largest, None where the system doesn't tell), `threads`, `runtime`; and `operations`: list of (operation,
        milliseconds a window, times called a window), the largest first, or None with `operations_missing`.

    Raises:
        SerKerasError: the file can't be run, or brings the process down.
    """
    request = {"name": str(name), "runtime": runtime, "threads": threads, "runs": runs, "size": len(content)}
    request["by_operation"] = by_operation
    child = None
    try:
        child = Child(CHILD)
        child.send(json.dumps(request).encode() + b"\n" + content)
        complaint = child.complaint(PATIENCE_S)
        if complaint is None:
            size = int.from_bytes(child.read(4, PATIENCE_S), "little")
            found = json.loads(child.read(size, PATIENCE_S))
    except Died as death:
        complaint = f"{name} brings {runtime} down ({death})"
    except OSError as error:
        complaint = f"{name} can't be run in a process of its own: {error.strerror}"
    finally:
        if child is not None:
            child.close()
    if complaint is not None:
        raise SerKerasError(complaint)
    found["real_time_factor"] = found["median_ms"] / 1000 / (hop_samples / SAMPLE_RATE)
    return found


def serve():
    """The child's side: a line of settings and a model on standard input, one JSON object back."""
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())
        content = stdin.read(request["size"])
        try:
            data = json.dumps(_measured(content, **{k: v for k, v in request.items() if k != "size"})).encode()
        except Exception as error:
            known = isinstance(error, SerKerasError)
            answer(failure=str(error) if known else f"{request['name']}: {' '.join(str(error).split())[:200]}")
        else:
            answer(len(data).to_bytes(4, "little") + data)


def _measured(content, name, runtime, threads, runs, by_operation):
    import_runtime(runtime)
    before = _memory(reset=True)
    started = time.perf_counter()
    model = Interpreter(content, name, runtime, threads)
    found = {"load_ms": 1000 * (time.perf_counter() - started)}
    window = np.random.default_rng(0).uniform(-0.1, 0.1, model.window_samples).astype(np.float32)
    times, work, until = [], [], None
    while len(times) < runs + WARM_UP + 1 and (until is None or time.monotonic() < until):
        started, worked = time.perf_counter(), time.process_time()
        model(window)
        times.append(1000 * (time.perf_counter() - started))
        work.append(1000 * (time.process_time() - worked))
        if len(times) == WARM_UP + 1:
            until = time.monotonic() + SECONDS
    found["first_ms"], timed = times[0], times[WARM_UP + 1 :]
    found["cpu_ms"] = float(np.median(work[WARM_UP + 1 :]))
    found |= {"median_ms": float(np.median(timed)), "p95_ms": float(np.percentile(timed, 95)), "runs": len(timed)}
    after = _memory()
    found["memory_mb"] = None if before is None or after is None else max(0, after - before) / 1e6
    found |= {"threads": threads, "runtime": runtime}
    if by_operation:
        from ser_keras.runtime import profiler

        try:
            found["operations"] = profiler.operations(content, window, threads)
        except SerKerasError as error:
            found |= {"operations": None, "operations_missing": str(error)}
    return found


def _memory(reset=False):
    """Bytes of memory: the largest so far; with `reset`, the present ones, from which the largest is counted anew."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return None


def machine():
    """`hardware` in a few words."""
    found = hardware()
    return f"{found['cpu']}, {found['cores']} cores, {found['system']}"


def load():
    """Processes that wanted a processor in the last minute, those of others included; None where it isn't told."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def busy(found):
    """Whether more processes wanted processors than there are, in what holds `load` and `machine`."""
    return found["load"] is not None and found["load"] > (os.cpu_count() or 1)


def benchmark(models, runtime="auto", threads=(1, 2)):
    """Measure models beside one another.

    Args:
        models: list of what `model_files.find` takes.
        runtime: as for `inference.load`.
        threads: numbers of threads.

    Returns:
        dict: `machine`, `load`, `runtime`, `models`: list of `name`, `bytes`, `window_s`, `hop_s`, `operations` (or
        None with `operations_missing`), `threads`: number of threads -> the rest of what `measure` returns.

    Raises:
        SerKerasError: a model isn't there, is damaged, or can't be run.
    """
    runtime, began = choose(runtime), load()
    table = []
    for model in models:
        file = bundle.find(model)
        window = None
        if file.settings is None:  # nobody vouches for the file: it is tried in a process of its own first
            tried = IsolatedInterpreter(file.content, file.path, runtime)
            window = tried.window_samples
            tried(np.zeros(window, np.float32))
        settings = file.settings or bundle.embedded_settings(file, window)
        found = {
            n: measure(file.content, file.name, settings.hop_samples, runtime, n, by_operation=n == min(threads))
            for n in threads
        }
        operations = {key: found[min(threads)].pop(key, None) for key in ("operations", "operations_missing")}
        entry = {"name": file.name, "bytes": len(file.content), **operations, "threads": found}
        entry |= {"window_s": settings.window_samples / SAMPLE_RATE}
        entry |= {"hop_s": settings.hop_samples / SAMPLE_RATE}
        table.append(entry)
    return {"machine": machine(), "load": began, "runtime": runtime, "models": table}


def table(found, n_operations=8):
    """Lines for the person at the terminal on what `benchmark` returned."""
    models = found["models"]
    lines = [f"{found['runtime']} on {found['machine']}", ""]
    if busy(found):
        lines.insert(1, f"note: the machine is busy (load {found['load']:g}); trust the processor time, or try again")
    heads = [m["name"] for m in models]
    rows = [("size", [f"{m['bytes'] / 1000:.0f} KB" for m in models])]
    rows.append(("window, every", [f"{m['window_s']:g} s, {m['hop_s']:g} s" for m in models]))
    for n in models[0]["threads"]:
        said = f"{n} thread{'s' if n > 1 else ''}"
        own = [m["threads"][n] for m in models]
        rows.append((f"{said}: a window", [f"{t['median_ms']:.2f} ms, p95 {t['p95_ms']:.2f}" for t in own]))
        rows.append(("  processor time", [f"{t['cpu_ms']:.2f} ms" for t in own]))
        rows.append(("  first window", [f"{t['first_ms']:.1f} ms" for t in own]))
        rows.append(("  loading", [f"{t['load_ms']:.1f} ms" for t in own]))
        memory = [t["memory_mb"] for t in own]
        rows.append(("  memory", ["not told" if m is None else f"{m:.1f} MB" for m in memory]))
        rows.append(("  real-time factor", [f"{t['real_time_factor']:.4f}" for t in own]))
    width = max(len(title) for title, _ in rows)
    columns = [max(len(heads[i]), *(len(cells[i]) for _, cells in rows)) for i in range(len(models))]
    for title, cells in [("", heads), *rows]:
        texts = [cell.ljust(column) for cell, column in zip(cells, columns, strict=True)]
        lines.append(f"{title:<{width}}  {'  '.join(texts)}".rstrip())
    for m in models:
        lines += ["", f"time by operation, {m['name']}:"]
        if m["operations"] is None:
            lines.append(f"  not known: {m['operations_missing']}")
            continue
        first, others = m["operations"][:n_operations], m["operations"][n_operations:]
        total, rest = (sum(ms for _, ms, _ in part) for part in (m["operations"], others))
        lines += [f"  {ms:7.3f} ms  {ms / total:5.1%}  {name} ({calls:g}x)" for name, ms, calls in first]
        lines += [f"  {rest:7.3f} ms  {rest / total:5.1%}  the others"] if others else []
    return lines
