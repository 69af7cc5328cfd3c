"""Converted models as the tests look at them."""

import json

import numpy as np

from ser_keras.runtime.interpreter import Interpreter
from tests import small_run

FILES = ("model.tflite", "model_float32.tflite")


def index(bundle):
    return json.loads((bundle / "bundle.json").read_text())


def some_windows(n=8):
    rng = np.random.default_rng(5)
    levels = 10 ** rng.uniform(-3, -0.5, (n, 1))
    return (levels * rng.standard_normal((n, small_run.WINDOW))).clip(-1, 1).astype(np.float32)


def outputs(content, windows, runtime="litert"):
    model = Interpreter(content, "test", runtime)
    return np.array([model(w) for w in windows])
