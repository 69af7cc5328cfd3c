"""Functionals: statistics of descriptors over an utterance, and the sets that consist of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.descriptors.lld import LowLevelDescriptors

STATISTICS = ("mean", "sd", "min", "max", "range", "skewness", "kurtosis", "slope")
DELTA_REACH = 2  # frames to each side


def statistics(values: NDArray[np.floating], valid: NDArray[np.bool_], step: float) -> NDArray[np.float64]:
    """Eight statistics of each column over its valid rows.

    Standard deviation, skewness and (excess) kurtosis are those of the population; slope is that of the least-squares
    line over time. A constant column (that varies by less than a millionth of its largest value) has skewness, kurtosis
    and slope 0; a column without valid rows is 0 throughout.

    Args:
        values: [T, D].
        valid: [T, D].
        step: seconds from row to row.

    Returns:
        [8, D] in the order of `STATISTICS`, finite if the valid values are.
    """
    values = np.where(valid, values, 0).astype(np.float64)
    n = np.maximum(valid.sum(axis=0), 1)
    mean = values.sum(axis=0) / n
    central = np.where(valid, values - mean, 0)
    sd = np.sqrt(np.square(central).sum(axis=0) / n)
    varies = sd > 1e-6 * np.abs(values).max(axis=0)
    z = central / np.where(varies, sd, np.inf)
    any_valid = valid.any(axis=0)
    low = np.where(any_valid, np.where(valid, values, np.inf).min(axis=0), 0)
    high = np.where(any_valid, np.where(valid, values, -np.inf).max(axis=0), 0)
    times = np.where(valid, np.arange(len(values))[:, None] * step, 0)
    times = np.where(valid, times - times.sum(axis=0) / n, 0)
    slope = (times * central).sum(axis=0) / np.maximum(np.square(times).sum(axis=0), 1e-12)
    return np.stack(
        [
            mean,
            sd,
            low,
            high,
            high - low,
            (z**3).sum(axis=0) / n,
            np.where(varies, (z**4).sum(axis=0) / n - 3, 0),
            np.where(varies, slope, 0),
        ]
    )


def deltas(values: NDArray[np.floating], valid: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Slope of each column over the two rows before and after, the first and last row repeated.

    Reference: S. Young et al., The HTK Book, section 5.9.

    Args:
        values: [T, D].
        valid: [T, D].

    Returns:
        [T, D] the slope a row, and [T, D] whether all five rows are valid.
    """
    n = len(values)
    offsets = np.arange(-DELTA_REACH, DELTA_REACH + 1)
    place = np.clip(np.arange(n)[:, None] + offsets, 0, n - 1)  # [T, 5]
    slope = np.einsum("tkd,k->td", values[place], offsets / np.square(offsets).sum())
    return slope, valid[place].all(axis=1)


class _Functionals(LowLevelDescriptors):
    """An utterance's statistics over time: one row."""

    @property
    def names(self) -> tuple[str, ...]:
        """`descriptor_statistic`: all descriptors' means, then their standard deviations and so on."""
        return tuple(f"{name}_{statistic}" for statistic in STATISTICS for name in self._track_names())

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (1, len(self.names))

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Functionals of an utterance.

        Args:
            samples: [N] at 16 kHz in [-1, 1]; values that are not finite count as 0, the others are clipped.

        Returns:
            [1, D], finite.

        Raises:
            SerKerasError: samples not of one dimension, or Praat is set and not installed.
        """
        values, valid = self._tracks(samples)
        return statistics(values, valid, self.hop_length / SAMPLE_RATE).reshape(1, -1).astype(np.float32)

    def _track_names(self) -> tuple[str, ...]:
        return self.descriptor_names

    def _tracks(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        """[N] to values [T, D] and their validity [T, D]."""
        values = self.describe(samples)
        return values, self.valid(values)


class He2019Functionals(_Functionals):
    """The eight functionals of `he2019_lld`'s 275 descriptors over an utterance: 2200 values.

    Mean, standard deviation, minimum, maximum, range, skewness, kurtosis and slope (per second). F0 and formants count
    only in voiced frames (our choice): zeros would make every minimum 0 and the other values measures of the voiced
    share.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 4.1, experiment one. The paper does not name its functionals: these are
    our choice.

    Args:
        Those of `LowLevelDescriptors`.
    """

    HAS_MAGNITUDES = True


class Functionals(_Functionals):
    """The eight functionals of 19 low-level descriptors and of their deltas over an utterance: 304 values.

    F0, F1-F3, energy, zero-crossing rate and 13 MFCC, as in `he2019_lld` but without the FFT magnitudes, and of each
    the regression delta per frame over two frames to both sides (our choice). F0 and formants count only in voiced
    frames, their deltas where all five frames are voiced.

    Reference: Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM Multimedia 2014, section
    3.2. The paper compares with "acoustic features" and names no set: this one is our choice.

    Args:
        Those of `LowLevelDescriptors`.
    """

    def _track_names(self) -> tuple[str, ...]:
        return (*self.descriptor_names, *(f"delta_{name}" for name in self.descriptor_names))

    def _tracks(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        values, valid = super()._tracks(samples)
        slopes, slopes_valid = deltas(values, valid)
        return np.concatenate([values, slopes], axis=1), np.concatenate([valid, slopes_valid], axis=1)
