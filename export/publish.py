"""A folder that appears whole or not at all, whatever kills the process."""

import contextlib
import ctypes
import fcntl
import glob
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ser_keras.common.errors import SerKerasError, write_error


@contextlib.contextmanager
def replacing_folder(out: str | Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Give a fresh folder to fill; when the block ends well, it takes the place of `out` in one step.

    The folder lies beside `out`. One process at a time: a second one is refused. What a killed process left behind is
    cleared by the next.

    Args:
        out: path of the folder.
        check: called with `out` before and after the work; raises where it must not be replaced.

    Yields:
        Path of the folder to fill.

    Raises:
        SerKerasError: another process works on `out`, or the disk refuses.
    """
    out = Path(out).resolve()
    check(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _locked(out):
            hidden = f".{glob.escape(out.name)}.partial-*"
            for old in out.parent.glob(f"{hidden}-old"):  # killed between the two renames of `_put`
                if not out.exists():
                    os.rename(old, out)
            for stale in out.parent.glob(hidden):
                shutil.rmtree(stale)
            folder = out.parent / f".{out.name}.partial-{os.getpid()}"
            folder.mkdir()
            try:
                yield folder
                check(out)
                for path in (*folder.rglob("*"), folder):
                    _sync(path)
                _put(folder, out)
                _sync(out.parent)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise write_error(f"cannot write {out}: {error.strerror or error}", error) from error


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold `.NAME.lock` beside `out`; the lock falls with the process, the file is removed at the end."""
    path = out.parent / f".{out.name}.lock"
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                break
            os.close(handle)  # its last holder removed it in between
        except BlockingIOError:
            os.close(handle)
            raise SerKerasError(f"another process is writing {out}; wait for it or choose another `out`") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(handle)


def _sync(path: Path) -> None:
    """Wait until the disk holds a file or a folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(folder: Path, out: Path) -> None:
    """Move `folder` to `out`; a folder that is there changes places with it and is gone when its lock falls."""
    if not out.exists():
        os.rename(folder, out)
    elif not any(out.iterdir()):
        os.rename(folder, out)  # an empty folder may be renamed over
    elif not exchange(folder, out):
        # No such call here: between the two renames `out` is missing, which is not a mix of old and new.
        old = folder.with_name(folder.name + "-old")
        os.rename(out, old)
        os.rename(folder, out)
        shutil.rmtree(old, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(first, second, 2) == 0)  # RENAME_SWAP
    if hasattr(libc, "renameat2"):
        at_cwd, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        return bool(libc.renameat2(at_cwd, first, at_cwd, second, swap) == 0)
    return False
