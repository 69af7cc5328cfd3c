"""Adapts every layer of a model that has `adapt` to training data, in order."""

import keras
from keras import ops

from ser_keras.models.layers.sequence import PerChunk


def adapt_model(model, batches):
    """Adapt every layer of a model that has `adapt`, in order, each to the activations that reach it.

    Call it before training, with the training part of the fold alone.

    Args:
        model: functional `keras.Model`. Of a sequence classifier, the layers within `PerChunk` are adapted, to single
            windows; elsewhere it may have none.
        batches: function that gives a fresh iterable of feature batches [b, ...]; called once for each such layer, with
            the layer's `subset` (a class) where it has one, without arguments elsewhere.

    Returns:
        The number of layers adapted.

    Raises:
        SerKerasError: no data, or values that aren't finite.
    """
    n_adapted = 0
    for layer in model.layers:
        if isinstance(layer, PerChunk):
            n_adapted += adapt_model(layer.model, batches)
        if not hasattr(layer, "adapt"):
            continue
        before = keras.Model(model.input, layer.input)
        subset = getattr(layer, "subset", None)
        chosen = batches() if subset is None else batches(subset)
        layer.adapt(ops.convert_to_numpy(before(batch, training=False)) for batch in chosen)
        n_adapted += 1
    return n_adapted
