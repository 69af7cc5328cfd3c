"""Keras models to TFLite, in a child process: a crash of the converter is one clear line, not the end of the job."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.export.names import FEATURES_FILE, STEP_FILE, STEP_FLOAT_FILE
from ser_keras.export.quantise import quantise
from ser_keras.export.variants import VARIANTS

if TYPE_CHECKING:
    import keras

    from ser_keras.export.signatures import Graph


@dataclasses.dataclass(frozen=True)
class Conversion:
    """One model to convert.

    Attributes:
        source: the `.keras` file, waveform [B, N] -> probabilities [B, C], its layers `frontend` and `classifier`.
        float32: where the float32 `.tflite` goes; what is made beyond the two goes beside it.
        int8: where the `.tflite` with int8 weights goes.
        windows: an `.npy` of windows [n, N]; Keras's own probabilities for them go to `probabilities`.
        probabilities: see `windows`.
        further: names in `variants.VARIANTS` of further files; one that can't be made is left out.
        calibration: an `.npy` of windows [n, N] of training audio, which the variant `int8` needs.
        parts: whether the files of the front end alone and of single steps are made, too.
    """

    source: Path
    float32: Path
    int8: Path
    _: dataclasses.KW_ONLY
    windows: Path | None = None
    probabilities: Path | None = None
    further: tuple[str, ...] = ()
    calibration: Path | None = None
    parts: bool = False

    @classmethod
    def from_plain(cls, plain: PlainConversion) -> Conversion:
        """The conversion whose `dataclasses.asdict` went through JSON."""
        return cls(
            Path(plain["source"]),
            Path(plain["float32"]),
            Path(plain["int8"]),
            windows=_path(plain["windows"]),
            probabilities=_path(plain["probabilities"]),
            further=tuple(plain["further"]),
            calibration=_path(plain["calibration"]),
            parts=plain["parts"],
        )


class PlainConversion(TypedDict):
    """A `Conversion` as JSON has it."""

    source: str
    float32: str
    int8: str
    windows: str | None
    probabilities: str | None
    further: list[str]
    calibration: str | None
    parts: bool


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def convert(conversions: Sequence[Conversion], advance: Callable[[], None] | None = None) -> list[dict[str, str]]:
    """Convert models, all in one child process, so that TensorFlow is imported once and not here.

    Args:
        conversions: the models.
        advance: called after each model.

    Returns:
        Of each model: file name -> why it is left out.

    Raises:
        SerKerasError: a model can't be read or converted with builtin operations alone, or the converter crashed.
    """
    request = [dataclasses.asdict(c) for c in conversions]
    command = [sys.executable, "-m", "ser_keras.export.convert"]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONSAFEPATH": "1", "CUDA_VISIBLE_DEVICES": ""}
    left_out = []
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **quiet}
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            # The pipe stays open: when this process dies, however it dies, the child reads its end and stops.
            child.stdin.write(json.dumps(request, default=str).encode() + b"\n")
            child.stdin.flush()
            for line in child.stdout:
                answer = json.loads(line)
                if "error" in answer:
                    raise SerKerasError(answer["error"])
                left_out.append(answer["left_out"])
                if advance is not None:
                    advance()
            child.wait()
        except BrokenPipeError:
            child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            child.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        if len(left_out) < len(conversions):
            log.seek(0)
            source = conversions[len(left_out)].source
            raise SerKerasError(_crash(source, child.returncode, log.read().decode(errors="replace")))
    return left_out


def _crash(source: Path, code: int, log: str) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error", line, re.IGNORECASE)] or lines
    return f"{source} can't be converted: the converter {how}{': ' + errors[-1][:300] if errors else ''}"


def _serve() -> None:
    """The child's side: reads the request, answers one JSON line a model on what was standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not garble the answers
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    for item in request:
        try:
            answer: dict[str, dict[str, str] | str] = {"left_out": _convert_one(Conversion.from_plain(item))}
        except SerKerasError as error:
            answer = {"error": f"{item['source']} can't be converted: {error}"}
        except Exception as error:
            answer = {"error": f"{item['source']} can't be converted: {type(error).__name__}: {_one_line(error)}"}
        print(json.dumps(answer), file=answers, flush=True)
        if "error" in answer:
            return


