"""An interpreter in a process of its own, for model files that nothing vouches for.

A damaged file can make the C++ runtimes write where they shouldn't. Trying it once proves little (what a stray write
hits differs from process to process), so such a model runs in a child for as long as it is used.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import weakref

import numpy as np

from ser_keras.errors import SerKerasError
from ser_keras.interpreter import Interpreter

TIMEOUT_S = 60  # for loading, and for one window
MEMORY = 8 << 30  # bytes of address space: a flipped bit can ask for a tensor of terabytes
DONE, FAILED = b"\0", b"\1"


class IsolatedInterpreter:
    """As `interpreter.Interpreter`, for any content: whatever happens to the child is one line.

    Args:
        content, name, runtime, threads: as for `interpreter.Interpreter`.

    Attributes:
        window_samples, n_classes: as there.

    Raises:
        SerKerasError: the file is damaged, is no classifier, or brought the child down.
    """

    def __init__(self, content, name, runtime="litert", threads=1):
        self._name, self._runtime = name, runtime
        command = [sys.executable, "-c", "from ser_keras.isolated import serve; serve()"]
        environment = {**os.environ, "PYTHONSAFEPATH": "1"}  # no module of the working directory gets in between
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment, bufsize=0
            )
        except OSError as error:
            raise SerKerasError(f"{name} can't be run in a process of its own: {error.strerror}") from None
        self.close = weakref.finalize(self, _end, self._child)
        request = {"name": str(name), "runtime": runtime, "threads": threads, "size": len(content)}
        self._send(json.dumps(request).encode() + b"\n" + content)
        self.window_samples, self.n_classes = np.frombuffer(self._receive(16), "<i8").tolist()

    def __call__(self, window):
        """Probabilities [C] of one window [N]."""
        self._send(np.ascontiguousarray(window, "<f4").tobytes())
        return np.frombuffer(self._receive(4 * self.n_classes), "<f4")

    def _send(self, data):
        view = memoryview(data)
        try:
            while view:
                view = view[self._child.stdin.write(view) :]
        except (BrokenPipeError, ValueError):  # gone now, or closed after an earlier failure
            self._refuse()

    def _receive(self, size):
        if self._read(1) == FAILED:
            line = self._read(int.from_bytes(self._read(4), "little")).decode("utf-8")
            self.close()
            raise SerKerasError(line)
        return self._read(size)

    def _read(self, size):
        parts = b""
        while len(parts) < size:
            if not select.select([self._child.stdout], [], [], TIMEOUT_S)[0]:
                self.close()
                raise SerKerasError(f"{self._name} is damaged: {self._runtime} doesn't come to an end with it")
            part = self._child.stdout.read(size - len(parts))
            if not part:
                self._refuse()
            parts += part
        return parts

    def _refuse(self):
        code = self._child.wait()
        self.close()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise SerKerasError(f"{self._name} is damaged: it brings {self._runtime} down ({how})")


def _end(child):
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def serve():
    """The child's side: a model on standard input, then windows; answers on what was standard output."""
    stdin, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints may garble the answers
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.loads(stdin.readline())
    name = request["name"]

    def answer(status, data):
        answers.write(status + data)
        answers.flush()

    try:
        model = Interpreter(stdin.read(request["size"]), name, request["runtime"], request["threads"])
        size = model.window_samples
        for window in (np.zeros(size), np.random.default_rng(0).uniform(-1, 1, size)):
            result = model(window.astype(np.float32))
            if not (np.isfinite(result).all() and abs(float(result.sum()) - 1) < 1e-3):
                raise SerKerasError(f"{name} gives no probabilities that sum to 1: it is damaged, or no classifier")
        answer(DONE, np.array([size, model.n_classes], "<i8").tobytes())
        while len(data := stdin.read(4 * size)) == 4 * size:
            answer(DONE, model(np.frombuffer(data, "<f4")).astype("<f4").tobytes())
    except Exception as error:  # ours, or the runtime's complaint about a node
        known = isinstance(error, SerKerasError)
        line = str(error) if known else f"{name} is damaged: {' '.join(str(error).split())[:200]}"
        data = line.encode("utf-8", "replace")
        answer(FAILED, len(data).to_bytes(4, "little") + data)
