"""What can be reproduced: the rows of `recipes/reported.yaml` beside their recipes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.recipes import parse_recipe, recipes
from ser_keras.reproduction.metrics import Level, MeasureName
from ser_keras.reproduction.reported import Derived, ReportedTest, papers

INDEPENDENT = "speaker_independent"


class Reported(NamedTuple):
    """A reported test figure and its deviation over folds, fractions; None where there is none."""

    test: float | None
    deviation: float | None


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a paper's table.

    Attributes:
        id: the recipe's name.
        paper: the paper's name in reported.yaml.
        title: the recipe's.
        where: table or section of the paper.
        protocols: the paper's own.
        conditions: pairs (protocol, condition) under which the test audio is distorted, too.
        corpora: names of the corpora that the paper used for it.
        derived: how the row is made from others, as in the recipe; None where it is trained.
        test: reported figure, a fraction; None where there is none; a tuple where a paper reports several.
        train: reported training figure; None where there is none.
        validation: reported validation figure; None where there is none.
        measure: what they measure; None for a picture.
        level: what is judged; None for a picture.
        note: what is to be known of the reported figure.
        draws: pictures to draw beside: `dense_weights`, `curves`.
    """

    id: str
    paper: str
    title: str
    where: str
    protocols: tuple[str, ...]
    corpora: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    derived: Derived | None = None
    test: float | tuple[ReportedTest, ...] | None = None
    train: float | None = None
    validation: float | None = None
    measure: MeasureName | None = None
    level: Level | None = None
    note: str = ""
    draws: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the rows that this one is made from."""
        return tuple(self.derived["from"]) if self.derived else ()

    def require_measure(self) -> MeasureName:
        """What the paper measures.

        Raises:
            ValueError: nothing, the row is a picture.
        """
        if self.measure is None:
            raise ValueError(f"{self.id} is a picture: nothing is measured")
        return self.measure

    def require_derived(self) -> Derived:
        """How the row is made from others.

        Raises:
            ValueError: it is trained.
        """
        if self.derived is None:
            raise ValueError(f"{self.id} is trained: it is made from no other row")
        return self.derived

    def reported(
        self, protocol: str | None = None, condition: str | None = None, corpora: Sequence[str] = ()
    ) -> Reported:
        """What the paper reports for a protocol, a condition and the corpora that a row was run on."""
        if not isinstance(self.test, tuple):
            return Reported(self.test if condition is None else None, None)
        run_on = {"protocol": protocol, "condition": condition, "corpus": corpora[0] if len(corpora) == 1 else None}
        for figure in self.test:
            if all(figure.get(key) == value for key, value in run_on.items()):
                return Reported(figure["test"], figure.get("deviation"))
        return Reported(None, None)


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a paper says of two rows: `better` is above `than`, both judged at `level`."""

    id: str
    text: str
    better: str
    than: str
    level: Level
    paper: str


class Job(NamedTuple):
    """A row to be run under a protocol; `condition` distorts the test audio, None leaves it as it is."""

    row: Row
    protocol: str
    condition: str | None


@functools.cache
def table() -> Mapping[str, Row]:
    """Id -> Row of everything that can be reproduced, in the papers' order."""
    resource_of = recipes()
    rows = {}
    for name, paper in papers().items():
        for row_id, reported in paper["rows"].items():
            recipe = parse_recipe(resource_of[row_id].read_text(encoding="utf-8"), row_id)
            protocol = reported.get("protocol") or paper["protocol"]
            conditions = reported.get("conditions", paper.get("conditions", {}))
            test = reported.get("test")
            rows[row_id] = Row(
                id=row_id,
                paper=name,
                title=recipe["title"],
                where=reported["where"],
                protocols=(protocol,) if isinstance(protocol, str) else tuple(protocol),
                corpora=tuple(reported.get("corpora") or paper["corpora"]),
                conditions=tuple((at, condition) for at, names in conditions.items() for condition in names),
                derived=recipe.get("derived"),
                test=tuple(test) if isinstance(test, list) else test,
                train=reported.get("train"),
                validation=reported.get("validation"),
                measure=reported.get("measure"),
                level=reported.get("level"),
                note=reported.get("note", ""),
                draws=tuple(reported.get("draws", ())),
            )
    return rows


def ids() -> list[str]:
    """The ids of all rows, in the papers' order."""
    return list(table())


def claims(names: Iterable[str]) -> list[Claim]:
    """The claims of some papers, in order."""
    return [Claim(**claim, paper=name) for name in names for claim in papers()[name].get("claims", ())]


def paper_title(name: str) -> str:
    """A paper as it is cited."""
    return papers()[name]["title"]


def select(names: Iterable[str]) -> list[Row]:
    """The rows that names stand for, and those that they are made from.

    Args:
        names: ids, or papers' names, which stand for all their rows.

    Returns:
        Rows in the papers' order, each after the rows that it is made from.

    Raises:
        SerKerasError: an unknown name, with the nearest valid ones, or none at all.
    """
    by_id, by_name = table(), papers()
    wanted: set[str] = set()
    for name in names:
        if name not in by_id and name not in by_name:
            raise SerKerasError(f"no row or paper '{name}' to reproduce; nearest: {nearest(name, [*by_id, *by_name])}")
        row_ids = list(by_name[name]["rows"]) if name in by_name else [name]
        wanted |= {source for row_id in row_ids for source in (row_id, *by_id[row_id].sources)}
    if not wanted:
        raise SerKerasError("name a row or a paper to reproduce; `ser-keras reproduce --list` lists the rows")
    return sorted((by_id[row_id] for row_id in wanted), key=lambda row: (bool(row.derived), ids().index(row.id)))


def jobs(rows: Sequence[Row], protocols: Sequence[str] | None = None) -> list[Job]:
    """What is to be run, everything speaker-independent first.

    Args:
        rows: in order.
        protocols: names; None: speaker-independent, then each row's paper's own.

    Returns:
        Jobs; those under a condition follow those without.

    Raises:
        SerKerasError: an unknown protocol.
    """
    for name in protocols or ():
        if name not in PROTOCOLS:
            raise SerKerasError(f"no protocol '{name}'; nearest: {nearest(name, PROTOCOLS)}")
    order = list(dict.fromkeys(protocols or (INDEPENDENT, *(name for row in rows for name in row.protocols))))
    # a row that others are made from runs under their protocols, too
    run_under = {row.id: set(protocols or (INDEPENDENT, *row.protocols)) for row in rows}
    for row in rows:
        for source in set(row.sources) & set(run_under):
            run_under[source] |= run_under[row.id]
    ordered: list[Job] = []
    for protocol in order:
        members = [row for row in rows if protocol in run_under[row.id]]
        ordered += [Job(row, protocol, None) for row in members]
        distorted = [
            Job(row, protocol, condition)
            for row in members
            for at, condition in row.conditions
            if at == protocol and row.level is not None
        ]
        for condition in dict.fromkeys(job.condition for job in distorted):
            ordered += [job for job in distorted if job.condition == condition]
    return ordered


def missing_corpora(rows: Sequence[Row], available: Collection[str]) -> list[str]:
    """A line for each paper of which some corpora are not available.

    Args:
        rows: what is reproduced.
        available: names of the corpora that it is run on.
    """
    lines = []
    for paper in dict.fromkeys(row.paper for row in rows):
        used = dict.fromkeys(name for row in rows if row.paper == paper for name in row.corpora)
        missing = [name for name in used if name not in available]
        if missing:
            lines.append(
                f"{paper_title(paper)}: of its corpora, {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
                f"not given; rows run on {', '.join(available)}, so that figures aren't expected to be the paper's"
            )
    return lines
