"""Atomic writes and JSON: a reader, or a crash at any moment, sees the old file or the new one whole."""

import contextlib
import json
import os
import tempfile
from pathlib import Path

from ser_keras.common.errors import SerKerasError


def write_atomic(path, data):
    """Write text or bytes so that a reader, or a crash at any moment, sees the old file or the new one whole.

    Raises:
        SerKerasError: the disk is full or the folder can't be written; the old file is untouched.
    """
    path = Path(path)
    payload = data.encode("utf-8") if isinstance(data, str) else data
    with replacing(path) as temporary:
        temporary.write_bytes(payload)


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path` to write to; when the block ends well, it takes `path`'s place.

    For libraries that insist on a file name. The temporary keeps `path`'s suffix.
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
        raise SerKerasError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path, data):
    write_atomic(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path):
    """Parsed JSON.

    Raises:
        SerKerasError: missing or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SerKerasError(f"{path} is missing") from None
    except (ValueError, OSError) as error:
        raise SerKerasError(f"{path} can't be read: {error}") from None
