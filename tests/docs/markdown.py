"""A page of Markdown as passages: table rows, paragraphs and lines of code, each with what stands around it."""

import dataclasses
import re
from collections.abc import Iterator

# <!-- results: PAGE.SET ... --> or <!-- figures: where they come from -->, until the next one or the next heading;
# <!-- figures of this page: ... --> wherever nothing else is said.
SOURCE = re.compile(r"^\s*<!-- (results|figures|figures of this page): (.+?) -->\s*$")
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.) ")


@dataclasses.dataclass(frozen=True)
class Passage:
    """One table row, paragraph, list item or line of code.

    Attributes:
        line: its (first) line, from 1.
        text: as it is written.
        kind: `row`, `text` or `code`.
        language: of code: what its fence names.
        sets: ids of the sets of results that its figures are of.
        source: where its figures come from, in words, if they are no results.
        header: of a row: the cells of the table's first row.
        label: of a row: its first cell, or that of the row above where it is empty.
        above: the text above it since the last heading.
    """

    line: int
    text: str
    kind: str
    language: str = ""
    sets: tuple[str, ...] = ()
    source: str = ""
    header: tuple[str, ...] = ()
    label: str = ""
    above: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """A row's cells."""
        return tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", self.text.strip().strip("|")))


class _Reader:
    """Goes through a page line by line and keeps what the next passage must know."""

    def __init__(self) -> None:
        self.sets: tuple[str, ...] = ()
        self.source = self.page_source = ""
        self.fence = self.language = ""
        self.paragraph: list[str] = []
        self.start = 0
        self.above = ""
        self.header: tuple[str, ...] = ()
        self.label = ""

    def passage(self, line: int, text: str, kind: str, **more: object) -> Passage:
        source = self.source or ("" if self.sets else self.page_source)
        return Passage(line, text, kind, sets=self.sets, source=source, above=self.above, **more)

    def end_paragraph(self) -> Iterator[Passage]:
        if self.paragraph:
            text = "\n".join(self.paragraph)
            yield self.passage(self.start, text, "text")
            self.above += text + "\n"
            self.paragraph = []

    def row(self, number: int, line: str) -> Iterator[Passage]:
        row = self.passage(number, line, "row", header=self.header)
        if not self.header:
            self.header = row.cells
        if not re.fullmatch(r"[|\s:-]+", line):
            self.label = row.cells[0] or self.label
            yield dataclasses.replace(row, header=self.header, label=self.label)

    def read(self, number: int, line: str) -> Iterator[Passage]:
        stripped = line.strip()
        if self.fence:
            if stripped.startswith(self.fence):
                self.fence = ""
            else:
                yield self.passage(number, line, "code", language=self.language)
        elif stripped.startswith("```"):
            yield from self.end_paragraph()
            self.fence, self.language = "```", stripped[3:].strip()
        elif line.startswith("    ") and not self.paragraph and not ITEM.match(line):
            yield self.passage(number, line, "code")
        elif source := SOURCE.match(line):
            yield from self.end_paragraph()
            if source[1] == "figures of this page":
                self.page_source = source[2]
            else:
                self.sets = tuple(source[2].split()) if source[1] == "results" else ()
                self.source = source[2] if source[1] == "figures" else ""
        elif line.startswith("|"):
            yield from self.end_paragraph()
            yield from self.row(number, line)
        elif not stripped or line.startswith("#"):
            yield from self.end_paragraph()
            self.header, self.label = (), ""
            if line.startswith("#"):
                self.sets, self.source, self.above = (), "", ""
        else:
            if ITEM.match(line):
                yield from self.end_paragraph()
            if not self.paragraph:
                self.start = number
            self.paragraph.append(line)


def passages(text: str) -> Iterator[Passage]:
    """The passages of a page, in order."""
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        yield from reader.read(number, line)
    yield from reader.end_paragraph()
