"""Augmentation of spectra, between a front end's two steps: no waveform has to be resynthesised."""

import math
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.augmentation.draws import AugmentationSettings, band_decibels, equaliser_matrix, ranges
from ser_keras.features.frontends.base import FrontEnd

RESAMPLED_TOP_HZ = 2500  # above, samples lie too far apart for straight lines between them


class SpectralAugmentation:
    """Changes pitch, tempo, gain, noise, equalisation and band of windows, and masks them, on the spectrum.

    A model sees only magnitudes, so no phase has to be corrected, as a phase vocoder does:

    - tempo: the frames are cut where they would fall, at t * rate about their middles;
    - pitch, formants along: a front end that shows up to 2.5 kHz gets a resampled waveform, whose frames are placed so
      that the tempo stays; for one that shows more, the frequency axis is warped, linearly between bins, and the
      density of power falls by the ratio as the band widens, so that a window's power stays what it was;
    - noise is white; it ends where the recording ends. The signal's power is measured up to there or the window's end;
    - masks: D. Park et al., SpecAugment, Interspeech 2019, section 2, filled with the geometric mean over window and
      channel.

    Args:
        frontend: a FrontEnd.
        window_samples: samples of a window at 16 kHz.
        rates: the least and the greatest tempo that draws have; 1 is always possible.
        pitches: the least and the greatest pitch shift in semitones; 0 is always possible.

    Attributes:
        source_samples: samples of source that a window needs at the greatest tempo.
        top_hz: the highest frequency that the front end shows.
    """

    def __init__(
        self,
        frontend: FrontEnd,
        window_samples: int,
        rates: tuple[float, float] = (1.0, 1.0),
        *,
        pitches: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.frontend, self.window_samples = frontend, window_samples
        self.n_frames = frontend.n_frames(window_samples)
        self.top_hz = frontend.top_hz
        self._resamples = self.top_hz <= RESAMPLED_TOP_HZ
        self._bin_hz = frontend.bin_hz.astype(np.float32)
        self._equaliser = equaliser_matrix(frontend.bin_hz)
        half = frontend.frame_length / 2
        self._middle = (np.arange(self.n_frames) * frontend.hop_length + half).astype(np.float32)
        fastest = max(1.0, *rates)
        lowest, highest = (_ratio(pitch) if self._resamples else 1.0 for pitch in (min(0, *pitches), max(0, *pitches)))
        self.source_samples = max(
            math.ceil(window_samples * fastest), math.ceil(self._middle[-1] * fastest + half * highest)
        )
        self._resampled_samples = math.ceil(self._middle[-1] * fastest / lowest + half)

    @classmethod
    def from_settings(
        cls, frontend: FrontEnd, window_samples: int, settings: AugmentationSettings
    ) -> "SpectralAugmentation":
        """An augmentation for the ranges of some settings."""
        rates, pitches = ranges(settings)
        return cls(frontend, window_samples, rates, pitches=pitches)

    def __call__(self, source: keras.KerasTensor, draws: Mapping[str, keras.KerasTensor]) -> keras.KerasTensor:
        """Features of changed windows; each row by itself.

        Args:
            source: [B, source_samples] float32; a window begins at sample 0, and its instant t shows the source's
                instant t * rate.
            draws: the fields of `Draws`; an absent field changes nothing and costs nothing.

        Returns:
            The front end's features of [B, window_samples].
        """
        wave = self.frontend.sanitise(source)
        if "snr_db" in draws:
            wave = self.with_noise(wave, draws)
        ratio = _ratio(draws["pitch"]) if "pitch" in draws else None
        spectrum = self._spectrum(wave, draws.get("rate"), ratio if self._resamples else None)
        if ratio is not None and not self._resamples:
            spectrum = self._warped(spectrum, ratio)
        spectrum = self.scaled(spectrum, draws)
        return self.frontend.features(self.masked(spectrum, draws))

    def with_noise(self, wave: keras.KerasTensor, draws: Mapping[str, keras.KerasTensor]) -> keras.KerasTensor:
        rate = draws["rate"] if "rate" in draws else ops.ones_like(draws["snr_db"])
        length = ops.expand_dims(rate * self.window_samples, -1)
        place = np.arange(self.source_samples, dtype=np.float32)
        sounding = ops.cast(ops.not_equal(wave, 0), "float32") * (place + 1)
        signal = ops.cast(place < ops.max(sounding, axis=-1, keepdims=True), "float32")  # not the zeros behind an end
        in_window = signal * ops.cast(place < length, "float32")
        power = ops.sum(ops.square(wave * in_window), axis=-1) / ops.maximum(ops.sum(in_window, axis=-1), 1.0)
        level = ops.sqrt(power) * ops.exp(draws["snr_db"] * np.float32(-np.log(10) / 20))
        return wave + ops.expand_dims(level, -1) * signal * white_noise(draws["noise_seed"], self.source_samples)

    def _spectrum(
        self, wave: keras.KerasTensor, rate: keras.KerasTensor | None, ratio: keras.KerasTensor | None
    ) -> keras.KerasTensor:
        """[B, source_samples] to [B, C, T, F], at a tempo, of the waveform played `ratio` times as fast."""
        if rate is None and ratio is None:
            return self.frontend.spectrum(wave[:, : self.window_samples])
        if ratio is None:
            advance = rate
        else:
            wave = resample(wave, ratio, self._resampled_samples)
            advance = 1 / ratio if rate is None else rate / ratio
        step, half = self.frontend.start_step, self._middle[0]
        start = ops.expand_dims(advance, -1) * self._middle - half
        start = ops.cast(ops.round(ops.maximum(start, 0.0) / step), "int32") * step
        return self.frontend.spectrum(wave, start)

    def _warped(self, spectrum: keras.KerasTensor, ratio: keras.KerasTensor) -> keras.KerasTensor:
        """Power or magnitude [B, C, T, F], its frequency axis stretched by `ratio`; 0 above its last bin."""
        _, channels, n_frames, n_bins = spectrum.shape
        first, step = self._bin_hz[0], self._bin_hz[1] - self._bin_hz[0]
        bin_ = ops.maximum((self._bin_hz / ratio[:, None] - first) / step, 0.0)  # below the first bin: its value
        low = ops.minimum(ops.floor(bin_), n_bins - 2)
        above = bin_ - low
        density = ops.power(ratio[:, None], -self.frontend.SPECTRUM_POWER / 2)
        there = density * ops.cast(above <= 1, "float32")
        low = ops.cast(low, "int32") + ops.arange(ops.shape(spectrum)[0], dtype="int32")[:, None] * n_bins
        # Whole rows of a bin are gathered: many times faster than single values.
        rows = ops.reshape(ops.transpose(spectrum, (0, 3, 1, 2)), (-1, channels * n_frames))
        lower, upper = (ops.take(rows, index, axis=0) for index in (low, low + 1))
        rows = ops.expand_dims(there * (1 - above), -1) * lower + ops.expand_dims(there * above, -1) * upper
        return ops.transpose(ops.reshape(rows, (-1, n_bins, channels, n_frames)), (0, 2, 3, 1))

    def scaled(self, spectrum: keras.KerasTensor, draws: Mapping[str, keras.KerasTensor]) -> keras.KerasTensor:
        gains = []
        if "gain_db" in draws:
            gains.append(ops.expand_dims(draws["gain_db"], -1))
        if "equaliser" in draws:
            gains.append(ops.matmul(draws["equaliser"], self._equaliser))
        if "band" in draws:
            gains.append(band_decibels(self._bin_hz, draws["band"], ops.maximum, minimum=ops.minimum))
        if not gains:
            return spectrum
        decibels = sum(gains[1:], gains[0])
        scale = ops.exp(decibels * np.float32(self.frontend.SPECTRUM_POWER * np.log(10) / 20))
        return spectrum * scale[:, None, None, :]

    def masked(self, spectrum: keras.KerasTensor, draws: Mapping[str, keras.KerasTensor]) -> keras.KerasTensor:
        masks = []
        if "time_masks" in draws:
            masks.append(_within(self._middle / np.float32(SAMPLE_RATE), draws["time_masks"])[:, None, :, None])
        if "frequency_masks" in draws:
            masks.append(_within(self._bin_hz, draws["frequency_masks"])[:, None, None, :])
        if not masks:
            return spectrum
        mask = masks[0] if len(masks) == 1 else ops.logical_or(*masks)
        # As the features' logarithm sees it: their mean, to which a network's inputs are centred.
        floor = self.frontend.log_offset
        mean = ops.exp(ops.mean(ops.log(spectrum + floor), axis=(2, 3), keepdims=True)) - floor
        return ops.where(mask, mean, spectrum)


def _ratio(pitch: keras.KerasTensor | float) -> keras.KerasTensor | float:
    return 2 ** (pitch / 12)


def _within(places: NDArray[np.float32], masks: keras.KerasTensor) -> keras.KerasTensor:
    """Whether places [n] lie within any of the masks [B, M, 2] of start and width: [B, n]."""
    start, width = masks[:, :, :1], masks[:, :, 1:]
    return ops.any(ops.logical_and(places >= start, places < start + width), axis=1)


def resample(wave: keras.KerasTensor, ratio: keras.KerasTensor, n_samples: int) -> keras.KerasTensor:
    """A waveform played `ratio` times as fast: linear between two samples.

    At 2 kHz the level falls by up to 0.5 dB and images lie 34 dB below, at 1 kHz 0.1 and 47. Frequencies above
    8 kHz / ratio alias. A cubic is twice as slow, and log-magnitudes of vowels gain 0.1 dB of accuracy.

    Args:
        wave: [B, N].
        ratio: [B].
        n_samples: number of samples to give.

    Returns:
        [B, n_samples]; behind the waveform's end, its last sample.
    """
    n = wave.shape[1]
    position = ops.minimum(ops.expand_dims(ratio, -1) * np.arange(n_samples, dtype=np.float32), n - 1)
    low = ops.minimum(ops.floor(position), n - 2)
    index = ops.cast(low, "int32") + ops.arange(ops.shape(wave)[0], dtype="int32")[:, None] * n
    flat = ops.reshape(wave, (-1,))
    before = ops.take(flat, index, axis=0)
    return before + (position - low) * (ops.take(flat, index + 1, axis=0) - before)


def white_noise(seed: keras.KerasTensor, n_samples: int) -> keras.KerasTensor:
    """White noise of unit variance, each row from its own seed, the same on every backend.

    Sample i is the sum of the four bytes of a hash of (seed, i), scaled to mean 0 and variance 1. It is nearly normal:
    its excess kurtosis is -0.3, and a spectrum's sums over a frame are normal.

    Args:
        seed: [B, 2] int32.
        n_samples: N.

    Returns:
        [B, N] float32.
    """
    # Two rounds of the finalizer of MurmurHash3 (A. Appleby), the first of which is the same for all seeds.
    seed = ops.cast(seed, "uint32")
    x = _mixed(np.arange(n_samples, dtype=np.uint32) * np.uint32(0x9E3779B9))
    x = _mixed((x + seed[:, :1]) * (2 * seed[:, 1:] + 1))
    pairs = _low_bytes(x) + _low_bytes(ops.bitwise_right_shift(x, np.uint32(8)))
    total = ops.bitwise_and(pairs, np.uint32(0xFFFF)) + ops.bitwise_right_shift(pairs, np.uint32(16))
    return (ops.cast(total, "float32") - 4 * 127.5) * np.float32((4 * (2**16 - 1) / 12) ** -0.5)


def _low_bytes(x: keras.KerasTensor) -> keras.KerasTensor:
    """The lower byte of each half of 32 bits."""
    return ops.bitwise_and(x, np.uint32(0x00FF00FF))


def _mixed(x: keras.KerasTensor) -> keras.KerasTensor:
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ops.bitwise_xor(x, ops.bitwise_right_shift(x, np.uint32(shift))) * np.uint32(factor)
    return ops.bitwise_xor(x, ops.bitwise_right_shift(x, np.uint32(16)))
