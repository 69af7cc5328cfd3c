"""Features for the tests of models."""

import keras
import numpy as np

from ser_keras.models.layers.sequence import takes_sequences

PAIR = (64, 64, 2)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def features(shape, n=6, seed=0):
    return np.random.default_rng(seed).normal(-3, 2, (n, *shape)).astype(np.float32)


def inputs_of(model, windows):
    """Windows as a classifier takes them; a sequence holds one twice, and padding."""
    if not takes_sequences(model):
        return windows
    sequences = np.stack([windows, windows, np.zeros_like(windows)], axis=1)
    return [sequences, np.tile([True, True, False], (len(windows), 1))]
