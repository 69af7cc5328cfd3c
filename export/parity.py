"""Is the shipped file still the trained model? Keras against `.tflite`, in every runtime that is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.export.bundle_json import Comparison, Difference, RuntimeParity, Shapes, StepFile
from ser_keras.export.names import STEP, STEP_FILE, STEP_FLOAT_FILE
from ser_keras.export.reference import TOLERANCE, reference_clip
from ser_keras.export.variants import FLOAT32, INT8_WEIGHTS, OF_FILE, VARIANTS
from ser_keras.runtime.interpreter import Interpreter, Stepper, choose, import_runtime, installed

FLOAT_LIMIT = 5e-3  # largest difference from Keras that float arithmetic explains, with an ample margin
RUNTIME_LIMIT = TOLERANCE  # between two runtimes on one file of float arithmetic
INTEGER_LIMIT = 0.25  # and of integers, whose rounding is each runtime's own
STEP_LIMIT = 1e-4


def probe_windows(window_samples: int) -> NDArray[np.float32]:
    """Windows that a classifier must cope with whatever it was trained on.

    Args:
        window_samples: N.

    Returns:
        float32 [n, N]: silence, an impulse, noise and a voice at several levels, a sweep, full-scale square.
    """
    rng = np.random.default_rng(0)
    time = np.arange(window_samples) / window_samples
    voice = reference_clip(window_samples) / 32768
    impulse = np.eye(1, window_samples, window_samples // 2)[0]
    sweep = np.sin(2 * np.pi * window_samples / 8 * time**2)
    windows = [np.zeros(window_samples), impulse, 0.5 * sweep, np.sign(np.sin(2 * np.pi * 40 * time))]
    windows += [level * rng.standard_normal(window_samples) for level in (1e-4, 1e-2, 0.2)]
    windows += [level * voice for level in (1e-3, 0.05, 1)]
    return np.clip(windows, -1, 1).astype(np.float32)


def compare(expected: ArrayLike, actual: ArrayLike) -> Comparison:
    """How far two tables of probabilities [n, C] lie apart."""
    difference = np.abs(np.asarray(expected, np.float64) - np.asarray(actual, np.float64))
    return {
        "n": len(difference),
        "mean": float(difference.mean()),
        "largest": float(difference.max()),
        "decisions_differ": int((np.argmax(expected, axis=1) != np.argmax(actual, axis=1)).sum()),
    }


def check(
    files: Mapping[str, bytes],
    windows: NDArray[np.float32],
    expected: NDArray[np.float32],
    *,
    advance: Callable[[], None] | None = None,
    n_probes: int = 0,
) -> dict[str, dict[str, RuntimeParity]]:
    """Run files on windows in every installed runtime and compare with Keras.

    Args:
        files: file name -> bytes of the `.tflite`.
        windows: float32 [n, N].
        expected: Keras's probabilities [n, C].
        advance: called after each file.
        n_probes: how many of the windows, the first, are no recorded speech.

    Returns:
        file name -> runtime -> figures, or why this runtime must not run the file.

    Raises:
        SerKerasError: the float32 file differs from Keras, runtimes differ on a file of float arithmetic, one of these
            doesn't run, or samples that aren't finite get through.
    """
    report: dict[str, dict[str, RuntimeParity]] = {}
    for file, content in files.items():
        integer = file in OF_FILE and OF_FILE[file].integer
        report[file] = {}
        first: NDArray[np.float32] | None = None  # probabilities of the first runtime
        for runtime in installed():
            try:
                model = Interpreter(content, file, runtime)
            except SerKerasError as error:
                if first is None or not integer:
                    raise
                report[file][runtime] = {"refused": str(error)}
                continue
            rows = np.array([model(window) for window in windows])
            _check_unfit_samples(model, file, runtime)
            speech = slice(n_probes, None)
            on_speech = compare(expected[speech], rows[speech])["largest"] if len(rows) > n_probes else None
            whole = compare(expected, rows)
            report[file][runtime] = {
                "n": whole["n"],
                "mean": whole["mean"],
                "largest": whole["largest"],
                "decisions_differ": whole["decisions_differ"],
                "largest_on_speech": on_speech,
            }
            first = rows if first is None else first
            apart = compare(first, rows)["largest"]
            if not apart <= (INTEGER_LIMIT if integer else RUNTIME_LIMIT):
                reason = f"{next(iter(report[file]))} and {runtime} differ by {apart:.2g} in a probability"
                if not integer:
                    raise SerKerasError(f"{file}: {reason}")
                report[file][runtime] = {"refused": reason}
        if file == VARIANTS[FLOAT32].file:
            furthest = worst(report[file])["largest"]
            if not furthest <= FLOAT_LIMIT:
                raise SerKerasError(
                    f"{file}: conversion changed the model; a probability differs by {furthest:.2g} from Keras"
                )
        if advance is not None:
            advance()
    return report


def worst(by_runtime: Mapping[str, RuntimeParity]) -> Difference:
    """The largest `mean` and `largest` over the runtimes that may run a file."""
    measured = [entry for entry in by_runtime.values() if "refused" not in entry]
    return {"mean": max(entry["mean"] for entry in measured), "largest": max(entry["largest"] for entry in measured)}


def check_steps(
    parts: Mapping[str, bytes], files: Mapping[str, bytes], window_samples: int, *, hop_samples: int
) -> StepFile | None:
    """Chunk by chunk with the state carried on, against the whole window at once, for both ways to store the weights.

    Args:
        parts: file name -> bytes; without `step.tflite` nothing is checked.
        files: file name -> bytes of the files for whole windows.
        window_samples: what those files hear.
        hop_samples: from one chunk to the next.

    Returns:
        What `bundle.json` says of steps, or None.

    Raises:
        SerKerasError: they differ by more than STEP_LIMIT.
    """
    if STEP_FILE not in parts:
        return None
    rng, largest = np.random.default_rng(0), 0.0
    voice = reference_clip(window_samples) / 32768
    noise = 0.05 * rng.standard_normal(window_samples)
    for step_file, whole_file in ((STEP_FILE, INT8_WEIGHTS), (STEP_FLOAT_FILE, FLOAT32)):
        step = Stepper(parts[step_file], step_file)
        whole = Interpreter(files[VARIANTS[whole_file].file], whole_file)
        for window in np.clip([voice, noise, voice[::-1] + noise], -1, 1).astype(np.float32):
            state = step.start()
            for begin in range(0, len(window) - step.chunk_samples + 1, hop_samples):
                probabilities, state = step(window[begin : begin + step.chunk_samples], state)
            largest = max(largest, float(np.abs(probabilities - whole(window)).max()))
        if not largest <= STEP_LIMIT:
            raise SerKerasError(f"{step_file}: chunk by chunk differs by {largest:.2g} from the window at once")
    return {
        "file": STEP_FILE,
        "float32": STEP_FLOAT_FILE,
        "signature": STEP,
        "hop_samples": hop_samples,
        **shapes(parts[STEP_FILE]),
        "difference_from_whole": largest,
    }


def shapes(content: bytes) -> Shapes:
    """Names and shapes of a file's inputs and outputs."""
    module = import_runtime(choose())
    runner = module.Interpreter(model_content=content).get_signature_runner()
    inputs, outputs = sorted(runner.get_input_details().items()), sorted(runner.get_output_details().items())
    return {
        "inputs": {name: detail["shape"].tolist() for name, detail in inputs},
        "outputs": {name: detail["shape"].tolist() for name, detail in outputs},
    }


def _check_unfit_samples(model: Interpreter, file: str, runtime: str) -> None:
    """NaN, infinite and huge samples must give probabilities all the same."""
    for value in (np.nan, np.inf, -np.inf, 1e30):
        window = np.full(model.window_samples, 0.01, np.float32)
        window[::7] = value
        result = model(window)
        if not (np.isfinite(result).all() and abs(float(result.sum()) - 1) < 1e-3):
            raise SerKerasError(
                f"{file}: samples of {value} give no probabilities in {runtime}; the front end must make them harmless"
            )
