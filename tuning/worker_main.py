"""A worker's process: joins a chief and trains the trials that it is given."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say

if TYPE_CHECKING:
    from ser_keras.tuning.request import Request

PATIENCE_S = 600.0  # how long a worker waits for a chief that isn't there yet, or not any more


PARENT = "SER_KERAS_TUNE_PARENT"


def name_of(i: int) -> str:
    """The name of the i-th worker of a crew."""
    return f"worker{i}"


def work(request: Request, out: Path, address: tuple[str, int], *, worker_id: str | None = None) -> None:
    """Take trials from a chief until it has none.

    Args:
        request: equal to the chief's in all that decides a trial.
        out: folder for the trials, best one that all workers share: a trial that changes hands then goes on where it
            was left.
        address: (host, port) of the chief.
        worker_id: this worker's name.

    Raises:
        SerKerasError: no chief, another search's chief or folder, or a full disk.
    """
    from ser_keras.tuning import accounting, distributed
    from ser_keras.tuning.directory import claim, session_file
    from ser_keras.tuning.search import Search
    from ser_keras.tuning.trials import FoldTuner, Interrupted

    worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}"
    search = Search(request, quiet=True)
    [split] = search.splits
    oracle = search.oracle()
    host, port = address
    client = distributed.Client(
        oracle,
        host,
        port,
        tuner_id=worker_id,
        fingerprint=search.fingerprint(split),
        patience_s=PATIENCE_S,
        stopwatch=search.watch,
    )
    session = accounting.Session(session_file(out, worker_id), search.watch, search.started)
    claimed = well = False
    try:
        client.get_space()  # refused now, not after the first trial
        claim(out, search.identity(split))
        claimed = True
        tuner = FoldTuner(oracle, search.runner(split, out, session.note), out / "oracle", tuner_id=worker_id)
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


def main() -> int:
    """A crew's worker: its order is one JSON object on standard input."""
    from ser_keras.tuning.request import Request

    order = json.loads(sys.stdin.read())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.sched_setaffinity(0, order["cores"])  # before TensorFlow counts them
    try:
        host, port = order["address"]
        work(Request(**order["request"]), Path(order["out"]), (host, port), worker_id=order["worker_id"])
    except SerKerasError as error:
        print(f"ser-keras: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _end_with_parent() -> None:
    """A worker whose chief was killed has nobody to work for."""
    parent = int(os.environ[PARENT])
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
