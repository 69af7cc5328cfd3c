"""Tables as text (CSV, TSV), read so that every complaint names file and row."""

import csv
import io
from pathlib import Path

from ser_keras.common.errors import SerKerasError

DELIMITERS = ",;\t|"


def read_table(path: Path, delimiter: str | None = None) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a table with a header row.

    Args:
        path: UTF-8, with or without byte order mark.
        delimiter: None: whichever of comma, semicolon, tab and `|` the header row holds most of.

    Returns:
        (column names, rows): a row is (its number, counted as spreadsheets do: the header is 1; {column: value}),
        names and values stripped; blank rows are passed over.

    Raises:
        SerKerasError: unreadable, not UTF-8, no header, a column twice, a row of another length.
    """
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    columns, rows = None, []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise SerKerasError(f"{path}, row {number}: {error}") from error
        if values is None:
            break
        values = [value.strip() for value in values]
        if not any(values):
            continue
        if columns is None:
            columns = [value.lower() for value in values]
            twice = next((c for c in columns if c and columns.count(c) > 1), None)
            if twice:
                raise SerKerasError(f"{path}, row {number}: column '{twice}' stands there twice")
            continue
        while len(values) > len(columns) and not values[-1]:
            values.pop()
        if len(values) != len(columns):
            raise SerKerasError(
                f"{path}, row {number}: {len(values)} values under {len(columns)} columns "
                "(put a value that holds the delimiter in double quotes)"
            )
        rows.append((number, dict(zip(columns, values, strict=True))))
    if columns is None:
        raise SerKerasError(f"{path}: an empty table; its first row must name the columns")
    return columns, rows


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SerKerasError(f"{path}: can't be read ({error.strerror})") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SerKerasError(f"{path}: is UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise SerKerasError(
            f"{path}, row {row}: byte {data[error.start]:#04x} is not UTF-8; save the table as UTF-8"
        ) from error
    if "\0" in text:
        raise SerKerasError(f"{path}: holds zero bytes; not a text table")
    return text
