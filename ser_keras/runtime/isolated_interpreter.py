"""A TFLite interpreter in a child process, for model files without a verified checksum.

A damaged file can make the C++ runtimes write where they should not. Trying it once proves little (what a stray write
hits differs from process to process), so such a model runs in a child process for as long as it is used.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.child_process import Child, Died, Failed, answering
from ser_keras.common.errors import BadInput, Damaged, SerKerasError, Unavailable
from ser_keras.runtime.interpreter import Interpreter, RuntimeName

TIMEOUT_S = 60  # for loading, and for one window
MEMORY = 8 << 30  # bytes of address space: a flipped bit can ask for a tensor of terabytes
CHILD = "from ser_keras.runtime.isolated_interpreter import serve; serve()"


class IsolatedInterpreter:
    """As `interpreter.Interpreter`, for any content: whatever happens to the child is one line.

    Args:
        content, name, runtime, threads: as for `interpreter.Interpreter`.

    Attributes:
        window_samples, n_classes: as there.

    Raises:
        BadInput: the file is no waveform classifier.
        Damaged: it brought the child down. (What is damaged and does not crash may be refused as either.)
        Unavailable: no process can be started.
    """

    def __init__(self, content: bytes, name: str | Path, runtime: RuntimeName = "litert", *, threads: int = 1) -> None:
        self._name, self._runtime = name, runtime
        try:
            self._child = Child(CHILD)
        except OSError as error:
            raise Unavailable(f"{name} can't be run in a process of its own: {error.strerror}") from None
        request = {"name": str(name), "runtime": runtime, "threads": threads, "size": len(content)}
        shape = self._ask(json.dumps(request).encode() + b"\n" + content, 16)
        self.window_samples, self.n_classes = np.frombuffer(shape, "<i8").tolist()

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities [C] of one window [N]."""
        content = self._ask(np.ascontiguousarray(window, "<f4").tobytes(), 4 * self.n_classes)
        return np.frombuffer(content, "<f4")

    def _ask(self, request: bytes, size: int) -> bytes:
        """The child's answer of `size` bytes; the child ends with any other."""
        try:
            self._child.send(request)
            content = self._child.answer(TIMEOUT_S)
            if len(content) == size:
                return content
            refusal: SerKerasError = self._damaged("a garbled answer")
        except Failed as failure:
            refusal = BadInput(str(failure))
        except Died as death:
            refusal = self._damaged(str(death))
        self._child.close()
        raise refusal

    def _damaged(self, how: str) -> Damaged:
        return Damaged(f"{self._name} is damaged: it brings {self._runtime} down ({how})")


def serve() -> None:
    """The child's side: a model on standard input, then windows."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())
        name = request["name"]
        try:
            content = stdin.read(request["size"])
            model = Interpreter(content, name, request["runtime"], threads=request["threads"])
            size = model.window_samples
            for window in (np.zeros(size), np.random.default_rng(0).uniform(-1, 1, size)):
                result = model(window.astype(np.float32))
                if not (np.isfinite(result).all() and abs(float(result.sum()) - 1) < 1e-3):
                    raise Damaged(f"{name} gives no probabilities that sum to 1: it is damaged, or no classifier")
            answer(np.array([size, model.n_classes], "<i8").tobytes())
            while len(data := stdin.read(4 * size)) == 4 * size:
                answer(model(np.frombuffer(data, "<f4")).astype("<f4").tobytes())
        except BrokenPipeError:
            raise
        except SerKerasError as error:
            answer(failure=str(error))
        except Exception as error:  # the runtime's complaint about a node
            answer(failure=f"{name} is damaged: {' '.join(str(error).split())[:200]}")
