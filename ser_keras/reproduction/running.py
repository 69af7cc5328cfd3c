"""Run rows one after the other, go on where a former call stopped, and keep the tables up to date."""

import dataclasses
import functools
from pathlib import Path

import keras

from ser_keras import crossvalidation
from ser_keras.cache import fingerprint
from ser_keras.errors import SerKerasError
from ser_keras.experiment import load_experiment
from ser_keras.preparation import read_corpora
from ser_keras.progress import stage
from ser_keras.protocols import PROTOCOLS
from ser_keras.reproduction import derived, figures, page, rows, table
from ser_keras.runs import Run, read_json, write_json

DONE = "reproduced.json"  # in a trained row's folder, written last: the settings and files that it was run on


@dataclasses.dataclass(eq=False)
class Outcome:
    """A row under a protocol, run or refused.

    Attributes:
        row: rows.Row.
        protocol: the protocol's name.
        folder: `OUT/ROW/PROTOCOL`.
        problem: why there are no figures, one line; None where there are, or where the row is a picture.
        seconds: what running it took.
    """

    row: rows.Row
    protocol: str
    folder: Path
    problem: str | None = None
    seconds: float | None = None

    @property
    def leaky(self):
        return PROTOCOLS[self.protocol].leaky

    @property
    def has_figures(self):
        return self.problem is None and self.row.level is not None

    @functools.cached_property
    def judged(self):
        return figures.read(self.folder, self.protocol)

    @functools.cached_property
    def figure(self):
        """In the paper's measure, at the paper's level."""
        return figures.figure(self.judged.at(self.row.level), self.row.measure)

    @functools.cached_property
    def uar(self):
        """UAR by utterance."""
        return figures.figure(self.judged.utterances, "uar")

    @functools.cached_property
    def metrics(self):
        return read_json(self.folder / "metrics.json")

    @functools.cached_property
    def epochs(self):
        """Epochs that each fold was trained; empty where nothing was."""
        return sorted({read_json(fold / "fold.json").get("epochs") or 0 for fold in Run(self.folder).folds()} - {0})


def reproduce(names, corpora, out, protocols=None, changes=()):
    """Run rows of papers beside what the papers report; a generator of lines, each given when it is known.

    Writes `reproduce.txt`, `reproduce.csv` and `reproduce.html` into `out`, and each row into `out/ROW/PROTOCOL/`.
    The same call goes on where a former one was stopped; rows that are done aren't run again. A row that can't be run
    is named, and the others go on.

    Args:
        names: ids of rows, or papers' names, which stand for all their rows. A row's sources are run with it.
        corpora: list of (registry name, path).
        out: the directory.
        protocols: names of protocols; None: speaker-independent, then the papers' own.
        changes: strings `a.b=value`, applied to every trained row.

    Yields:
        Lines: the paper's corpora that are missing, a time estimate, a line a row, the tables.

    Raises:
        SerKerasError: unknown names, unreadable corpora, a directory in use; at the end, rows that couldn't be run.
    """
    for change in changes:
        if change.partition("=")[0].strip() == "protocol.name":
            raise SerKerasError(f"--set {change}: choose protocols by --protocol, which may be repeated")
    jobs = rows.jobs(rows.select(names), protocols)
    known = _describe(corpora)
    with Run(out).locked() as directory:
        directory.sweep()
        given = [name for name, _ in corpora]
        heading = [*rows.missing_corpora([row for row, _ in jobs], given), *_conditions(given, changes)]
        yield from heading
        outcomes = [Outcome(row, protocol, directory.path / row.id / protocol) for row, protocol in jobs]
        plan = _plan(outcomes, changes, known)
        yield _estimate(outcomes, plan, corpora)
        for i, outcome in enumerate(outcomes):
            made = outcome.problem is None and _run(outcome, outcomes[:i], plan, corpora)
            yield table.line(outcome)
            if made:  # so that an interrupted job leaves the tables of what it has
                table.write(directory.path, heading, outcomes[: i + 1])
        yield from table.write(directory.path, heading, outcomes)
        yield f"table: {directory.path / 'reproduce.csv'}; page: {page.write(directory.path, heading, outcomes)}"
    failed = [f"{o.row.id} ({o.protocol})" for o in outcomes if o.problem is not None]
    if failed:
        raise SerKerasError(f"{len(failed)} of {len(outcomes)} rows couldn't be run: {', '.join(failed)}; see above")


