"""Keras models to TFLite, in a child process: a crash of the converter is one clear line, not the end of the job."""

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
from pathlib import Path

from ser_keras.errors import SerKerasError

INPUT_NAME = "audio"
OUTPUT_NAME = "probabilities"
SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class Conversion:
    """One model to convert.

    Attributes:
        source: the `.keras` file, waveform [B, N] -> probabilities [B, C], its layers `frontend` and `classifier`.
        float32: where the float32 `.tflite` goes.
        int8: where the `.tflite` with int8 weights goes.
        windows: an `.npy` of windows [n, N]; Keras's own probabilities for them go to `probabilities`.
        probabilities: see `windows`.
    """

    source: Path
    float32: Path
    int8: Path
    windows: Path | None = None
    probabilities: Path | None = None


def convert(conversions, advance=None):
    """Convert models, all in one child process, so that TensorFlow is imported once and not here.

    Args:
        conversions: list of Conversion.
        advance: called after each model.

    Raises:
        SerKerasError: a model can't be read or converted with builtin operations alone, or the converter crashed.
    """
    request = [{k: v and str(v) for k, v in dataclasses.asdict(c).items()} for c in conversions]
    command = [sys.executable, "-m", "ser_keras.export.convert"]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONSAFEPATH": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = 0
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **quiet}
        )
        try:
            # The pipe stays open: when this process dies, however it dies, the child reads its end and stops.
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            for line in child.stdout:
                answer = json.loads(line)
                if "error" in answer:
                    raise SerKerasError(answer["error"])
                done += 1
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
        if done < len(conversions):
            log.seek(0)
            raise SerKerasError(_crash(conversions[done].source, child.returncode, log.read().decode(errors="replace")))


def _crash(source, code, log):
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    said = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in said if re.search(r"error", line, re.IGNORECASE)] or said
    return f"{source} can't be converted: the converter {how}{': ' + errors[-1][:300] if errors else ''}"


def _serve():
    """The child's side: reads the request, answers one JSON line a model on what was standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not garble the answers
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    for item in request:
        try:
            _convert_one(**{k: v and Path(v) for k, v in item.items()})
            answer = {"done": item["source"]}
        except SerKerasError as error:
            answer = {"error": f"{item['source']} can't be converted: {error}"}
        except Exception as error:
            answer = {"error": f"{item['source']} can't be converted: {type(error).__name__}: {_one_line(error)}"}
        print(json.dumps(answer), file=answers, flush=True)
        if "error" in answer:
            return


def _stop_with_parent():
    sys.stdin.buffer.read()
    os._exit(1)


def _one_line(error):
    return " ".join(str(error).split())[:300]


def _convert_one(source, float32, int8, windows, probabilities):
    import numpy as np

    from ser_keras.export.quantise import quantise
    from ser_keras.interpreter import Interpreter

    model = _load_keras(source)
    content = to_tflite(model, scratch=float32.parent)
    Interpreter(content, source.name)  # operations that convert can still fail when allocated
    float32.write_bytes(content)
    int8.write_bytes(quantise(content))
    if windows is not None:
        np.save(probabilities, model.predict(np.load(windows), batch_size=32, verbose=0))


def _load_keras(source):
    import keras

    import ser_keras.frontends
    import ser_keras.models.assemble  # noqa: F401 - registers the project's layers

    try:
        return keras.models.load_model(source, compile=False)
    except Exception as error:  # zip, JSON, HDF5 and layers each fail in their own way
        raise SerKerasError(f"it is no Keras model that can be read ({_one_line(error)})") from None


def to_tflite(model, scratch=None):
    """Convert a Keras model with builtin operations only.

    Args:
        model: Keras model, [B, N] float32 -> [B, C], N fixed.
        scratch: folder in which a saved model may lie for a moment; None: the system's.

    Returns:
        bytes of a `.tflite` with the signature `serving_default`: `audio` [1, N] -> `probabilities` [1, C].

    Raises:
        SerKerasError: an operation has no builtin; the line names it.
    """
    import tensorflow as tf

    shape = model.input_shape
    if isinstance(shape, list) or len(shape) != 2 or shape[1] is None:
        raise SerKerasError(f"its input has the shape {shape}; expected (None, N) with a fixed N")

    # A module that holds the variables, and a saved model: other routes wrote files without weights, or Flex ops.
    module = tf.Module()
    module.held = [v.value for v in model.variables]

    @tf.function(input_signature=[tf.TensorSpec([1, shape[1]], tf.float32, name=INPUT_NAME)])
    def serve(audio):
        return {OUTPUT_NAME: model(audio, training=False)}

    module.serve = serve
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
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
