"""The runs that rows need, which of them are done, and how long the others will take."""

import dataclasses
from pathlib import Path

import keras

from ser_keras.common.errors import SerKerasError, Unreadable
from ser_keras.common.files import read_json
from ser_keras.common.progress import stage
from ser_keras.common.row_store import fingerprint
from ser_keras.common.text import duration
from ser_keras.experiment.recipes import load_experiment
from ser_keras.experiment.settings import Experiment
from ser_keras.reproduction import curves
from ser_keras.training import estimate as estimates

CURVE = "curve"  # the kind of derived row that has runs of its own
# In a run's folder, written last: the settings and files that it was run on, and hashes of its tables.
DONE = "reproduced.json"


@dataclasses.dataclass(frozen=True)
class Job:
    """A run to be trained: its folder, settings, and the mark that it bears when it is done."""

    folder: Path
    experiment: Experiment
    mark: dict

    @property
    def is_done(self):
        """Whether it was run with these settings and corpora, and its tables are what they were then."""
        try:
            record = read_json(self.folder / DONE)
            return record == self.mark | {"tables": digests(self.folder)}
        except Unreadable:
            return False


def digests(folder):
    """A hash of each table of a run; None where it has none."""
    files = {name: folder / name for name in ("predictions.csv", "segments.csv", "metrics.json")}
    return {name: fingerprint(file.read_bytes()) if file.is_file() else None for name, file in files.items()}


def make_plan(outcomes, changes, known):
    """Outcome -> the runs that it needs; what is made of other rows' runs has none."""
    plan = {}
    for outcome in outcomes:
        row, needed = outcome.row, []
        if outcome.condition is None and row.derived is None:
            needed = [(row.id, outcome.folder, ())]
        elif outcome.condition is None and row.derived["how"] == CURVE:
            needed = [(p.row, outcome.folder / "points" / p.name, p.changes) for p in curves.points(row)]
        try:
            _check_changes(row, [change for *_, own in needed for change in own], changes)
            plan[outcome] = [
                _job(folder, recipe, [*own, *changes, f"protocol.name={outcome.protocol}"], known)
                for recipe, folder, own in needed
            ]
        except SerKerasError as error:
            outcome.refuse(error)
            plan[outcome] = []
    return plan


def _check_changes(row, own, changes):
    varied = {change.partition("=")[0] for change in own}
    if clash := sorted({change.partition("=")[0] for change in changes} & varied):
        raise SerKerasError(f"--set {clash[0]}: the curve {row.id} varies it itself")


def _job(folder, recipe, changes, known):
    experiment = load_experiment(recipe, changes)
    return Job(folder, experiment, {"settings": fingerprint(experiment.model_dump()), "corpora": known})


def estimate(plan, corpora):
    """The line that says how long the rows that aren't done will take; what can't be prepared gets its problem."""
    trained = {outcome: jobs for outcome, jobs in plan.items() if jobs}
    todo = {outcome: [job for job in jobs if not job.is_done] for outcome, jobs in trained.items()}
    todo = {outcome: jobs for outcome, jobs in todo.items() if jobs}
    seconds = 0.0
    with stage("time estimate", len(todo), "rows") as advance:
        for outcome, jobs in todo.items():
            try:
                seconds += sum(estimates.estimate(job.experiment, corpora, job.folder) for job in jobs)
            except SerKerasError as error:
                outcome.refuse(error)
            keras.utils.clear_session()
            advance(1, outcome.row.id)
    to_train = sum(outcome.problem is None for outcome in todo)
    done = len(trained) - len(todo)
    if not to_train:
        return f"nothing to train; {done} rows done already"
    return f"about {duration(seconds)} for {to_train} rows to train; {done} done already"
