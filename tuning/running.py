"""Runs a search: its trials here or on many workers, the test score of its winner, its report."""

import contextlib
import time
from pathlib import Path

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


def tune(request, out, chief=None, join=None, worker_id=None):
    """Run a search into a directory, or go on with it; or help another's.

    Args:
        request: Request.
        out: the search's directory; of a worker, where its trials go.
        chief: HOST:PORT to serve workers of other machines on.
        join: HOST:PORT of the chief to work for.
        worker_id: this worker's name; None: made of host and process.

    Returns:
        Lines that say what was found; none from a worker.

    Raises:
        SerKerasError: bad settings or input, the directory holds another search or is in use, or trials fail.
    """
    if join is not None:
        worker_main.work(request, out, distributed.address(join, "--join"), worker_id)
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
        folders = [Path(out) / "outer" / str(k) for k in range(len(search.splits))] if nested else [Path(out)]
        found = []
        for k, (split, folder) in enumerate(zip(search.splits, folders, strict=True)):
            if nested:
                say(f"outer fold {k + 1}/{len(folders)}: test speakers {', '.join(split.test)}")
            table = _search(search, split, folder, where)
            found.append(scoring.conclude(search, split, folder, table))
            write_report(search, folder, table)
        if nested:
            found = [scoring.conclude_nested(search, Path(out), folders)]
        return [*found[0], f"report: {folders[0] / 'report.html'}" if not nested else f"reports: {Path(out) / 'outer'}"]


def announcement(search):
    """What a search is about to do, in lines."""
    asked, space = search.request, search.space
    lines = [f"{space.name}: {len(space.axes)} settings vary over {space.start.recipe}; objective: {search.goal}"]
    if asked.strategy in ("grid", "random_grid"):
        size = len(space.grid())
        n = min(asked.max_trials or size, size)
        stages = space.stages
        then = f" for {stages.epochs} epochs, then the best {stages.finalists} for {stages.long_epochs}"
        lines.append(
            f"the grid has {size} points; {n} of them are trained{then if asked.strategy == 'random_grid' else ''}"
        )
    else:
        lines.append(
            f"strategy {asked.strategy}" + (f", {asked.max_trials} trials at most" if asked.max_trials else "")
        )
    split = search.splits[0]
    if asked.outer_folds is None:
        lines.append(f"test speakers, set aside: {', '.join(split.test)}")
    lines.append(f"each trial: {asked.folds} folds of the other speakers, {len(split.others)}")
    return lines


def dry_run(request):
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


def _search(search, split, folder, where):
    """All trials of one search, here or by workers; returns outcome's rows."""
    asked = search.request
    oracle = search.oracle()
    claim(folder, search.identity(split))
    oracle._set_project_dir(str(folder), "oracle")
    distributed_search = where is not None or asked.workers > 1
    oracle.reload(keep_ongoing=where is not None)
    if oracle.is_over and oracle.trials:
        return outcome.rows(oracle)
    board = Board(search, oracle, folder)
    with board:
        if distributed_search:
            _with_workers(search, split, folder, oracle, where, board)
        else:
            _alone(search, split, folder, oracle, board)
    if oracle.trouble and not oracle.is_over:
        raise SerKerasError(f"{oracle.trouble}; once that is mended, the same command goes on")
    return outcome.rows(oracle)


def _alone(search, split, folder, oracle, board):
    session = accounting.Session(session_file(folder, "worker"), search.watch, search.started)
    runner = search.runner(split, folder, session.note)
    tuner = FoldTuner(oracle, runner, folder / "oracle", "tuner0", board.changed)
    tuner.search()
    session.note()
    search.watch.seconds.update(dict.fromkeys(search.watch.seconds, 0.0))
    search.started = time.monotonic()


def _with_workers(search, split, folder, oracle, where, board):
    host, port = where or ("127.0.0.1", 0)
    chief = distributed.Chief(oracle, host, port, search.fingerprint(split))
    n = search.request.workers
    crew = workers.Crew(search, split, folder, n, chief.port, oracle) if n else contextlib.nullcontext()
    try:
        with crew:
            if where:
                say(f"serving workers on {host}:{chief.port}; `ser-keras tune ... --join HOST:{chief.port}` adds one")

            def tick():
                if n:
                    crew.look_after()
                board.changed()

            chief.wait(tick)
    finally:
        chief.stop()
