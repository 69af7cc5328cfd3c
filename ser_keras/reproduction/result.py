"""What a reproduction came to, as data: rows beside the figures that papers report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ser_keras.common.text import duration, html_table
from ser_keras.evaluation import MEASURES, Estimate
from ser_keras.reproduction.formats import percent, spread, with_interval
from ser_keras.reproduction.metrics import Level, MeasureName

SHOWN = 5  # rows in a `repr`


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowResult:
    """A row under a protocol, run or refused; as text, the line about it.

    Attributes:
        id: the row's: `anand2015.r1`.
        paper: the paper's name: `anand2015`.
        where: table or section of the paper.
        protocol: the protocol's name.
        condition: that of the test audio; None: as it is.
        leaky: whether the protocol tests on what training saw a part of.
        folder: where the row's tables and pictures are.
        measure: what the paper reports, `uar` or `wa`; None of a row that is a picture.
        level: what is judged, `window` or `utterance`; None of a picture.
        estimate: the row in that measure at that level, with its interval; None of a picture, and where it was not run.
        uar: UAR by utterance, likewise.
        n: how many windows or utterances were judged; None where there is no estimate.
        reported: the paper's figure, a fraction; None where there is none for this protocol and these corpora.
        reported_deviation: its deviation over folds; None where there is none.
        seconds: what running it took; None where it was not run.
        problem: why it could not be run, one line; None where it was.
    """

    id: str
    paper: str
    where: str
    protocol: str
    condition: str | None
    leaky: bool
    folder: Path
    measure: MeasureName | None
    level: Level | None
    estimate: Estimate | None
    uar: Estimate | None
    n: int | None
    reported: float | None
    reported_deviation: float | None
    seconds: float | None
    problem: str | None

    @property
    def setup(self) -> str:
        """What rows that stand in one table share: the protocol, and the condition where there is one."""
        return self.protocol if self.condition is None else f"{self.protocol}, {self.condition}"

    def __str__(self) -> str:
        name = f"{self.id}, {self.setup}"
        if self.problem is not None:
            return f"{name}: {self.problem}"
        took = f"; took {duration(self.seconds)}" if self.seconds is not None else ""
        if self.measure is None or self.estimate is None or self.uar is None:
            return f"{name}: drawn into {self.folder}{took}"
        reported = f"reported {percent(self.reported)}" if self.reported is not None else "nothing reported"
        return (
            f"{name}: {'LEAKY ' if self.leaky else ''}{MEASURES[self.measure].title} by {self.level} "
            f"{with_interval(self.estimate)} ({reported}), UAR by utterance {with_interval(self.uar)}{took}"
        )


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Reproduction:
    """Rows of papers, run beside what the papers report.

    Attributes:
        folder: the directory.
        rows: those that were asked for and those that they are made from, in the order in which they were run.
        table: `reproduce.csv`, which holds the rows of earlier calls, too; None where no row could be run: no file was
            changed.
        page: `reproduce.html`, likewise.
        heading: on which corpora and with which changes the rows were run.
        tables: the tables and the papers' claims, as lines of text.
    """

    folder: Path
    rows: tuple[RowResult, ...]
    table: Path | None
    page: Path | None
    heading: tuple[str, ...]
    tables: tuple[str, ...]

    @property
    def refused(self) -> tuple[RowResult, ...]:
        """The rows that could not be run; each says why in `problem`."""
        return tuple(row for row in self.rows if row.problem is not None)

    def __repr__(self) -> str:
        refused = f", {len(self.refused)} could not be run" if self.refused else ""
        lines = [f"<Reproduction: {len(self.rows)} rows in {self.folder}{refused}"]
        lines += [f" {row}" for row in self.rows[:SHOWN]]
        if len(self.rows) > SHOWN:
            lines.append(f" and {len(self.rows) - SHOWN} more")
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        headings = ("row", "protocol", "reported", "ours", "of", "UAR by utterance", "problem")
        body = [
            (
                row.id,
                f"{row.setup}{' (LEAKY)' if row.leaky else ''}",
                spread(row.reported, row.reported_deviation),
                None if row.estimate is None else with_interval(row.estimate),
                None if row.measure is None else f"{MEASURES[row.measure].title}, {row.level}s",
                None if row.uar is None else with_interval(row.uar),
                row.problem,
            )
            for row in self.rows
        ]
        return html_table(headings, body, caption="; ".join(self.heading))
