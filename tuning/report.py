"""A search's report as one HTML file: the winner, parallel coordinates, each setting's effect, where the time went."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ser_keras.common.files import read_json
from ser_keras.evaluation.reports.page import Picture, picture, write_page
from ser_keras.tuning import accounting, outcome, plots
from ser_keras.tuning.objective import COSTS, measure_of, short_name
from ser_keras.tuning.values import Value

if TYPE_CHECKING:
    from ser_keras.tuning.outcome import TrialResult
    from ser_keras.tuning.search import Search
    from ser_keras.tuning.space import Axis

BINS = 4  # of a range, in the effects


class Effect(TypedDict):
    """One setting's effect on UAR.

    `rows`: (value or a bin's text, n, mean, best) of each value. `share`: of the UAR's variance; None where there are
    too few trials. `picture`: for the page.
    """

    name: str
    rows: list[tuple[Value, int, float, float]]
    share: float | None
    picture: Picture | None


def write_report(search: Search, folder: Path, table: Sequence[TrialResult]) -> Path:
    """Write `report.html` of a finished search.

    Args:
        search: what was searched.
        folder: the search's folder, with `result.json`.
        table: outcome.rows.

    Returns:
        Path of the report.
    """
    compared = same_budget(table)
    axes = [a for a in search.space.axes if len({r.values.get(a.name) for r in compared}) > 1]
    effects = sorted((effect_of(a, compared) for a in axes), key=lambda e: -(e["share"] or 0))
    time = accounting.summary(folder / "time")
    path = folder / "report.html"
    pictures = {
        "parallel": picture(
            lambda theme: plots.parallel(compared, axes, theme),
            "Parallel coordinates: a line a trial through its settings to its mean validation UAR; the best in orange",
        ),
        "course": picture(lambda theme: plots.course(table, theme), "UAR of each trial in order, and the best so far"),
    }
    further = outcome.further_names(table)
    pictures |= {name: _picture_beside_uar(table, name) for name in (*COSTS, *further)}
    write_page(
        path,
        "report_of_search.html",
        folders=[Path(__file__).parent],
        search=search,
        result=read_json(folder / "result.json"),
        table=sorted(table, key=lambda r: (r.score is None, -(r.score or 0), r.id)),
        axes=search.space.axes,
        budget=compared[0].epochs if compared else None,
        n_compared=len(compared),
        effects=effects,
        pictures=pictures,
        measured=[name for name in (*COSTS, *further) if any(name in r.figures for r in table)],
        further=further,
        short_name=short_name,
        time=time,
        words=accounting.PARTS,
        show=plots.label_text,
        synthetic=any(c["name"] == "synthetic" for c in search.prepared.corpora),
    )
    return path


def _picture_beside_uar(table: Sequence[TrialResult], measure: str) -> Picture | None:
    """UAR against a cost or another measure, for the page; None where it wasn't measured."""
    title = measure_of(measure, "objective").title
    return picture(lambda theme: plots.beside_uar(table, measure, title, theme=theme), f"UAR against {title}")


def same_budget(table: Sequence[TrialResult]) -> list[TrialResult]:
    """The trials with a UAR that were trained equally long: of several lengths, the one that most trials had."""
    measured = [r for r in table if r.uar is not None]
    if not measured:
        return []
    [(epochs, _)] = collections.Counter(r.epochs for r in measured).most_common(1)
    return [r for r in measured if r.epochs == epochs]


def effect_of(axis: Axis, table: Sequence[TrialResult]) -> Effect:
    """One setting's effect over trials of one length.

    Stopped trials count with the folds that they have done. The share is that of the UAR's variance between the means
    of the values, less what so many values would take by chance (epsilon squared): a first look, since the other
    settings vary along with it.

    Args:
        axis: the setting.
        table: trials with a UAR.
    """
    uars: dict[Value, list[float]] = collections.defaultdict(list)
    for r in table:
        if axis.name in r.values and r.uar is not None:
            uars[r.values[axis.name]].append(r.uar)
    by_label = {label: uars[label] for label in axis.labels if label in uars}
    groups = _binned(axis, uars) if axis.is_range else by_label
    every = np.concatenate([np.array(u) for u in groups.values()])
    between = sum(len(u) * (np.mean(u) - every.mean()) ** 2 for u in groups.values())
    total = float(((every - every.mean()) ** 2).sum())
    free = len(every) - len(groups)
    share = None
    if total > 0 and len(groups) > 1 and free > 0:
        share = max(0.0, float(1 - (1 - between / total) * (len(every) - 1) / free))
    means = ", ".join(f"{plots.label_text(v)} {100 * np.mean(u):.1f} %" for v, u in groups.items())
    return {
        "name": axis.name,
        "rows": [(v, len(u), float(np.mean(u)), max(u)) for v, u in groups.items()],
        "share": share,
        "picture": picture(lambda theme: plots.effect(groups, theme), f"UAR by {axis.name}; means: {means}"),
    }


def _binned(axis: Axis, uars: Mapping[Value, Sequence[float]]) -> dict[Value, list[float]]:
    """A range's values in bins of equal width, of their logarithm where the range has one."""
    space = np.geomspace if axis.log else np.linspace
    edges = space(axis.low, axis.high, BINS + 1)
    binned: dict[Value, list[float]] = {}
    for i in range(BINS):
        last = i == BINS - 1
        inside = [u for v, us in uars.items() for u in us if edges[i] <= float(v) and (float(v) < edges[i + 1] or last)]
        if inside:
            binned[f"{edges[i]:.2g} to {edges[i + 1]:.2g}"] = inside
    return binned
