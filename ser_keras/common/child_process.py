"""A Python process that answers over its standard streams: what may crash does it there."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

DONE, FAILED = b"\0", b"\1"


class Died(Exception):
    """The child is gone, or was ended since it gave no answer in time; the text says how."""


class Child:
    """A child process; it ends with this object, and reads its end when this process dies.

    Args:
        code: what Python runs; its side of the talk is `answering`.

    Attributes:
        pid: its process id.
        close: ends the child; may be called twice.

    Raises:
        OSError: the process can't be started.
    """

    def __init__(self, code):
        # This package is found where it is; no module of the working directory gets in between.
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            bufsize=0,
        )
        self.pid = self._process.pid
        self.close = weakref.finalize(self, _end, self._process)

    def poll(self):
        """Its exit code, None while it runs."""
        return self._process.poll()

    def send(self, data):
        """Write bytes to the child.

        Raises:
            Died: it is gone.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except (BrokenPipeError, ValueError):  # gone now, or closed after an earlier failure
            raise Died(self._how()) from None

    def complaint(self, seconds):
        """The status that precedes each answer: None, or the line of a failure."""
        if self.read(1, seconds) == FAILED:
            return self.read(int.from_bytes(self.read(4, seconds), "little"), seconds).decode("utf-8")
        return None

    def read(self, size, seconds):
        """Exactly `size` bytes of an answer.

        Raises:
            Died: they don't come, within `seconds`.
        """
        parts, until = b"", time.monotonic() + seconds
        while len(parts) < size:
            if not select.select([self._process.stdout], [], [], max(0, until - time.monotonic()))[0]:
                self.close()
                raise Died(f"no answer in {seconds:.0f} s")
            part = self._process.stdout.read(size - len(parts))
            if not part:
                raise Died(self._how())
            parts += part
        return parts

    def _how(self):
        code = self._process.wait()
        self.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@contextlib.contextmanager
def answering():
    """The child's side: (standard input as bytes, answer(data) or answer(failure=line)).

    Nothing that a library prints garbles the answers: what was standard output is theirs alone. Ends quietly when the
    parent is gone.
    """
    stdin, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(data=b"", failure=None):
        if failure is not None:
            line = failure.encode("utf-8", "replace")
            data = len(line).to_bytes(4, "little") + line
        answers.write((DONE if failure is None else FAILED) + data)
        answers.flush()

    with contextlib.suppress(BrokenPipeError):
        yield stdin, answer
