"""The 26 hand-built features of Anand & Verma (2015)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse
from scipy.signal import get_window

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors.pitch import yin
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends.log_mel import mel_matrix

N_MFCC = 13
BANDS_HZ = (0, 500, 1000, 2000, 4000)
ROLL_OFFS = (0.25, 0.5, 0.75, 0.85, 0.95)
LEAST_POWER = 1e-10  # -100 dB
BLOCK = 16  # windows at once: what they need stays in the processor's cache


class Acoustic26(Extractor):
    """26 acoustic features of a window, each the mean over its frames.

    | name | unit | per frame |
    | --- | --- | --- |
    | `rms_energy` | amplitude | root mean square of the samples |
    | `mfcc_0` ... `mfcc_12` | dB | orthonormal DCT-II of the mel bands' power in dB, at most 80 dB below the largest |
    | `zero_crossing_rate` | share of samples | changes of sign |
    | `energy_0_500` ... `energy_2000_4000` | dB | power of the bins from the lower edge to below the upper |
    | `roll_off_25` ... `roll_off_95` | Hz | frequency up to which this share of the magnitude lies |
    | `spectral_centroid` | Hz | mean frequency, weighted by magnitude |
    | `pitch` | Hz | YIN; the mean over the voiced frames, 0 where there are none |

    Frames lie within the window; the spectrum is that of the Hann-windowed frame. A frame is voiced where YIN's
    aperiodicity is below `voicing_threshold` and its RMS above -60 dBFS (module `pitch`). In digital
    silence RMS, roll-offs, centroid and pitch are 0 and energies -100 dB. RMS, MFCC, zero crossings, roll-offs and
    centroid equal librosa 0.11's for the same frames; librosa's own code is not used, since it costs a second of
    compilation at the first call.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 2, table 1. The paper gives the
    kinds and their numbers; bands, roll-offs, frames and the decibels are ours.

    Args:
        frame_ms: length of a frame in milliseconds.
        hop_ms: step from frame to frame in milliseconds.
        n_fft: points of the FFT, at least a frame.
        n_mels: mel bands (Slaney) from 0 to 8000 Hz.
        f0_min, f0_max: range of the pitch in Hz; a frame holds two periods of f0_min.
        voicing_threshold: greatest aperiodicity of a voiced frame, above 0 and below 1.

    Raises:
        SerKerasError: a setting out of its range.
    """

    VERSION = 1

    def __init__(
        self,
        frame_ms: float = 40,
        hop_ms: float = 10,
        n_fft: int = 1024,
        *,
        n_mels: int = 40,
        f0_min: float = 60.0,
        f0_max: float = 600.0,
        voicing_threshold: float = 0.2,
    ) -> None:
        self.frame_ms, self.hop_ms, self.n_fft, self.n_mels = frame_ms, hop_ms, n_fft, n_mels
        self.f0_min, self.f0_max, self.voicing_threshold = f0_min, f0_max, voicing_threshold
        self.frame_length = round(SAMPLE_RATE * frame_ms / 1000)
        self.hop_length = round(SAMPLE_RATE * hop_ms / 1000)
        self._check()
        self._window = get_window("hann", self.frame_length).astype(np.float32)
        self._frequencies = (np.arange(n_fft // 2 + 1) * SAMPLE_RATE / n_fft).astype(np.float32)
        mel = mel_matrix(n_mels, n_fft, f_min=0.0, f_max=SAMPLE_RATE / 2)
        # A sparse product: a twentieth of the work, and on one thread, unlike the dense one.
        self._mel = sparse.csr_array(mel.T)
        # Parseval's factor, so that the bands' energies add up to the mean power of the samples under the window.
        self._power_of_bin = 2 / (n_fft * np.sum(np.square(self._window)))

    def _check(self) -> None:
        for name, ok, valid in (
            ("frame_ms", self.frame_length >= 2, "at least two samples (0.125)"),
            ("hop_ms", self.hop_length >= 1, "at least a sample (0.0625)"),
            ("n_fft", self.n_fft >= self.frame_length, f"at least the frame of {self.frame_length} samples"),
            ("n_mels", self.n_mels >= N_MFCC, f"at least {N_MFCC}, the number of MFCC"),
            (
                "f0_min",
                2 * SAMPLE_RATE + 4 * self.f0_min <= self.f0_min * self.frame_length,
                f"such that two periods fit into a frame of {self.frame_ms:g} ms; raise it or frame_ms",
            ),
            ("f0_max", self.f0_min < self.f0_max <= SAMPLE_RATE / 4, f"above f0_min ({self.f0_min:g}), at most 4000"),
            ("voicing_threshold", 0 < self.voicing_threshold < 1, "above 0 and below 1"),
        ):
            if not ok:
                raise SerKerasError(f"acoustic26: {name} is {getattr(self, name)}; it must be {valid}")

    @property
    def names(self) -> tuple[str, ...]:
        """The 26 names, in the order of the values."""
        return (
            "rms_energy",
            *(f"mfcc_{i}" for i in range(N_MFCC)),
            "zero_crossing_rate",
            *(f"energy_{low}_{high}" for low, high in zip(BANDS_HZ, BANDS_HZ[1:], strict=False)),
            *(f"roll_off_{round(100 * share)}" for share in ROLL_OFFS),
            "spectral_centroid",
            "pitch",
        )

    @property
    def least_samples(self) -> int:
        """The shortest window, in samples."""
        return self.frame_length

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], len(self.names))

    def get_config(self) -> dict[str, object]:
        return {
            "frame_ms": self.frame_ms,
            "hop_ms": self.hop_ms,
            "n_fft": self.n_fft,
            "n_mels": self.n_mels,
            "f0_min": self.f0_min,
            "f0_max": self.f0_max,
            "voicing_threshold": self.voicing_threshold,
        }

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of windows.

        Args:
            windows: [n, N] at 16 kHz in [-1, 1]; values that are not finite count as 0, the others are clipped.

        Returns:
            [n, 26], finite.

        Raises:
            SerKerasError: windows shorter than a frame, or not of two dimensions.
        """
        windows = np.asarray(windows, np.float32)
        if windows.ndim != 2:
            raise SerKerasError(f"acoustic26: windows of shape {windows.shape}; give [windows, samples]")
        if windows.shape[1] < self.least_samples:
            raise SerKerasError(
                f"acoustic26: a window of {windows.shape[1]} samples is too short, it needs at least "
                f"{self.least_samples} ({self.frame_ms:g} ms at 16 kHz); make window_s longer"
            )
        blocks = [self._features(windows[i : i + BLOCK]) for i in range(0, len(windows), BLOCK)]
        return np.concatenate([np.zeros((0, len(self.names)), np.float32), *blocks])

    def _features(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, N] to [n, 26]."""
        windows = np.clip(np.where(np.isfinite(windows), windows, 0), -1, 1)
        frames = np.lib.stride_tricks.sliding_window_view(windows, self.frame_length, axis=1)[:, :: self.hop_length]
        frames = np.ascontiguousarray(frames)  # [n, T, frame]
        spectrum = fft.rfft(frames * self._window, self.n_fft)
        magnitude = np.abs(spectrum)
        power = np.square(magnitude)
        columns = [
            np.sqrt(np.mean(np.square(frames), axis=2)).mean(axis=1),
            *self._mfcc(power).mean(axis=1).T,
            _zero_crossing_rate(frames).mean(axis=1),
            *self._band_energies(power).mean(axis=1).T,
            *self._spectral_shape(magnitude).mean(axis=1).T,
            self._pitch(frames),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def _mfcc(self, power: NDArray[np.floating]) -> NDArray[np.floating]:
        """[n, T, F] to [n, T, 13]."""
        n, t, f = power.shape
        mel = (self._mel @ power.reshape(n * t, f).T).T.reshape(n, t, -1)
        decibels = 10 * np.log10(np.maximum(mel, LEAST_POWER))
        decibels = np.maximum(decibels, decibels.max(axis=(1, 2), keepdims=True) - 80)
        return fft.dct(decibels, norm="ortho")[..., :N_MFCC]

    def _band_energies(self, power: NDArray[np.floating]) -> NDArray[np.floating]:
        """[n, T, F] to [n, T, 4], dB."""
        edges = np.searchsorted(self._frequencies, BANDS_HZ)
        bands = [power[..., low:high].sum(axis=-1) for low, high in zip(edges, edges[1:], strict=False)]
        return 10 * np.log10(np.maximum(np.stack(bands, axis=-1) * self._power_of_bin, LEAST_POWER))

    def _spectral_shape(self, magnitude: NDArray[np.floating]) -> NDArray[np.floating]:
        """[n, T, F] to [n, T, 6]: roll-offs and centroid, Hz."""
        cumulative = np.cumsum(magnitude, axis=-1)
        total = cumulative[..., -1]
        # The bins below the share's bin are those whose sum is under it: as many as that bin's number.
        roll_offs = [(cumulative < share * total[..., None]).sum(axis=-1) for share in ROLL_OFFS]
        # einsum, not @: a matrix-vector product would start BLAS's threads.
        moment = np.einsum("ntf,f->nt", magnitude, self._frequencies)
        centroid = moment / np.maximum(total, np.finfo(np.float32).tiny)
        return np.stack([*(np.array(roll_offs) * (SAMPLE_RATE / self.n_fft)), centroid], axis=-1)

    def _pitch(self, frames: NDArray[np.float32]) -> NDArray[np.floating]:
        """[n, T, frame] to [n]: mean over the voiced frames, Hz."""
        n, t, length = frames.shape
        pitch = yin(
            frames.reshape(n * t, length),
            SAMPLE_RATE,
            f_min=self.f0_min,
            f_max=self.f0_max,
            threshold=self.voicing_threshold,
        )
        pitch = pitch.reshape(n, t)
        return pitch.sum(axis=1) / np.maximum((pitch > 0).sum(axis=1), 1)


def _zero_crossing_rate(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """[n, T, frame] to [n, T]: changes of sign over the number of samples; 0 counts as positive."""
    negative = frames < -1e-10
    return (negative[..., 1:] != negative[..., :-1]).sum(axis=-1) / frames.shape[-1]