def _describe(corpora):
    """A fingerprint of what the corpora hold, as far as it shows without decoding: labels, sizes, times of change."""
    listing = read_corpora(corpora)
    places = [[name, str(Path(root).resolve())] for name, root in corpora]
    return fingerprint(places, sorted((_described(u) for u in listing.utterances), key=str))


def _described(utterance):
    try:
        stat = Path(utterance.path).stat()
        size = [stat.st_size, stat.st_mtime_ns]
    except OSError:
        size = []
    return [*dataclasses.astuple(utterance), *size]


def _conditions(given, changes):
    lines = [f"corpora: {', '.join(given)}"]
    return [*lines, f"changed from the recipes: {', '.join(changes)}"] if changes else lines


def _plan(outcomes, changes, known):
    """Trained outcome -> (its Experiment, the mark that it will bear when it is done)."""
    plan = {}
    for outcome in outcomes:
        if outcome.row.derived is not None:
            continue
        try:
            experiment = load_experiment(outcome.row.id, [*changes, f"protocol.name={outcome.protocol}"])
        except SerKerasError as error:
            outcome.problem = " ".join(str(error).split())
        else:
            plan[outcome] = experiment, {"settings": fingerprint(experiment.model_dump()), "corpora": known}
    return plan


def _is_done(outcome, mark):
    record = outcome.folder / DONE
    return Run(outcome.folder).finished and record.is_file() and read_json(record) == mark


def _estimate(outcomes, plan, corpora):
    """The line that says how long the rows that aren't done will take; what can't be prepared gets its problem."""
    todo = [outcome for outcome, (_, mark) in plan.items() if not _is_done(outcome, mark)]
    seconds = 0.0
    with stage("time estimate", len(todo), "rows") as advance:
        for outcome in todo:
            try:
                seconds += crossvalidation.estimate(plan[outcome][0], corpora)
            except SerKerasError as error:
                outcome.problem = " ".join(str(error).split())
            advance(1, outcome.row.id)
    keras.utils.clear_session()
    to_train = sum(outcome.problem is None for outcome in todo)
    done = len(plan) - len(todo)
    if not to_train:
        return f"nothing to train; {done} rows done already"
    return f"about {crossvalidation.duration(seconds)} for {to_train} rows to train; {done} done already"


def _run(outcome, before, plan, corpora):
    """Run a row, or note its problem. Returns whether anything was made."""
    try:
        made = _make(outcome, before) if outcome.row.derived else _train(outcome, *plan[outcome], corpora)
        if outcome.row.level is not None:
            if outcome.judged.at(outcome.row.level) is None:
                raise SerKerasError(f"{outcome.row.id} is reported by {outcome.row.level}, and judged utterances alone")
            outcome.figure, outcome.uar  # noqa: B018 - read now, so that a damaged table is this row's problem
        return made
    except SerKerasError as error:
        outcome.problem = " ".join(str(error).split())
        return False


def _train(outcome, experiment, mark, corpora):
    run, made = Run(outcome.folder), not _is_done(outcome, mark)
    if made:
        crossvalidation.train(experiment, corpora, outcome.folder, resume=True, refit=False)
        keras.utils.clear_session()
        write_json(outcome.folder / DONE, mark)
    if "dense_weights" in outcome.row.draws:
        derived.draw_dense_weights(run)
    outcome.seconds = run.provenance.get("seconds")
    return made


def _make(outcome, before):
    found = {o.row.id: o for o in before if o.protocol == outcome.protocol}
    sources = [found[source] for source in outcome.row.sources]
    for source in sources:
        if source.problem is not None:
            raise SerKerasError(f"{outcome.row.id} is made from {source.row.id}, which couldn't be run")
    made = derived.make(outcome.row, outcome.folder, [Run(source.folder) for source in sources])
    outcome.seconds = read_json(outcome.folder / derived.MADE_FROM)["seconds"]
    return made
