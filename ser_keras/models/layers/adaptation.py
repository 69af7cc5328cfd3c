"""Adapts every layer of a model that has `adapt` to training data, in order."""

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.models.layers.per_chunk import PerChunk


@runtime_checkable
class Adaptable(Protocol):
    """A layer whose non-trainable weights are computed from training data before training.

    A layer may also have an attribute `subset`: the class whose training windows alone it is adapted to; None: all.
    """

    def adapt(self, batches: Iterable[NDArray[np.float32]]) -> object:
        """Set the layer's weights from arrays [b, ...]; b may differ."""


def adapt_model(model: keras.Model, batches: Callable[..., Iterable[NDArray[np.float32]]]) -> int:
    """Adapt every layer of a model that has `adapt`, in order, each to the activations that reach it.

    Call it before training, with the training part of the fold alone.

    Args:
        model: a functional model. In a sequence classifier the layers within `PerChunk` are adapted too, to single
            windows; the other layers of a sequence classifier may have no `adapt`.
        batches: gives a fresh iterable of feature batches [b, ...]. It is called once for each such layer, with the
            layer's `subset` (a class) where it has one, without arguments elsewhere.

    Returns:
        The number of layers adapted.

    Raises:
        SerKerasError: no data, or values that are not finite.
    """
    n_adapted = 0
    for layer in model.layers:
        if isinstance(layer, PerChunk):
            n_adapted += adapt_model(layer.model, batches)
        adaptable = isinstance(layer, Adaptable)
        if not adaptable:
            continue
        before = keras.Model(model.input, layer.input)
        subset = getattr(layer, "subset", None)
        features = batches() if subset is None else batches(subset)
        layer.adapt(ops.convert_to_numpy(before(batch, training=False)) for batch in features)
        n_adapted += 1
    return n_adapted
