"""Runs code that may crash in a child process; requests and answers go over its standard streams.

The parent's side is `Child`, the child's is `answering`. A request is whatever bytes the two agree on. An answer is a
status byte, the length of what follows (8 bytes, little-endian), and that: the content, or the line of a failure.
`start_python` and `end_with_parent` serve processes that are given an order and no answers are awaited from.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Protocol

DONE, FAILED = b"\0", b"\1"
PACKAGE_PARENT = str(Path(__file__).parents[2])
PARENT_IS_GONE = 3  # exit code
PART = 1 << 20  # bytes that are read at a time: a length from a crashing child may be anything


class Died(Exception):
    """The child is gone, or was ended since it gave no answer in time.

    The text names the cause: `SIGSEGV`, `exit code 3`, `no answer in 60 s`.

    Args:
        code: its exit code, negative for a signal; None where it gave no answer.
        seconds: how long an answer was awaited.
    """

    def __init__(self, code: int | None, seconds: float = 0.0) -> None:
        super().__init__(f"no answer in {seconds:.0f} s" if code is None else cause_of_death(code))
        self.code = code

    @property
    def how(self) -> str:
        """What happened, as the predicate of a sentence."""
        return f"gave {self}" if self.code is None else ended(self.code)


class Failed(Exception):
    """The child lives, and answers that it cannot do what it was asked; the text is its line."""


def cause_of_death(code: int) -> str:
    """`SIGSEGV` or `exit code 3`, from an exit code as `subprocess` gives it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


def ended(code: int) -> str:
    """`ended by SIGSEGV` or `ended with exit code 3`."""
    return f"ended {'by' if code < 0 else 'with'} {cause_of_death(code)}"


def start_python(
    code: str,
    *,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    environment: Mapping[str, str] | None = None,
    new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a Python process that finds this package where this process found it, whatever the working directory holds.

    Args:
        code: what it runs.
        stdout, stderr: as for `subprocess.Popen`. Its standard input is a pipe.
        environment: its environment; None: this process's. PYTHONPATH and PYTHONSAFEPATH are set in it.
        new_session: whether Ctrl-C in the terminal leaves it alone.

    Raises:
        OSError: it cannot be started.
    """
    variables = dict(os.environ if environment is None else environment)
    paths = [PACKAGE_PARENT, variables.get("PYTHONPATH", "")]
    variables |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONSAFEPATH": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=variables,
        bufsize=0,
        start_new_session=new_session,
    )


def end(process: subprocess.Popen[bytes], patience_s: float = 0.0) -> int:
    """End a process of `start_python`, killed where it does not end by itself in time; may be called twice.

    Returns:
        Its exit code.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        if patience_s:
            process.wait(patience_s)
    if process.poll() is None:
        process.kill()
    code = process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    return code


class Child:
    """A child process that answers; it ends with this object, and with this process, however that ends.

    Args:
        code: what Python runs in it; its side of the talk is `answering`.
        stderr: where its standard error goes; None: nowhere.
        environment: variables beside those of this process.

    Attributes:
        pid: its process id.
        close: ends the child; may be called twice. Leaving a `with` block calls it.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(
        self, code: str, stderr: IO[bytes] | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._process = start_python(
            code,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if stderr is None else stderr,
            environment={**os.environ, **(environment or {})},
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # pipes, as asked for
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        self.close = weakref.finalize(self, end, self._process)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def send(self, data: bytes) -> None:
        """Write a request.

        Raises:
            Died: it is gone.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[self._requests.write(view) :]
        except (BrokenPipeError, ValueError):  # gone now, or closed after an earlier failure
            raise self._died() from None

    def answer(self, patience_s: float | None) -> bytes:
        """The content of its next answer.

        Args:
            patience_s: seconds after which it is ended; None: it may take as long as it wants.

        Raises:
            Failed: it cannot do what it was asked.
            Died: it is gone, or silent for too long.
        """
        until = None if patience_s is None else time.monotonic() + patience_s
        try:
            status = self._read(1, until)
            content = self._read(int.from_bytes(self._read(8, until), "little"), until)
        except TimeoutError:
            self.close()
            raise Died(None, patience_s or 0.0) from None
        if status == FAILED:
            raise Failed(content.decode("utf-8", "replace"))
        return content

    def _read(self, size: int, until: float | None) -> bytes:
        """Exactly `size` bytes; raises TimeoutError where they do not come until then."""
        content = bytearray()
        while len(content) < size:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self._answers], [], [], left)[0]:
                raise TimeoutError
            part = self._answers.read(min(PART, size - len(content)))
            if not part:
                raise self._died()
            content += part
        return bytes(content)

    def _died(self) -> Died:
        code = self._process.wait()
        self.close()
        return Died(code)


class Answer(Protocol):
    """Answers a request: with content, or with the line of a failure."""

    def __call__(self, data: bytes = b"", failure: str | None = None) -> None: ...


@contextlib.contextmanager
def answering() -> Iterator[tuple[BinaryIO, Answer]]:
    """The child's side: (standard input, function that answers). Ends this process when the parent is gone.

    What was standard output belongs to the answers alone, so that nothing that a library prints garbles them.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    end_with_parent()

    def answer(data: bytes = b"", failure: str | None = None) -> None:
        content = data if failure is None else failure.encode("utf-8", "replace")
        answers.write((DONE if failure is None else FAILED) + len(content).to_bytes(8, "little") + content)
        answers.flush()

    with contextlib.suppress(BrokenPipeError):
        yield sys.stdin.buffer, answer


def end_with_parent() -> None:
    """Have this process end when its parent closes the pipe that is its standard input, or dies, however it dies."""
    threading.Thread(target=_wait_for_hangup, daemon=True).start()


def _wait_for_hangup() -> None:
    # Waited for, not read: the requests are the main thread's, and a lock on the stream would outlast it.
    hangup = select.poll()
    hangup.register(0, 0)
    hangup.poll()
    os._exit(PARENT_IS_GONE)
