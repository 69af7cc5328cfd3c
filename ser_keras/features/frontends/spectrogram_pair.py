"""The two-channel spectrogram of Anand & Verma (2015), with an FFT pruned to a quarter of its bins.

A zero-padded 2048-point FFT for each of two frames every 2 ms takes 10.6 ms a window in LiteRT on one thread; this
module takes 2.3. Only bins 1..256 are needed, so that

1. a 40 ms frame is cut into 10 blocks of 64 samples. Below 2 kHz a block has few degrees of freedom: its spectrum
   about its own middle is, to 1e-6, a combination of RANK even (cosine) and RANK odd (sine) functions of frequency,
   found by singular value decomposition, with as many coefficients, a product of the block with a 64 x 2 RANK matrix;
2. blocks are 64 samples apart, so that their phases exp(-2 pi i 64 j k / 2048) depend only on k mod 32: for each of
   these 32 remainders the coefficients are summed over the blocks, a 10-point DFT;
3. for each remainder the sums are turned into its 8 bins by the functions of step 1, a RANK x 8 matrix.

The 5 ms frame is one block: it uses the same functions, with a projection of its own that includes its window.
"""

import functools
import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends.base import FrontEnd, frames, frames_at

N_FFT = 2048
N_BINS = 256  # bins 1..256: 7.8 to 2000 Hz
HOP = 32
LONG, SHORT = 640, 80
SHORT_START = (LONG - SHORT) // 2  # both channels are centred on the same instants
REDUCTION = 4
BLOCK = 64
N_BLOCKS = LONG // BLOCK
N_REMAINDERS = N_FFT // BLOCK
RANK = 15


