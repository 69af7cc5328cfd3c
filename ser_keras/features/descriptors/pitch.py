"""Pitch by YIN."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

QUIET = 1e-3  # RMS under which nothing is voiced: -60 dBFS


def yin(
    frames: NDArray[np.float32], sample_rate: int, *, f_min: float, f_max: float, threshold: float
) -> NDArray[np.float32]:
    """Pitch of each frame, 0 where it is unvoiced.

    A frame is voiced where the cumulative mean normalised difference function has a trough below `threshold` between
    the lags of `f_max` and `f_min`, and its RMS is above -60 dBFS. The first such trough is taken, with parabolic
    interpolation.

    Reference: A. de Cheveigne, H. Kawahara, YIN, a fundamental frequency estimator for speech and music, JASA 111(4),
    2002, section II, steps 1 to 5.

    Args:
        frames: [n, length]. The difference function is summed over length - round up(sample_rate / f_min)
            samples, which should be a period of f_min at least.
        sample_rate: Hz.
        f_min, f_max: range of the pitch in Hz.
        threshold: greatest aperiodicity of a voiced frame, 0 to 1.

    Returns:
        [n], Hz.
    """
    n_lags = int(np.ceil(sample_rate / f_min)) + 2  # the last one is for the interpolation
    shortest = max(2, int(sample_rate / f_max))
    normalised = _normalised_difference(frames, n_lags)
    inner = normalised[:, shortest : n_lags - 1]
    trough = (inner <= normalised[:, shortest - 1 : n_lags - 2]) & (inner < normalised[:, shortest + 1 :])
    trough &= inner < threshold
    rms = np.sqrt(np.mean(np.square(frames), axis=1))
    voiced = np.flatnonzero(trough.any(axis=1) & (rms > QUIET))
    lag = trough[voiced].argmax(axis=1) + shortest
    before, at, after = (normalised[voiced, lag + step].astype(np.float64) for step in (-1, 0, 1))
    # A trough is not flat on its right, so the parabola opens upwards.
    shift = 0.5 * (before - after) / (before - 2 * at + after)
    pitch = np.zeros(len(frames), np.float32)
    pitch[voiced] = sample_rate / (lag + shift)
    return pitch


def _normalised_difference(frames: NDArray[np.float32], n_lags: int) -> NDArray[np.float64]:
    """[n, length] to [n, n_lags]: the difference function over its mean up to each lag; 1 at lag 0."""
    length = frames.shape[1]
    summed = length - n_lags + 1
    size = fft.next_fast_len(length, real=True)
    # Sum of x[t] x[t + lag] over t < summed: no lag wraps round, since summed + n_lags - 1 <= size.
    products = fft.rfft(frames, size) * np.conj(fft.rfft(frames[:, :summed], size))
    correlation = fft.irfft(products, size)[:, :n_lags]
    energies = np.cumsum(np.square(frames, dtype=np.float64), axis=1)
    energies = np.pad(energies, ((0, 0), (1, 0)))
    shifted = energies[:, summed : summed + n_lags] - energies[:, :n_lags]
    difference = np.maximum(shifted[:, :1] + shifted - 2 * correlation, 0)
    mean = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, n_lags)
    # Rounding errors of the correlation, in silence and in constants, are not periodic.
    floor = 1e-5 * shifted[:, :1] + 1e-20
    return np.concatenate([np.ones((len(frames), 1)), (difference[:, 1:] + floor) / (mean + floor)], axis=1)
