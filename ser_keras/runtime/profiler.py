"""Where a model's time goes, operation by operation: the profiler of LiteRT's C interface, which its Python lacks."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import Unavailable

LIBRARY = {"linux": "libLiteRt.so", "darwin": "libLiteRt.dylib"}
RUNS = 50
# node type, start, first, average (ms), two shares, memory, times called, name
ROW = re.compile(
    r"\s*(?P<name>\S.*?)(\s+[\d.]+){2}\s+(?P<average>[\d.]+)(\s+[\d.]+%){2}\s+[\d.]+\s+(?P<calls>\d+)\s+\["
)
# What the library's functions are called with.
if TYPE_CHECKING:
    Buffer = ctypes.Array[ctypes.c_char] | ctypes.Array[ctypes.c_void_p]
    Argument: TypeAlias = ctypes._SimpleCData[int] | ctypes.c_void_p | ctypes._CArgObject | Buffer | bytes | None
CPU = 1  # a bit of LiteRtHwAccelerators
WRITE = 1  # of LiteRtTensorBufferLockMode


def operations(
    content: bytes, window: ArrayLike, threads: int = 1, *, runs: int = RUNS
) -> list[tuple[str, float, float]]:
    """Time of each kind of operation.

    Args:
        content: bytes of a `.tflite` with one input and one output.
        window: [N], 16 kHz.
        threads: of the runtime.
        runs: windows to average over.

    Returns:
        (operation, milliseconds a window, times called a window), the largest first. What LiteRT's CPU
        delegate computes is called as it says ("Delegate/Convolution (NHWC, F32) IGEMM").

    Raises:
        Unavailable: LiteRT's library is not there, or it does not profile this model.
    """
    return parse(_summary(content, np.ascontiguousarray(window, np.float32), threads=threads, runs=runs), runs)


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("ai_edge_litert")
    path = Path(spec.origin).parent / LIBRARY.get(sys.platform, "LiteRt.dll") if spec and spec.origin else None
    if path is None or not path.is_file():
        raise Unavailable("LiteRT's profiler needs ai-edge-litert 2.3 or newer: pip install 'ai-edge-litert>=2.3'")
    try:
        library = ctypes.CDLL(str(path))
    except OSError:
        library = None
    if library is None or not hasattr(library, "LiteRtGetProfileSummary"):  # older libraries lack it
        raise Unavailable("this ai-edge-litert has no profiler: pip install 'ai-edge-litert>=2.3'")
    return library


def _summary(content: bytes, window: NDArray[np.float32], *, threads: int, runs: int) -> str:
    """The text that LiteRT's profiler prints."""
    library, number, handle = _library(), ctypes.c_size_t, ctypes.c_void_p

    def check(status: int, function: str) -> None:
        if status:
            raise Unavailable(f"LiteRT's profiler refuses this model: {function} gives status {status}")

    def call(function: str, *arguments: Argument) -> None:
        check(getattr(library, function)(*arguments), function)

    def new(function: str, *arguments: Argument) -> ctypes.c_void_p:
        created = handle()
        call(function, *arguments, ctypes.byref(created))
        return created

    runtime = ctypes.CDLL(None)
    runtime.strdup.restype, runtime.strdup.argtypes = handle, [ctypes.c_char_p]
    free = ctypes.cast(runtime.free, handle)
    environment = new("LiteRtCreateEnvironment", ctypes.c_int(0), None)
    options = new("LiteRtCreateOptions")
    call("LiteRtSetOptionsHardwareAccelerators", options, ctypes.c_int(CPU))
    for name, text in (("runtime_options_string", "enable_profiling = true"), ("xnnpack", f"num_threads = {threads}")):
        payload = handle(runtime.strdup(f"{text}\n".encode()))  # the library frees it
        call("LiteRtAddOpaqueOptions", options, new("LiteRtCreateOpaqueOptions", name.encode(), payload, free))
    model_bytes = ctypes.create_string_buffer(content, len(content))
    model = new("LiteRtCreateModelFromBuffer", environment, model_bytes, number(len(content)))
    compiled = new("LiteRtCreateCompiledModel", environment, model, options)
    profiler = new("LiteRtCompiledModelGetProfiler", compiled)
    if not profiler:
        raise Unavailable("LiteRT gives no profiler for this model")
    signature = new("LiteRtGetModelSignature", model, number(0))

    def buffer(kind: str) -> ctypes.c_void_p:
        kind_type = ctypes.create_string_buffer(256)  # a LiteRtRankedTensorType, whose layout is the library's affair
        tensor = new(f"LiteRtGetSignature{kind}TensorByIndex", signature, number(0))
        call("LiteRtGetRankedTensorType", tensor, kind_type)
        needs = new(f"LiteRtGetCompiledModel{kind}BufferRequirements", compiled, number(0), number(0))
        return new("LiteRtCreateManagedTensorBufferFromRequirements", environment, kind_type, needs)

    samples, place = buffer("Input"), handle()
    call("LiteRtLockTensorBuffer", samples, ctypes.byref(place), ctypes.c_int(WRITE))
    ctypes.memmove(place, window.ctypes.data, window.nbytes)
    call("LiteRtUnlockTensorBuffer", samples)
    takes, gives = (handle * 1)(samples), (handle * 1)(buffer("Output"))
    for turn in range(runs + 1):
        if turn == 1:  # the first warms up
            call("LiteRtStartProfiler", profiler)
        call("LiteRtRunCompiledModel", compiled, number(0), number(1), takes, number(1), gives)
    call("LiteRtStopProfiler", profiler)
    summary = ctypes.c_char_p()
    call("LiteRtGetProfileSummary", profiler, compiled, ctypes.byref(summary))
    return (summary.value or b"").decode("utf-8", "replace")


def parse(text: str, runs: int) -> list[tuple[str, float, float]]:
    """Sum the rows of the table in order of execution by the kind of operation."""
    sums: dict[str, list[float]] = {}
    for row in text.partition("Run Order")[2].partition("\n\n")[0].splitlines():
        if cells := ROW.match(row):
            entry = sums.setdefault(cells["name"], [0.0, 0.0])
            entry[0] += float(cells["average"]) * int(cells["calls"]) / runs
            entry[1] += int(cells["calls"]) / runs
    if not sums:
        raise Unavailable("LiteRT's profiler says nothing about this model")
    return sorted(((name, ms, calls) for name, (ms, calls) in sums.items()), key=lambda entry: -entry[1])
