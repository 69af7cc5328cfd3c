"""Runs a search: its trials here or on many workers, the test score of its winner, its report."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.common.text import duration
from ser_keras.experiment.run import Run
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.tuning import accounting, distributed, holdout, outcome, scoring, worker_main, workers
from ser_keras.tuning.directory import claim, same_search, session_file
from ser_keras.tuning.live_board import Board
from ser_keras.tuning.report import write_report
from ser_keras.tuning.search import Search
from ser_keras.tuning.trials import FoldTuner

if TYPE_CHECKING:
    from ser_keras.tuning.durable_oracle import Durable
    from ser_keras.tuning.holdout import Split
    from ser_keras.tuning.outcome import Row
    from ser_keras.tuning.request import Request

Address = tuple[str, int]  # host and port


def tune(
    request: Request,
    out: str | Path,
    chief: str | None = None,
    *,
    join: str | None = None,
    worker_id: str | None = None,
) -> list[str]:
    """Run a search into a directory, or go on with it; or help another's.

    Args:
        request: what the search is asked to do.
        out: the search's directory; of a worker, where its trials go.
        chief: HOST:PORT to serve workers of other machines on.
        join: HOST:PORT of the chief to work for.
        worker_id: this worker's name; None: made of host and process.

    Returns:
        Lines that say what was found; none from a worker.

    Raises:
        SerKerasError: bad settings or input, the directory holds another search or is in use, or trials fail.
    """
    out = Path(out)
    if join is not None:
        worker_main.work(request, out, distributed.address(join, "--join"), worker_id=worker_id)
        return []
    where = distributed.address(chief, "--chief") if chief else None
    if where and request.outer_folds:
        raise SerKerasError("--outer-folds runs one search after the other; give --workers instead of --chief")
    search = Search(request)
    run = Run(out)
    with run.locked():
        if where is None:  # with workers elsewhere, half-written files may be theirs
            run.sweep()
        same_search(out, search)
        for line in announcement(search):
            say(line)
        nested = request.outer_folds is not None
        folders = [out / "outer" / str(k) for k in range(len(search.splits))] if nested else [out]
        lines: list[str] = []
        for k, (split, folder) in enumerate(zip(search.splits, folders, strict=True)):
            if nested:
                say(f"outer fold {k + 1}/{len(folders)}: test speakers {', '.join(split.test)}")
            table = _search(search, split, folder, where=where)
            lines = scoring.conclude(search, split, folder, table=table)
            write_report(search, folder, table)
        if nested:
            return [*scoring.conclude_nested(search, out, folders), f"reports: {out / 'outer'}"]
        return [*lines, f"report: {out / 'report.html'}"]


def announcement(search: Search) -> list[str]:
    """What a search is about to do, in lines."""
    request, space = search.request, search.space
    lines = [f"{space.name}: {len(space.axes)} settings vary over {space.start.recipe}; objective: {search.goal}"]
    if request.strategy in ("grid", "random_grid"):
        size = len(space.grid())
        n = min(request.max_trials or size, size)
        stages = space.stages
        then = f" for {stages.epochs} epochs, then the best {stages.finalists} for {stages.long_epochs}"
        lines.append(
            f"the grid has {size} points; {n} of them are trained{then if request.strategy == 'random_grid' else ''}"
        )
    else:
        lines.append(
            f"strategy {request.strategy}" + (f", {request.max_trials} trials at most" if request.max_trials else "")
        )
    split = search.splits[0]
    if request.outer_folds is None:
        lines.append(f"test speakers, set aside: {', '.join(split.test)}")
    lines.append(f"each trial: {request.folds} folds of the other speakers, {len(split.others)}")
    return lines


def dry_run(request: Request) -> list[str]:
    """Check a search and say what it would do; nothing is written but the caches.

    Returns:
        Lines.
    """
    from ser_keras.training.estimate import estimate_seconds

    search = Search(request)
    prepared = search.prepared
    folds = holdout.inner_folds(prepared, search.splits[0], request.folds)
    examples = prepared.material.examples(folds[0].train)
    epochs = prepared.experiment.training.epochs
    with tensorflow_session(prepared.experiment):
        seconds = estimate_seconds(prepared, examples)
    starting = f"a trial of the starting recipe, {epochs} epochs: about {duration(seconds * epochs * request.folds)}"
    return [*announcement(search), starting]


def _search(search: Search, split: Split, folder: Path, *, where: Address | None) -> list[Row]:
    """All trials of one search, here or by workers; returns outcome's rows."""
    oracle = search.oracle()
    claim(folder, search.identity(split))
    oracle.set_project_folder(folder / "oracle")
    distributed_search = where is not None or search.request.workers > 1
    oracle.reload(keep_ongoing=where is not None)
    if oracle.is_over and oracle.trials:
        return outcome.rows(oracle)
    board = Board(search, oracle, folder)
    with board:
        if distributed_search:
            _with_workers(search, split, folder, oracle=oracle, where=where, board=board)
        else:
            _alone(search, split, folder, oracle=oracle, board=board)
    if oracle.trouble and not oracle.is_over:
        raise SerKerasError(f"{oracle.trouble}; once that is mended, the same command goes on")
    return outcome.rows(oracle)


def _alone(search: Search, split: Split, folder: Path, *, oracle: Durable, board: Board) -> None:
    """Run all trials in this process."""
    session = accounting.Session(session_file(folder, "worker"), search.watch, search.started)
    runner = search.runner(split, folder, session.note)
    tuner = FoldTuner(oracle, runner, folder / "oracle", tuner_id="tuner0", on_change=board.changed)
    tuner.search()
    session.note()
    search.watch.seconds.update(dict.fromkeys(search.watch.seconds, 0.0))
    search.started = time.monotonic()


def _with_workers(
    search: Search, split: Split, folder: Path, *, oracle: Durable, where: Address | None, board: Board
) -> None:
    """Let workers run all trials: a crew on this machine, those that join, or both."""
    host, port = where or ("127.0.0.1", 0)
    chief = distributed.Chief(oracle, host, port, fingerprint=search.fingerprint(split))
    n = search.request.workers
    crew = workers.Crew(search, split, folder, n=n, port=chief.port, oracle=oracle) if n else None
    try:
        with crew or contextlib.nullcontext():
            if where:
                say(f"serving workers on {host}:{chief.port}; `ser-keras tune ... --join HOST:{chief.port}` adds one")

            def tick() -> None:
                if crew is not None:
                    crew.look_after()
                board.changed()

            chief.wait(tick)
    finally:
        chief.stop()
