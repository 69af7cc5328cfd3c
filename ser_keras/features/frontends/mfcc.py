"""Mel-frequency cepstral coefficients."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.features.frontends.log_mel import LogMel, MelScale, Normalisation


def dct_matrix(n: int, n_coefficients: int) -> NDArray[np.float32]:
    """First columns of the orthonormal discrete cosine transform of type II: [n, n_coefficients]."""
    matrix = np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, np.arange(n_coefficients))) * np.sqrt(2 / n)
    matrix[:, 0] /= np.sqrt(2)
    return matrix.astype(np.float32)


@keras.saving.register_keras_serializable("ser_keras")
class MFCC(LogMel):
    """Mel-frequency cepstral coefficients: an orthonormal DCT-II of the natural logarithm of the power in mel bands.

    Reference: S. Davis, P. Mermelstein, Comparison of parametric representations for monosyllabic word recognition,
    IEEE TASSP 28(4), 1980; equal to `librosa.feature.mfcc(S=...)` of `LogMel`. Neither liftered nor with deltas.

    Args:
        n_mfcc: number of coefficients, from the 0th (the level) on; at most `n_mels`.
        n_mels: number of mel bands.
        frame_ms, hop_ms, n_fft, f_min, f_max, log_offset, mel_scale: see `LogMel`.
        normalise: as in `LogMel`, before the DCT: `mean` changes coefficient 0 alone.
        kwargs: see `FrontEnd`.

    Input:
        [B, N] float32.

    Output:
        [B, T, n_mfcc, 1] float32, T = (N - frame) // hop + 1.

    Raises:
        SerKerasError: a setting out of its range.

    Example:
        In a small Keras model, on two waveforms of 1 s:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import MFCC
        >>> wave = keras.Input((16000,))
        >>> features = MFCC(n_mfcc=13)(wave)
        >>> features.shape
        (None, 98, 13, 1)
        >>> model = keras.Model(wave, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features)))
        >>> tuple(model(np.zeros((2, 16000), np.float32)).shape)
        (2, 4)
    """

    NAME = "mfcc"

    def __init__(
        self,
        n_mfcc: int = 13,
        n_mels: int = 26,
        frame_ms: float = 25,
        *,
        hop_ms: float = 10,
        n_fft: int = 512,
        f_min: float = 50.0,
        f_max: float = 8000.0,
        log_offset: float = 1e-6,
        mel_scale: MelScale = "slaney",
        normalise: Normalisation = "none",
        **kwargs: object,
    ) -> None:
        super().__init__(
            n_mels,
            frame_ms,
            hop_ms,
            n_fft=n_fft,
            f_min=f_min,
            f_max=f_max,
            log_offset=log_offset,
            mel_scale=mel_scale,
            normalise=normalise,
            **kwargs,
        )
        self.n_mfcc = n_mfcc
        self.require(("n_mfcc", 1 <= n_mfcc <= n_mels, f"from 1 to n_mels ({n_mels})"))
        self._dct = dct_matrix(n_mels, n_mfcc)

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """Power [B, 1, T, n_fft // 2 + 1] to [B, T, n_mfcc, 1]."""
        bands = ops.squeeze(super().features(spectrum), -1)
        return ops.expand_dims(ops.matmul(bands, self._dct), -1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (*super().compute_output_shape(input_shape)[:2], self.n_mfcc, 1)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "n_mfcc": self.n_mfcc}
