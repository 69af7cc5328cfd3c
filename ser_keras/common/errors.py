"""The errors that a user is meant to see: one line each, and a class for each kind."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path


class SerKerasError(ValueError):
    """One clear line that says what is wrong, why, and how to mend it.

    The command line prints the message and exits with code 2, without a traceback. The subclasses say of what kind the
    error is, so that callers need not read the message. A class may be of two kinds.
    """


class BadInput(SerKerasError):
    """Usage, settings or data that do not fit: give something else."""


class NotFound(SerKerasError):
    """A file, a folder or a thing of that name is not there."""


class Damaged(SerKerasError):
    """A file is there, and its content is broken: copy, fetch or make it again."""


class Unreadable(SerKerasError):
    """A file that cannot be read; `path` and `reason` are apart for lists of files.

    Args:
        path: the file.
        reason: how the line goes on behind it, as `is missing` or `, row 3: ...`.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return self.line(self.path)

    def line(self, name: str | Path) -> str:
        """The message, with another name for the file."""
        return f"{name}{'' if self.reason.startswith((',', ':')) else ' '}{self.reason}"


class MissingFile(Unreadable, NotFound):
    """A file that is not there."""


class DamagedFile(Unreadable, Damaged):
    """A file whose content is broken, or cannot be had."""


class BadSetting(BadInput):
    """Settings that do not fit; `reason` says why, wherever they stand.

    Args:
        where: the recipe or file that they are in.
        reason: what is wrong with them.
    """

    def __init__(self, where: str | Path, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class Unavailable(SerKerasError):
    """This machine lacks or refuses something: a package, a library, a device, an address, memory, a process."""


class NotWritable(Unavailable):
    """Files cannot be written where they belong."""


class DiskFull(NotWritable):
    """There is no space left where files belong."""


def write_error(message: str, error: OSError) -> NotWritable:
    """The exception for a write that failed.

    Args:
        message: its line.
        error: what the system reported.

    Returns:
        DiskFull where no space is left (the user's quota counts), otherwise NotWritable; to be raised by the caller.
    """
    return (DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else NotWritable)(message)


def cause(error: BaseException) -> str:
    """An exception of somebody else's code in one line, for messages: its type and its text."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def nearest(name: object, valid: Iterable[object], n: int = 3) -> str:
    """The valid names that look most like `name`, for messages; all of them where none is alike."""
    names = sorted(str(v) for v in valid)
    return ", ".join(difflib.get_close_matches(str(name), names, n=n, cutoff=0.4) or names)
