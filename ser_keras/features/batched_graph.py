"""Keras layers as functions of NumPy arrays, compiled for the small batches that the caches are filled with."""

import contextlib

import numpy as np
import tensorflow as tf

from ser_keras.common.quiet_stderr import silenced_stderr
from ser_keras.features.frontends.base import FrontEnd

FEATURE_BATCH = 4  # windows; more leave the processor's cache and take longer each


def feature_function(extractor, window):
    """Windows to features as the caches are filled: a front end as a graph, a descriptor set as it is.

    Args:
        extractor: FrontEnd or descriptor set.
        window: N, samples.

    Returns:
        Function: float32 windows [n, N], any n, to features [n, ...], both NumPy arrays.
    """
    if not isinstance(extractor, FrontEnd):
        return extractor
    return batched(lambda waves: extractor(waves), [((window,), tf.float32)], extractor.XLA)


def batched(function, specs, xla=False):
    """A function of tensors, compiled for batches of FEATURE_BATCH, as one of NumPy arrays of any length.

    Args:
        function: tensors [FEATURE_BATCH, ...] to a tensor.
        specs: (shape without the batch, dtype) of each argument.
        xla: whether XLA compiles it.

    Returns:
        Function: arrays [n, ...], any n, to an array [n, ...].
    """
    signature = [tf.TensorSpec((FEATURE_BATCH, *shape), dtype) for shape, dtype in specs]
    graph = tf.function(function, input_signature=signature, jit_compile=xla, autograph=False).get_concrete_function()
    with silenced_stderr() if xla else contextlib.nullcontext():
        graph(*(tf.zeros(s.shape, s.dtype) for s in signature))

    def call(*arrays):
        n = len(arrays[0])
        lacking = -n % FEATURE_BATCH
        if lacking:
            arrays = [np.concatenate([a, np.zeros((lacking, *a.shape[1:]), a.dtype)]) for a in arrays]
        parts = [
            graph(*(tf.constant(a[i : i + FEATURE_BATCH], s.dtype) for a, s in zip(arrays, signature, strict=True)))
            for i in range(0, n, FEATURE_BATCH)
        ]
        return np.concatenate([p.numpy() for p in parts])[:n]

    return call
