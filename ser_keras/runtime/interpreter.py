"""The TFLite runtimes that may be installed, and a checked interpreter over the bytes of one model."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import BadInput, Damaged, Unavailable, nearest
from ser_keras.common.quiet_stderr import without_info_lines

RuntimeName: TypeAlias = Literal["litert", "tflite-runtime"]
RuntimeChoice: TypeAlias = RuntimeName | Literal["auto"]

RUNTIMES: dict[RuntimeName, str] = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
PACKAGES: dict[RuntimeName, str] = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
IDENTIFIER = b"TFL3"  # at byte 4 of every .tflite


class WindowClassifier(Protocol):
    """What runs a model: one window at a time.

    Attributes:
        window_samples: N, samples of a window.
        n_classes: C.
    """

    window_samples: int
    n_classes: int

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities [C] of one window [N]."""


class _Quantisation(TypedDict):
    scales: NDArray[np.float32]


class _Tensor(TypedDict):
    """A tensor as the runtimes describe it."""

    index: int
    shape: NDArray[np.int32]
    dtype: type[np.generic]
    quantization_parameters: _Quantisation


class _Operation(TypedDict):
    op_name: str
    inputs: Sequence[int]


class _Runner(Protocol):
    """Runs one signature of a model."""

    def __call__(self, **inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]: ...
    def get_input_details(self) -> dict[str, _Tensor]: ...


class _RuntimeInterpreter(Protocol):
    """The part of the runtimes' own interpreters that is used here; both packages come without types."""

    def get_input_details(self) -> list[_Tensor]: ...
    def get_output_details(self) -> list[_Tensor]: ...
    def get_tensor_details(self) -> list[_Tensor]: ...
    def _get_ops_details(self) -> list[_Operation]: ...
    def get_signature_runner(self, name: str) -> _Runner: ...
    def set_tensor(self, index: int, value: NDArray[np.float32]) -> None: ...
    def invoke(self) -> None: ...
    def get_tensor(self, index: int) -> NDArray[np.float32]: ...


def installed() -> list[RuntimeName]:
    """Names of the runtimes that can run models here, the preferred one first."""
    return [name for name in RUNTIMES if is_present(name) and not _numpy_trouble(name)]


def choose(runtime: RuntimeChoice = "auto") -> RuntimeName:
    """Resolve a runtime's name; `auto` takes LiteRT where it is installed.

    Raises:
        BadInput: unknown.
        Unavailable: not installed, or unable to run beside this numpy.
    """
    if runtime == "auto":
        usable = installed()
        if usable:
            return usable[0]
        trouble = next((t for t in map(_numpy_trouble, RUNTIMES) if t), None)
        raise Unavailable(trouble or "no TFLite runtime is installed: pip install ai-edge-litert")
    if runtime not in RUNTIMES:
        raise BadInput(f"no runtime '{runtime}'; nearest: {nearest(runtime, ['auto', *RUNTIMES])}")
    if not is_present(runtime):
        raise Unavailable(f"the runtime '{runtime}' is not installed: pip install {PACKAGES[runtime]}")
    trouble = _numpy_trouble(runtime)
    if trouble:
        raise Unavailable(trouble)
    return runtime


def is_present(runtime: RuntimeName) -> bool:
    return importlib.util.find_spec(RUNTIMES[runtime].partition(".")[0]) is not None


