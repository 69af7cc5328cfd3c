"""No samples of any kind bring a shipped file to anything but probabilities."""

import numpy as np
import pytest

from ser_keras.runtime.bundle import PRETRAINED
from ser_keras.runtime.interpreter import Interpreter, installed

FILES = sorted(PRETRAINED.glob("*/model*.tflite"))
KINDS = ("nan", "infinite", "huge", "denormal", "constant", "silent", "clicks", "noise", "square", "mixed")


def hostile(kind, n, rng):
    """A window [n] of one kind of trouble."""
    wave = rng.uniform(-1, 1) * rng.standard_normal(n) * 10 ** rng.uniform(-4, 0)
    some = rng.random(n) < 10 ** rng.uniform(-4, 0)
    if kind == "nan":
        wave[some] = np.nan
    elif kind == "infinite":
        wave[some] = rng.choice([np.inf, -np.inf], int(some.sum()))
    elif kind == "huge":
        wave *= 10 ** rng.uniform(3, 38)
    elif kind == "denormal":
        wave = np.full(n, 1e-40) * rng.integers(-9, 9, n)
    elif kind == "constant":
        wave = np.full(n, rng.choice([1, -1]) * 10 ** rng.uniform(-38, 38))
    elif kind == "silent":
        wave = np.zeros(n) * rng.choice([1, -1])
    elif kind == "clicks":
        wave = np.where(rng.random(n) < 10 ** rng.uniform(-5, -2), rng.choice([1, -1], n), 0) * 10 ** rng.uniform(-3, 5)
    elif kind == "square":
        wave = np.sign(np.sin(np.arange(n) * rng.uniform(1e-4, np.pi)))
    elif kind == "mixed":
        wave[some] = rng.choice([np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-45, 0, -0.0], int(some.sum()))
    with np.errstate(over="ignore"):
        return wave.astype(np.float32)


def check(path, runtime, n_windows):
    model = Interpreter(path.read_bytes(), path.name, runtime)
    for number in range(n_windows):
        kind = KINDS[number % len(KINDS)]
        found = model(hostile(kind, model.window_samples, np.random.default_rng(number)))
        assert np.isfinite(found).all() and (found >= 0).all(), (kind, number, found)
        assert abs(float(found.sum()) - 1) < 1e-4, (kind, number, found)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_some_hundred_hostile_windows(path):
    check(path, "litert", 100)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", installed())
@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_ten_thousand_hostile_windows(path, runtime):
    if (runtime, path.name) == ("tflite-runtime", "model_dynamic.tflite"):
        pytest.skip("refused there")
    check(path, runtime, 10000)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_truncated_files_are_one_line(path, tmp_path):
    from ser_keras.common.errors import SerKerasError
    from ser_keras.runtime.model import load

    cut = tmp_path / "cut.tflite"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SerKerasError) as error:
        load(cut)
    assert "cut.tflite" in str(error.value) and "\n" not in str(error.value)
