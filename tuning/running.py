"""Runs a search: its trials here or on many workers, the test score of its winner, its report."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.experiment.run import RunDirectory
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
    from ser_keras.tuning.outcome import TrialResult
    from ser_keras.tuning.request import Request
    from ser_keras.tuning.result import SearchResult
    from ser_keras.tuning.spacefile import TwoStages

Address = tuple[str, int]  # host and port


@overload
def tune(
    request: Request,
    out: str | Path,
    chief: str | None = None,
    *,
    join: None = None,
    announce: Callable[[SearchPlan], None] | None = None,
) -> SearchResult: ...


@overload
def tune(
    request: Request,
    out: str | Path,
    chief: str | None = None,
    *,
    join: str | None,
    worker_id: str | None = None,
    announce: Callable[[SearchPlan], None] | None = None,
) -> SearchResult | None: ...


def tune(
    request: Request,
    out: str | Path,
    chief: str | None = None,
    *,
    join: str | None = None,
    worker_id: str | None = None,
    announce: Callable[[SearchPlan], None] | None = None,
) -> SearchResult | None:
    """Run a search into a directory, or go on with it; or help another's.

    Args:
        request: what the search is asked to do.
        out: the search's directory; of a worker, where its trials go.
        chief: HOST:PORT to serve workers of other machines on.
        join: HOST:PORT of the chief to work for.
        worker_id: this worker's name; None: made of host and process.
        announce: is told what the search is about to do, before the first trial.

    Returns:
        What was found; None from a worker, which has only its own trials.

    Raises:
        SerKerasError: bad settings or input, the directory holds another search or is in use, or trials fail.
    """
    out = Path(out)
    if join is not None:
        worker_main.work(request, out, distributed.address(join, "join"), worker_id=worker_id)
        return None
    where = distributed.address(chief, "chief") if chief else None
    if where and request.outer_folds:
        raise SerKerasError("`outer_folds` runs one search after the other; give `workers` instead of `chief`")
    search = Search(request)
    run = RunDirectory(out)
    with run.locked():
        if where is None:  # with workers elsewhere, half-written files may be theirs
            run.sweep()
        same_search(out, search)
        if announce is not None:
            announce(search_plan(search))
        nested = request.outer_folds is not None
        folders = [out / "outer" / str(k) for k in range(len(search.splits))] if nested else [out]
        results: list[SearchResult] = []
        for k, (split, folder) in enumerate(zip(search.splits, folders, strict=True)):
            if nested:
                say(f"outer fold {k + 1}/{len(folders)}: test speakers {', '.join(split.test)}")
            table = _search(search, split, folder, where=where)
            results.append(scoring.conclude(search, split, folder, table=table))
            write_report(search, folder, table)
        return scoring.conclude_nested(search, out, results) if nested else results[0]


@dataclasses.dataclass(frozen=True)
class SearchPlan:
    """What a search is about to do.

    Attributes:
        space: the space's name.
        recipe: the one that the settings vary over.
        n_axes: how many settings vary.
        goal: the objective with its limits, in words.
        strategy: a name in STRATEGIES.
        max_trials: the greatest number of trials, or None.
        n_grid: the number of grid points; None where the strategy does not train the grid.
        stages: of `random_grid`; None otherwise.
        test_speakers: who is set aside; None where outer folds test everybody.
        n_others: the number of the other speakers.
        folds: inner folds of a trial.
    """

    space: str
    recipe: str
    n_axes: int
    goal: str
    strategy: str
    max_trials: int | None
    n_grid: int | None
    stages: TwoStages | None
    test_speakers: Sequence[str] | None
    n_others: int
    folds: int


@dataclasses.dataclass(frozen=True)
class DryRun:
    """What a search would do; a trial of the starting recipe has so many epochs and takes so many seconds."""

    plan: SearchPlan
    epochs: int
    seconds: float


def search_plan(search: Search) -> SearchPlan:
    """What a search is about to do."""
    request, space, split = search.request, search.space, search.splits[0]
    return SearchPlan(
        space=space.name,
        recipe=space.start.recipe,
        n_axes=len(space.axes),
        goal=str(search.goal),
        strategy=request.strategy,
        max_trials=request.max_trials,
        n_grid=len(space.grid()) if request.strategy in ("grid", "random_grid") else None,
        stages=space.stages if request.strategy == "random_grid" else None,
        test_speakers=split.test if request.outer_folds is None else None,
        n_others=len(split.others),
        folds=request.folds,
    )


def dry_run(request: Request) -> DryRun:
    """Check a search and estimate what it would do; nothing is written but the caches."""
    from ser_keras.training.estimate import estimate_seconds

    search = Search(request)
    prepared = search.prepared
    folds = holdout.inner_folds(prepared, search.splits[0], request.folds)
    examples = prepared.material.examples(folds[0].train)
    epochs = prepared.experiment.training.epochs
    with tensorflow_session(prepared.experiment):
        seconds = estimate_seconds(prepared, examples)
    return DryRun(search_plan(search), epochs, seconds * epochs * request.folds)


def _search(search: Search, split: Split, folder: Path, *, where: Address | None) -> list[TrialResult]:
    """All trials of one search, here or by workers, in their order."""
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
