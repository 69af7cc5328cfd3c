"""One trial: folds of held-out training speakers, resumable at every epoch, stopped where it is hopeless."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import shutil
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import keras
from keras_tuner.errors import FailedTrialError, FatalError

from ser_keras.common.errors import NotWritable, SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.progress import reporting_to
from ser_keras.common.row_store import fingerprint
from ser_keras.common.seeds import FoldSeeds
from ser_keras.evaluation import Predictions, measures
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.training.fold import FoldTrainer
from ser_keras.training.fold_job import FoldJob
from ser_keras.tuning import holdout
from ser_keras.tuning.durable_oracle import SCORE
from ser_keras.tuning.keras_tuner_private import OpenTuner
from ser_keras.tuning.objective import Costs, costs
from ser_keras.tuning.values import Figures, Report, Rival, Values

if TYPE_CHECKING:
    from keras_tuner.engine.trial import Trial

    from ser_keras.experiment.protocols import Fold
    from ser_keras.training.data.preparation import Prepared
    from ser_keras.tuning.accounting import Stopwatch
    from ser_keras.tuning.durable_oracle import Durable
    from ser_keras.tuning.objective import Objective
    from ser_keras.tuning.space import Space

BUDGET = "tuner/epochs"


class Interrupted(SerKerasError, FatalError):
    """What no other trial would do better with, a full disk or a lost chief: it ends the search, not the trial."""


class FoldTuner(OpenTuner):
    """KerasTuner's loop over trials; each is run over the inner folds and reports after every fold.

    Args:
        oracle: the search's. A worker of another process puts a `distributed.Client` in its place afterwards.
        runner: runs a trial.
        folder: KerasTuner's project directory.
        tuner_id: this worker's name.
        on_change: called when a trial begins, has done a fold, and ends.
    """

    def __init__(
        self,
        oracle: Durable,
        runner: Runner,
        folder: Path,
        *,
        tuner_id: str,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)
        self.runner, self.tuner_id, self.on_change = runner, tuner_id, on_change

    def save(self) -> None:
        """Nothing: a tuner has no state of its own, and the oracle saves itself."""

    def pre_create_trial(self) -> None:
        self.on_change()

    def run_trial(self, trial: Trial) -> Figures:
        trial_id, values = trial.trial_id, dict(trial.hyperparameters.values)

        def report(figures: Figures) -> None:
            self.oracle.update_trial(trial_id, {k: v for k, v in figures.items() if math.isfinite(v)})
            self.on_change()

        try:
            return self.runner(trial_id, values, report, rival=lambda: self._rival(values))
        except (Interrupted, FatalError):
            raise
        except NotWritable as error:  # another trial would fail likewise
            raise Interrupted(str(error)) from error
        except SerKerasError as error:
            raise FailedTrialError(str(error)) from error
        except Exception as error:
            print(traceback.format_exc(), file=sys.stderr)
            raise FailedTrialError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error

    def run_and_report(self, trial: Trial) -> None:
        try:
            self.oracle.update_trial(trial.trial_id, self.run_trial(trial))
            trial.status = "COMPLETED"
        except FailedTrialError as error:
            trial.status, trial.message = "FAILED", str(error)
            write_atomic(self.runner.folder / trial.trial_id / "failure.txt", f"{error}\n")

    def on_trial_end(self, trial: Trial) -> None:
        with self.runner.watch.part("waiting"):
            super().on_trial_end(trial)
        keras.utils.clear_session()
        self.runner.note()
        self.on_change()

    def _rival(self, values: Values) -> list[float] | None:
        """UAR of each fold of the best trial that was trained as long and in full, or None."""
        for trial in self.oracle.get_best_trials(100):
            figures = figures_of(trial)
            alike = trial.hyperparameters.values.get(BUDGET) == values.get(BUDGET)
            if trial.status == "COMPLETED" and alike and not figures.get("stopped") and "fold_0" in figures:
                return [figures[f"fold_{k}"] for k in range(int(figures["folds_done"]))]
        return None


def figures_of(trial: Trial) -> dict[str, float]:
    """What a trial has reported: {name: value}."""
    return {name: trial.metrics.get_last_value(name) for name in trial.metrics.metrics}


class Runner:
    """Runs trials in their folders.

    Args:
        space: gives a trial's settings.
        materials: prepares its material.
        folds_of: gives its folds.
        objective: gives its score.
        stop_behind: points of UAR (fractions) behind the best trial on the folds done at which a trial is stopped.
        folder: the trials' folder, `folder/ID/`.
        watch: counts the seconds of each part.
        note: called after each trial.
        keep: leave the last checkpoints, for strategies that train some trials on.
    """

    def __init__(
        self,
        space: Space,
        materials: holdout.Materials,
        folds_of: Callable[[Prepared], list[Fold]],
        *,
        objective: Objective,
        stop_behind: float,
        folder: Path,
        watch: Stopwatch,
        note: Callable[[], None] = lambda: None,
        keep: bool = False,
    ) -> None:
        self.space, self.materials, self.folds_of, self.objective = space, materials, folds_of, objective
        self.stop_behind, self.folder, self.watch, self.note, self.keep = stop_behind, folder, watch, note, keep

    def __call__(self, trial_id: str, values: Values, report: Report, *, rival: Rival) -> Figures:
        """Run a trial, or what is left of it.

        Args:
            trial_id: its name.
            values: axis -> value.
            report: takes the figures so far.
            rival: gives the best comparable trial's UAR of each fold, or None.

        Returns:
            The figures, `score` among them.
        """
        folder = self.folder / trial_id
        experiment = self.space.experiment(values)
        with _alone(folder), _logged_to(folder / "log.txt"), tensorflow_session(experiment):
            with self.watch.part("data"):
                prepared = self.materials(experiment)
                folds = self.folds_of(prepared)
            write_atomic(folder / "experiment.yaml", prepared.experiment.to_yaml())
            figures: dict[str, float] = {}
            uars: list[float] = []  # of the folds done
            further: list[dict[str, float]] = []  # likewise, of the measures beside UAR
            digests = _digests(prepared, folds)
            if self.objective.measures_cost:
                measured = self._costs(folder, prepared, digests.settings)
                figures |= {"int8_kb": measured["int8_kb"], "latency_ms": measured["latency_ms"]}
            if self.objective.violations(figures):
                return {**figures, "folds_done": 0, "rejected": 1, SCORE.name: self.objective.score(figures)}
            for fold in folds:
                uars.append(self._fold(folder, prepared, fold, digests=digests, values=values))
                further.append(self._further_figures(folder, fold))
                figures |= {f"fold_{fold.number}": uars[-1], "folds_done": len(uars), "uar": statistics.fmean(uars)}
                figures |= {name: statistics.fmean(of_fold[name] for of_fold in further) for name in further[-1]}
                if len(uars) > 1:
                    figures["uar_sd"] = statistics.stdev(uars)
                if len(uars) < len(folds):
                    report(figures)
                    if (behind := self.hopeless(uars, len(folds), rival)) is not None:
                        figures |= {"stopped": 1, SCORE.name: self.objective.score({**figures, "uar": behind})}
                        return figures
            return {**figures, SCORE.name: self.objective.score(figures)}

    def hopeless(self, uars: Sequence[float], n: int, rival: Rival) -> float | None:
        """The UAR that a trial counts with which needs no more folds, or None.

        Where something else than UAR is what is judged, a low UAR is no reason: only a limit on UAR that is out of
        reach.
        """
        if self.objective.measure == "uar":
            return self.behind(uars, rival())
        return statistics.fmean(uars) if self.objective.out_of_reach(uars, n) else None

    def behind(self, uars: Sequence[float], rival: Sequence[float] | None) -> float | None:
        """What a hopeless trial would have reached, or None where it has hope.

        Folds differ in difficulty, so a trial is compared with the best one on the folds that both have done, and
        counts as that much worse than it: its own mean over easy folds would flatter it. Few folds are a noisy mean:
        after j of K the bound is sqrt(K / j) times as far.
        """
        if rival is None or len(rival) <= len(uars):
            return None
        behind = statistics.fmean(rival[: len(uars)]) - statistics.fmean(uars)
        bound = self.stop_behind * math.sqrt(len(rival) / len(uars))
        return statistics.fmean(rival) - behind if behind > bound else None

    def _fold(self, folder: Path, prepared: Prepared, fold: Fold, *, digests: _Digests, values: Values) -> float:
        """UAR of one fold's held-out speakers."""
        place = folder / "folds" / str(fold.number)
        if (place / "fold.json").is_file() and (done := read_json(place / "fold.json"))["settings"] == digests.settings:
            return float(done["uar"])
        place.mkdir(parents=True, exist_ok=True)
        digests_file = place / "digests.json"
        if not digests_file.is_file() or read_json(digests_file)["settings"] != digests.settings:
            (place / "checkpoint.npz").unlink(missing_ok=True)  # of another search, or of other settings or data
            write_json(digests_file, {"settings": digests.settings, "lineage": digests.lineage})
        self._inherit(place, digests.lineage, values)
        with self.watch.training() as steps:
            trainer = FoldTrainer(
                FoldJob(
                    experiment=prepared.experiment,
                    material=prepared.material,
                    train=fold.train,
                    validation=fold.validation,
                    folder=place,
                    seeds=FoldSeeds(prepared.experiment.seed, fold.number),
                    title=fold.name,
                    callbacks=[steps],
                )
            )
            trainer.prepare()
            trainer.fit()
        with self.watch.part("predict"):
            table, _ = trainer.predict(fold.test)
        history, uar = trainer.history, measures.uar(table.true, table.predicted, prepared.n_classes)
        write_atomic(place / "history.csv", history.csv())
        table.write_csv(place / "predictions.csv")
        epochs = {"epochs": history.epochs, "best_epoch": history.best_epoch or history.epochs}
        record = {"name": fold.name, "settings": digests.settings, "uar": uar, "n_validation": len(fold.test), **epochs}
        write_json(place / "fold.json", record)
        if not self.keep:
            (place / "checkpoint.npz").unlink(missing_ok=True)
        return uar

    def _further_figures(self, folder: Path, fold: Fold) -> dict[str, float]:
        """What a fold that is done reached beside UAR; read from its file, as after a kill."""
        if not self.objective.further_measures:
            return {}
        return self.objective.further_figures(
            Predictions.read_csv(folder / "folds" / str(fold.number) / "predictions.csv")
        )

    def _inherit(self, place: Path, lineage: str, values: Values) -> None:
        """Go on from the trial that this one continues, where its checkpoint is at hand.

        Only where that one was of the same settings, but for the epochs, of the same data and speakers, and where the
        learning rate doesn't depend on the number of epochs: the result is then what training from the start gives,
        and a worker without the checkpoint does just that.
        """
        older = self.folder / str(values.get("tuner/trial_id")) / "folds" / place.name
        before = older / "checkpoint.npz"
        constant = self.space.experiment(values).training.schedule != "cosine"
        if constant and before.is_file() and not (place / "checkpoint.npz").is_file():
            with contextlib.suppress(OSError):
                digests_file = older / "digests.json"
                if not digests_file.is_file() or read_json(digests_file)["lineage"] != lineage:
                    return
                partial = place / ".partial-checkpoint.npz"
                shutil.copyfile(before, partial)
                partial.replace(place / "checkpoint.npz")

    def _costs(self, folder: Path, prepared: Prepared, digest: str) -> Costs:
        """Size and latency of a trial's net, measured once."""
        file = folder / "costs.json"
        if file.is_file() and (record := read_json(file))["settings"] == digest:
            return {"int8_kb": record["costs"]["int8_kb"], "latency_ms": record["costs"]["latency_ms"]}
        with self.watch.part("costs"):
            measured = costs(prepared.experiment, prepared.material.feature_shape, prepared.n_classes)
        write_json(file, {"settings": digest, "costs": measured})
        return measured


