"""Rows beside the reported figures, as text and as CSV."""

import csv
import io

from ser_keras.common.files import write_atomic
from ser_keras.common.text import duration
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.reproduction import claims as judging
from ser_keras.reproduction.metrics import MEASURES
from ser_keras.reproduction.notes import notes

COLUMNS = (
    *("id", "paper", "where", "protocol", "condition", "leaky", "reported_test", "reported_deviation"),
    *("reported_train", "reported_validation", "measure", "level"),
    *(
        "value",
        "ci95_low",
        "ci95_high",
        "mean_of_folds",
        "deviation_of_folds",
        "n",
        "uar_utterances",
        "uar_ci95_low",
        "uar_ci95_high",
    ),
    *("n_utterances", "n_speakers", "n_classes", "classes", "folds", "epochs", "trained_to_low", "trained_to_high"),
    *("seconds", "seed", "commit", "ci_method", "problem"),
)


def line(outcome):
    """What is said of a row when it is done."""
    name = f"{outcome.row.id}, {outcome.setup}"
    if outcome.problem is not None:
        return f"{name}: {outcome.problem}"
    took = f"; took {duration(outcome.seconds)}" if outcome.seconds is not None else ""
    if outcome.row.level is None:
        return f"{name}: drawn into {outcome.folder}{took}"
    figure, uar, row = outcome.figure, outcome.uar, outcome.row
    test, _ = outcome.reported
    reported = f"reported {percent(test)}" if test is not None else "nothing reported"
    return (
        f"{name}: {'LEAKY ' if outcome.leaky else ''}{MEASURES[row.measure]} by {row.level} {with_interval(figure)} "
        f"({reported}), UAR by utterance {with_interval(uar)}{took}"
    )


def write(directory, heading, outcomes):
    """Write `reproduce.txt` and `reproduce.csv`.

    Args:
        directory: Path.
        heading: lines that stand above the table.
        outcomes: list of running.Outcome.

    Returns:
        The lines of the tables, without `heading`.
    """
    lines = []
    for setup, own in by_setup(outcomes).items():
        lines += ["", f"{setup}: {PROTOCOLS[own[0].protocol].claim}", *_block(own)]
    lines += ["", *judging.text(judging.judge(outcomes))]
    write_atomic(directory / "reproduce.txt", "\n".join([*heading, *lines]) + "\n")
    write_atomic(directory / "reproduce.csv", _csv(outcomes).encode("utf-8", "surrogateescape"))
    return lines


def by_setup(outcomes):
    """Outcomes that stand in one table, by what they share."""
    return {setup: [o for o in outcomes if o.setup == setup] for setup in dict.fromkeys(o.setup for o in outcomes)}


def spread(mean, deviation):
    """`39.7 +- 2.1 %`, or a dash."""
    return (
        "-" if mean is None else percent(mean) if deviation is None else f"{100 * mean:.1f} +- {100 * deviation:.1f} %"
    )


def percent(value):
    """`39.7 %`, or a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def with_interval(figure):
    """`39.7 % [36.0, 43.1]`."""
    return f"{percent(figure.value)} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def trained(outcome):
    """`10 x 20`: folds and epochs; folds alone where nothing was trained."""
    n = len(outcome.metrics["folds"])
    return (
        f"{n} x {'-'.join(str(e) for e in sorted({min(outcome.epochs), max(outcome.epochs)}))}"
        if outcome.epochs
        else str(n)
    )


def learned(outcome):
    """`98-100 %`: training accuracy of the folds' last epochs; a dash where nothing was trained."""
    span = outcome.trained_to
    return "-" if span is None else f"{'-'.join(sorted({f'{100 * share:.0f}' for share in span}, key=int))} %"


def _block(outcomes):
    """The table of one protocol, in columns."""
    titles = ("row", "reported", "ours", "95 %", "over folds", "of", "UAR by utterance", "n", "classes")
    titles += ("folds x epochs", "trained to", "took")
    body = [
        (
            o.row.id,
            spread(*o.reported),
            percent(o.figure.value),
            f"[{100 * o.figure.low:.1f}, {100 * o.figure.high:.1f}]",
            spread(*o.over_folds),
            f"{MEASURES[o.row.measure]}, {o.row.level}s",
            with_interval(o.uar),
            str(len(o.judged.at(o.row.level))),
            str(len(o.metrics["classes"])),
            trained(o),
            learned(o),
            "-" if o.seconds is None else duration(o.seconds),
        )
        for o in outcomes
        if o.has_figures
    ]
    lines = []
    if body:
        widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in (titles, *body)]
    methods = dict.fromkeys(o.figure.method for o in outcomes if o.has_figures)
    lines += [*(f"intervals: {method}" for method in methods), *notes(outcomes)]
    return [*lines, *(line(o) for o in outcomes if not o.has_figures)]


def _csv(outcomes):
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(_record(outcome) for outcome in outcomes)
    return buffer.getvalue()


def _record(outcome):
    """A row of the CSV: raw numbers, blank where there is none."""
    row = outcome.row
    record = {
        **{"id": row.id, "paper": row.paper, "where": row.where, "protocol": outcome.protocol},
        **{"condition": outcome.condition, "leaky": outcome.leaky, "reported_train": row.train},
        **dict(zip(("reported_test", "reported_deviation"), outcome.reported, strict=True)),
        **{"reported_validation": row.validation, "measure": row.measure, "level": row.level},
        **{"seconds": outcome.seconds, "problem": outcome.problem},
    }
    if outcome.has_figures:
        figure, uar, metrics, utterances = outcome.figure, outcome.uar, outcome.metrics, outcome.judged.utterances
        record |= {"value": figure.value, "ci95_low": figure.low, "ci95_high": figure.high, "ci_method": figure.method}
        record |= dict(zip(("trained_to_low", "trained_to_high"), outcome.trained_to or (None, None), strict=True))
        record |= dict(zip(("mean_of_folds", "deviation_of_folds"), outcome.over_folds, strict=True))
        record |= {"uar_utterances": uar.value, "uar_ci95_low": uar.low, "uar_ci95_high": uar.high}
        record |= {
            "n": len(outcome.judged.at(row.level)),
            "n_utterances": len(utterances),
            "n_speakers": metrics["n_speakers"],
            "n_classes": len(metrics["classes"]),
            "classes": " ".join(metrics["classes"]),
            "folds": len(metrics["folds"]),
            "epochs": "-".join(map(str, outcome.epochs)),
            "seed": metrics["seed"],
            "commit": metrics["commit"],
        }
    return {key: "" if value is None else value for key, value in record.items()}
