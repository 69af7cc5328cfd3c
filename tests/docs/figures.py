"""Whether the figures that a page prints are those of the stored results; docs/results/README.md has the rules."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from tests.docs.markdown import Passage, passages
from tests.docs.results import Result, Store

NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)"
INTERVAL = re.compile(rf"(?<![\w.])({NUMBER})(?: %| points)? \[({NUMBER}), ({NUMBER})\]")
DECIMAL = re.compile(r"(?<![\w.])(?<![A-Za-z]-)[+-]?\d*\.\d+(?![\w.]*[\w-])|(?<![\w.])\d+(?= KB\b)")
VERSION = re.compile(
    r"\b(?:Python|TensorFlow|Keras|librosa|LiteRT|tflite-runtime|ai-edge-litert|mediapipe|CC[\w -]+|ODbL) \d[\d.]*"
    r"|CC0-1\.0"
)
NO_PROSE = re.compile(r"`[^`]*`|\]\([^)]*\)|<[^>]*>|https?://\S+|doi:\S+")
CHANGED = re.compile(r"\(recipe of ([0-9a-f]{7}), since changed\)")
TO_WRITE = "(recipe of {commit}, since changed)"


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure as it is printed: its text, its value, and its interval if it has one."""

    text: str
    numbers: tuple[float, ...]
    column: int | None = None
    in_brackets: bool = False


def figures(text: str, column: int | None = None) -> Iterator[Figure]:
    """The figures in a piece of text: numbers with an interval, decimal numbers, and kilobytes."""
    plain = VERSION.sub("", NO_PROSE.sub("", text).replace("*", ""))
    for match in INTERVAL.finditer(plain):
        yield Figure(match[0], tuple(float(x) for x in match.groups()), column)
    rest = INTERVAL.sub("", plain)
    for match in DECIMAL.finditer(rest):
        opened = rest[: match.start()].count("(") > rest[: match.start()].count(")")
        yield Figure(match[0], (float(match[0]),), column, opened)


