"""Power spectra of frames: by the backend's fast Fourier transform, or in graphs for phones by matrix products.

TensorFlow's own transform is the faster one in training. LiteRT's RFFT2D took most of a small model's time, and no
accelerator takes it. For conversion Cooley and Tukey's split of n = n1 n2 points, sample n2 a + b and bin c + n1 d, is

1. for every b a transform of n1 points over a: a product with one n1 x 2 n1 matrix;
2. a rotation by exp(-2 pi i b c / n);
3. for every c a transform of n2 points over b, with d up to n2 / 2 alone: a product with one 2 n2 x n2 matrix.

These are products, sums and transpositions alone, all of which XNNPACK takes: front ends are 1.6 to 1.9 times as fast
(benchmarks/converted_spectra.py).

Reference: J. W. Cooley, J. W. Tukey, An algorithm for the machine calculation of complex Fourier series, Mathematics of
Computation 19, 1965.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

_by_products = contextvars.ContextVar("by_products", default=False)


@contextlib.contextmanager
def by_products() -> Iterator[None]:
    """A context in which traced graphs have matrix products instead of Fourier transforms."""
    token = _by_products.set(True)
    try:
        yield
    finally:
        _by_products.reset(token)


def cut_length(frame_length: int, n_fft: int) -> int:
    """The number of samples in the frames that `power_spectrum` takes, zeros behind the first `frame_length`."""
    n2 = _inner(n_fft)
    return -(-frame_length // n2) * n2 if _by_products.get() else n_fft


def _inner(n_fft: int) -> int:
    """n2, the smaller factor of `n_fft` where they differ."""
    return 2 ** ((n_fft.bit_length() - 1) // 2)


def power_spectrum(framed: keras.KerasTensor, n_fft: int) -> keras.KerasTensor:
    """Squared magnitudes of the discrete Fourier transform of frames, as if zeros made them `n_fft` samples long.

    Args:
        framed: [B, T, L] float32, L as `cut_length` gives it; T is fixed.
        n_fft: a power of two, at least 4.

    Returns:
        [B, T, n_fft // 2 + 1] float32.
    """
    if not _by_products.get():
        real, imaginary = ops.rfft(framed)
        return ops.square(real) + ops.square(imaginary)
    first, cosine, sine, second, signs = _tables(n_fft)
    n2 = _inner(n_fft)
    n1, n_frames, n_rows = n_fft // n2, framed.shape[1], framed.shape[2] // n2
    x = ops.transpose(ops.reshape(framed, (-1, n_rows, n2)), (0, 2, 1))
    x = ops.matmul(ops.reshape(x, (-1, n_rows)), first[:n_rows])
    x = ops.reshape(x, (-1, n2, 2 * n1))
    real, imaginary = x[..., :n1], x[..., n1:]
    x = ops.concatenate([real * cosine + imaginary * sine, imaginary * cosine - real * sine], axis=1)
    x = ops.transpose(x, (0, 2, 1))  # [B T, n1, 2 n2]
    highest = ops.square(ops.matmul(x[:, 0, :n2], signs))
    x = ops.square(ops.matmul(ops.reshape(x, (-1, 2 * n2)), second))
    x = ops.reshape(x[:, : n2 // 2] + x[:, n2 // 2 :], (-1, n1, n2 // 2))
    x = ops.reshape(ops.transpose(x, (0, 2, 1)), (-1, n_frames, n_fft // 2))  # bins in order
    return ops.concatenate([x, ops.reshape(highest, (-1, n_frames, 1))], axis=-1)


@functools.cache
def _tables(
    n_fft: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Step 1 [n1, 2 n1], real parts first; step 2's cosine and sine [n2, n1]; step 3 [2 n2, n2]; b's signs [n2, 1]."""
    n2 = _inner(n_fft)
    n1 = n_fft // n2
    a, b, c, d = np.arange(n1), np.arange(n2), np.arange(n1), np.arange(n2 // 2)
    outer, turned, inner = (2 * np.pi * np.outer(x, y) / n for x, y, n in ((a, c, n1), (b, c, n_fft), (b, d, n2)))
    return (
        np.concatenate([np.cos(outer), -np.sin(outer)], axis=1).astype(np.float32),
        np.cos(turned).astype(np.float32),
        np.sin(turned).astype(np.float32),
        np.block([[np.cos(inner), -np.sin(inner)], [np.sin(inner), np.cos(inner)]]).astype(np.float32),
        ((-1.0) ** b[:, None]).astype(np.float32),
    )
