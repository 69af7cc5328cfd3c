"""Run rows one after the other, go on where a former call stopped, and keep the tables up to date."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from ser_keras.common.errors import BadInput, SerKerasError, Unreadable
from ser_keras.common.files import read_json, write_json
from ser_keras.common.progress import say
from ser_keras.common.row_store import fingerprint
from ser_keras.corpora.utterance import Utterance
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import RunDirectory
from ser_keras.features import conditions
from ser_keras.reproduction import curves, derived, page, rows, table
from ser_keras.reproduction.outcomes import Outcome, outcome_of
from ser_keras.reproduction.plan import DONE, Job, digests, estimate, make_plan
from ser_keras.reproduction.result import Reproduction, RowResult
from ser_keras.training import crossvalidation, reevaluation
from ser_keras.training.data.labelled_audio import read_corpora

Announce = Callable[[RowResult | str], object]


def _say(event: RowResult | str) -> None:
    say(str(event))


def reproduce(
    names: Sequence[str],
    corpora: Sequence[tuple[str, Path]],
    out: Path,
    *,
    protocols: Sequence[str] | None = None,
    changes: Sequence[str] = (),
    announce: Announce = _say,
) -> Reproduction:
    """Run rows of papers beside what the papers report.

    Writes `reproduce.txt`, `reproduce.csv` and `reproduce.html` into `out`, and each row into `out/ROW/PROTOCOL/`.
    The same call goes on where a former one was stopped; rows that are done aren't run again. A row that can't be run
    has a `problem`, and the others go on.

    Args:
        names: ids of rows, or papers' names, which stand for all their rows. A row's sources are run with it.
        corpora: (registry name, path) of each.
        out: the directory.
        protocols: names of protocols; None: speaker-independent, then the papers' own.
        changes: strings `a.b=value`, applied to every trained row.
        announce: is told lines before the first row (the corpora that are missing, a time estimate), and each row's
            result when it is there; `str` of either is a line. By default these go to the logger `ser_keras`.

    Returns:
        The rows, with those that couldn't be run, and where the tables are.

    Raises:
        SerKerasError: unknown names, unreadable corpora, a directory in use, settings that no row takes: nothing was
            run.
    """
    for change in changes:
        if change.partition("=")[0].strip() in ("protocol", "protocol.name"):
            raise SerKerasError(f"`changes` {change}: choose protocols by `protocols`")
    jobs = rows.jobs(rows.select(names), protocols)
    corpora_fingerprint = fingerprint_of_corpora(corpora)
    with RunDirectory(out).locked() as directory:
        directory.sweep()
        corpus_names = tuple(name for name, _ in corpora)
        heading = [*rows.missing_corpora([job.row for job in jobs], corpus_names), *_conditions(corpus_names, changes)]
        for line in heading:
            announce(line)
        outcomes = [outcome_of(directory.path, corpus_names, job) for job in jobs]
        plan = make_plan(outcomes, changes, corpora_fingerprint)
        _refuse_what_no_row_takes(outcomes)
        others = [outcome_of(directory.path, corpus_names, job) for job in _jobs_of_earlier(directory.path, jobs)]
        earlier = _done(others, directory.path, changes, corpora_fingerprint=corpora_fingerprint)
        announce(estimate(plan, corpora))
        results: list[RowResult] = []
        for i, outcome in enumerate(outcomes):
            made = outcome.problem is None and _run(outcome, outcomes[:i], plan[outcome], corpora=corpora)
            results.append(outcome.result())
            announce(results[-1])
            if made:  # so that an interrupted job leaves the tables of what it has
                table.write(directory.path, heading, _in_order([*earlier, *outcomes[: i + 1]]))
        tables: list[str] = []
        table_path = page_path = None
        if any(outcome.problem is None for outcome in outcomes):  # or else the former tables stay
            every = _in_order([*earlier, *outcomes])
            tables = table.write(directory.path, heading, every)
            table_path, page_path = directory.path / "reproduce.csv", page.write(directory.path, heading, every)
    return Reproduction(
        folder=directory.path,
        rows=tuple(results),
        table=table_path,
        page=page_path,
        heading=tuple(heading),
        tables=tuple(tables),
    )


def _refuse_what_no_row_takes(outcomes: Sequence[Outcome]) -> None:
    """One line, and nothing written, where all rows are refused for one reason: a misspelt setting, say."""
    trained = [o for o in outcomes if o.row.derived is None and o.condition is None]
    reasons = {o.reason for o in trained}
    if len(reasons) == 1 and None not in reasons:
        raise BadInput(reasons.pop())


def _jobs_of_earlier(directory: Path, jobs: Sequence[rows.Job]) -> list[rows.Job]:
    """Jobs that were not asked for, but whose folders stand in the directory."""
    asked = {(job.row.id, job.protocol, job.condition) for job in jobs}
    folders = [(row, folder) for row in rows.table().values() for folder in (directory / row.id).glob("*/")]
    earlier = [job for row, folder in folders if folder.name in PROTOCOLS for job in rows.jobs([row], [folder.name])]
    return [job for job in earlier if (job.row.id, job.protocol, job.condition) not in asked]


def _done(
    outcomes: Sequence[Outcome], directory: Path, changes: Sequence[str], *, corpora_fingerprint: str
) -> list[Outcome]:
    """Outcomes that are done, with the same corpora and changes."""
    plan = make_plan(outcomes, changes, corpora_fingerprint)
    done = []
    for outcome in outcomes:
        try:
            if outcome.problem is None and _is_done(outcome, plan[outcome], directory):
                done.append(outcome)
        except SerKerasError:  # damaged: it will be made again when it is asked for
            continue
    return done


def _is_done(outcome: Outcome, jobs: Sequence[Job], directory: Path) -> bool:
    """Whether all that an outcome is made of is done; its time is noted."""
    if jobs:
        outcome.seconds = round(sum(RunDirectory(job.folder).provenance.get("seconds", 0.0) for job in jobs), 1)
        if not all(job.is_done for job in jobs):
            return False
    elif outcome.condition is not None:
        if not _is_distorted(outcome, RunDirectory(outcome.folder.parents[1])):
            return False
    else:
        sources = [RunDirectory(directory / name / outcome.protocol) for name in outcome.row.sources]
        if not all(run.finished for run in sources) or not derived.is_made(outcome.row, outcome.folder, sources):
            return False
        outcome.seconds = read_json(outcome.folder / derived.MADE_FROM)["seconds"]
    if outcome.row.level is not None:
        outcome.read_all()  # damaged tables show now
        _ = outcome.metrics
    return True


def _in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Speaker-independent first, then the other protocols; conditions behind the protocol that they are run under."""
    protocols, ids = list(PROTOCOLS), rows.ids()
    return sorted(outcomes, key=lambda o: (protocols.index(o.protocol), o.condition or "", ids.index(o.row.id)))


