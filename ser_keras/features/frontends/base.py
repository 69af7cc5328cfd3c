"""The base of front ends: layers without weights, pure functions of their settings, in two steps."""

import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.extractor import Extractor

LARGEST_FLOAT32 = 3.4028235e38


def frames(wave: keras.KerasTensor, length: int, hop: int, *, count: int, start: int = 0) -> keras.KerasTensor:
    """Overlapping frames of a waveform, joined from slices (strided slices and gather are several times slower).

    Args:
        wave: [B, N].
        length: samples in a frame.
        hop: samples from one frame to the next.
        count: number of frames.
        start: first sample of the first frame.

    Returns:
        [B, count, length]; frame t holds samples `start + t * hop` to `start + t * hop + length - 1`, and 0 behind the
        waveform's end.
    """
    n_parts = -(-length // hop)
    n_rows = count - 1 + n_parts
    # Rows of a hop each: part j of all frames is one slice of unit stride.
    wave = wave[:, start : start + n_rows * hop]
    n_missing = n_rows * hop - wave.shape[1]
    rows = ops.reshape(ops.pad(wave, ((0, 0), (0, n_missing))) if n_missing else wave, (-1, n_rows, hop))
    parts = [rows[:, j : j + count, : min(hop, length - j * hop)] for j in range(n_parts)]
    return ops.concatenate(parts, axis=-1)


def frames_at(wave: keras.KerasTensor, length: int, starts: keras.KerasTensor, *, step: int) -> keras.KerasTensor:
    """Overlapping frames of a waveform that begin anywhere, cut in pieces of `step` samples.

    Args:
        wave: [B, N].
        length: samples in a frame, a multiple of `step`.
        starts: [B, ...] int32, first sample of each frame, multiples of `step`, from 0.
        step: samples in a piece; the more, the faster.

    Returns:
        [B, ..., length]; samples behind the waveform's end are undefined.
    """
    n_missing = -wave.shape[1] % step
    wave = ops.pad(wave, ((0, 0), (0, n_missing))) if n_missing else wave
    n_pieces = wave.shape[1] // step
    place = ops.expand_dims(starts // step, -1) + np.arange(length // step, dtype=np.int32)
    clip = ops.arange(ops.shape(wave)[0], dtype="int32") * n_pieces
    place = ops.minimum(place, n_pieces - 1) + ops.reshape(clip, (-1, *[1] * (len(place.shape) - 1)))
    pieces = ops.take(ops.reshape(wave, (-1, step)), place, axis=0)
    return ops.reshape(pieces, (-1, *starts.shape[1:], length))


class FrontEnd(keras.layers.Layer, Extractor):
    """Waveform to features: `features(spectrum(sanitise(wave)))`, nothing adapted, nothing random.

    Augmentation of the spectrum goes between the two steps. A subclass gives `spectrum`, `features`,
    `compute_output_shape`, `bin_hz`, the attributes below, and a `get_config` with all its settings. `VERSION` goes up
    whenever the same settings would give other values, so that cached features are computed again.

    Attributes:
        SPECTRUM_POWER: 1: `spectrum` gives magnitudes; 2: their squares.
        frame_length: samples in a frame.
        hop_length: samples from one frame to the next.
        log_offset: added to the spectrum before the logarithm.

    Args:
        kwargs: what `keras.layers.Layer` takes. The layer is called `frontend` and computes in float32 whatever the
            global policy: half precision destroys the logarithm of quiet bins.

    Input:
        [B, N] float32 waveform at 16 kHz in [-1, 1]. N is fixed where the graph is built, and at least `least_samples`.
    """

    VERSION = 1
    in_graph = True
    SPECTRUM_POWER: ClassVar[int]
    frame_length: int
    hop_length: int
    log_offset: float

    def __init__(self, **kwargs: object) -> None:
        kwargs.setdefault("name", "frontend")
        kwargs.setdefault("dtype", "float32")
        super().__init__(trainable=False, **{k: v for k, v in kwargs.items() if k != "trainable"})

    @property
    def least_samples(self) -> int:
        """The shortest waveform that gives any feature, in samples."""
        return self.frame_length

    def n_frames(self, n_samples: int | None) -> int:
        """Frames that lie wholly within `n_samples` samples.

        Raises:
            SerKerasError: the number is unknown, or below `least_samples`.
        """
        if n_samples is None:
            raise SerKerasError(
                f"front end {type(self).__name__}: the number of samples must be known; give [batch, samples]"
            )
        if n_samples < self.least_samples:
            raise SerKerasError(
                f"front end {type(self).__name__}: a window of {n_samples} samples is too short, it needs at least "
                f"{self.least_samples} ({self.least_samples / SAMPLE_RATE:.4g} s at 16 kHz); make window_s longer"
            )
        return (n_samples - self.frame_length) // self.hop_length + 1

    def sanitise(self, wave: keras.KerasTensor) -> keras.KerasTensor:
        """Samples that are not finite become 0, the others are clipped to [-1, 1]; [B, N] to [B, N]."""
        wave = ops.where(ops.abs(wave) <= LARGEST_FLOAT32, wave, 0.0)
        return ops.clip(wave, -1.0, 1.0)

    @property
    def bin_hz(self) -> NDArray[np.float64]:
        """Hz of each bin of the spectrum, equally spaced."""
        raise NotImplementedError

    @property
    def top_hz(self) -> float:
        """The highest frequency that features show, in Hz."""
        return float(self.bin_hz[-1])

    @property
    def start_step(self) -> int:
        """The first sample of every frame is a multiple of this."""
        return math.gcd(self.hop_length, 16)

    def spectrum(self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None) -> keras.KerasTensor:
        """Magnitude or power, linear; time and frequency are always the last two axes.

        Args:
            wave: [B, N].
            starts: [B, T] int32, the first sample of each frame, multiples of `start_step`; None: those of every hop.

        Returns:
            [B, C, T, F].
        """
        raise NotImplementedError

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """[B, C, T, F] to the classifier's features."""
        raise NotImplementedError

    def call(self, wave: keras.KerasTensor) -> keras.KerasTensor:
        return self.features(self.spectrum(self.sanitise(wave)))
