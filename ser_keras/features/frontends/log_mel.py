"""Log-mel spectrogram."""

from collections.abc import Sequence
from typing import Literal, get_args

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.features.frontends.stft import ShortTimeFourier

MelScale = Literal["slaney", "htk"]
MEL_SCALES: tuple[MelScale, ...] = get_args(MelScale)
Normalisation = Literal["none", "mean", "mean_std"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)


def hz_to_mel(hz: ArrayLike, scale: MelScale) -> NDArray[np.float64]:
    """Frequencies in Hz as mel."""
    hz = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    # Slaney's Auditory Toolbox: linear below 1 kHz (15 mel), then 27 mel to a factor of 6.4.
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def _mel_to_hz(mel: NDArray[np.float64], scale: MelScale) -> NDArray[np.float64]:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


def mel_matrix(
    n_mels: int, n_fft: int, *, f_min: float, f_max: float, scale: MelScale = "slaney"
) -> NDArray[np.float32]:
    """Triangular filters, equally spaced in mel, each of unit area over frequency.

    Reference: M. Slaney, Auditory Toolbox, Interval Research 1998-010; `scale="htk"`: the HTK Book, section 5.6.

    Args:
        n_mels: number of bands.
        n_fft: points of the FFT whose bins are weighted.
        f_min, f_max: lowest and highest edge in Hz.
        scale: one of `MEL_SCALES`.

    Returns:
        [n_fft // 2 + 1, n_mels].

    Raises:
        SerKerasError: bands so narrow that one of them holds no bin.
    """
    bins = np.arange(n_fft // 2 + 1) * SAMPLE_RATE / n_fft
    edges = _mel_to_hz(np.linspace(hz_to_mel(f_min, scale), hz_to_mel(f_max, scale), n_mels + 2), scale)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    weights = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    empty = np.flatnonzero(weights.max(axis=0) == 0)
    if empty.size:
        raise SerKerasError(
            f"log_mel: {n_mels} bands from {f_min:g} to {f_max:g} Hz leave {empty.size} without a bin of the "
            f"{n_fft}-point FFT (the first is band {empty[0]}); lower n_mels or raise n_fft"
        )
    return weights.astype(np.float32)


@keras.saving.register_keras_serializable("ser_keras")
class LogMel(ShortTimeFourier):
    """Natural logarithm of the power in mel bands.

    Reference: S. Davis, P. Mermelstein, Comparison of parametric representations for monosyllabic word recognition,
    IEEE TASSP 28(4), 1980; equal to `librosa.feature.melspectrogram` with frames that lie within the signal.

    Args:
        n_mels: number of mel bands.
        frame_ms: length of the Hann window in milliseconds.
        hop_ms: step from frame to frame in milliseconds.
        n_fft: points of the FFT, a power of two, at least a frame.
        f_min: lowest edge of the bands in Hz.
        f_max: highest edge of the bands in Hz.
        log_offset: added to the power before the logarithm.
        mel_scale: `slaney` or `htk`.
        normalise: `none`; `mean`: the mean over all frames and bands of the window is subtracted, so that gain has
            no effect on levels well above `log_offset`; `mean_std`: and the result is divided by the window's
            standard deviation.
        kwargs: see `FrontEnd`.

    Input:
        [B, N] float32.

    Output:
        [B, T, n_mels, 1] float32, T = (N - frame) // hop + 1: an image of time by bands, for 2-D convolutions.

    Raises:
        SerKerasError: a setting out of its range.

    Example:
        In a small Keras model, on two waveforms of 1 s:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import LogMel
        >>> wave = keras.Input((16000,))
        >>> features = LogMel(n_mels=40)(wave)
        >>> features.shape
        (None, 98, 40, 1)
        >>> model = keras.Model(wave, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features)))
        >>> tuple(model(np.zeros((2, 16000), np.float32)).shape)
        (2, 4)
    """

    NAME = "log_mel"
    SPECTRUM_POWER = 2
    XLA = True

    def __init__(
        self,
        n_mels: int = 64,
        frame_ms: float = 25,
        hop_ms: float = 10,
        *,
        n_fft: int = 512,
        f_min: float = 50.0,
        f_max: float = 8000.0,
        log_offset: float = 1e-6,
        mel_scale: MelScale = "slaney",
        normalise: Normalisation = "none",
        **kwargs: object,
    ) -> None:
        super().__init__(frame_ms, hop_ms, n_fft, **kwargs)
        self.n_mels, self.f_min, self.f_max, self.log_offset = n_mels, f_min, f_max, log_offset
        self.mel_scale, self.normalise = mel_scale, normalise
        choices: tuple[tuple[str, str, tuple[str, ...]], ...] = (
            ("mel_scale", mel_scale, MEL_SCALES),
            ("normalise", normalise, NORMALISATIONS),
        )
        for setting, value, valid in choices:
            if value not in valid:
                raise SerKerasError(f"{self.NAME}: {setting} is '{value}'; nearest: {nearest(value, valid)}")
        self.require(
            ("n_mels", n_mels >= 1, "at least 1"),
            ("f_min", 0 <= f_min < f_max, f"from 0 to below f_max ({f_max:g})"),
            ("f_max", f_max <= SAMPLE_RATE / 2, "at most 8000, half the sampling rate"),
            ("log_offset", log_offset > 0, "above 0"),
        )
        self._mel = mel_matrix(n_mels, n_fft, f_min=f_min, f_max=f_max, scale=mel_scale)

    @property
    def top_hz(self) -> float:
        """See `FrontEnd`."""
        return float(self.f_max)

    def spectrum(self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None) -> keras.KerasTensor:
        """[B, N] to power [B, 1, T, n_fft // 2 + 1]; see `FrontEnd`."""
        return ops.expand_dims(self.power(wave, starts), 1)

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """Power [B, 1, T, n_fft // 2 + 1] to [B, T, n_mels, 1]."""
        x = ops.log(ops.matmul(ops.squeeze(spectrum, 1), self._mel) + self.log_offset)
        if self.normalise != "none":
            x = x - ops.mean(x, axis=(1, 2), keepdims=True)
        if self.normalise == "mean_std":
            # A digitally silent window has no deviation: it stays 0.
            x = x / ops.sqrt(ops.mean(ops.square(x), axis=(1, 2), keepdims=True) + 1e-5)
        return ops.expand_dims(x, -1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], self.n_frames(input_shape[1]), self.n_mels, 1)

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "n_mels": self.n_mels,
            "f_min": self.f_min,
            "f_max": self.f_max,
            "log_offset": self.log_offset,
            "mel_scale": self.mel_scale,
            "normalise": self.normalise,
        }
