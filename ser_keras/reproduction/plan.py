"""The runs that rows need, which of them are done, and how long the others will take."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras

from ser_keras.common.errors import SerKerasError, Unreadable
from ser_keras.common.files import read_json
from ser_keras.common.progress import stage
from ser_keras.common.row_store import fingerprint
from ser_keras.common.text import duration
from ser_keras.experiment.settings import Experiment
from ser_keras.reproduction import curves
from ser_keras.reproduction.outcomes import Outcome
from ser_keras.reproduction.rows import Row
from ser_keras.training import estimate as estimates

CURVE = "curve"  # the kind of derived row that has runs of its own
# In a run's folder, written last: the settings and files that it was run on, and hashes of its tables.
DONE = "reproduced.json"


@dataclasses.dataclass(frozen=True)
class Job:
    """A run to be trained: its folder, settings, and the mark that it bears when it is done."""

    folder: Path
    experiment: Experiment
    mark: dict[str, str]

    @property
    def is_done(self) -> bool:
        """Whether it was run with these settings and corpora, and its tables are what they were then."""
        try:
            record = read_json(self.folder / DONE)
            return bool(record == {**self.mark, "tables": digests(self.folder)})
        except Unreadable:
            return False


Plan = dict[Outcome, list[Job]]


def digests(folder: Path) -> dict[str, str | None]:
    """A hash of each table of a run; None where it has none."""
    files = {name: folder / name for name in ("predictions.csv", "segments.csv", "metrics.json")}
    return {name: fingerprint(file.read_bytes()) if file.is_file() else None for name, file in files.items()}


def make_plan(outcomes: Sequence[Outcome], changes: Sequence[str], corpora_fingerprint: str) -> Plan:
    """Outcome -> the runs that it needs; what is made of other rows' runs has none."""
    plan: Plan = {}
    for outcome in outcomes:
        row = outcome.row
        needed: list[tuple[str, Path, tuple[str, ...]]] = []  # recipe, folder, the curve's own changes
        if outcome.condition is None and row.derived is None:
            needed = [(row.id, outcome.folder, ())]
        elif outcome.condition is None and row.require_derived()["how"] == CURVE:
            needed = [(p.row, outcome.folder / "points" / p.name, p.changes) for p in curves.points(row)]
        try:
            _check_changes(row, [change for *_, varied in needed for change in varied], changes)
            plan[outcome] = []
            for recipe, folder, varied in needed:
                experiment = Experiment.from_recipe(recipe, [*varied, *changes, f"protocol.name={outcome.protocol}"])
                mark = {"settings": fingerprint(experiment.model_dump()), "corpora": corpora_fingerprint}
                plan[outcome].append(Job(folder, experiment, mark))
        except SerKerasError as error:
            outcome.refuse(error)
            plan[outcome] = []
    return plan


def _check_changes(row: Row, varied: Sequence[str], changes: Sequence[str]) -> None:
    names = {change.partition("=")[0] for change in varied}
    if clash := sorted({change.partition("=")[0] for change in changes} & names):
        raise SerKerasError(f"`changes` {clash[0]}: the curve {row.id} varies it itself")


def estimate(plan: Mapping[Outcome, Sequence[Job]], corpora: Sequence[tuple[str, Path]]) -> str:
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
