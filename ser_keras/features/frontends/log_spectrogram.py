"""Log-magnitude spectrogram of all bins, for principal component analysis."""

from collections.abc import Sequence
from typing import Literal, get_args

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.features.frontends.stft import ShortTimeFourier

Scale = Literal["log", "magnitude"]
SCALES: tuple[Scale, ...] = get_args(Scale)


@keras.saving.register_keras_serializable("ser_keras")
class LogSpectrogram(ShortTimeFourier):
    """Magnitudes of a short-time Fourier transform without the constant bin, or their natural logarithms.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using CNN and RNN with Attention Model, 2019, section
    4.1; Z. Huang, M. Dong, Q. Mao, Y. Zhan, Speech Emotion Recognition Using CNN, ACM Multimedia 2014, section 3.1:
    20 ms window, 10 ms hop. Their PCA to 60 components is adapted to training data, so that it is a layer of the
    classifier. Their blocks of 15 frames are windows of 2560 samples.

    Args:
        frame_ms: length of the Hann window in milliseconds.
        hop_ms: step from frame to frame in milliseconds.
        n_fft: points of the FFT, a power of two, at least a frame.
        scale: `log`: ln(magnitude + log_offset); `magnitude`: the magnitudes themselves.
        log_offset: added to the magnitude before the logarithm; the default is about the magnitude of 16-bit rounding
            in a bin. With `magnitude` only the geometric mean that fills the masks of augmentation uses it.
        kwargs: see `FrontEnd`.

    Input:
        [B, N] float32.

    Output:
        [B, T, n_fft // 2, 1] float32, bins 1 to n_fft // 2 (31.25 to 8000 Hz for 512 points),
        T = (N - frame) // hop + 1; 15 x 256 x 1 for 2560 samples.

    Raises:
        SerKerasError: a setting out of its range.

    Example:
        In a small Keras model, on two waveforms of 1 s:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import LogSpectrogram
        >>> wave = keras.Input((16000,))
        >>> features = LogSpectrogram()(wave)
        >>> features.shape
        (None, 99, 256, 1)
        >>> model = keras.Model(wave, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features)))
        >>> tuple(model(np.zeros((2, 16000), np.float32)).shape)
        (2, 4)
    """

    NAME = "log_spectrogram"
    SPECTRUM_POWER = 1
    XLA = True

    def __init__(
        self,
        frame_ms: float = 20,
        hop_ms: float = 10,
        n_fft: int = 512,
        *,
        scale: Scale = "log",
        log_offset: float = 1e-4,
        **kwargs: object,
    ) -> None:
        super().__init__(frame_ms, hop_ms, n_fft, **kwargs)
        self.scale, self.log_offset = scale, log_offset
        if scale not in SCALES:
            raise SerKerasError(f"{self.NAME}: scale is '{scale}'; nearest: {nearest(scale, SCALES)}")
        self.require(("log_offset", log_offset > 0, "above 0"))

    @property
    def bin_hz(self) -> NDArray[np.float64]:
        """Hz of each bin of the spectrum, without the constant."""
        return super().bin_hz[1:]

    def spectrum(self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None) -> keras.KerasTensor:
        """[B, N] to magnitude [B, 1, T, n_fft // 2]; see `FrontEnd`."""
        return ops.expand_dims(ops.sqrt(self.power(wave, starts)[:, :, 1:]), 1)

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """Magnitude [B, 1, T, n_fft // 2] to [B, T, n_fft // 2, 1]."""
        x = ops.log(spectrum + self.log_offset) if self.scale == "log" else spectrum
        return ops.transpose(x, (0, 2, 3, 1))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], self.n_frames(input_shape[1]), self.n_fft // 2, 1)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "scale": self.scale, "log_offset": self.log_offset}
