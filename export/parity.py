"""Is the shipped file still the trained model? Keras against `.tflite`, in every runtime that is installed."""

import numpy as np

from ser_keras.errors import SerKerasError
from ser_keras.export.reference import TOLERANCE, reference_clip
from ser_keras.interpreter import Interpreter, installed

FLOAT_LIMIT = 5e-3  # largest difference from Keras that float arithmetic explains, with an ample margin
RUNTIME_LIMIT = TOLERANCE  # between two runtimes on one file


def probe_windows(window_samples):
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


def compare(expected, actual):
    """How far two tables of probabilities lie apart.

    Args:
        expected, actual: [n, C].

    Returns:
        dict: `n`, `mean` and `largest` absolute difference, `decisions_differ` (rows whose largest class changed).
    """
    difference = np.abs(np.asarray(expected, np.float64) - np.asarray(actual, np.float64))
    return {
        "n": len(difference),
        "mean": float(difference.mean()),
        "largest": float(difference.max()),
        "decisions_differ": int((np.argmax(expected, axis=1) != np.argmax(actual, axis=1)).sum()),
    }


def check(files, windows, expected):
    """Run files on windows in every installed runtime and compare with Keras.

    Args:
        files: file name -> bytes of the `.tflite`; the first is the float32 one.
        windows: float32 [n, N].
        expected: Keras's probabilities [n, C].

    Returns:
        file name -> runtime -> what `compare` returns.

    Raises:
        SerKerasError: the float32 file differs from Keras, runtimes differ, or samples that aren't finite get through.
    """
    report = {}
    for file, content in files.items():
        outputs = {}
        for runtime in installed():
            model = Interpreter(content, file, runtime)
            outputs[runtime] = np.array([model(window) for window in windows])
            _check_unfit_samples(model, file, runtime)
        report[file] = {runtime: compare(expected, rows) for runtime, rows in outputs.items()}
        first, *others = outputs.items()
        for runtime, rows in others:
            apart = compare(first[1], rows)["largest"]
            if not apart <= RUNTIME_LIMIT:
                raise SerKerasError(f"{file}: {first[0]} and {runtime} differ by {apart:.2g} in a probability")
        if file == next(iter(files)):
            worst = max(r["largest"] for r in report[file].values())
            if not worst <= FLOAT_LIMIT:
                raise SerKerasError(
                    f"{file}: conversion changed the model; a probability differs by {worst:.2g} from Keras"
                )
    return report


def _check_unfit_samples(model, file, runtime):
    """NaN, infinite and huge samples must give probabilities all the same."""
    for value in (np.nan, np.inf, -np.inf, 1e30):
        window = np.full(model.window_samples, 0.01, np.float32)
        window[::7] = value
        result = model(window)
        if not (np.isfinite(result).all() and abs(float(result.sum()) - 1) < 1e-3):
            raise SerKerasError(
                f"{file}: samples of {value} give no probabilities in {runtime}; the front end must make them harmless"
            )
