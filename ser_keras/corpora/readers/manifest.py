"""Any collection of speech, described by a CSV table of one's own."""

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.corpora.corpus import GENDERS, Listing, NotThisCorpus, Reader
from ser_keras.corpora.emotions import canonical_emotion
from ser_keras.corpora.folders import describe
from ser_keras.corpora.readers.tables import read_table
from ser_keras.corpora.utterance import Split, Utterance

REQUIRED = ("path", "emotion")
MEASURES = ("activation", "valence", "intensity", "start", "end")
OPTIONAL = ("speaker", "session", "corpus", "split", "text", "gender", *MEASURES)
SPLITS: dict[str, Split] = {
    "dev": "validation",
    "test": "test",
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}


Choice = TypeVar("Choice", bound=str)


def scan(root: str | Path, corpus: str = "manifest", title: str = "a manifest") -> Listing:
    """Read a manifest; a table that its user wrote is right in every row or refused.

    Paths are relative to the table. A speaker `01` becomes `manifest/01`; one that holds a `/` (`emodb/03`) stays, so
    that it can name a speaker of another corpus. The column `corpus` says which rows are a corpus of their own (for
    protocol cross_corpus, say); its speakers become `CORPUS/01`. Without speakers, the protocols that need them can't
    be used.

    Args:
        root: the CSV file, or a folder that holds `manifest.csv`.
        corpus: the corpus of rows that name none.
        title: what to call it where there is no table.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no such file.
        SerKerasError: one line with the row: a missing file, an unknown emotion, split or gender, a number that isn't
            one, a row given twice, speakers in some rows only, a table that can't be read.
    """
    root = Path(root).absolute()
    table = root / "manifest.csv" if root.is_dir() else root
    if not table.is_file():
        found = describe(root) if root.is_dir() else "no such file"
        raise NotThisCorpus(title, root, READER.layout, found)
    columns, rows = read_table(table)
    _check_columns(table, columns)
    if not rows:
        raise SerKerasError(f"{table}: a header without rows")
    utterances: list[Utterance] = []
    row_numbers: dict[tuple[str, float | None, float | None], int] = {}
    for number, row in rows:
        try:
            utterance = _utterance(table.parent, row, corpus)
        except SerKerasError as error:
            raise SerKerasError(f"{table}, row {number}: {error}") from error
        part = (utterance.path, utterance.start, utterance.end)
        if part in row_numbers:
            raise SerKerasError(f"{table}, row {number}: the same audio as row {row_numbers[part]}")
        row_numbers[part] = number
        utterances.append(utterance)
    _check_speakers(table, rows, utterances)
    return Listing(sorted(utterances, key=lambda u: (u.name, u.start or 0)))


def _check_columns(table: Path, columns: Sequence[str]) -> None:
    missing = [c for c in REQUIRED if c not in columns]
    if missing:
        raise SerKerasError(
            f"{table}, row 1: no column '{missing[0]}'; the header must name {', '.join(REQUIRED)}, "
            f"and may name {', '.join(OPTIONAL)}; found: {', '.join(columns)}"
        )
    absent = [c for c in OPTIONAL if c not in columns]
    for column in columns:
        # Other columns are the user's own business, but a speaker lost to a typing error would be a leak.
        alike = difflib.get_close_matches(column, absent, n=1, cutoff=0.75)
        if column not in REQUIRED + OPTIONAL and alike:
            raise SerKerasError(f"{table}, row 1: column '{column}' is not known; did you mean '{alike[0]}'?")


def _utterance(folder: Path, row: Mapping[str, str], default: str) -> Utterance:
    if not row["path"]:
        raise SerKerasError("path is empty")
    path = Path(os.path.abspath(folder / row["path"]))
    if not path.is_file():
        raise SerKerasError(f"no file {row['path']} (paths are relative to the table, with /)")
    values = {column: row[column] for column in OPTIONAL if row.get(column)}
    numbers = {c: _number(c, values[c]) for c in ("activation", "valence", "start", "end") if c in values}
    split = _choice("split", values["split"], SPLITS) if "split" in values else None
    gender = _choice("gender", values["gender"], GENDERS) if "gender" in values else None
    if numbers.get("start", 0) < 0 or numbers.get("end", math.inf) <= numbers.get("start", 0):
        raise SerKerasError("start and end must be seconds with 0 <= start < end")
    corpus = values.get("corpus", default)
    if "/" in corpus:
        raise SerKerasError(f"corpus '{corpus}' holds a '/', which parts corpus and speaker")

    def of_corpus(column: str) -> str | None:
        """A speaker or session, unique across corpora."""
        name = values.get(column)
        return name if name is None or "/" in name else f"{corpus}/{name}"

    return Utterance(
        path=str(path),
        emotion=canonical_emotion(row["emotion"]),
        corpus=corpus,
        name=Path(row["path"]).as_posix(),
        speaker=of_corpus("speaker"),
        session=of_corpus("session"),
        text=values.get("text"),
        intensity=values.get("intensity"),
        gender=gender,
        split=split,
        activation=numbers.get("activation"),
        valence=numbers.get("valence"),
        start=numbers.get("start"),
        end=numbers.get("end"),
    )


def _number(column: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SerKerasError(f"{column} '{value}' is not a number (with a decimal point)")
    return number


def _choice(column: str, value: str, choices: Mapping[str, Choice]) -> Choice:
    if value.lower() not in choices:
        valid = dict.fromkeys(choices.values())
        raise SerKerasError(f"{column} '{value}' is not known; nearest: {nearest(value.lower(), valid)}")
    return choices[value.lower()]


def _check_speakers(
    table: Path, rows: Sequence[tuple[int, Mapping[str, str]]], utterances: Sequence[Utterance]
) -> None:
    """Speakers in some rows only would let the others leak."""
    by_row = {number: row.get("speaker", "") for number, row in rows}
    lacking = [number for number, speaker in by_row.items() if not speaker]
    if lacking and len(lacking) < len(utterances):
        raise SerKerasError(
            f"{table}, row {lacking[0]}: no speaker, where {len(utterances) - len(lacking)} other rows name one"
        )


READER = Reader(
    name="manifest",
    title="CSV manifest",
    licence="that of the audio it lists",
    layout=(
        "a CSV file with the columns path, emotion and optionally speaker, session, corpus, split, text, gender, "
        "activation, valence, intensity, start, end; or a folder that holds it as manifest.csv"
    ),
    is_collection=True,
    scan=scan,
)
