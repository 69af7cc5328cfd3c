"""An interpreter in a process of its own, for model files that nothing vouches for.

A damaged file can make the C++ runtimes write where they shouldn't. Trying it once proves little (what a stray write
hits differs from process to process), so such a model runs in a child for as long as it is used.
"""

import contextlib
import json

import numpy as np

from ser_keras.common.child_process import Child, Died, answering
from ser_keras.common.errors import SerKerasError
from ser_keras.runtime.interpreter import Interpreter

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
        SerKerasError: the file is damaged, is no classifier, or brought the child down.
    """

    def __init__(self, content, name, runtime="litert", threads=1):
        self._name, self._runtime = name, runtime
        try:
            self._child = Child(CHILD)
        except OSError as error:
            raise SerKerasError(f"{name} can't be run in a process of its own: {error.strerror}") from None
        request = {"name": str(name), "runtime": runtime, "threads": threads, "size": len(content)}
        answer = self._ask(json.dumps(request).encode() + b"\n" + content, 16)
        self.window_samples, self.n_classes = np.frombuffer(answer, "<i8").tolist()

    def __call__(self, window):
        """Probabilities [C] of one window [N]."""
        return np.frombuffer(self._ask(np.ascontiguousarray(window, "<f4").tobytes(), 4 * self.n_classes), "<f4")

    def _ask(self, data, size):
        try:
            self._child.send(data)
            complaint = self._child.complaint(TIMEOUT_S)
            if complaint is None:
                return self._child.read(size, TIMEOUT_S)
        except Died as death:
            complaint = f"{self._name} is damaged: it brings {self._runtime} down ({death})"
        self._child.close()
        raise SerKerasError(complaint)


def serve():
    """The child's side: a model on standard input, then windows."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())
        name = request["name"]
        try:
            model = Interpreter(stdin.read(request["size"]), name, request["runtime"], request["threads"])
            size = model.window_samples
            for window in (np.zeros(size), np.random.default_rng(0).uniform(-1, 1, size)):
                result = model(window.astype(np.float32))
                if not (np.isfinite(result).all() and abs(float(result.sum()) - 1) < 1e-3):
                    raise SerKerasError(f"{name} gives no probabilities that sum to 1: it is damaged, or no classifier")
            answer(np.array([size, model.n_classes], "<i8").tobytes())
            while len(data := stdin.read(4 * size)) == 4 * size:
                answer(model(np.frombuffer(data, "<f4")).astype("<f4").tobytes())
        except BrokenPipeError:
            raise
        except Exception as error:  # ours, or the runtime's complaint about a node
            known = isinstance(error, SerKerasError)
            answer(failure=str(error) if known else f"{name} is damaged: {' '.join(str(error).split())[:200]}")
