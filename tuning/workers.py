"""Worker processes: a crew on this machine, with threads and memory shared out."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common import plugins
from ser_keras.common.child_process import end, ended, start_python
from ser_keras.common.errors import Unavailable
from ser_keras.common.progress import say
from ser_keras.tuning.worker_main import CHILD, name_of

if TYPE_CHECKING:
    from ser_keras.tuning.durable_oracle import Durable
    from ser_keras.tuning.holdout import Split
    from ser_keras.tuning.search import Search

MEMORY = 800e6  # bytes that a worker needs at least: TensorFlow alone takes about 500 MB
RESTARTS = 3  # a worker that dies so often without finishing a trial isn't started again


def shares(n: int, cores: Sequence[int] | None = None) -> list[list[int]]:
    """The processor cores of each of n workers: disjoint where there are enough."""
    cores = sorted(os.sched_getaffinity(0)) if cores is None else list(cores)
    if n >= len(cores):
        return [[cores[i % len(cores)]] for i in range(n)]
    return [cores[i * len(cores) // n : (i + 1) * len(cores) // n] for i in range(n)]


def free_memory() -> int | None:
    """Bytes that can be had, or None where the system doesn't say."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def environment(i: int, n: int, cores: Sequence[int]) -> dict[str, str]:
    """Environment of the i-th of n workers: its share of threads and, where there are GPUs, one of them."""
    variables = {k: v for k, v in os.environ.items() if k.lower() not in ("http_proxy", "https_proxy", "all_proxy")}
    threads = str(len(cores))
    variables |= {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": "1"}
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        gpus = [g for g in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if g and g != "-1"]
    else:
        gpus = [p.name.removeprefix("nvidia") for p in sorted(Path("/dev").glob("nvidia[0-9]*"))]
    if gpus and n > 1:
        variables["CUDA_VISIBLE_DEVICES"] = gpus[i % len(gpus)]
    return variables


class Crew:
    """N worker processes on this machine; leaving the block ends them.

    Args:
        search: what is searched.
        split: who may be chosen on.
        folder: the search's folder.
        n: how many.
        port: the chief's, on the loopback.
        oracle: the search's; a dead worker's trial is given back to it at once.

    Raises:
        Unavailable: there is not memory for so many.
    """

    def __init__(self, search: Search, split: Split, folder: Path, *, n: int, port: int, oracle: Durable) -> None:
        free = free_memory()
        if free is not None and free < n * MEMORY:
            fit = max(1, int(free // MEMORY))
            raise Unavailable(
                f"`workers` {n}: each needs {MEMORY / 1e6:.0f} MB and {free / 1e6:.0f} MB are free; take {fit}"
            )
        self.folder, self.oracle, self.n = folder, oracle, n
        (folder / "workers").mkdir(parents=True, exist_ok=True)
        request = {**dataclasses.asdict(search.request), "test_speakers": list(split.test), "outer_folds": None}
        self._order = {"request": request, "out": str(folder), "address": ["127.0.0.1", port]}
        self._order["plugins"] = plugins.shared()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._deaths, self._finished = dict.fromkeys(range(n), 0), 0

    def __enter__(self) -> Crew:
        for i in range(self.n):
            self._start(i)
        return self

    def __exit__(self, *_: object) -> None:
        until = time.monotonic() + 15
        for child in self._children.values():
            end(child, max(0.1, until - time.monotonic()) if self.oracle.is_over else 0.1)

    def _start(self, i: int) -> None:
        cores = shares(self.n)[i]
        order = json.dumps({**self._order, "worker_id": name_of(i), "cores": cores})
        with open(self.folder / "workers" / f"{name_of(i)}.log", "ab") as log:
            child = start_python(
                CHILD,
                stdout=log,
                stderr=log,
                environment=environment(i, self.n, cores),
                new_session=True,  # Ctrl-C ends the chief, and that ends them
            )
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # dead at once: `look_after` sees to it
            child.stdin.write(order.encode() + b"\n")
        self._children[i] = child

    def look_after(self) -> None:
        """Start workers again that died; their trials wait for the next worker.

        Raises:
            Unavailable: none of them stays alive.
        """
        if (finished := len(self.oracle.end_order)) > self._finished:
            self._finished = finished
            self._deaths = dict.fromkeys(self._deaths, 0)
        for i, child in list(self._children.items()):
            code = child.poll()
            if code is None:
                continue
            end(self._children.pop(i))
            if code == 0:
                continue  # it was sent home
            self.oracle.give_back(name_of(i))
            self._deaths[i] += 1
            log = self.folder / "workers" / f"{name_of(i)}.log"
            if code != 2 and self._deaths[i] < RESTARTS:
                say(f"{name_of(i)} {ended(code)}; it is started again, its trial goes on")
                self._start(i)
            elif self._children:
                say(f"{name_of(i)} {ended(code)}: {_last_line(log)}; the others go on")
            else:
                raise Unavailable(f"{name_of(i)} {ended(code)}: {_last_line(log)} (all of it: {log})")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
