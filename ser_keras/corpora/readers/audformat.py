"""audformat databases: a folder with `db.yaml`, its tables, and the media they name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.corpus import GENDERS, Listing, NotThisCorpus, Reader
from ser_keras.corpora.emotions import canonical_emotion
from ser_keras.corpora.readers.manifest import SPLITS
from ser_keras.corpora.utterance import Split, Utterance

if TYPE_CHECKING:
    from audformat import Database, Scheme, Table

Part: TypeAlias = "tuple[str, float | None, float | None]"  # file, start and end in seconds; None: of the file


class Row(TypedDict, total=False):
    """What a database says of one file or segment."""

    emotion: str
    split: Split
    speaker: str | int | None
    gender: str | None
    text: str | None
    activation: float | None
    valence: float | None


# Columns are known by their scheme's name, or else by their own.
EMOTION, SPEAKER = ("emotion",), ("speaker", "speaker_id")
GENDER, TEXT = ("gender", "sex"), ("transcription", "text")
ACTIVATION, VALENCE = ("activation", "arousal"), ("valence",)


def scan(root: str | Path) -> Listing:
    """Read a database's emotions, and what else it says of the same files or segments.

    Emotions come from the columns of the scheme `emotion` or, where there is none, of one whose labels are emotions;
    tables named gold_standard come first, and segments that several tables list count once. Labels that are no
    emotion of ours are passed over and counted in the notes. Tables stored as pickles alone are refused, since
    unpickling runs code; `db.yaml` is read as plain data for the same reason.

    Returns:
        Listing; media files that are listed and missing are bad files.

    Raises:
        NotThisCorpus: no `db.yaml`, or no column of emotions.
        SerKerasError: audformat isn't installed, or refuses the database.
    """
    root = Path(root).absolute()
    if not (root / "db.yaml").is_file():
        raise NotThisCorpus(READER.title, root, READER.layout)
    database = _load(root)
    scheme, columns = _emotion_columns(database)
    if not columns:
        named = ", ".join(database.schemes) or "none"
        raise NotThisCorpus(READER.title, root, READER.layout, f"a database without emotions (schemes: {named})")
    splits = _splits(database)
    rows: dict[Part, Row] = {}
    strange: dict[str, int] = {}
    conflicts = 0
    for table_id, column in columns:
        for part, label in database[table_id].df[column].dropna().items():
            part = _part(part)
            try:
                emotion = canonical_emotion(label)
            except SerKerasError:
                strange[str(label)] = strange.get(str(label), 0) + 1
                continue
            known = rows.setdefault(part, {"emotion": emotion})
            conflicts += known["emotion"] != emotion
            if table_id in splits:
                known.setdefault("split", splits[table_id])
    notes = [f"label '{label}' of scheme '{scheme}' is no emotion: {n} passed over" for label, n in strange.items()]
    if conflicts:
        notes.append(f"{conflicts} segments have other emotions in further tables: the first table counts")
    _annotate(database, rows)
    return _listing(root, rows, notes)


def _load(root: Path) -> Database:
    try:
        import audformat
        import yaml
    except ImportError as error:
        raise SerKerasError(
            f"audformat databases need the package audformat ({error}): pip install 'ser-keras[core]'"
        ) from error
    try:
        header = yaml.safe_load((root / "db.yaml").read_text(encoding="utf-8"))
        database = audformat.Database.load_header_from_yaml(header)
        # audformat prefers a pickle to the table beside it: show it a folder without.
        with tempfile.TemporaryDirectory() as plain:
            for table_id in [*database.misc_tables, *database.tables]:
                files = [f for f in (root / f"db.{table_id}.parquet", root / f"db.{table_id}.csv") if f.is_file()]
                if not files:
                    raise SerKerasError(
                        f"{root}: table '{table_id}' is not there as .csv or .parquet (a pickle is not opened: save "
                        "the database again with storage_format='csv')"
                    )
                copy = shutil.copy(files[0], plain)
                database[table_id].load(str(Path(copy).with_suffix("")))
    except SerKerasError:
        raise
    except Exception as error:  # whatever a damaged header or table makes of audformat, pandas and yaml
        line = " ".join(str(error).split()) or type(error).__name__
        raise SerKerasError(f"{root}: audformat can't load it ({line[:200]})") from error
    return database


def _columns(
    database: Database, names: Collection[str], tables: Mapping[str, Table] | None = None
) -> list[tuple[str, str]]:
    """(table, column) whose scheme, or else whose own name, is one of `names`."""
    return [
        (table_id, column_id)
        for table_id, table in (database.tables if tables is None else tables).items()
        for column_id, column in table.columns.items()
        if (column.scheme_id or column_id) in names
    ]


def _emotion_columns(database: Database) -> tuple[str | None, list[tuple[str, str]]]:
    """The emotions' scheme, and the columns that hold it, gold standards first."""
    emotional = [i for i, scheme in database.schemes.items() if _is_emotional(scheme)]
    candidates = [("emotion", _columns(database, EMOTION)), *((i, _columns(database, (i,))) for i in emotional)]
    scheme, columns = next(((i, c) for i, c in candidates if c), (None, []))
    return scheme, sorted(columns, key=lambda tc: "gold_standard" not in tc[0])


