"""Whom to credit for a sound file, and under which licence it is: from what lies in its folder, or from its name."""

from __future__ import annotations

import csv
import dataclasses
import functools
import re
from pathlib import Path

UNSTATED = "licence not stated"
ESC10_TITLE, ESC10_LICENCE = "ESC-10", "CC BY 3.0"
ESC10_CREDIT = (
    "ESC-10, collected by K. J. Piczak (ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015, "
    "1015-1018), CC BY 3.0 (https://creativecommons.org/licenses/by/3.0/)"
)
ESC50_LICENCE = "CC BY-NC 3.0"  # of ESC-50 as a whole; its part ESC-10 is under another licence
_ESC10 = Path(__file__).with_name("esc10.csv")  # of each clip: uploader, licence and title, as on Freesound
_ESC_NAME = re.compile(r"(?P<clip>[1-5]-(?P<freesound>\d+))-[A-Z](-\d{1,2})?")  # fold, clip, take; ESC-50: class, too
_NOTES = ("attribution", "license", "licence", "copying")  # names of text files that say who made what
_COLUMNS = {  # what tables of clips call their columns
    "file": ("filename", "file", "file_name", "fname"),
    "author": ("author", "uploader", "creator", "artist", "username"),
    "licence": ("licence", "license"),
}
_CREATIVE_COMMONS = re.compile(
    r"(?:\bCC[ -]|creativecommons\.org/licenses/|Creative Commons )(?:Attribution|BY)"
    r"(?P<nc>[ -]*(?:NC\b|Non-?Commercial))?(?:[ -]*(?:(?P<sa>SA\b|Share-?Alike)|(?P<nd>ND\b|NoDeriv\w*)))?"
    r"[ /]*(?P<version>[1-4]\.\d)?",
    re.IGNORECASE,
)
_OTHERS = {
    "CC0": r"\bCC[ -]?0\b|publicdomain/zero|public domain dedication",
    "CC Sampling Plus": r"\bCC[ -]Sampling ?(?:\+|Plus)|creativecommons\.org/licenses/sampling\+",
    "ODbL 1.0": r"\bODbL\b|Open Database License",
    "Apache-2.0": r"\bApache(?: License,?)?(?: Version)?[ -]2\.0",
    "MIT": r"\bMIT License\b",
}


@dataclasses.dataclass(frozen=True)
class Credit:
    """Whom to credit for a file, and its licence.

    Attributes:
        attribution: one line for people.
        licence: its name, or `UNSTATED`.
    """

    attribution: str
    licence: str


@functools.cache
def esc10() -> dict[str, dict[str, str]]:
    """The clips of ESC-10 (Piczak 2015), `FOLD-ID` -> author, licence and title of the sound on Freesound.

    The sounds' own terms, as the author of ESC-10 lists them; the collection is under CC BY 3.0.
    """
    with _ESC10.open(encoding="utf-8", newline="") as file:
        return {row["clip"]: row for row in csv.DictReader(file)}


def freesound_clip(path: Path) -> str | None:
    """The Freesound number of a file that is named as ESC-10 and ESC-50 name theirs; None for other names."""
    match = _ESC_NAME.fullmatch(path.stem)
    return match["freesound"] if match else None


def is_esc10(path: Path) -> bool:
    """Whether a file is a clip of ESC-10, by its name; ESC-50 holds these and others."""
    match = _ESC_NAME.fullmatch(path.stem)
    return match is not None and match["clip"] in esc10()


def licence_in(text: str) -> str:
    """The one licence that a text names; `UNSTATED` where it names none, or several."""
    names = {name for name, pattern in _OTHERS.items() if re.search(pattern, text, re.IGNORECASE)}
    for match in _CREATIVE_COMMONS.finditer(text):
        terms = "-".join(["BY", *(term.upper() for term in ("nc", "sa", "nd") if match[term])])
        names.add(f"CC {terms}" + (f" {match['version']}" if match["version"] else ""))
    # A version beside the bare name is the same licence named twice.
    named = {name for name in names if not any(other.startswith(f"{name} ") for other in names)}
    return named.pop() if len(named) == 1 else UNSTATED


class Credits:
    """What a folder says of its files: tables with the columns file, author and licence, and texts.

    A table is any `.csv` with such columns. A text is a file whose name starts with `ATTRIBUTION` or `LICENSE`: a line
    that names a file speaks of it; a licence that the text names alone is that of all files.

    Args:
        folder: the folder; what lies below it is not searched.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, Credit] = {}
        self._lines: list[str] = []
        self._note, self._licence = "", UNSTATED
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            if path.suffix.lower() == ".csv":
                self._rows |= _rows(path)
            elif path.name.lower().startswith(_NOTES):
                text = path.read_text(encoding="utf-8", errors="replace")
                self._lines += [" ".join(line.strip("-*#| \t").split()) for line in text.splitlines()]
                self._note, self._licence = path.name, licence_in(text)

    def of(self, path: Path) -> Credit:
        """Whom to credit for one file of the folder."""
        row = self._rows.get(path.name) or self._rows.get(path.stem)
        if row:
            return row
        line = next((line for line in self._lines if _names(line, path)), None)
        match = _ESC_NAME.fullmatch(path.stem)
        if match:
            return _of_esc(match["clip"], match["freesound"], line)
        if line:
            stated = licence_in(line)
            return Credit(line, self._licence if stated == UNSTATED else stated)
        text = f"{path.name} of {self._folder.resolve().name}"
        return Credit(f"{text}, see its {self._note}" if self._note else text, self._licence)


def _of_esc(clip: str, freesound: str, line: str | None) -> Credit:
    """The credit for a clip of ESC-10 or of ESC-50, which name their files alike."""
    where = f"Freesound clip {freesound} (https://freesound.org/s/{freesound}/)"
    row = esc10().get(clip)
    if row is None:
        return Credit(line or where, ESC50_LICENCE)
    return Credit(line or f'"{row["title"]}" by {row["author"]}, {where}, {row["licence"]}', row["licence"])


def _rows(path: Path) -> dict[str, Credit]:
    """File name -> credit, of a table; {} where a column is missing."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        columns: dict[str, str] = {}
        for column in reader.fieldnames or ():
            for meaning, words in _COLUMNS.items():
                if column.strip().lower() in words:
                    columns.setdefault(meaning, column)
        if len(columns) < len(_COLUMNS):
            return {}
        credits = {}
        for row in reader:
            name, author, licence = ((row[columns[meaning]] or "").strip() for meaning in _COLUMNS)
            name = name.replace("\\", "/").rpartition("/")[2]
            stated = licence_in(licence)
            licence = (licence if stated == UNSTATED else stated) or UNSTATED
            credits[name] = Credit(f"{name} by {author or 'an unnamed author'}, {licence}", licence)
        return credits


def _names(line: str, path: Path) -> bool:
    """Whether a line names a file, with its suffix or another."""
    return re.search(rf"(?<![\w.-]){re.escape(path.stem)}(?![\w-])", line) is not None