class Checker:
    """Compares pages with the stored results.

    Args:
        store: the stored results.
        reported: row of a paper -> the figures that the paper reports for it.
        logged: further figures with intervals that are stored, as (value, low, high).
    """

    def __init__(
        self,
        store: Store,
        reported: Mapping[str, Collection[float]],
        logged: Collection[tuple[float, ...]] = (),
    ) -> None:
        self.store, self.reported, self.logged = store, reported, logged
        self.recipes = {recipe for result in store.results for recipe in result.recipes} | set(reported)

    def problems(self, name: str, text: str) -> list[str]:
        """What is wrong with the figures of a page, a line each.

        Args:
            name: the page, for the messages.
            text: its Markdown.
        """
        return [f"{name}:{p.line}: {problem}" for p in passages(text) for problem in self._of_passage(p)]

    def _of_passage(self, passage: Passage) -> Iterator[str]:
        if unknown := [name for name in passage.sets if name not in self.store.sets]:
            yield f"no set of results '{unknown[0]}'"
            return
        if passage.kind == "row" and passage.cells == passage.header:
            return
        texts = enumerate(passage.cells) if passage.kind == "row" else [(None, passage.text)]
        measures = {name for of in passage.sets for result in self.store.sets[of] for name in result.numbers}
        printed = [f for column, text in texts if column != 0 or text not in measures for f in figures(text, column)]
        plain = [figure for figure in printed if len(figure.numbers) == 1 and passage.kind != "code"]
        decimals = [figure.text for figure in plain if "." in figure.text]
        if decimals and not passage.sets and not passage.source:
            yield (
                f"{', '.join(decimals)}: nothing says where this comes from; write "
                "<!-- results: PAGE.SET --> or <!-- figures: SOURCE --> above it"
            )
        for figure in printed:
            if len(figure.numbers) == 3 or (figure in plain and passage.sets):
                yield from self._of_figure(passage, figure)

    def _of_figure(self, passage: Passage, figure: Figure) -> Iterator[str]:
        if self._reported(passage, figure):
            return
        results = [r for name in passage.sets for r in self.store.sets[name]] if passage.sets else self.store.results
        named = self._recipes(passage, figure.column)
        candidates = [r for r in results if len(r.recipes) == 1 and r.recipes[0] in named] if named else results
        matches = [r for r in candidates if _has(r, figure, self._measures(passage, figure.column, candidates))]
        if not matches:
            if figure.numbers in self.logged:
                return
            place = " ".join(passage.sets) or "any set"
            yield f"{figure.text} is no stored result{' of ' + ', '.join(sorted(named)) if named else ''} in {place}"
            return
        changes = [self.store.differences(result) for result in matches]
        commits = {result.commit for result in matches}
        if all(changes) and not commits & set(CHANGED.findall(_around(passage, figure.column))):
            says = TO_WRITE.format(commit=" or ".join(sorted(commits)))
            yield f"{figure.text} is of a recipe that has changed ({changes[0][0]}): run it again, or write {says}"

    def _reported(self, passage: Passage, figure: Figure) -> bool:
        """Whether a paper reports it, where the page says so: in a column of that name, or in brackets."""
        heading = passage.header[figure.column] if figure.column is not None else ""
        if len(figure.numbers) != 1 or not (heading.startswith("reported") or figure.in_brackets):
            return False
        decimals = len(figure.text.partition(".")[2])
        if passage.kind == "row":
            named = self._recipes(passage, figure.column)
        else:
            named = set(self.reported) if "reported" in passage.text else set()
        return any(round(x, decimals) == figure.numbers[0] for recipe in named for x in self.reported.get(recipe, ()))

    def _recipes(self, passage: Passage, column: int | None) -> set[str]:
        """The recipes that a row's label, or its column's heading, names; short names are those of the sets' papers."""
        if passage.kind != "row":
            return set()
        heading = passage.header[column] if column is not None and column < len(passage.header) else ""
        words = re.findall(r"`([^`]+)`", passage.label) + re.findall(r"`([^`]+)`", heading)
        papers = {name.partition(".")[0] for name in passage.sets}
        return {name for word in words for name in (word, *(f"{p}.{word}" for p in papers)) if name in self.recipes}

    def _measures(self, passage: Passage, column: int | None, results: Iterable[Result]) -> set[str]:
        """The measures of these results that the column's heading names, or else the row's label."""
        if passage.kind != "row" or column is None or column >= len(passage.header):
            return set()
        stored = {name for result in results for name in result.numbers}
        by_label = {name for name in stored if name == passage.label or passage.label.endswith(f", {name}")}
        return {name for name in stored if name == passage.header[column]} or by_label


def _has(result: Result, figure: Figure, measures: Collection[str]) -> bool:
    """Whether a figure is one of a result, of one of these measures if there are any."""
    for name, numbers in result.numbers.items():
        if measures and name not in measures:
            continue
        if numbers == figure.numbers or (len(figure.numbers) == 1 and figure.numbers[0] in numbers):
            return True
        decimals = _decimals_of_fraction(figure)
        fractions = tuple(round(x / 100, decimals) for x in numbers)
        if decimals > 1 and (
            fractions == figure.numbers or (len(figure.numbers) == 1 and figure.numbers[0] in fractions)
        ):
            return True
    return False


def _decimals_of_fraction(figure: Figure) -> int:
    """The decimals of a figure that is written as a fraction, .68 or 0.679 [0.588, 0.768]; 0 of any other."""
    return len(match[1]) if (match := re.match(r"0?\.(\d+)", figure.text)) else 0


def _around(passage: Passage, column: int | None) -> str:
    heading = passage.header[column] if column is not None and column < len(passage.header) else ""
    return "\n".join((passage.text, passage.label, passage.above, heading))
