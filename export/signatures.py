"""The graphs that a bundle can hold, as functions with names: whole model, front end alone, one step of a sequence.

Each goes into a file of its own: MediaPipe takes a file of one graph alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError
from ser_keras.export.names import FEATURES, INPUT_NAME, OUTPUT_NAME, SIGNATURE, STEP
from ser_keras.models.end_to_end import FRONT_END, WindowedFrontEnd, split
from ser_keras.models.step_model import step_model

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

STATE = ("h", "c")  # of the LSTM; as inputs and as outputs


@dataclasses.dataclass(frozen=True)
class Graph:
    """One function to convert.

    Attributes:
        signature: its name.
        function: tensors by name to a dict of tensors.
        inputs: name -> shape, the batch of 1 included.
        variables: of the models within.
    """

    signature: str
    function: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, tuple[int, ...]]
    _: dataclasses.KW_ONLY
    variables: Sequence[keras.Variable]


def whole(model: keras.Model) -> Graph:
    """Graph of an end-to-end model: `audio` [1, N] -> `probabilities` [1, C].

    Raises:
        SerKerasError: its input isn't [B, N] with a fixed N.
    """
    shape = model.input_shape
    if isinstance(shape, list) or len(shape) != 2 or shape[1] is None:
        raise SerKerasError(f"its input has the shape {shape}; expected (None, N) with a fixed N")

    def function(audio: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT_NAME: model(audio, training=False)}

    return Graph(SIGNATURE, function, {INPUT_NAME: (1, shape[1])}, variables=model.variables)


def features(model: keras.Model) -> Graph:
    """Graph of the front end alone: `audio` [1, N] -> `features`, what the classifier of a `whole` file is fed.

    For finding out where a port goes wrong. A sequence classifier's features are those of one of its windows.
    """
    frontend, _ = split(model)

    def function(audio: tf.Tensor) -> dict[str, tf.Tensor]:
        return {FEATURES: frontend(audio)}

    return Graph(FEATURES, function, {INPUT_NAME: (1, chunk_samples(model))}, variables=frontend.variables)


def step(model: keras.Model) -> Graph:
    """Graph of one step of a causal sequence model: `audio` [1, N], `h`, `c` [1, units] -> `probabilities`, `h`, `c`.

    N is one chunk; the state starts as zeros.

    Raises:
        SerKerasError: the model can't run online; the line says why.
    """
    frontend, classifier = split(model)
    one = step_model(classifier)
    units = one.inputs[1].shape[1]

    def function(audio: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip((OUTPUT_NAME, *STATE), one([frontend(audio), h, c], training=False), strict=True))

    inputs = {INPUT_NAME: (1, chunk_samples(model))} | {name: (1, units) for name in STATE}
    return Graph(STEP, function, inputs, variables=frontend.variables + one.variables)


def chunk_samples(model: keras.Model) -> int:
    """Samples that the front end takes at a time: one window, also where the model hears a sequence of them."""
    frontend = model.get_layer(FRONT_END)
    return frontend.window_samples if isinstance(frontend, WindowedFrontEnd) else model.input_shape[1]