def _hann(length: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


@functools.cache  # a decomposition of .1 s, wanted by every layer that is built
def _tables(
    trigonometric: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Block projection [64, RANK], short-frame projection [80, RANK], functions [32, RANK, 8], of one parity."""
    bins = np.arange(1, N_BINS + 1)
    block = trigonometric(2 * np.pi * np.outer(np.arange(BLOCK) - (BLOCK - 1) / 2, bins) / N_FFT)
    # A periodic Hann window is symmetric about sample length / 2, its sample 0 being 0.
    short = trigonometric(2 * np.pi * np.outer(np.arange(SHORT) - SHORT // 2, bins) / N_FFT) * _hann(SHORT)[:, None]
    left, values, right = np.linalg.svd(np.concatenate([block, short]), full_matrices=False)
    projection = (left * values)[:, :RANK]
    # Bin 1 + r + 32 m is column m of remainder r.
    functions = right[:RANK].reshape(RANK, N_BINS // N_REMAINDERS, N_REMAINDERS).transpose(2, 0, 1)
    return projection[:BLOCK].astype(np.float32), projection[BLOCK:].astype(np.float32), functions.astype(np.float32)


@keras.saving.register_keras_serializable("ser_keras")
class SpectrogramPair(FrontEnd):
    """Log-magnitude spectrograms of long and of short frames, 7.8 to 2000 Hz, reduced by 4x4 means.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 2 (data preprocessing).
    Channel 0 has Hann frames of 640 samples (40 ms: pitch), channel 1 of 80 (5 ms: timbre), both centred on the same
    instants, 32 samples (2 ms) apart; magnitude of a 2048-point FFT, bins 1..256; ln(magnitude + log_offset); means of
    4 bins by 4 frames. A window of 8800 samples is the paper's 512 ms: 256 frames, none of which sees padding.

    Args:
        log_offset: added to the magnitude before the logarithm; from 1e-8.
        kwargs: see `FrontEnd`.

    Input:
        [B, N] float32, N = 8800 for the paper's size, at least 736.

    Output:
        [B, 64 (frequency), T // 4 (time), 2] float32, T = (N - 640) // 32 + 1; 64 x 64 x 2 for 8800 samples.

    Raises:
        SerKerasError: `log_offset` out of its range.

    Example:
        In a small Keras model, on two waveforms of 8800 samples:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import SpectrogramPair
        >>> wave = keras.Input((8800,))
        >>> features = SpectrogramPair()(wave)
        >>> features.shape
        (None, 64, 64, 2)
        >>> model = keras.Model(wave, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(features)))
        >>> tuple(model(np.zeros((2, 8800), np.float32)).shape)
        (2, 4)
    """

    SPECTRUM_POWER = 1
    frame_length = LONG
    hop_length = HOP

    def __init__(self, log_offset: float = 1e-6, **kwargs: object) -> None:
        super().__init__(**kwargs)
        # Four magnitudes are multiplied before the logarithm: smaller offsets would leave float32's range.
        if not 1e-8 <= log_offset <= 1:
            raise SerKerasError(f"spectrogram_pair: log_offset is {log_offset}; it must be from 1e-8 to 1")
        self.log_offset = log_offset
        self._even = _tables(np.cos)
        self._odd = _tables(np.sin)
        self._long_window = _hann(LONG).reshape(N_BLOCKS, 1, BLOCK).astype(np.float32)
        angle = 2 * np.pi * np.outer(1 + np.arange(N_REMAINDERS), np.arange(N_BLOCKS)) / N_REMAINDERS
        cosine, sine = np.cos(angle), np.sin(angle)
        # exp(-ia) for the even coefficients and -i exp(-ia) for the odd, real parts above imaginary.
        self._even_phases = np.concatenate([cosine, -sine]).astype(np.float32)
        self._odd_phases = np.concatenate([-sine, -cosine]).astype(np.float32)

    @property
    def bin_hz(self) -> NDArray[np.float64]:
        """Hz of each bin of the spectrum."""
        return np.arange(1, N_BINS + 1) * SAMPLE_RATE / N_FFT

    @property
    def least_samples(self) -> int:
        return LONG + (REDUCTION - 1) * HOP

    def spectrum(self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None) -> keras.KerasTensor:
        """[B, N] to magnitude [B, 2, T, 256] (long and short frames; bin 1 first); see `FrontEnd`."""
        if starts is None:
            n_frames = self.n_frames(wave.shape[1])
            hops_a_block = BLOCK // HOP
            blocks = frames(wave, BLOCK, HOP, count=n_frames + (N_BLOCKS - 1) * hops_a_block)
            parts = [blocks[:, hops_a_block * j : hops_a_block * j + n_frames] for j in range(N_BLOCKS)]
            long, short = ops.stack(parts, axis=1), frames(wave, SHORT, HOP, count=n_frames, start=SHORT_START)
        else:
            n_frames = starts.shape[1]
            block_starts = ops.expand_dims(starts, 1) + BLOCK * np.arange(N_BLOCKS, dtype=np.int32)[:, None]
            long = frames_at(wave, BLOCK, block_starts, step=self.start_step)
            short = frames_at(wave, SHORT, starts + SHORT_START, step=math.gcd(SHORT_START, self.start_step))
        magnitude = ops.stack([self._long(long), self._short(short)], axis=1)
        # [B, 2, 32, T, 8] -> [B, 2, T, 8, 32]: bins in order
        magnitude = ops.transpose(magnitude, (0, 1, 3, 4, 2))
        return ops.reshape(magnitude, (-1, 2, n_frames, N_BINS))

    def _long(self, framed: keras.KerasTensor) -> keras.KerasTensor:
        """[B, 10, T, 64] to [B, 32, T, 8]."""
        framed = framed * self._long_window
        even = self._bins(framed, self._even, self._even_phases)
        odd = self._bins(framed, self._odd, self._odd_phases)
        power = ops.square(even + odd)
        return ops.sqrt(power[:, 0] + power[:, 1])

    def _bins(
        self,
        framed: keras.KerasTensor,
        tables: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
        phases: NDArray[np.float32],
    ) -> keras.KerasTensor:
        """[B, 10, T, 64] to one parity's share of the bins, real parts before imaginary: [B, 2, 32, T, 8]."""
        projection, _, functions = tables
        n_frames = framed.shape[2]
        coefficients = ops.reshape(ops.matmul(framed, projection), (-1, N_BLOCKS, n_frames * RANK))
        sums = ops.reshape(ops.matmul(phases, coefficients), (-1, 2, N_REMAINDERS, n_frames, RANK))
        return ops.matmul(sums, functions)

    def _short(self, framed: keras.KerasTensor) -> keras.KerasTensor:
        """[B, T, 80] to [B, 32, T, 8]."""
        framed = ops.expand_dims(framed, 1)
        (_, even, even_functions), (_, odd, odd_functions) = self._even, self._odd
        real = ops.matmul(ops.matmul(framed, even), even_functions)
        imaginary = ops.matmul(ops.matmul(framed, odd), odd_functions)
        return ops.sqrt(ops.square(real) + ops.square(imaginary))

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """Magnitude [B, 2, T, 256] to [B, 64, T // 4, 2]."""
        n_columns = spectrum.shape[2] // REDUCTION
        x = spectrum[:, :, : n_columns * REDUCTION] + self.log_offset
        x = ops.reshape(x, (-1, 2, n_columns, REDUCTION, N_BINS))
        # The logarithm of a product of four is the sum of four logarithms, at a quarter of the price.
        x = ops.log((x[:, :, :, 0] * x[:, :, :, 1]) * (x[:, :, :, 2] * x[:, :, :, 3]))
        x = ops.mean(ops.reshape(x, (-1, 2, n_columns, N_BINS // REDUCTION, REDUCTION)), axis=-1) / REDUCTION
        return ops.transpose(x, (0, 3, 2, 1))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], N_BINS // REDUCTION, self.n_frames(input_shape[1]) // REDUCTION, 2)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "log_offset": self.log_offset}
