"""Short-time Fourier transform: the base of front ends that show the spectra of single frames."""

import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends.base import FrontEnd, frames, frames_at
from ser_keras.features.frontends.fourier import cut_length, power_spectrum


class ShortTimeFourier(FrontEnd):
    """Power spectra of Hann frames; a subclass turns them into features.

    Args:
        frame_ms: length of the Hann window in milliseconds.
        hop_ms: step from frame to frame in milliseconds.
        n_fft: points of the FFT, a power of two from 4 on, at least a frame; zeros fill it up.
        kwargs: see `FrontEnd`.

    Raises:
        SerKerasError: a setting out of its range; the message names the front end by `NAME`.
    """

    NAME: ClassVar[str]  # in the registry

    def __init__(self, frame_ms: float, hop_ms: float, n_fft: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.frame_ms, self.hop_ms, self.n_fft = frame_ms, hop_ms, n_fft
        self.frame_length = round(SAMPLE_RATE * frame_ms / 1000)
        self.hop_length = round(SAMPLE_RATE * hop_ms / 1000)
        self.require(
            ("hop_ms", self.hop_length >= 1, "at least a sample (0.0625)"),
            ("frame_ms", self.frame_length >= 2, "at least two samples (0.125)"),
            (
                "n_fft",
                n_fft >= max(4, self.frame_length) and n_fft & (n_fft - 1) == 0,
                f"a power of two from 4 on and at least the frame of {self.frame_length} samples",
            ),
        )
        # Frames are cut with n_fft samples; the window's zeros shorten them, which is cheaper than padding each frame.
        self._window = np.zeros(n_fft, np.float32)
        n = np.arange(self.frame_length)
        # The window's own: a constant then vanishes from the lowest bins as well as from the mean.
        self._window[: self.frame_length] = 0.5 - 0.5 * np.cos(2 * np.pi * n / self.frame_length)
        self._mean_weights = self._window / self._window.sum()

    def require(self, *conditions: tuple[str, bool, str]) -> None:
        """Refuse the first invalid setting; conditions are (name, whether it holds, what is valid)."""
        for name, holds, valid in conditions:
            if not holds:
                raise SerKerasError(f"{self.NAME}: {name} is {getattr(self, name)}; it must be {valid}")

    @property
    def bin_hz(self) -> NDArray[np.float64]:
        """Hz of each bin of the spectrum, which always reaches half the sampling rate."""
        return np.arange(self.n_fft // 2 + 1) * SAMPLE_RATE / self.n_fft

    def power(
        self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None, *, centred: bool = False
    ) -> keras.KerasTensor:
        """[B, N] to power [B, T, n_fft // 2 + 1]; `starts` as in `FrontEnd.spectrum`.

        `centred`: each frame's mean is taken off, so that a constant offset has no effect.
        """
        length = cut_length(self.frame_length, self.n_fft)
        if starts is None:
            framed = frames(wave, length, self.hop_length, count=self.n_frames(wave.shape[1]))
        else:
            framed = frames_at(wave, length, starts, step=math.gcd(self.start_step, length))
        if centred:
            framed = framed - ops.sum(framed * self._mean_weights[:length], axis=-1, keepdims=True)
        return power_spectrum(framed * self._window[:length], self.n_fft)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "frame_ms": self.frame_ms, "hop_ms": self.hop_ms, "n_fft": self.n_fft}