class _Digests(NamedTuple):
    """Hashes of all that decides a trial's figures, and of that less the number of epochs, which trials may extend."""

    settings: str
    lineage: str


def _digests(prepared: Prepared, folds: Sequence[Fold]) -> _Digests:
    """The hashes of a trial; the folds leave out the test speakers, so that another choice of these is another hash."""
    tree = prepared.experiment.model_dump(mode="json")
    parts = [[f.name, f.train.tolist(), f.validation.tolist(), f.test.tolist()] for f in folds]
    shared = (holdout.data_fingerprint(prepared), parts)
    endless = {**tree, "training": {k: v for k, v in tree["training"].items() if k != "epochs"}}
    return _Digests(fingerprint(tree, *shared), fingerprint(endless, *shared))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a trial's folder; a worker that was taken for dead may still be in it, and is waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """What a training reports, and what libraries print, goes to the trial's own log: a search shows whole trials."""
    with open(path, "a", encoding="utf-8") as log:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), file=log)
        with contextlib.redirect_stderr(log), reporting_to(log):
            yield


def sweep(folder: Path) -> None:
    """Delete the checkpoints of all trials: the search is over."""
    for checkpoint in folder.glob("*/folds/*/checkpoint.npz"):
        checkpoint.unlink(missing_ok=True)


def describe(values: Values) -> str:
    """A trial's values in one line."""
    shown = {k: v for k, v in values.items() if not k.startswith("tuner/")}
    epochs = {"epochs": values[BUDGET]} if BUDGET in values else {}
    return ", ".join(
        f"{k.rpartition('.')[2]} {v if isinstance(v, str) else json.dumps(v)}" for k, v in {**shown, **epochs}.items()
    )