def fingerprint_of_corpora(corpora: Sequence[tuple[str, Path]]) -> str:
    """A fingerprint of what the corpora hold, as far as it shows without decoding: labels, sizes, times of change."""
    listing = read_corpora(corpora)
    places = sorted([name, str(Path(root).resolve())] for name, root in corpora)
    return fingerprint(places, sorted((_with_size_and_time(u) for u in listing.utterances), key=str))


def _with_size_and_time(utterance: Utterance) -> list[object]:
    size_and_time: list[object] = []
    try:
        stat = Path(utterance.path).stat()
        size_and_time = [stat.st_size, stat.st_mtime_ns]
    except OSError:
        pass
    return [*dataclasses.astuple(utterance), *size_and_time]


def _conditions(corpus_names: Sequence[str], changes: Sequence[str]) -> list[str]:
    lines = [f"corpora: {', '.join(corpus_names)}"]
    return [*lines, f"changed from the recipes: {', '.join(changes)}"] if changes else lines


def _run(
    outcome: Outcome, before: Sequence[Outcome], jobs: Sequence[Job], *, corpora: Sequence[tuple[str, Path]]
) -> bool:
    """Run a row, or note its problem. Returns whether anything was made."""
    try:
        if outcome.condition is not None:
            made = _distort(outcome, before, outcome.condition)
        else:
            made = _train(outcome, jobs, corpora) if jobs else _make(outcome, before)
        if outcome.row.level is not None:
            outcome.read_all()  # now, so that a damaged table is this row's problem
        return made
    except SerKerasError as error:
        outcome.refuse(error)
        return False


def _train(outcome: Outcome, jobs: Sequence[Job], corpora: Sequence[tuple[str, Path]]) -> bool:
    made = False
    seconds: list[float] = []
    for job in jobs:
        if not job.is_done:
            crossvalidation.train(job.experiment, corpora, job.folder, resume=True, refit=False)
            keras.utils.clear_session()
            write_json(job.folder / DONE, {**job.mark, "tables": digests(job.folder)})
            made = True
        seconds.append(RunDirectory(job.folder).provenance.get("seconds", 0.0))
    if "dense_weights" in outcome.row.draws:
        derived.draw_dense_weights(RunDirectory(outcome.folder))
    if outcome.row.derived is not None:
        curves.draw(outcome.row, outcome.folder, outcome.by_speaker)
    outcome.seconds = round(sum(seconds), 1)
    return made


def _distort(outcome: Outcome, before: Sequence[Outcome], condition: str) -> bool:
    """Run a trained row's folds on their test audio under a condition, unless that was done with the same models."""
    [source] = [o for o in before if (o.row, o.protocol, o.condition) == (outcome.row, outcome.protocol, None)]
    assert outcome.condition is not None
    if source.problem is not None:
        raise SerKerasError(f"{outcome.row.id} couldn't be run under {outcome.protocol}")
    if outcome.row.derived is not None:
        raise SerKerasError(f"{outcome.row.id} is made from other rows: it has no models to hear distorted audio")
    run = RunDirectory(source.folder)
    if _is_distorted(outcome, run):
        return False
    started = time.monotonic()
    reevaluation.evaluate_folds(run, conditions.parse(condition), unfinished=True)
    outcome.seconds = round(time.monotonic() - started, 1)
    mark = {"models": derived.digest(run), "tables": digests(outcome.folder), "seconds": outcome.seconds}
    write_json(outcome.folder / DONE, mark)
    return True


def _is_distorted(outcome: Outcome, run: RunDirectory) -> bool:
    """Whether an outcome under a condition stands there, made by these models; its time is noted."""
    try:
        record = read_json(outcome.folder / DONE)
    except Unreadable:
        return False
    outcome.seconds = record.get("seconds")
    return bool(record.get("models") == derived.digest(run) and record.get("tables") == digests(outcome.folder))


def _make(outcome: Outcome, before: Sequence[Outcome]) -> bool:
    by_row = {o.row.id: o for o in before if (o.protocol, o.condition) == (outcome.protocol, None)}
    sources = [by_row[source] for source in outcome.row.sources]
    for source in sources:
        if source.problem is not None:
            raise SerKerasError(f"{outcome.row.id} is made from {source.row.id}, which couldn't be run")
    made = derived.make(outcome.row, outcome.folder, [RunDirectory(source.folder) for source in sources])
    outcome.seconds = read_json(outcome.folder / derived.MADE_FROM)["seconds"]
    return made
