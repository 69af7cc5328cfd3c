"""Keeps the lines that C++ libraries write straight to file descriptor 2 off the terminal."""

import contextlib
import os
import sys
import tempfile
import threading


@contextlib.contextmanager
def silenced_stderr():
    """XLA greets on the first compilation, past Python and past every setting of TensorFlow's logs."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def without_info_lines():
    """Keep the C++ runtime's INFO lines off the terminal; anything else that was said meanwhile is passed on.

    One thread at a time: of two, the last to leave would put the other's temporary file where standard error was.
    """
    with _ONE_AT_A_TIME:
        yield from _without_infos()


def _without_infos():
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error, as under pythonw
        yield
        return
    with tempfile.TemporaryFile() as caught:
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            said = b"".join(line for line in caught if not line.startswith((b"INFO:", b"WARNING: All log messages")))
            if said:
                os.write(2, said)