def _numpy_trouble(runtime: RuntimeName) -> str | None:
    """Why a runtime that is installed cannot run beside the installed numpy; None where it can."""
    if runtime == "tflite-runtime" and is_present(runtime) and int(np.__version__.partition(".")[0]) >= 2:
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
        BadInput: no TFLite file, no waveform classifier, refused for this runtime, or fewer threads than 1.
        Damaged: the runtime cannot read it.
    """

    def __init__(self, content: bytes, name: str | Path, runtime: RuntimeName = "litert", *, threads: int = 1) -> None:
        if threads < 1:
            raise BadInput(f"{threads} threads: must be at least 1")
        if content[4:8] != IDENTIFIER:
            raise BadInput(f"{name} is no TFLite model (it doesn't carry the mark {IDENTIFIER.decode()})")
        self._interpreter = _create(content, name, runtime, threads=threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shapes = [list(map(int, d["shape"])) for d in (*inputs, *outputs)]
        dtypes = {np.dtype(d["dtype"]) for d in (*inputs, *outputs)}
        if len(shapes) != 2 or any(len(s) != 2 or s[0] != 1 or s[1] < 1 for s in shapes) or dtypes != {np.dtype("f4")}:
            raise BadInput(
                f"{name} is no waveform classifier: expected one float32 input [1, N] and one float32 output [1, C], "
                f"found {len(inputs)} and {len(outputs)} of shapes {', '.join(map(str, shapes))}"
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.window_samples, self.n_classes = shapes[0][1], shapes[1][1]

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities [C] of one window [N]."""
        self._interpreter.set_tensor(self._input, window[np.newaxis])
        self._interpreter.invoke()
        probabilities: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return probabilities


class Stepper:
    """One step of a causal sequence model, its state carried on by the caller.

    Args:
        content, name, runtime, threads: as for `Interpreter`; a file with the signature `step`.

    Attributes:
        chunk_samples: N, samples of one chunk.

    Raises:
        BadInput: no TFLite file, or no such one.
        Damaged: the runtime cannot read it.
    """

    def __init__(self, content: bytes, name: str | Path, runtime: RuntimeName = "litert", *, threads: int = 1) -> None:
        if content[4:8] != IDENTIFIER:
            raise BadInput(f"{name} is no TFLite model (it doesn't carry the mark {IDENTIFIER.decode()})")
        self._interpreter = _create(content, name, runtime, threads=threads)  # the runner holds no reference to it
        try:
            self._run = self._interpreter.get_signature_runner("step")
        except ValueError:
            raise BadInput(f"{name} takes no single steps: it has no signature 'step'") from None
        self._shapes: dict[str, list[int]] = {
            key: d["shape"].tolist() for key, d in self._run.get_input_details().items()
        }
        self.chunk_samples = self._shapes["audio"][1]

    def start(self) -> dict[str, NDArray[np.float32]]:
        """The state before the first chunk: name -> zeros."""
        return {key: np.zeros(shape, np.float32) for key, shape in self._shapes.items() if key != "audio"}

    def __call__(
        self, chunk: ArrayLike, state: Mapping[str, NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """(probabilities [C] of all chunks so far, new state) from a chunk [N] and the state before it."""
        outputs = self._run(audio=np.asarray(chunk, np.float32)[np.newaxis], **state)
        return outputs.pop("probabilities")[0], outputs


def import_runtime(runtime: RuntimeName) -> ModuleType:
    """The runtime's Python module."""
    return importlib.import_module(RUNTIMES[runtime])


def _create(content: bytes, name: str | Path, runtime: RuntimeName, *, threads: int) -> _RuntimeInterpreter:
    module = import_runtime(runtime)
    try:
        with without_info_lines():
            interpreter = module.Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, MemoryError, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Damaged(f"{name} can't be run by {runtime}; the file may be damaged: {reason[:200]}") from None
    if runtime == "tflite-runtime" and scaled_by_channel(interpreter):
        raise BadInput(
            f"{name} is refused for tflite-runtime, which gives wrong probabilities for it without a word: a dense "
            "layer of int8 weights with a scale a channel meets float activations; use the runtime litert "
            "(pip install ai-edge-litert), or a file whose weights alone are int8"
        )
    checked: _RuntimeInterpreter = interpreter
    return checked


def scaled_by_channel(interpreter: _RuntimeInterpreter) -> bool:
    """Whether a dense layer has int8 weights with a scale a channel and float activations."""
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "FULLY_CONNECTED":
            activations, weights = (tensors.get(i) for i in list(operation["inputs"])[:2])
            if not activations or not weights:
                continue
            scales = weights["quantization_parameters"]["scales"]
            if activations["dtype"] == np.float32 and len(scales) > 1 and weights["dtype"] == np.int8:
                return True
    return False
