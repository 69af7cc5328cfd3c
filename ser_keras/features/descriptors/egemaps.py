"""eGeMAPS and ComParE by openSMILE: low-level descriptors of windows, and functionals of whole utterances.

The package `opensmile` (extra `systems`) is under the audEERING Research License Agreement, which allows
non-commercial use and research meant for publication. Any other use needs a commercial licence, and so does every
product that contains models trained on its features. The package is not part of this project, which only calls it.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.features.extractor import Extractor
from ser_keras.features.opensmile_process import OpenSmile

LEAST_SAMPLES = 960  # the 60 ms frame of the pitch; openSMILE gives nothing for less
HOP = 160  # 10 ms
TAIL = 4800  # samples of padding that are computed

FeatureSet = Literal["eGeMAPSv01a", "eGeMAPSv01b", "eGeMAPSv02"]
FEATURE_SETS: tuple[FeatureSet, ...] = get_args(FeatureSet)
N_LLD: dict[str, int] = {"eGeMAPSv01a": 23, "eGeMAPSv01b": 23, "eGeMAPSv02": 25}
N_EGEMAPS, N_COMPARE = 88, 6373


class _Egemaps(Extractor):
    """The base of both levels: an openSMILE feature set, and safe samples for it.

    Args:
        feature_set: `eGeMAPSv02`, `eGeMAPSv01b` or `eGeMAPSv01a`, which differ in details of their computation.

    Raises:
        SerKerasError: an unknown set, or the package `opensmile` is missing.
    """

    NAME: ClassVar[str]
    LEVEL: ClassVar[str]

    def __init__(self, feature_set: FeatureSet = "eGeMAPSv02") -> None:
        if feature_set not in FEATURE_SETS:
            raise SerKerasError(
                f"{self.NAME}: feature_set is '{feature_set}'; nearest: {nearest(feature_set, FEATURE_SETS)}"
            )
        self.feature_set: str = feature_set
        self.smile = OpenSmile(feature_set, self.LEVEL)

    @property
    def VERSION(self) -> str:  # type: ignore[override]  # noqa: N802 - the installed package decides the values, too
        return f"1, {self.smile.version}"

    @property
    def names(self) -> tuple[str, ...]:
        """openSMILE's names of the values, in order."""
        return self.smile.names

    def get_config(self) -> dict[str, object]:
        return {"feature_set": self.feature_set}

    def _features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """[N] to [T, features] float32, finite; a signal under 60 ms is padded with zeros to it."""
        samples = np.asarray(samples, np.float32)
        samples = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        samples = np.pad(samples, (0, max(0, LEAST_SAMPLES - len(samples))))
        return np.nan_to_num(self.smile(samples), nan=0.0, posinf=0.0, neginf=0.0)


class EgemapsLld(_Egemaps):
    """The low-level descriptors of eGeMAPS in frames of 10 ms, as an image of time by descriptors.

    25 in `eGeMAPSv02`: loudness, spectral balance and flux, MFCC 1-4, and F0, jitter, shimmer, HNR, harmonic
    differences, frequency, bandwidth and amplitude of F1-F3; the bandwidths of F2 and F3 are new in v02. Each is
    smoothed over three frames; in unvoiced frames the descriptors that depend on F0 are 0 (formants' amplitudes
    -201 dB).

    Reference: F. Eyben et al., The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective
    computing, IEEE TAC 7(2), 2016. Licence of `opensmile`: non-commercial; see this module.

    In a process of its own: about 45 times faster than real time on one core (EMO-DB: 17 utterances a second).

    Args:
        feature_set: see `_Egemaps`.

    Raises:
        SerKerasError: an unknown set, or the package `opensmile` is missing.
    """

    NAME, LEVEL = "egemaps_lld", "LowLevelDescriptors"
    least_samples = LEAST_SAMPLES

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        n_samples = input_shape[1]
        n_frames = None if n_samples is None else n_samples // HOP - 4
        return (input_shape[0], n_frames, N_LLD[self.feature_set], 1)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Descriptors of windows.

        Args:
            windows: [n, N] at 16 kHz in [-1, 1]; values that are not finite count as 0, the others are clipped and
                rounded to 16 bits.

        Returns:
            [n, T, descriptors, 1], finite, T = N // 160 - 4.

        Raises:
            SerKerasError: windows shorter than 60 ms or not of two dimensions, or openSMILE fails.
        """
        windows = np.asarray(windows, np.float32)
        if windows.ndim != 2:
            raise SerKerasError(f"egemaps_lld: windows of shape {windows.shape}; give [windows, samples]")
        if windows.shape[1] < LEAST_SAMPLES:
            raise SerKerasError(
                f"egemaps_lld: a window of {windows.shape[1]} samples is too short, it needs at least {LEAST_SAMPLES} "
                f"({1000 * LEAST_SAMPLES // SAMPLE_RATE} ms at 16 kHz); make window_s longer"
            )
        n_frames = windows.shape[1] // HOP - 4
        features = np.zeros((len(windows), n_frames, N_LLD[self.feature_set], 1), np.float32)
        for row, window in zip(features, windows, strict=True):
            # openSMILE is as slow on padding as on speech, and its values settle quickly: compute only TAIL samples
            # of padding.
            values = self._features(window[: np.flatnonzero(window).max(initial=0) + TAIL])
            row[: len(values), :, 0] = values
            row[len(values) :, :, 0] = values[-1]
        return features


class EgemapsFunctionals(_Egemaps):
    """The 88 functionals of eGeMAPS, one vector an utterance.

    Reference and licence: as `EgemapsLld`. About 48 times faster than real time on one core (EMO-DB: 18 utterances a
    second).

    Args:
        feature_set: see `_Egemaps`.

    Raises:
        SerKerasError: an unknown set, or the package `opensmile` is missing.
    """

    NAME, LEVEL = "egemaps_functionals", "Functionals"
    n_values: ClassVar[int] = N_EGEMAPS
    takes = "utterance"
    least_samples = 1

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], self.n_values)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Functionals of an utterance.

        Args:
            samples: [N] at 16 kHz in [-1, 1]; values that are not finite count as 0, the others are clipped and
                rounded to 16 bits. Signals under 60 ms are padded with zeros.

        Returns:
            [1, n_values], finite.

        Raises:
            SerKerasError: samples not of one dimension, or openSMILE fails.
        """
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise SerKerasError(f"{self.NAME}: samples of shape {samples.shape}; give one dimension")
        return self._features(samples)


class CompareFunctionals(EgemapsFunctionals):
    """The 6373 functionals of ComParE 2016, one vector an utterance: the field's usual baseline's features.

    Reference: F. Weninger et al., On the acoustics of emotion in audio, Frontiers in Psychology 4:292, 2013; B.
    Schuller et al., The INTERSPEECH 2016 computational paralinguistics challenge, section 3. Licence: as `EgemapsLld`.

    Raises:
        SerKerasError: the package `opensmile` is missing.
    """

    NAME, n_values = "compare_functionals", N_COMPARE

    def __init__(self) -> None:
        self.feature_set = "ComParE_2016"
        self.smile = OpenSmile(self.feature_set, self.LEVEL)

    def get_config(self) -> dict[str, object]:
        return {}
