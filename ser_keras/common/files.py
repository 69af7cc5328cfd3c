"""Atomic writes and JSON: a reader, or a crash at any moment, sees the old file or the new one whole."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ser_keras.common.errors import DamagedFile, MissingFile, write_error

# Any: what a JSON file holds is known where it is read; a recursive type would ask for a cast at every look-up.
Json: TypeAlias = Any


def write_atomic(path: str | Path, data: str | bytes) -> None:
    """Write text or bytes so that a reader, or a crash at any moment, sees the old file or the new one whole.

    Raises:
        DiskFull: no space is left; the old file is untouched.
        NotWritable: the folder cannot be written; likewise.
    """
    payload = data.encode("utf-8") if isinstance(data, str) else data
    with replacing(path) as temporary:
        temporary.write_bytes(payload)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; when the block ends well, it takes `path`'s place.

    For libraries that insist on a file name. The temporary keeps `path`'s suffix.

    Raises:
        DiskFull, NotWritable: as `write_atomic`.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".partial-", suffix=path.suffix)
        os.close(handle)
        yield Path(temporary)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise write_error(f"cannot write {path}: {error.strerror or error}", error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: str | Path, data: Json) -> None:
    """Write JSON as `write_atomic` writes; raises as it."""
    write_atomic(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Json:
    """The content of a JSON file.

    Raises:
        MissingFile: there is no such file.
        DamagedFile: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(path, "is missing") from None
    except ValueError as error:
        raise DamagedFile(path, f"can't be read: {error}") from None
    except OSError as error:
        raise DamagedFile(path, f"can't be read: {error.strerror or error}") from None
