"""Keras layers as functions of NumPy arrays, compiled for the small batches that the caches are filled with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.audio.windows import TailRule, cut_windows, window_starts
from ser_keras.common.quiet_stderr import silenced_stderr
from ser_keras.features.extractor import Extractor

FEATURE_BATCH = 4  # windows; more leave the processor's cache and take longer each


def feature_function(extractor: Extractor, window: int) -> Callable[..., NDArray[np.float32]]:
    """The function that fills the caches: a front end compiled as a graph, or the descriptor set itself.

    Args:
        extractor: takes windows.
        window: N, samples.

    Returns:
        Function: windows [n, N], any n, to features [n, ...].
    """
    if not extractor.in_graph:
        return extractor
    return batched(lambda waves: extractor(waves), [((window,), tf.float32)], extractor.XLA)


def utterance_function(
    extractor: Extractor, window: int, hop: int, *, tail: TailRule
) -> Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """An utterance's samples to its features, a row a window, or the rows of an extractor that takes utterances.

    Args:
        extractor: takes windows or utterances.
        window, hop: samples.
        tail: tail rule of `audio.windows`.

    Returns:
        Function: samples [N] at 16 kHz to features [T, ...] and the first sample of each row [T].
    """
    if extractor.takes == "utterance":
        return lambda samples: (extractor(samples), extractor.row_starts(len(samples)))
    compute = feature_function(extractor, window)
    return lambda samples: (
        compute(cut_windows(samples, window, hop, tail=tail)),
        window_starts(len(samples), window, hop, tail=tail),
    )


def batched(
    function: Callable[..., tf.Tensor],
    specs: Sequence[tuple[tuple[int, ...], tf.DType | np.dtype[np.generic]]],
    xla: bool = False,
) -> Callable[..., NDArray[np.float32]]:
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

    def call(*arrays: NDArray[np.generic]) -> NDArray[np.float32]:
        n = len(arrays[0])
        n_missing = -n % FEATURE_BATCH
        padded = [np.concatenate([a, np.zeros((n_missing, *a.shape[1:]), a.dtype)]) if n_missing else a for a in arrays]
        parts = [
            graph(*(tf.constant(a[i : i + FEATURE_BATCH], s.dtype) for a, s in zip(padded, signature, strict=True)))
            for i in range(0, n, FEATURE_BATCH)
        ]
        return np.concatenate([p.numpy() for p in parts])[:n]

    return call