def _is_emotional(scheme: Scheme) -> bool:
    labels = [] if scheme.labels is None or isinstance(scheme.labels, str) else list(scheme.labels)
    n_emotions = 0
    for label in labels:
        try:
            canonical_emotion(label)
        except SerKerasError:
            continue
        n_emotions += 1
    return n_emotions >= 2 and 2 * n_emotions > len(labels)


def _splits(database: Database) -> dict[str, Split]:
    """table -> train, validation or test."""
    types = {t: database.splits[table.split_id].type for t, table in database.tables.items() if table.split_id}
    return {t: SPLITS[kind] for t, kind in types.items() if kind in SPLITS}


def _part(index: str | tuple[str, timedelta, timedelta]) -> Part:
    """(file, start, end) in seconds of a row of a filewise or segmented table; None is the file's start or end."""
    if isinstance(index, str):
        return index, None, None
    file, start, end = index
    return file, start.total_seconds() or None, None if end != end else end.total_seconds()


def _annotate(database: Database, rows: dict[Part, Row]) -> None:
    """Add speaker, gender, text and ratings to the rows, from the same segment or else the whole file."""
    speakers, genders, texts, activations, valences = (
        _values(database, names) for names in (SPEAKER, GENDER, TEXT, ACTIVATION, VALENCE)
    )
    gender_of = _speaker_genders(database)
    for part, row in rows.items():
        whole_file = (part[0], None, None)
        row["speaker"] = speakers.get(part, speakers.get(whole_file))
        row["gender"] = genders.get(part, genders.get(whole_file, gender_of.get(row["speaker"])))
        row["text"] = texts.get(part, texts.get(whole_file))
        row["activation"] = activations.get(part, activations.get(whole_file))
        row["valence"] = valences.get(part, valences.get(whole_file))


def _values(database: Database, names: Collection[str]) -> dict[Part, Any]:  # Any: of whatever type a column holds
    """part -> value of the columns of that name or scheme; the first column counts."""
    values: dict[Part, Any] = {}  # Any: as above
    for table_id, column in reversed(_columns(database, names)):
        values.update((_part(part), value) for part, value in database[table_id].df[column].dropna().items())
    return values


def _speaker_genders(database: Database) -> dict[str | int | None, str | None]:
    """speaker -> gender where the speakers' scheme says it: in its labels, or in the misc table that they name."""
    genders: dict[str | int | None, str | None] = {}
    for scheme in (database.schemes[i] for i in SPEAKER if i in database.schemes):
        if isinstance(scheme.labels, dict):
            for speaker, facts in scheme.labels.items():
                if isinstance(facts, dict):
                    genders[speaker] = next((facts[g] for g in GENDER if g in facts), None)
        elif isinstance(scheme.labels, str) and scheme.labels in database.misc_tables:
            misc = {scheme.labels: database.misc_tables[scheme.labels]}
            for table_id, column in _columns(database, GENDER, misc):
                genders.update(database[table_id].df[column].dropna().items())
    return genders


def _listing(root: Path, rows: Mapping[Part, Row], notes: list[str]) -> Listing:
    utterances, bad_files = [], {}
    for (file, start, end), row in rows.items():
        path = root / file
        name = Path(file).as_posix()
        if not path.is_file():
            bad_files[name] = "listed in the database, but not there"
            continue
        speaker, text = row.get("speaker"), row.get("text")
        utterances.append(
            Utterance(
                path=str(path),
                emotion=row["emotion"],
                speaker=None if speaker is None else f"audformat/{speaker}",
                corpus="audformat",
                name=name,
                text=None if text is None else str(text),
                gender=GENDERS.get(str(row.get("gender")).lower()),
                activation=_rating(row.get("activation")),
                valence=_rating(row.get("valence")),
                split=row.get("split"),
                start=start,
                end=end,
            )
        )
    if not utterances:
        found = f"a database whose {len(bad_files)} labelled files aren't there" if bad_files else "no known emotion"
        raise NotThisCorpus(READER.title, root, READER.layout, found)
    return Listing(sorted(utterances, key=lambda u: (u.name, u.start or 0)), bad_files, notes)


def _rating(value: float | None) -> float | None:
    return None if value is None else float(value)


READER = Reader(
    name="audformat",
    title="audformat database",
    licence="the database's own, in its db.yaml",
    citation="Wagner, J. et al.: audformat, the specification of audEERING's annotated audio databases.",
    layout="db.yaml with its tables as db.TABLE.csv or .parquet, one with a column of emotions, and the media files",
    is_collection=True,
    scan=scan,
)
