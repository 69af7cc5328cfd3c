"""The TFLite runtimes that may be installed, and a checked interpreter over the bytes of one model."""

import importlib
import importlib.util

import numpy as np

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.common.quiet_stderr import without_info_lines

RUNTIMES = {"litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
IDENTIFIER = b"TFL3"  # at byte 4 of every .tflite


def installed():
    """Names of the runtimes that can run models here, the preferred one first."""
    return [name for name in RUNTIMES if _present(name) and not _numpy_trouble(name)]


def choose(runtime="auto"):
    """Resolve a runtime's name; `auto` takes LiteRT where it is installed.

    Raises:
        SerKerasError: unknown, not installed, or unable to run beside this numpy.
    """
    if runtime == "auto":
        usable = installed()
        if usable:
            return usable[0]
        trouble = next((t for t in map(_numpy_trouble, RUNTIMES) if t), None)
        raise SerKerasError(trouble or "no TFLite runtime is installed: pip install ai-edge-litert")
    if runtime not in RUNTIMES:
        raise SerKerasError(f"no runtime '{runtime}'; nearest: {nearest(runtime, ['auto', *RUNTIMES])}")
    if not _present(runtime):
        raise SerKerasError(f"the runtime '{runtime}' is not installed: pip install {PACKAGES[runtime]}")
    trouble = _numpy_trouble(runtime)
    if trouble:
        raise SerKerasError(trouble)
    return runtime


def _present(runtime):
    return importlib.util.find_spec(RUNTIMES[runtime].partition(".")[0]) is not None


def _numpy_trouble(runtime):
    """Why a runtime that is installed can't run beside the installed numpy; None where it can."""
    if runtime == "tflite-runtime" and _present(runtime) and int(np.__version__.partition(".")[0]) >= 2:
        return (
            f"tflite-runtime is built for numpy 1 and fails under the installed numpy {np.__version__}: "
            "pip install 'numpy<2', or use the runtime litert (pip install ai-edge-litert)"
        )
    return None


class Interpreter:
    """One model in one runtime: `[1, N]` float32 samples in, `[1, C]` float32 probabilities out.

    For content that a checksum vouches for: a damaged file can bring the C++ interpreter down, and this process with
    it (`ser_keras.runtime.isolated_interpreter` for others). Not to be shared between threads.

    Args:
        content: bytes of the `.tflite` file.
        name: how messages call it.
        runtime: `litert` or `tflite-runtime`.
        threads: at least 1.

    Attributes:
        window_samples: N.
        n_classes: C.

    Raises:
        SerKerasError: one line: damaged, no waveform classifier, or refused by the runtime.
    """

    def __init__(self, content, name, runtime="litert", threads=1):
        if threads < 1:
            raise SerKerasError(f"{threads} threads: must be at least 1")
        if content[4:8] != IDENTIFIER:
            raise SerKerasError(f"{name} is no TFLite model (it doesn't carry the mark {IDENTIFIER.decode()})")
        self._interpreter = _create(content, name, runtime, threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shapes = [list(map(int, d["shape"])) for d in (*inputs, *outputs)]
        kinds = {np.dtype(d["dtype"]) for d in (*inputs, *outputs)}
        if len(shapes) != 2 or any(len(s) != 2 or s[0] != 1 or s[1] < 1 for s in shapes) or kinds != {np.dtype("f4")}:
            raise SerKerasError(
                f"{name} is no waveform classifier: expected one float32 input [1, N] and one float32 output [1, C], "
                f"found {len(inputs)} and {len(outputs)} of shapes {', '.join(map(str, shapes))}"
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.window_samples, self.n_classes = shapes[0][1], shapes[1][1]

    def __call__(self, window):
        """Probabilities [C] of one window [N]."""
        self._interpreter.set_tensor(self._input, window[np.newaxis])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]


class Stepper:
    """One step of a causal sequence model, its state carried on by the caller.

    Args:
        content, name, runtime, threads: as for `Interpreter`; a file with the signature `step`.

    Attributes:
        chunk_samples: N, samples of one chunk.

    Raises:
        SerKerasError: one line: damaged, or no such file.
    """

    def __init__(self, content, name, runtime="litert", threads=1):
        if content[4:8] != IDENTIFIER:
            raise SerKerasError(f"{name} is no TFLite model (it doesn't carry the mark {IDENTIFIER.decode()})")
        self._interpreter = _create(content, name, runtime, threads)  # the runner holds no reference to it
        try:
            self._run = self._interpreter.get_signature_runner("step")
        except ValueError:
            raise SerKerasError(f"{name} takes no single steps: it has no signature 'step'") from None
        self._shapes = {key: d["shape"].tolist() for key, d in self._run.get_input_details().items()}
        self.chunk_samples = self._shapes["audio"][1]

    def start(self):
        """The state before the first chunk: name -> zeros."""
        return {key: np.zeros(shape, np.float32) for key, shape in self._shapes.items() if key != "audio"}

    def __call__(self, chunk, state):
        """(probabilities [C] of all chunks so far, new state) from a chunk [N] and the state before it."""
        found = self._run(audio=np.asarray(chunk, np.float32)[np.newaxis], **state)
        return found.pop("probabilities")[0], found


def import_runtime(runtime):
    """The runtime's Python module."""
    return importlib.import_module(RUNTIMES[runtime])


def _create(content, name, runtime, threads):
    module = import_runtime(runtime)
    try:
        with without_info_lines():
            interpreter = module.Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, MemoryError, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SerKerasError(f"{name} can't be run by {runtime}; the file may be damaged: {reason[:200]}") from None
    if runtime == "tflite-runtime" and _scaled_by_channel(interpreter):
        raise SerKerasError(
            f"{name} is refused for tflite-runtime, which gives wrong probabilities for it without a word: a dense "
            "layer of int8 weights with a scale a channel meets float activations; use the runtime litert "
            "(pip install ai-edge-litert), or a file whose weights alone are int8"
        )
    return interpreter


def _scaled_by_channel(interpreter):
    """Whether a dense layer has int8 weights with a scale a channel and float activations."""
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "FULLY_CONNECTED":
            activations, weights = (tensors.get(i) for i in list(operation["inputs"])[:2])
            scales = weights["quantization_parameters"]["scales"] if weights else ()
            if activations and activations["dtype"] == np.float32 and len(scales) > 1 and weights["dtype"] == np.int8:
                return True
    return False
