"""Search for settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.api.corpus import Corpora, located
from ser_keras.api.session import at_work
from ser_keras.common import plugins

if TYPE_CHECKING:
    from ser_keras.common.progress import Callback
    from ser_keras.evaluation.predictions import Predictions
    from ser_keras.tuning.oracles import Strategy
    from ser_keras.tuning.result import SearchResult


def tune(
    space: str | Path,
    corpora: Corpora,
    out: str | Path,
    *,
    strategy: Strategy = "random",
    max_trials: int | None = None,
    changes: Sequence[str] = (),
    folds: int = 3,
    test_speakers: Sequence[str] | None = None,
    outer_folds: int | None = None,
    objective: str | Callable[[Predictions], float] = "uar",
    limits: Sequence[str] = (),
    stop_behind: float = 0.1,
    seed: int = 0,
    workers: int | None = None,
    chief: str | None = None,
    lease_s: float = 60.0,
    progress: Callback | None = None,
) -> SearchResult:
    """Search for settings, judged on held-out training speakers; again, with the same arguments: go on.

    Args:
        space: a space that comes with the package (`ser-keras tune --list`), or the path of a YAML file.
        corpora: as in `ser_keras.train`.
        out: where trials, tables and the report go.
        strategy: `grid`, `random_grid`, `random`, `hyperband` or `bayesian`.
        max_trials: at most so many; None: 20, the whole grid, or hyperband's own number.
        changes: settings that hold for all trials: `training.epochs=20`.
        folds: inner folds of a trial.
        test_speakers: set aside for the winner; None: those of fold 0 of five groups of speakers.
        outer_folds: nested: a search for each of so many groups of test speakers.
        objective: `uar`, `int8_kb` or `latency_ms`; or a function of one's own (of a module, so that workers find it),
            by itself or as `module:name`: Predictions -> a number, more is better.
        limits: `int8_kb<=500`, `uar>=0.6`, ...
        stop_behind: stop a trial that is so much UAR behind the best one on the folds done; 1: never.
        seed: of the strategy's draws.
        workers: processes on this machine; None: one, or none beside a chief's workers elsewhere.
        chief: HOST:PORT to serve workers of other machines on, which `ser-keras tune --join` starts.
        lease_s: seconds of silence after which a worker is gone.
        progress: as in `ser_keras.train`.

    Returns:
        The trials, the winner as an `Experiment`, and its one score on the test speakers.

    Raises:
        SerKerasError: arguments, settings or data that do not fit, or a directory that holds another search.

    Example:
        found = ser_keras.tune("log_mel_cnn", {"emodb": "/data/emodb"}, "runs/search", max_trials=10)
        run = ser_keras.train(found.experiment, {"emodb": "/data/emodb"}, "runs/best")
    """
    folders = located(corpora)
    with at_work(progress):
        from ser_keras.tuning import running
        from ser_keras.tuning.request import Request

        request = Request(
            space=str(space),
            corpora=folders,
            strategy=strategy,
            max_trials=max_trials,
            changes=list(changes),
            folds=folds,
            test_speakers=None if test_speakers is None else list(test_speakers),
            outer_folds=outer_folds,
            objective=objective if isinstance(objective, str) else plugins.name_of(objective),
            limits=list(limits),
            stop_behind=stop_behind,
            seed=seed,
            workers=workers if workers is not None else 0 if chief else 1,
            lease_s=lease_s,
        )
        return running.tune(request, out, chief)
