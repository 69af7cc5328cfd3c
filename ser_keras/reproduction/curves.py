"""Rows that are curves: other rows trained again at several values of a setting, one run a point."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ser_keras.common.files import write_atomic
from ser_keras.evaluation import MEASURES, Estimate
from ser_keras.evaluation.reports import plots
from ser_keras.reproduction import metrics
from ser_keras.reproduction.rows import Row


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of a curve.

    Attributes:
        line: what the curve is of.
        x: the setting's value, as text.
        row: id of the row that is trained.
        changes: strings `a.b=value`.
        name: of its folder.
    """

    line: str
    x: str
    row: str
    changes: tuple[str, ...]
    name: str


def points(row: Row) -> list[Point]:
    """The points of a curve, in order.

    The recipe's `derived` holds `lines` (label -> `row`, and what it has `set`), `points` (value -> what is set
    there), `axis`, `measure` and `level`.

    Args:
        row: of `derived.how` curve.

    Returns:
        A run to be trained each.
    """
    return [
        Point(label, str(x), row=line["row"], changes=(*line.get("set", ()), *changes), name=f"{i}-{x}")
        for i, (label, line) in enumerate(row.require_derived()["lines"].items())
        for x, changes in row.require_derived()["points"].items()
    ]


def draw(row: Row, folder: Path, by_speaker: bool = False) -> None:
    """Draw a curve whose points are trained, into `curve.png` and `curve.csv`.

    Args:
        row: of `derived.how` curve.
        folder: the row's; a point's run stands in `points/NAME`.
        by_speaker: as in `metrics.estimate`.

    Raises:
        SerKerasError: a point's tables are missing or damaged, or the files cannot be written.
    """
    derived = row.require_derived()
    measure, level = derived["measure"], derived["level"]
    lines: dict[str, list[tuple[str, Estimate]]] = {}
    for point in points(row):
        table = metrics.read(folder / "points" / point.name).require(level)
        lines.setdefault(point.line, []).append((point.x, metrics.estimate(table, measure, by_speaker)))
    figure = plots.curves(lines, derived["axis"], f"{MEASURES[measure].title} by {level}, 95 % interval")
    write_atomic(folder / "curve.png", plots.png(figure))
    rows = [f"{line},{x},{m.value},{m.low},{m.high}" for line, values in lines.items() for x, m in values]
    write_atomic(folder / "curve.csv", "\n".join(["line,x,value,ci95_low,ci95_high", *rows]) + "\n")
