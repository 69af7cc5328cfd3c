"""Worker processes: a crew on this machine with threads and memory shared out, and what one of them does."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say

MEMORY = 800e6  # bytes that a worker needs at least: TensorFlow alone takes about 500 MB
RESTARTS = 3  # a worker that dies so often without finishing a trial isn't started again
PATIENCE_S = 600.0  # how long a worker waits for a chief that isn't there yet, or not any more
PARENT = "SER_KERAS_TUNE_PARENT"


def shares(n, cores=None):
    """The processor cores of each of n workers: disjoint where there are enough."""
    cores = sorted(os.sched_getaffinity(0)) if cores is None else list(cores)
    if n >= len(cores):
        return [[cores[i % len(cores)]] for i in range(n)]
    return [cores[i * len(cores) // n : (i + 1) * len(cores) // n] for i in range(n)]


def free_memory():
    """Bytes that can be had, or None where the system doesn't say."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def environment(i, n, cores):
    """Environment of the i-th of n workers: its share of threads and, where there are GPUs, one of them."""
    found = {k: v for k, v in os.environ.items() if k.lower() not in ("http_proxy", "https_proxy", "all_proxy")}
    threads = str(len(cores))
    found |= {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": "1"}
    found[PARENT] = str(os.getpid())
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        gpus = [g for g in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if g and g != "-1"]
    else:
        gpus = [p.name.removeprefix("nvidia") for p in sorted(Path("/dev").glob("nvidia[0-9]*"))]
    if gpus and n > 1:
        found["CUDA_VISIBLE_DEVICES"] = gpus[i % len(gpus)]
    return found


class Crew:
    """N worker processes on this machine; leaving the block ends them.

    Args:
        search: search.Search.
        split: holdout.Split.
        folder: the search's folder.
        n: how many.
        port: the chief's, on the loopback.
        oracle: Durable; a dead worker's trial is given back to it at once.

    Raises:
        SerKerasError: there isn't memory for so many.
    """

    def __init__(self, search, split, folder, n, port, oracle):
        free = free_memory()
        if free is not None and free < n * MEMORY:
            fit = max(1, int(free // MEMORY))
            raise SerKerasError(
                f"--workers {n}: each needs {MEMORY / 1e6:.0f} MB and {free / 1e6:.0f} MB are free; take {fit}"
            )
        self.folder, self.oracle, self.n = folder, oracle, n
        (folder / "workers").mkdir(parents=True, exist_ok=True)
        request = {**dataclasses.asdict(search.request), "test_speakers": list(split.test), "outer_folds": None}
        self._command = [sys.executable, "-m", "ser_keras.tuning.workers"]
        self._order = {"request": request, "out": str(folder), "address": ["127.0.0.1", port]}
        self._children, self._deaths, self._finished = {}, dict.fromkeys(range(n), 0), 0

    def __enter__(self):
        for i in range(self.n):
            self._start(i)
        return self

    def __exit__(self, *_):
        until = time.monotonic() + 15
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, until - time.monotonic()) if self.oracle.is_over else 0.1)
        for child in self._children.values():
            if child.poll() is None:
                child.kill()
                child.wait()

    def _start(self, i):
        cores = shares(self.n)[i]
        order = json.dumps({**self._order, "worker_id": name_of(i), "cores": cores})
        with open(self.folder / "workers" / f"{name_of(i)}.log", "ab") as log:
            child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(i, self.n, cores),
                start_new_session=True,  # Ctrl-C ends the chief, and that ends them
            )
        with contextlib.suppress(BrokenPipeError):  # dead at once: `look_after` sees to it
            child.stdin.write(order.encode())
            child.stdin.close()
        self._children[i] = child

    def look_after(self):
        """Start workers again that died; their trials wait for the next worker.

        Raises:
            SerKerasError: none of them stays alive.
        """
        if (finished := len(self.oracle.end_order)) > self._finished:
            self._finished = finished
            self._deaths = dict.fromkeys(self._deaths, 0)
        for i, child in list(self._children.items()):
            code = child.poll()
            if code is None:
                continue
            self._children.pop(i)
            if code == 0:
                continue  # it was sent home
            self.oracle.give_back(name_of(i))
            self._deaths[i] += 1
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            log = self.folder / "workers" / f"{name_of(i)}.log"
            if code != 2 and self._deaths[i] < RESTARTS:
                say(f"{name_of(i)} ended {how}; it is started again, its trial goes on")
                self._start(i)
            elif self._children:
                say(f"{name_of(i)} ended {how}: {_last_line(log)}; the others go on")
            else:
                raise SerKerasError(f"{name_of(i)} ended {how}: {_last_line(log)} (all of it: {log})")


def name_of(i):
    return f"worker{i}"


def _last_line(log):
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("ser-keras: ") if lines else "it said nothing"


def work(request, out, address, worker_id=None):
    """Take trials from a chief until it has none.

    Args:
        request: search.Request, equal to the chief's in all that decides a trial.
        out: folder for the trials, best one that all workers share: a trial that changes hands then goes on where it
            was left.
        address: (host, port) of the chief.
        worker_id: this worker's name.

    Raises:
        SerKerasError: no chief, another search's chief or folder, or a full disk.
    """
    from ser_keras.tuning import accounting, distributed
    from ser_keras.tuning.search import Search, claim, session_file
    from ser_keras.tuning.trials import FoldTuner, Interrupted

    out = Path(out)
    worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}"
    search = Search(request, quiet=True)
    [split] = search.splits
    oracle = search.oracle()
    client = distributed.Client(*(oracle, *address, worker_id, search.fingerprint(split), PATIENCE_S, search.watch))
    session = accounting.Session(session_file(out, worker_id), search.watch, search.started)
    claimed = well = False
    try:
        client.get_space()  # refused now, not after the first trial
        claim(out, search.identity(split))
        claimed = True
        tuner = FoldTuner(oracle, search.runner(split, out, session.note), out / "oracle", worker_id)
        tuner.oracle = client
        tuner.search()
        well = True
    except Interrupted:
        if not (out / "result.json").is_file():
            raise
        say("no chief is there any more, and the search is over: it has a result")
    finally:
        client.close(goodbye=not well)
        if claimed:  # a folder of another search is left as it was
            session.note()


def main():
    """A crew's worker: its order is one JSON object on standard input."""
    from ser_keras.tuning.search import Request

    order = json.loads(sys.stdin.read())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.sched_setaffinity(0, order["cores"])  # before TensorFlow counts them
    try:
        work(Request(**order["request"]), order["out"], tuple(order["address"]), order["worker_id"])
    except SerKerasError as error:
        print(f"ser-keras: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _end_with_parent():
    """A worker whose chief was killed has nobody to work for."""
    parent = int(os.environ[PARENT])
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
