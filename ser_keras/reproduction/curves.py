"""Rows that are curves: other rows trained again at several values of a setting, one run a point."""

import dataclasses

from ser_keras.common.files import write_atomic
from ser_keras.evaluation.reports import plots
from ser_keras.reproduction import metrics


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
    changes: tuple
    name: str


def points(row):
    """The points of a curve, in order.

    The recipe's `derived` holds `lines` (label -> `row`, and what it has `set`), `points` (value -> what is set
    there), `axis`, `measure` and `level`.

    Args:
        row: rows.Row with `derived.how` curve.

    Returns:
        list of Point.
    """
    return [
        Point(label, str(x), line["row"], (*line.get("set", ()), *here), f"{i}-{x}")
        for i, (label, line) in enumerate(row.derived["lines"].items())
        for x, here in row.derived["points"].items()
    ]


def draw(row, folder, by_speaker=False):
    """Draw a curve whose points are trained, into `curve.png` and `curve.csv`.

    Args:
        row: rows.Row.
        folder: the row's; a point's run stands in `points/NAME`.
        by_speaker: as in `figures.figure`.
    """
    measure, level, lines = row.derived["measure"], row.derived["level"], {}
    for point in points(row):
        judged = metrics.read(folder / "points" / point.name).at(level)
        lines.setdefault(point.line, []).append((point.x, metrics.figure(judged, measure, by_speaker)))
    drawn = plots.curves(lines, row.derived["axis"], f"{metrics.MEASURES[measure]} by {level}, 95 % interval")
    write_atomic(folder / "curve.png", plots.png(drawn))
    rows = [f"{line},{x},{f.value},{f.low},{f.high}" for line, values in lines.items() for x, f in values]
    write_atomic(folder / "curve.csv", "\n".join(["line,x,value,ci95_low,ci95_high", *rows]) + "\n")
