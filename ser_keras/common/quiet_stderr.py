"""Keeps lines that C++ libraries write straight to file descriptor 2 off the terminal.

XLA prints a banner on its first compilation, and LiteRT an INFO line for each interpreter; no log setting of TensorFlow
or LiteRT stops either.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

# There is one descriptor 2 a process. Of two threads that redirected it at a time, the last to leave would put the
# other's temporary file where standard error was. A thread may nest the redirections.
_REDIRECTION = threading.RLock()


def silenced_stderr() -> contextlib.AbstractContextManager[None]:
    """Drop what is written to standard error meanwhile."""
    return _filtered_stderr(lambda line: False)


def without_info_lines() -> contextlib.AbstractContextManager[None]:
    """Drop the INFO lines that are written to standard error meanwhile; other lines are passed on at the end."""
    return _filtered_stderr(lambda line: not line.startswith((b"INFO:", b"WARNING: All log messages")))


@contextlib.contextmanager
def _filtered_stderr(passes: Callable[[bytes], bool]) -> Iterator[None]:
    """Catch standard error, that of C++ included, and pass on the lines for which `passes` holds; one thread at a time.

    Where there is no standard error (as under pythonw), nothing happens.
    """
    with _REDIRECTION, contextlib.ExitStack() as stack:
        try:
            terminal = os.dup(2)
        except OSError:
            yield
            return
        stack.callback(os.close, terminal)
        caught = stack.enter_context(tempfile.TemporaryFile())
        _flush()
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(terminal, 2)
            caught.seek(0)
            os.write(2, b"".join(line for line in caught if passes(line)))


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
