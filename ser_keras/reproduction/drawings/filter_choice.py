"""Which first-layer filters of Anand and Verma's nets go best with an acoustic feature."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends.spectrogram_pair import N_BINS, REDUCTION

N_ROWS = N_BINS // REDUCTION
BEST = 3
Ranked = list[tuple[int, float]]  # (filter, r), the largest |r| first


def pooled_activations(classifier: keras.Model, batches: Iterable[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Largest activation of each first-layer filter on each chunk, after the rectifier.

    Args:
        classifier: Keras model of `anand2015_cnn`.
        batches: iterable of features [b, 64, T, 2].

    Returns:
        [n, filters] float32.

    Raises:
        SerKerasError: another architecture, or features of another shape than the classifier's.
    """
    _, rectifier = first_convolution(classifier)
    maps = keras.Model(classifier.input, rectifier.output)
    pooled = [np.zeros((0, rectifier.output.shape[-1]), np.float32)]
    for batch in batches:
        shape = tuple(np.shape(batch))
        if shape[1:] != tuple(classifier.input_shape[1:]):
            raise SerKerasError(
                f"filters: features of shape {shape[1:]}, but the classifier takes {classifier.input_shape[1:]}; "
                "give those that it was trained on"
            )
        pooled.append(ops.convert_to_numpy(ops.cast(ops.max(maps(batch, training=False), axis=(1, 2)), "float32")))
    return np.concatenate(pooled)


def correlations(activations: NDArray[np.floating], descriptors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pearson correlation of each descriptor with each filter's pooled activation over the chunks.

    Args:
        activations: [n, filters].
        descriptors: [n, D].

    Returns:
        [D, filters] float64; NaN where either is constant.

    Raises:
        SerKerasError: other numbers of chunks, fewer than 3, or values that aren't finite.
    """
    n = len(activations)
    if len(descriptors) != n or n < 3:
        raise SerKerasError(
            f"filters: activations of {n} chunks and descriptors of {len(descriptors)}; give both of the same chunks, "
            "at least 3"
        )
    r = _standardised(descriptors).T @ _standardised(activations) / n
    return np.clip(r, -1, 1)


def strongest(r: NDArray[np.float64], n: int = BEST) -> Ranked:
    """The n filters of largest |r|, the first of equals first; NaN left out."""
    order = np.argsort(-np.abs(r), kind="stable")  # NaN comes last
    return [(int(i), float(r[i])) for i in order[:n] if np.isfinite(r[i])]


def _standardised(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Columns of mean 0 and deviation 1 in float64; NaN where constant."""
    columns = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(columns)):
        raise SerKerasError("filters: activations or descriptors aren't finite; correlate chunks of sound audio")
    mean = columns.mean(axis=0)
    deviation = columns.std(axis=0)
    # What rounding leaves of a constant is no deviation.
    deviation[deviation <= 1e-6 * np.abs(mean)] = np.nan
    return np.asarray((columns - mean) / np.where(deviation == 0, np.nan, deviation))


def first_convolution(classifier: keras.Model) -> tuple[keras.layers.Conv2D, keras.layers.ReLU]:
    """The first convolution and its rectifier.

    Raises:
        SerKerasError: another architecture.
    """
    for layer, following in itertools.pairwise(classifier.layers):
        if isinstance(layer, keras.layers.Conv2D):
            if isinstance(following, keras.layers.ReLU) and _on_pair(classifier):
                return layer, following
            break
    raise _foreign(classifier, "Conv2D and ReLU", "anand2015_cnn (recipes anand2015.r1 to r7, s1 to s4)")


def first_dense(classifier: keras.Model) -> NDArray[np.float32]:
    """Kernel of the first layer of a dense net as [64, T, 2, units].

    Raises:
        SerKerasError: another architecture.
    """
    inner = [x for x in classifier.layers if isinstance(x, (keras.layers.Dense, keras.layers.Conv2D))]
    if len(inner) < 2 or not isinstance(inner[0], keras.layers.Dense) or not _on_pair(classifier):
        raise _foreign(classifier, "a hidden Dense layer", "anand2015_dense (recipes anand2015.fc2, fc3)")
    return ops.convert_to_numpy(inner[0].kernel).reshape(*classifier.input_shape[1:], -1)


def _on_pair(classifier: keras.Model) -> bool:
    shape = classifier.input_shape  # a list of shapes where there are several inputs
    return isinstance(shape, tuple) and len(shape) == 4 and shape[1] == N_ROWS and shape[3] == 2


def _foreign(classifier: keras.Model, first: str, wanted: str) -> SerKerasError:
    layers = ", ".join(type(layer).__name__ for layer in classifier.layers[:6])
    return SerKerasError(
        f"filters: '{classifier.name}' ({layers}, ...; input {classifier.input_shape}) doesn't begin with {first} on "
        f"features [{N_ROWS}, time, 2]; give a classifier of {wanted}"
    )
