"""Rows beside the reported figures, as text and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from ser_keras.common.files import write_atomic
from ser_keras.common.text import duration
from ser_keras.evaluation import MEASURES
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.reproduction import claims as judging
from ser_keras.reproduction.formats import interval, percent, spread, with_interval
from ser_keras.reproduction.notes import notes
from ser_keras.reproduction.outcomes import Outcome


class Record(TypedDict, total=False):
    """A row of reproduce.csv, in the order of its columns; None, or without metrics no entry, is blank there."""

    id: str
    paper: str
    where: str
    protocol: str
    condition: str | None
    leaky: bool
    reported_test: float | None
    reported_deviation: float | None
    reported_train: float | None
    reported_validation: float | None
    measure: str | None
    level: str | None
    value: float
    ci95_low: float
    ci95_high: float
    mean_of_folds: float | None
    deviation_of_folds: float | None
    n: int
    uar_utterances: float
    uar_ci95_low: float
    uar_ci95_high: float
    n_utterances: int
    n_speakers: int
    n_classes: int
    classes: str
    folds: int
    epochs: str
    trained_to_low: float | None
    trained_to_high: float | None
    seconds: float | None
    seed: int | None
    commit: str | None
    ci_method: str
    problem: str | None


def write(directory: Path, heading: Sequence[str], outcomes: Sequence[Outcome]) -> list[str]:
    """Write `reproduce.txt` and `reproduce.csv`.

    Args:
        directory: where they go.
        heading: lines that stand above the table.
        outcomes: rows that were run or refused.

    Returns:
        The lines of the tables, without `heading`.

    Raises:
        SerKerasError: the files cannot be written.
    """
    lines: list[str] = []
    for setup, of_setup in by_setup(outcomes).items():
        lines += ["", f"{setup}: {PROTOCOLS[of_setup[0].protocol].claim}", *_block(of_setup)]
    lines += ["", *judging.text(judging.judge(outcomes))]
    write_atomic(directory / "reproduce.txt", "\n".join([*heading, *lines]) + "\n")
    write_atomic(directory / "reproduce.csv", _csv(outcomes).encode("utf-8", "surrogateescape"))
    return lines


def by_setup(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes that stand in one table, by what they share."""
    return {setup: [o for o in outcomes if o.setup == setup] for setup in dict.fromkeys(o.setup for o in outcomes)}


def trained(outcome: Outcome) -> str:
    """`10 x 20`: folds and epochs; folds alone where nothing was trained."""
    n_folds = len(outcome.metrics["folds"])
    if not outcome.epochs:
        return str(n_folds)
    return f"{n_folds} x {'-'.join(str(e) for e in sorted({min(outcome.epochs), max(outcome.epochs)}))}"


def learned(outcome: Outcome) -> str:
    """`98-100 %`: training accuracy of the folds' last epochs; a dash where nothing was trained."""
    span = outcome.trained_to
    return "-" if span is None else f"{'-'.join(sorted({f'{100 * share:.0f}' for share in span}, key=int))} %"


def _block(outcomes: Sequence[Outcome]) -> list[str]:
    """The table of one protocol, in columns."""
    titles: tuple[str, ...] = ("row", "reported", "ours", "95 %", "over folds", "of", "UAR by utterance", "n")
    titles += ("classes", "folds x epochs", "trained to", "took")
    body: list[tuple[str, ...]] = [
        (
            o.row.id,
            spread(*o.reported),
            percent(o.metric.value),
            interval(o.metric),
            spread(*o.over_folds),
            f"{MEASURES[o.row.require_measure()].title}, {o.row.level}s",
            with_interval(o.uar),
            str(len(o.table)),
            str(len(o.metrics["classes"])),
            trained(o),
            learned(o),
            "-" if o.seconds is None else duration(o.seconds),
        )
        for o in outcomes
        if o.has_metrics
    ]
    lines: list[str] = []
    if body:
        widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in (titles, *body)]
    methods = dict.fromkeys(o.metric.method for o in outcomes if o.has_metrics)
    lines += [*(f"intervals: {method}" for method in methods), *notes(outcomes)]
    return [*lines, *(str(o.result()) for o in outcomes if not o.has_metrics)]


def _csv(outcomes: Sequence[Outcome]) -> str:
    records = [_record(outcome) for outcome in outcomes]
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(Record.__annotations__), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in record.items()} for record in records)
    return buffer.getvalue()


def _record(outcome: Outcome) -> Record:
    """A row of the CSV: raw numbers, None where there is none; of a row without metrics the other columns alone."""
    row = outcome.row
    record: Record = {
        "id": row.id,
        "paper": row.paper,
        "where": row.where,
        "protocol": outcome.protocol,
        "condition": outcome.condition,
        "leaky": outcome.leaky,
        "reported_test": outcome.reported.test,
        "reported_deviation": outcome.reported.deviation,
        "reported_train": row.train,
        "reported_validation": row.validation,
        "measure": row.measure,
        "level": row.level,
        "seconds": outcome.seconds,
        "problem": outcome.problem,
    }
    if not outcome.has_metrics:
        return record
    metric, uar, metrics = outcome.metric, outcome.uar, outcome.metrics
    trained_to_low, trained_to_high = outcome.trained_to or (None, None)
    return {
        **record,
        "value": metric.value,
        "ci95_low": metric.low,
        "ci95_high": metric.high,
        "ci_method": metric.method,
        "mean_of_folds": outcome.over_folds.mean,
        "deviation_of_folds": outcome.over_folds.deviation,
        "n": len(outcome.table),
        "uar_utterances": uar.value,
        "uar_ci95_low": uar.low,
        "uar_ci95_high": uar.high,
        "n_utterances": len(outcome.judged.utterances),
        "n_speakers": metrics["n_speakers"],
        "n_classes": len(metrics["classes"]),
        "classes": " ".join(metrics["classes"]),
        "folds": len(metrics["folds"]),
        "epochs": "-".join(map(str, outcome.epochs)),
        "trained_to_low": trained_to_low,
        "trained_to_high": trained_to_high,
        "seed": metrics["seed"],
        "commit": metrics["commit"],
    }
