"""Spectrogram as a picture: decibels below the window's maximum, resized, in grey or in colour."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from ser_keras.features.frontends.stft import ShortTimeFourier


def jet(x: keras.KerasTensor) -> keras.KerasTensor:
    """Blue, cyan, yellow, red: MATLAB's colour map of that name, with straight lines between its corners.

    Args:
        x: [B, rows, columns, 1] in [0, 1].

    Returns:
        [B, rows, columns, 3]: red, green, blue in [0, 1]; 0 is dark blue, 1 dark red.
    """
    peaks = np.array([3, 2, 1], np.float32).reshape(3, 1, 1)
    # Channels come first here: three times faster than broadcasting along the last axis.
    colours = ops.clip(1.5 - ops.abs(4 * ops.transpose(x, (0, 3, 1, 2)) - peaks), 0.0, 1.0)
    return ops.transpose(colours, (0, 2, 3, 1))


@keras.saving.register_keras_serializable("ser_keras")
class SpectrogramImage(ShortTimeFourier):
    """Spectrogram of a window as a square picture of its power in dB below the window's maximum.

    Reference: A. M. Badshah, Ahmad, Rahim, Baik, Speech Emotion Recognition from Spectrograms with Deep Convolutional
    Neural Network, PlatCon 2017, sections II.A and II.D: spectrograms drawn in colours (its figure 1), resized to
    256 x 256. Its window, hop and range are not printed.

    The maximum is that of each window by itself, so that gain has no effect.

    Args:
        size: rows and columns of the picture: 256, or 227 for AlexNet.
        colour: three channels, blue (quiet) over green to red (loud), in place of one.
        frame_ms: length of the Hann window in milliseconds.
        hop_ms: step from frame to frame in milliseconds.
        n_fft: points of the FFT, a power of two, at least a frame.
        range_db: values further below the maximum are 0.
        log_offset: least power of the cut, so that silence is 0. With the default, only windows whose loudest tone is
            below a quarter of the least 16-bit step become darker.
        kwargs: see `FrontEnd`.

    Input:
        [B, N] float32, N = 16000 for the second of the recipes.

    Output:
        [B, size (frequency, from 0 Hz upwards), size (time), 1 or 3] float32 in [0, 1].

    Raises:
        SerKerasError: a setting out of its range.

    Example:
        In a small Keras model, on two waveforms of 1 s:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import SpectrogramImage
        >>> wave = keras.Input((16000,))
        >>> features = SpectrogramImage(64, colour=True)(wave)
        >>> features.shape
        (None, 64, 64, 3)
        >>> model = keras.Model(wave, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features)))
        >>> tuple(model(np.zeros((2, 16000), np.float32)).shape)
        (2, 4)
    """

    NAME = "spectrogram_image"
    SPECTRUM_POWER = 2

    def __init__(
        self,
        size: int = 256,
        colour: bool = False,
        frame_ms: float = 32,
        *,
        hop_ms: float = 4,
        n_fft: int = 512,
        range_db: float = 80.0,
        log_offset: float = 1e-14,
        **kwargs: object,
    ) -> None:
        super().__init__(frame_ms, hop_ms, n_fft, **kwargs)
        self.size, self.colour, self.range_db, self.log_offset = size, colour, range_db, log_offset
        self.require(
            ("size", size >= 1, "at least 1"),
            ("range_db", 0 < range_db <= 200, "above 0 and at most 200"),
            # Powers, up to 1e6, are divided by it: float32 ends at 3e38.
            ("log_offset", 1e-30 <= log_offset <= 1, "from 1e-30 to 1"),
        )

    def spectrum(self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None) -> keras.KerasTensor:
        """[B, N] to power [B, 1, T, n_fft // 2 + 1]; see `FrontEnd`."""
        return ops.expand_dims(self.power(wave, starts), 1)

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """Power [B, 1, T, n_fft // 2 + 1] to [B, size, size, 1 or 3]."""
        maximum = ops.max(spectrum, axis=(1, 2, 3), keepdims=True)
        cut = ops.maximum(maximum * np.float32(10 ** (-self.range_db / 10)), self.log_offset)
        x = ops.log(ops.maximum(spectrum / cut, 1.0)) * np.float32(10 / (self.range_db * np.log(10)))
        x = ops.transpose(x, (0, 3, 2, 1))
        # Our choice: grey values are resized, then coloured: a third of the work of resizing colours.
        x = ops.image.resize(x, (self.size, self.size), interpolation="bilinear", data_format="channels_last")
        return jet(x) if self.colour else x

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self.n_frames(input_shape[1])  # refuses windows that are too short
        return (input_shape[0], self.size, self.size, 3 if self.colour else 1)

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "size": self.size,
            "colour": self.colour,
            "range_db": self.range_db,
            "log_offset": self.log_offset,
        }
