"""Train an experiment, and judge what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ser_keras.api.bundle import Bundle
from ser_keras.api.corpus import Corpora, located
from ser_keras.api.evaluations import Evaluation, LiveEvaluation
from ser_keras.api.run import Run, live_request
from ser_keras.api.session import at_work
from ser_keras.common.errors import BadInput
from ser_keras.experiment.settings import Experiment

if TYPE_CHECKING:
    from ser_keras.common.progress import Callback
    from ser_keras.features.conditions import Condition
    from ser_keras.features.streams.plan import Codec
    from ser_keras.training.estimate import TrainingPlan

Recipe: TypeAlias = "Experiment | str | Path"  # settings, a recipe's id, or the path of a YAML file
Start: TypeAlias = "Run | Bundle | str | Path"


def train(
    experiment: Recipe,
    corpora: Corpora,
    out: str | Path,
    *,
    resume: bool = False,
    fold: int | None = None,
    init: Start | None = None,
    refit: bool = True,
    progress: Callback | None = None,
) -> Run:
    """Train and evaluate an experiment on speakers that it does not hear: each fold, and a final model on all speakers.

    Args:
        experiment: the settings, a recipe's id, or the path of a YAML file.
        corpora: a `Corpus`, several, name -> path, or (name, path) pairs.
        out: the run directory.
        resume: go on with the run that is there; without it there must be none.
        fold: train this fold alone; the metrics follow once all folds are there.
        init: a run or a bundle whose model's weights each fold starts from. Where that was trained on test speakers,
            the metrics are leaky.
        refit: train the final model, too, which `export` needs.
        progress: is called with each `ser_keras.Step`; `ser_keras.Bars()` draws bars.

    Raises:
        SerKerasError: settings or data that do not fit, or a directory that is taken or in use.

    Example:
        run = ser_keras.train("anand2015.r2", {"emodb": "/data/emodb"}, "runs/first", progress=ser_keras.Bars())
    """
    settings, folders = _experiment(experiment), located(corpora)
    with at_work(progress):
        from ser_keras.training import crossvalidation

        start = None if init is None else Path(init)
        crossvalidation.train(settings, folders, out, resume=resume, only_fold=fold, init=start, refit=refit)
    return Run(out)


def estimate(
    experiment: Recipe,
    corpora: Corpora,
    *,
    fold: int | None = None,
    init: Start | None = None,
    progress: Callback | None = None,
) -> TrainingPlan:
    """What `train` would do with the same arguments: classes, folds, windows, and how long it will take.

    It decodes the files and caches the features, as training does.

    Args:
        experiment, corpora, fold, init, progress: as in `train`.

    Raises:
        SerKerasError: as `train`.
    """
    settings, folders = _experiment(experiment), located(corpora)
    with at_work(progress):
        from ser_keras.training.estimate import dry_run

        return dry_run(settings, folders, only_fold=fold, init=None if init is None else Path(init))


def _experiment(given: Recipe) -> Experiment:
    return given if isinstance(given, Experiment) else Experiment.from_recipe(given)


def evaluate(
    run: Run | str | Path,
    corpora: Corpora = (),
    conditions: Iterable[str | Condition] = (),
    *,
    progress: Callback | None = None,
) -> list[Evaluation]:
    """Run a finished run's models on other data, or again on its own test folds, also under distortions.

    Args:
        run: the run.
        corpora: what to test the final model on, as in `train`; none: each fold's model on its own test part.
        conditions: distortions of the test audio (docs/conditions.md): `noise:20`, `telephone+noise:10`, ...; without
            any, as it is.
        progress: as in `train`.

    Returns:
        One evaluation a corpus and condition; its tables are in the run, below `evaluations`.

    Raises:
        SerKerasError: the run is not finished, or the data do not fit it.

    Example:
        ser_keras.evaluate(run, {"ravdess": "/data/ravdess"}, ["noise:20", "noise:10"])
    """
    return _run(run).evaluate(corpora, conditions, progress=progress)


def evaluate_live(
    model: Run | Bundle | str | Path,
    corpora: Corpora = (),
    *,
    utterances: int | None = 1200,
    seed: int = 0,
    codec: Codec = "none",
    out: str | Path | None = None,
    progress: Callback | None = None,
) -> list[LiveEvaluation]:
    """Judge models as they are used: on streams of people who speak, pause and stop in a room (docs/live.md).

    Args:
        model: a run, a bundle or a `.tflite` file.
        corpora: what is heard, as in `train`; of a run, none: each fold's model hears its own test part.
        utterances: how many of each corpus; None: all.
        seed: draws other streams.
        codec: what the sound passes through: `none`, `telephone` or `opus`.
        out: where the results of a bundle go; those of a run go into the run.
        progress: as in `train`.

    Raises:
        SerKerasError: arguments that do not go together, a run that is not finished, or data that do not fit the model.
    """
    if isinstance(model, Run) or (Path(model) / "experiment.yaml").is_file():
        if out is not None:
            raise BadInput("what a run comes to goes into the run; `out` is for bundles")
        return _run(model).evaluate_live(corpora, utterances=utterances, seed=seed, codec=codec, progress=progress)
    folders = located(corpora)
    if not folders or out is None:
        raise BadInput(f"{os.fspath(model)} is no run: a bundle needs `corpora` and `out`")
    with at_work(progress):
        from ser_keras.training.live_evaluation import evaluate_live_bundle

        request = live_request(utterances, seed, codec)
        results = evaluate_live_bundle(Path(model), folders, Path(out), request)
    return [LiveEvaluation(name, folder, content) for name, folder, content in results]


def _run(given: Run | Bundle | str | Path) -> Run:
    return given if isinstance(given, Run) else Run(Path(given))
