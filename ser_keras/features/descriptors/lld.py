"""Low-level descriptors of an utterance's frames, among them those of He, Ren & He (2019)."""

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse
from scipy.signal import get_window

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors.formants import lpc_formants
from ser_keras.features.descriptors.pitch import yin
from ser_keras.features.descriptors.praat import parselmouth, praat_formants, praat_pitch
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends.log_mel import mel_matrix

N_MFCC = 13
N_FORMANTS = 3
LEAST_POWER = 1e-10  # -100 dB
STRICT_THRESHOLDS = (0.1, 0.2, 0.3)
PITCH_FRAME_MS = 40  # twice a frame: two periods of 60 Hz
BLOCK = 64  # frames at once: what they need stays in the processor's cache
Pitch = Literal["own", "praat"]
PITCHES: tuple[Pitch, ...] = get_args(Pitch)
Formants = Literal["lpc", "praat"]
FORMANTS: tuple[Formants, ...] = get_args(Formants)
Magnitudes = Literal["linear", "db"]
MAGNITUDES: tuple[Magnitudes, ...] = get_args(Magnitudes)


class LowLevelDescriptors(Extractor):
    """The base of the sets of low-level descriptors: settings, and the descriptors of an utterance's frames.

    | name | unit | of a frame |
    | --- | --- | --- |
    | `fft_1` ... `fft_256` | amplitude | magnitude of the Hann-windowed frame's FFT, bins of 31.25 Hz (some sets) |
    | `f0` | Hz | pitch, 0 where unvoiced; own: YIN on 40 ms around the frame's middle |
    | `formant_1` ... `formant_3` | Hz | formants, 0 where unvoiced; lpc: Burg's method on a 50 ms Gaussian window |
    | `energy` | dB | mean square of the samples, at least -100 |
    | `zero_crossing_rate` | share | steps between samples that change the sign |
    | `mfcc_0` ... `mfcc_12` | dB | orthonormal DCT-II of the mel bands' power in dB |

    Frames lie within the utterance, a remainder is dropped, a shorter utterance is padded with zeros to a frame.
    Digital silence has energy -100 dB and F0 and formants 0.

    Own pitch takes YIN's first trough under the strictest of the thresholds 0.1, 0.2, 0.3 and `voicing_threshold` that
    has one: the last threshold alone would give half the period more often.

    Args:
        frame_ms: length of a frame in milliseconds.
        hop_ms: step from frame to frame in milliseconds.
        n_fft: points of the FFT, at least a frame.
        n_mels: mel bands (Slaney) from 0 to 8000 Hz under the MFCC.
        f0_min, f0_max: range of the pitch in Hz.
        voicing_threshold: greatest aperiodicity of a voiced frame (own pitch), above 0 and below 1.
        formant_ceiling: highest frequency of the fifth formant in Hz: about 5500 for women, 5000 for men.
        pitch: `own`, or `praat`: Praat's autocorrelation method, by the package praat-parselmouth (GPL-3.0-or-later;
            extra `systems`).
        formants: `lpc`, or `praat`: Praat's, by the same package.
        magnitudes: `linear`, or `db` (at least -100), in the sets that have them.

    Raises:
        SerKerasError: a setting out of its range, or Praat is set and not installed.
    """

    VERSION = 1
    HAS_MAGNITUDES: ClassVar[bool] = False
    takes = "utterance"

    def __init__(
        self,
        frame_ms: float = 20,
        hop_ms: float = 10,
        n_fft: int = 512,
        *,
        n_mels: int = 40,
        f0_min: float = 60.0,
        f0_max: float = 600.0,
        voicing_threshold: float = 0.4,
        formant_ceiling: float = 5500.0,
        pitch: Pitch = "own",
        formants: Formants = "lpc",
        magnitudes: Magnitudes = "linear",
    ) -> None:
        self.frame_ms, self.hop_ms, self.n_fft, self.n_mels = frame_ms, hop_ms, n_fft, n_mels
        self.f0_min, self.f0_max, self.voicing_threshold = f0_min, f0_max, voicing_threshold
        self.formant_ceiling, self.pitch, self.formants = formant_ceiling, pitch, formants
        self.magnitudes = magnitudes
        self.frame_length = round(SAMPLE_RATE * frame_ms / 1000)
        self.hop_length = round(SAMPLE_RATE * hop_ms / 1000)
        self._check()
        self._window = get_window("hann", self.frame_length).astype(np.float32)
        # A sparse product stays on one thread, unlike the dense one.
        self._mel = sparse.csr_array(mel_matrix(n_mels, n_fft, f_min=0.0, f_max=SAMPLE_RATE / 2).T)

    def _check(self) -> None:
        for name, ok, valid in (
            ("frame_ms", self.frame_length >= 2, "at least two samples (0.125)"),
            ("hop_ms", self.hop_length >= 1, "at least a sample (0.0625)"),
            ("n_fft", self.n_fft >= self.frame_length, f"at least the frame of {self.frame_length} samples"),
            ("n_mels", self.n_mels >= N_MFCC, f"at least {N_MFCC}, the number of MFCC"),
            ("f0_min", self.f0_min >= 51, f"at least 51, such that two periods fit into {PITCH_FRAME_MS} ms"),
            ("f0_max", self.f0_min < self.f0_max <= SAMPLE_RATE / 4, f"above f0_min ({self.f0_min:g}), at most 4000"),
            ("voicing_threshold", 0 < self.voicing_threshold < 1, "above 0 and below 1"),
            ("formant_ceiling", 3000 <= self.formant_ceiling <= SAMPLE_RATE / 2, "3000 to 8000 Hz"),
            ("pitch", self.pitch in PITCHES, f"one of {', '.join(PITCHES)}"),
            ("formants", self.formants in FORMANTS, f"one of {', '.join(FORMANTS)}"),
            ("magnitudes", self.magnitudes in MAGNITUDES, f"one of {', '.join(MAGNITUDES)}"),
        ):
            if not ok:
                raise SerKerasError(f"descriptors: {name} is {getattr(self, name)}; it must be {valid}")
        if "praat" in (self.pitch, self.formants):
            parselmouth()

    def get_config(self) -> dict[str, object]:
        return {
            "frame_ms": self.frame_ms,
            "hop_ms": self.hop_ms,
            "n_fft": self.n_fft,
            "n_mels": self.n_mels,
            "f0_min": self.f0_min,
            "f0_max": self.f0_max,
            "voicing_threshold": self.voicing_threshold,
            "formant_ceiling": self.formant_ceiling,
            "pitch": self.pitch,
            "formants": self.formants,
            "magnitudes": self.magnitudes,
        }

    @property
    def descriptor_names(self) -> tuple[str, ...]:
        """Names of a frame's descriptors, in the order of the values."""
        return (
            *(f"fft_{i}" for i in range(1, self.n_fft // 2 + 1) if self.HAS_MAGNITUDES),
            "f0",
            *(f"formant_{i}" for i in range(1, N_FORMANTS + 1)),
            "energy",
            "zero_crossing_rate",
            *(f"mfcc_{i}" for i in range(N_MFCC)),
        )

    def describe(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Descriptors of an utterance's frames.

        Args:
            samples: [N] at 16 kHz in [-1, 1]; values that are not finite count as 0, the others are clipped.

        Returns:
            [T, D], finite.

        Raises:
            SerKerasError: samples not of one dimension.
        """
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise SerKerasError(f"descriptors: samples of shape {samples.shape}; give one utterance, [samples]")
        samples = np.clip(np.where(np.isfinite(samples), samples, 0), -1, 1)
        samples = np.pad(samples, (0, max(0, self.frame_length - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.frame_length)[:: self.hop_length]
        spectral = [self._spectral(frames[i : i + BLOCK]) for i in range(0, len(frames), BLOCK)]
        magnitude, mfcc = (np.concatenate(parts) for parts in zip(*spectral, strict=True))
        centres = (np.arange(len(frames)) * self.hop_length + self.frame_length / 2) / SAMPLE_RATE
        f0 = self._f0(samples, centres)
        power = np.mean(np.square(frames, dtype=np.float64), axis=1)
        columns = [
            magnitude[:, : magnitude.shape[1] if self.HAS_MAGNITUDES else 0],
            f0[:, None],
            self._formants(samples, centres, f0 > 0),
            10 * np.log10(np.maximum(power, LEAST_POWER))[:, None],
            ((frames[:, 1:] < 0) != (frames[:, :-1] < 0)).mean(axis=1)[:, None],
            mfcc,
        ]
        return np.concatenate(columns, axis=1).astype(np.float32)

    def valid(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which values of `describe` are measurements: all but the zeros of F0 and formants. [T, D] bool."""
        columns = np.array([name == "f0" or name.startswith("formant_") for name in self.descriptor_names])
        return ~columns | (values > 0)

    def _spectral(self, frames: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """[n, frame] to magnitudes without the constant's [n, F - 1] and MFCC [n, 13]."""
        magnitude = np.abs(fft.rfft(frames * self._window, self.n_fft))
        power = np.square(magnitude)
        mel = (self._mel @ power.T).T
        mfcc = fft.dct(10 * np.log10(np.maximum(mel, LEAST_POWER)), norm="ortho")[:, :N_MFCC]
        if self.magnitudes == "db":
            magnitude = 10 * np.log10(np.maximum(power, LEAST_POWER))
        return magnitude[:, 1:], mfcc

    def _f0(self, samples: NDArray[np.float32], centres: NDArray[np.float64]) -> NDArray[np.float32]:
        """[T], Hz, 0 where unvoiced."""
        if self.pitch == "praat":
            return praat_pitch(samples, SAMPLE_RATE, centres, f_min=self.f0_min, f_max=self.f0_max)
        length = round(SAMPLE_RATE * PITCH_FRAME_MS / 1000)
        padded = np.pad(samples, (length // 2, length))
        starts = np.round(centres * SAMPLE_RATE).astype(int)
        frames = np.lib.stride_tricks.sliding_window_view(padded, length)
        f0 = np.zeros(len(starts), np.float32)
        for threshold in (*(t for t in STRICT_THRESHOLDS if t < self.voicing_threshold), self.voicing_threshold):
            unvoiced = np.flatnonzero(f0 == 0)
            for i in range(0, len(unvoiced), BLOCK):
                part = unvoiced[i : i + BLOCK]
                f0[part] = yin(
                    frames[starts[part]], SAMPLE_RATE, f_min=self.f0_min, f_max=self.f0_max, threshold=threshold
                )
        return f0

    def _formants(
        self, samples: NDArray[np.float32], centres: NDArray[np.float64], voiced: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """[T, 3], Hz, 0 where unvoiced."""
        find = praat_formants if self.formants == "praat" else lpc_formants
        formants = np.zeros((len(centres), N_FORMANTS), np.float32)
        if voiced.any():
            formants[voiced] = find(
                samples, SAMPLE_RATE, centres[voiced], ceiling=self.formant_ceiling, n_formants=N_FORMANTS
            )
        return formants


class He2019Lld(LowLevelDescriptors):
    """The 275 low-level descriptors a frame of He, Ren & He (2019).

    256 FFT magnitudes (512 points, bins 1-256), F0, formants F1-F3, energy, zero-crossing rate and 13 MFCC, of frames
    of 20 ms every 10 ms. The paper names the kinds; formants, decibels, windows, mel bands and linear magnitudes by
    default are our choice. `magnitudes="db"` suits standardisation better: a balanced RBF SVM (C = 1) on
    `he2019_functionals` has a UAR of 0.63 with it and 0.54 without on EMO-DB, seven classes, leave one speaker out.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 4.1.

    Args:
        Those of `LowLevelDescriptors`.
    """

    HAS_MAGNITUDES = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of a frame's values."""
        return self.descriptor_names

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (None, len(self.names))

    def row_starts(self, n_samples: int) -> NDArray[np.int64]:
        """First sample of each row of an utterance of `n_samples`: [T]."""
        return np.arange(1 + max(0, n_samples - self.frame_length) // self.hop_length) * self.hop_length

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """`describe`: [N] to [T, 275]."""
        return self.describe(samples)
