"""What can be reproduced: the rows of `recipes/reported.yaml` beside their recipes."""

import dataclasses
import functools
from importlib import resources

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.recipes import parse_recipe, recipes

INDEPENDENT = "speaker_independent"


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
        derived: what the row is made from, as in the recipe (`from`, `how`, ...); None where it is trained.
        test: reported figure, a fraction; None where there is none. Where a paper reports several, a tuple of dicts
            with `test` and what it holds for (`corpus`, `protocol`, `condition`); `deviation` where it is given.
        train, validation: reported figures; None where there is none.
        measure: what they measure: `wa` or `uar`; None for a figure (a picture).
        level: what is judged, `window` or `utterance`; None for a figure.
        note: what is to be known of the reported figure.
        draws: pictures to draw beside: `dense_weights`, `curves`.
    """

    id: str
    paper: str
    title: str
    where: str
    protocols: tuple
    corpora: tuple
    conditions: tuple = ()
    derived: dict | None = None
    test: float | tuple | None = None
    train: float | None = None
    validation: float | None = None
    measure: str | None = None
    level: str | None = None
    note: str = ""
    draws: tuple = ()

    @property
    def sources(self):
        """Ids of the rows that this one is made from."""
        return tuple(self.derived["from"]) if self.derived else ()

    def reported(self, protocol=None, condition=None, corpora=()):
        """(reported test figure, its deviation over folds) for what was run; None where there is none."""
        if not isinstance(self.test, tuple):
            return self.test if condition is None else None, None
        run_on = {"protocol": protocol, "condition": condition, "corpus": corpora[0] if len(corpora) == 1 else None}
        for figure in self.test:
            if all(figure.get(key) == value for key, value in run_on.items()):
                return figure["test"], figure.get("deviation")
        return None, None


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a paper says of two rows: `better` is above `than`, both judged at `level`."""

    id: str
    text: str
    better: str
    than: str
    level: str
    paper: str


@functools.cache
def _reported():
    text = (resources.files("ser_keras.recipes") / "reported.yaml").read_text(encoding="utf-8")
    return parse_recipe(text, "reported.yaml")


@functools.cache
def table():
    """Id -> Row of everything that can be reproduced, in the papers' order."""
    resource_of = recipes()
    rows = {}
    for name, paper in _reported().items():
        for row_id, reported in paper["rows"].items():
            recipe = parse_recipe(resource_of[row_id].read_text(encoding="utf-8"), row_id)
            given = {key: paper[key] for key in ("protocol", "corpora", "conditions") if key in paper} | reported
            own = given.pop("protocol")
            given["protocols"] = (own,) if isinstance(own, str) else tuple(own)
            given["conditions"] = tuple((at, c) for at, names in given.pop("conditions", {}).items() for c in names)
            given |= {key: tuple(given[key]) for key in ("corpora", "draws") if key in given}
            if isinstance(given.get("test"), list):
                given["test"] = tuple(given["test"])
            rows[row_id] = Row(row_id, name, recipe["title"], derived=recipe.get("derived"), **given)
    return rows


def ids():
    """The ids of all rows, in the papers' order."""
    return list(table())


def claims(papers):
    """The claims of some papers, in order."""
    return [Claim(**claim, paper=name) for name in papers for claim in _reported()[name].get("claims", ())]


def paper_title(name):
    """A paper as it is cited."""
    return _reported()[name]["title"]


def select(names):
    """The rows that names stand for, and those that they are made from.

    Args:
        names: ids, or papers' names, which stand for all their rows.

    Returns:
        list of Row in the papers' order, each after the rows that it is made from.

    Raises:
        SerKerasError: an unknown name, with the nearest valid ones, or none at all.
    """
    known, papers = table(), _reported()
    wanted = set()
    for name in names:
        if name not in known and name not in papers:
            raise SerKerasError(f"no row or paper '{name}' to reproduce; nearest: {nearest(name, [*known, *papers])}")
        own = papers[name]["rows"] if name in papers else [name]
        wanted |= {source for row_id in own for source in (row_id, *known[row_id].sources)}
    if not wanted:
        raise SerKerasError("name a row or a paper to reproduce; `ser-keras reproduce --list` lists the rows")
    return sorted((known[row_id] for row_id in wanted), key=lambda row: (bool(row.derived), ids().index(row.id)))


def jobs(rows, protocols=None):
    """What is to be run, everything speaker-independent first.

    Args:
        rows: list of Row in order.
        protocols: names; None: speaker-independent, then each row's paper's own.

    Returns:
        list of (Row, protocol, condition of the test audio or None); what is distorted follows what isn't.

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
    found = []
    for protocol in order:
        own = [row for row in rows if protocol in run_under[row.id]]
        distorted = [(row, c) for row in own for at, c in row.conditions if at == protocol and row.level is not None]
        found += [(row, protocol, None) for row in own]
        found += [
            (row, protocol, c) for name in dict.fromkeys(c for _, c in distorted) for row, c in distorted if c == name
        ]
    return found


def missing_corpora(rows, given):
    """A line for each paper of which some corpora aren't given.

    Args:
        rows: list of Row.
        given: names of the corpora that are.
    """
    lines = []
    for paper in dict.fromkeys(row.paper for row in rows):
        used = dict.fromkeys(name for row in rows if row.paper == paper for name in row.corpora)
        missing = [name for name in used if name not in given]
        if missing:
            lines.append(
                f"{paper_title(paper)}: of its corpora, {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
                f"not given; rows run on {', '.join(given)}, so that figures aren't expected to be the paper's"
            )
    return lines
