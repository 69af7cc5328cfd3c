"""A worker's process: joins a chief and trains the trials that it is given."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common import plugins
from ser_keras.common.child_process import end_with_parent
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say, to_standard_error

if TYPE_CHECKING:
    from ser_keras.tuning.request import Request

PATIENCE_S = 600.0  # how long a worker waits for a chief that isn't there yet, or not any more
CHILD = "import sys; from ser_keras.tuning.worker_main import main; sys.exit(main())"


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
    """A crew's worker: its order is one line of JSON on standard input, which is open for as long as it has a chief."""
    from ser_keras.tuning.request import Request

    order = json.loads(sys.stdin.buffer.readline())
    end_with_parent()
    to_standard_error()
    os.sched_setaffinity(0, order["cores"])  # before TensorFlow counts them
    try:
        plugins.adopt(order["plugins"])
        host, port = order["address"]
        work(Request(**order["request"]), Path(order["out"]), (host, port), worker_id=order["worker_id"])
    except SerKerasError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0
