"""Keras models to TFLite, in a child process: a crash of the converter is one clear line, not the end of the job."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ser_keras.common import plugins
from ser_keras.common.child_process import Child, Died, Failed, answering
from ser_keras.common.errors import BadInput, SerKerasError, Unavailable
from ser_keras.export.names import FEATURES_FILE, STEP_FILE, STEP_FLOAT_FILE
from ser_keras.export.quantise import quantise
from ser_keras.export.variants import VARIANTS

if TYPE_CHECKING:
    import keras

    from ser_keras.export.signatures import Graph

CHILD = "from ser_keras.export.convert import serve; serve()"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}


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
        BadInput: a model cannot be read or converted with builtin operations alone.
        Unavailable: the converter crashed, or cannot be started.
    """
    models = [dataclasses.asdict(conversion) for conversion in conversions]
    request = json.dumps({"plugins": plugins.shared(), "models": models}, default=str)
    left_out = []
    with tempfile.TemporaryFile() as log:
        try:
            with Child(CHILD, log, QUIET) as child:
                child.send(request.encode() + b"\n")
                for _ in conversions:
                    left_out.append(json.loads(child.answer(None)))  # a large model may take long
                    if advance is not None:
                        advance()
        except Failed as failure:
            raise BadInput(str(failure)) from None
        except Died as death:
            log.seek(0)
            raise Unavailable(
                _crash(conversions[len(left_out)].source, death, log.read().decode(errors="replace"))
            ) from None
        except OSError as error:
            raise Unavailable(f"the converter can't be run in a process of its own: {error.strerror}") from None
    return left_out


def _crash(source: Path, death: Died, log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error", line, re.IGNORECASE)] or lines
    return f"{source} can't be converted: the converter {death.how}{': ' + errors[-1][:300] if errors else ''}"


def serve() -> None:
    """The child's side: a line with the conversions on standard input; of each, the files that are left out."""
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())
        for item in request["models"]:
            try:
                plugins.adopt(request["plugins"])
                left_out = convert_one(Conversion.from_plain(item))
            except SerKerasError as error:
                answer(failure=f"{item['source']} can't be converted: {error}")
                return
            except Exception as error:
                answer(failure=f"{item['source']} can't be converted: {type(error).__name__}: {_one_line(error)}")
                return
            answer(json.dumps(left_out).encode())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def convert_one(job: Conversion) -> dict[str, str]:
    """Write the files of one model; returns those left out, with reasons."""
    from ser_keras.export import signatures
    from ser_keras.models.classifier import load_keras
    from ser_keras.runtime.interpreter import Interpreter

    model = load_keras(job.source)
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
