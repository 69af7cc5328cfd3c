"""What papers report: the content of `recipes/reported.yaml`, which says in its head what its keys mean."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import TypedDict, cast

from ser_keras.experiment.recipes import parse_recipe
from ser_keras.reproduction.metrics import Level, MeasureName


class Line(TypedDict, total=False):
    """A line of a curve: the row that is trained, and the changes that all its points have."""

    row: str
    set: list[str]


# `derived` in a recipe: ids of the rows that this one is made from, how, and what that way needs.
Derived = TypedDict(
    "Derived",
    {
        "from": list[str],
        "how": str,
        "head": str,  # head: the baseline that is fitted
        "labels": list[str],  # stages: of the sources
        "lines": dict[str, Line],  # curve: by label
        "points": dict[str, list[str]],  # curve: the setting's value -> changes
        "axis": str,  # curve
        "measure": MeasureName,  # curve
        "level": Level,  # curve
    },
    total=False,
)


class ReportedTest(TypedDict, total=False):
    """One of several reported test figures, and what it holds for."""

    test: float
    deviation: float
    corpus: str
    protocol: str
    condition: str


class PaperClaim(TypedDict):
    """A claim of a paper: the row `better` is above the row `than`, both judged at `level`."""

    id: str
    text: str
    better: str
    than: str
    level: Level


class PaperRow(TypedDict, total=False):
    """What a paper reports of a row, and where the row differs from the paper's others."""

    where: str
    protocol: str | list[str]
    corpora: list[str]
    conditions: dict[str, list[str]]
    test: float | list[ReportedTest]
    train: float
    validation: float
    measure: MeasureName
    level: Level
    note: str
    draws: list[str]


class Paper(TypedDict, total=False):
    """A paper: what its rows have in common, the rows by recipe, and its claims."""

    title: str
    corpora: list[str]
    protocol: str | list[str]
    conditions: dict[str, list[str]]
    rows: dict[str, PaperRow]
    claims: list[PaperClaim]


@functools.cache
def papers() -> Mapping[str, Paper]:
    """Paper -> what it reports."""
    text = (resources.files("ser_keras.recipes") / "reported.yaml").read_text(encoding="utf-8")
    return cast(Mapping[str, Paper], parse_recipe(text, "reported.yaml"))
