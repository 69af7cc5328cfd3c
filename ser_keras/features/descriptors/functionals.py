"""Functionals: statistics of descriptors over an utterance, and the sets that consist of them."""

import numpy as np

from ser_keras.features.descriptors.lld import LowLevelDescriptors
from ser_keras.features.frontends.base import SAMPLE_RATE

STATISTICS = ("mean", "sd", "min", "max", "range", "skewness", "kurtosis", "slope")
DELTA_REACH = 2  # frames to each side


def statistics(values, valid, step):
    """Eight statistics of each column over its valid rows.

    Standard deviation, skewness and (excess) kurtosis are those of the population; slope is that of the least-squares
    line over time. A column that doesn't vary (by less than a millionth of its largest value) has skewness, kurtosis
    and slope 0; one without valid rows is 0 throughout.

    Args:
        values: [T, D].
        valid: [T, D] bool.
        step: seconds from row to row.

    Returns:
        [8, D] float64 in the order of `STATISTICS`, finite if the valid values are.
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


def deltas(values, valid):
    """Slope of each column over the two rows before and after, the first and last row repeated.

    Reference: S. Young et al., The HTK Book, section 5.9.

    Args:
        values: [T, D].
        valid: [T, D] bool.

    Returns:
        ([T, D], [T, D] bool): the slope a row, and whether all five rows are valid.
    """
    n = len(values)
    offsets = np.arange(-DELTA_REACH, DELTA_REACH + 1)
    place = np.clip(np.arange(n)[:, None] + offsets, 0, n - 1)  # [T, 5]
    slope = np.einsum("tkd,k->td", values[place], offsets / np.square(offsets).sum())
    return slope, valid[place].all(axis=1)


class _Functionals(LowLevelDescriptors):
    """An utterance's statistics over time: one row."""

    @property
    def names(self):
        """`descriptor_statistic`: all descriptors' means, then their standard deviations and so on."""
        return tuple(f"{name}_{statistic}" for statistic in STATISTICS for name in self._track_names())

    def compute_output_shape(self, input_shape):
        return (1, len(self.names))

    def __call__(self, samples):
        """Functionals of an utterance.

        Args:
            samples: [N] at 16 kHz in [-1, 1]; what isn't finite counts as 0, the rest is clipped.

        Returns:
            [1, D] float32, finite.

        Raises:
            SerKerasError: samples not of one dimension, or Praat wanted and missing.
        """
        found = statistics(*self._tracks(samples), self.hop_length / SAMPLE_RATE)
        return found.reshape(1, -1).astype(np.float32)

    def _track_names(self):
        return self.descriptor_names

    def _tracks(self, samples):
        """[N] to values [T, D] and which of them count [T, D]."""
        values = self.describe(samples)
        return values, self.valid(values)


class He2019Functionals(_Functionals):
    """The eight functionals of `he2019_lld`'s 275 descriptors over an utterance: 2200 values.

    Mean, standard deviation, minimum, maximum, range, skewness, kurtosis and slope (per second). F0 and formants count
    in their voiced frames alone (d): zeros would make every minimum 0 and the rest a measure of the voiced share.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 4.1, experiment one. The paper doesn't name its functionals (d).

    Args:
        Those of `LowLevelDescriptors`.
    """

    HAS_MAGNITUDES = True


class Functionals(_Functionals):
    """The eight functionals of 19 low-level descriptors and of their deltas over an utterance: 304 values.

    F0, F1-F3, energy, zero-crossing rate and 13 MFCC, as in `he2019_lld` but without the FFT magnitudes, and of each
    the regression delta per frame over two frames to both sides (d). F0 and formants count in their voiced frames
    alone, their deltas where all five frames are voiced.

    Reference: Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM Multimedia 2014, section
    3.2. The paper compares with "acoustic features" and names no set: this one is ours (d).

    Args:
        Those of `LowLevelDescriptors`.
    """

    def _track_names(self):
        return (*self.descriptor_names, *(f"delta_{name}" for name in self.descriptor_names))

    def _tracks(self, samples):
        values, valid = super()._tracks(samples)
        slopes, slopes_valid = deltas(values, valid)
        return np.concatenate([values, slopes], axis=1), np.concatenate([valid, slopes_valid], axis=1)