def _stop_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _convert_one(job: Conversion) -> dict[str, str]:
    """Write the files of one model; returns those left out, with reasons."""
    from ser_keras.export import signatures
    from ser_keras.runtime.interpreter import Interpreter

    model = _load_keras(job.source)
    folder = job.float32.parent
    content = to_tflite(model, folder)
    Interpreter(content, job.source.name)  # operations that convert can still fail when allocated
    job.float32.write_bytes(content)
    job.int8.write_bytes(quantise(content))
    calibration = None if job.calibration is None else np.load(job.calibration)
    left_out: dict[str, str] = {}
    for name in job.further:
        try:
            variant = quantise(content, name, calibration)
            Interpreter(variant, VARIANTS[name].file)(np.zeros(model.input_shape[1], np.float32))
            (folder / VARIANTS[name].file).write_bytes(variant)
        except Exception as error:  # operations that this way of storing them has no kernel for, and the like
            ours = isinstance(error, SerKerasError)
            left_out[VARIANTS[name].file] = str(error) if ours else f"{type(error).__name__}: {_one_line(error)}"
    if job.windows is not None and job.probabilities is not None:
        np.save(job.probabilities, model.predict(np.load(job.windows), batch_size=32, verbose=0))
    if job.parts:
        (folder / FEATURES_FILE).write_bytes(graph_to_tflite(signatures.features(model), folder))
        try:
            one = signatures.step(model)
        except SerKerasError as error:
            left_out[STEP_FILE] = str(error)
        else:
            content = graph_to_tflite(one, folder)
            (folder / STEP_FLOAT_FILE).write_bytes(content)
            (folder / STEP_FILE).write_bytes(quantise(content))
    return left_out


def _load_keras(source: Path) -> keras.Model:
    import keras

    import ser_keras.features.frontends
    import ser_keras.models.end_to_end  # noqa: F401 - registers the project's layers

    try:
        return keras.models.load_model(source, compile=False)
    except Exception as error:  # zip, JSON, HDF5 and layers each fail in their own way
        raise SerKerasError(f"it is no Keras model that can be read ({_one_line(error)})") from None


def to_tflite(model: keras.Model, scratch: Path | None = None) -> bytes:
    """Convert an end-to-end Keras model, [B, N] float32 -> [B, C], N fixed: `graph_to_tflite` of `signatures.whole`."""
    from ser_keras.export import signatures

    return graph_to_tflite(signatures.whole(model), scratch)


def graph_to_tflite(graph: Graph, scratch: Path | None = None) -> bytes:
    """Convert a graph with builtin operations only.

    Args:
        graph: the function, its inputs and variables.
        scratch: folder in which a saved model may lie for a moment; None: the system's.

    Returns:
        bytes of a `.tflite` with the graph's one signature.

    Raises:
        SerKerasError: an operation has no builtin; the line names it.
    """
    import tensorflow as tf

    from ser_keras.features.frontends.fourier import by_products

    # A module that holds the variables, and a saved model: other routes wrote files without weights, or Flex ops.
    module = tf.Module()
    module.held = [v.value for v in graph.variables]
    specs = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in graph.inputs.items()]
    module.serve = serve = tf.function(graph.function, input_signature=specs)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        with by_products():
            tf.saved_model.save(module, folder, signatures={graph.signature: serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[graph.signature])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return converter.convert()
        except Exception as error:
            operations = sorted(set(re.findall(r"\btf\.(\w+)\s*\(", str(error))))
            if not operations:
                raise
            raise SerKerasError(
                f"TFLite has no builtin operation for {', '.join(operations)}; write the layer with others"
            ) from None


if __name__ == "__main__":
    _serve()
