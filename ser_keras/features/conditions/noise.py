"""Noise at a signal-to-noise ratio, and the level of the speech that the ratio refers to."""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, signal

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Choice, Kind, Number

Colour = Literal["white", "pink"]
COLOURS: tuple[Colour, ...] = get_args(Colour)

# ITU-T P.56, method B: time constant of the envelope, how long a talker counts as active after it has fallen below the
# threshold, and how far the threshold lies below the active level.
ENVELOPE_S = 0.03
HANGOVER_S = 0.2
MARGIN_DB = 15.9

LOWEST_HZ = 20.0  # of pink noise: without a limit, most of a long signal's noise would be too low to hear


def active_power(samples: ArrayLike) -> float:
    """Mean power of speech while the talker is active: pauses, however long, do not count.

    Reference: ITU-T P.56 (2011), method B, with the threshold exact to the sample rather than between steps of 6 dB,
    so that a gain on the samples is exactly that gain on the level.

    Args:
        samples: [n] at 16 kHz.

    Returns:
        The power; 0 for silence. Without activity by this method (a click, a few ms): the mean power of all samples.
    """
    wave = np.asarray(samples, np.float64)
    energy = np.square(wave).sum()
    if energy == 0:
        return 0.0
    pole = math.exp(-1 / (SAMPLE_RATE * ENVELOPE_S))
    sections = np.tile([1 - pole, 0, 0, 1, -pole, 0], (2, 1))
    envelope = signal.sosfilt(sections, np.abs(wave))
    # A sample is active at a threshold if the envelope reached the threshold within the hangover before the sample.
    hangover = round(SAMPLE_RATE * HANGOVER_S)
    peaks = ndimage.maximum_filter1d(envelope, hangover + 1, mode="constant", origin=hangover // 2)
    thresholds = np.sort(peaks)
    active = np.arange(wave.size, 0, -1)  # samples at or above each threshold
    reached = energy / active <= 10 ** (MARGIN_DB / 10) * np.square(thresholds)
    return float(energy / (active[reached.argmax()] if reached.any() else wave.size))


def add_noise(
    samples: NDArray[np.floating], generator: np.random.Generator, snr_db: float, *, colour: Colour = "white"
) -> NDArray[np.float64]:
    """Samples and stationary noise, at a signal-to-noise ratio of active speech level over noise.

    Args:
        samples: [n] at 16 kHz.
        generator: of the noise.
        snr_db: active speech level over the noise's level, in decibels. The drawn noise is scaled, so that the ratio
            is exact however short the samples are.
        colour: `white` (Gaussian, equal power in every Hz up to 8 kHz) or `pink` (Gaussian, equal power in every octave
            from 20 Hz).

    Returns:
        [n] float64, not clipped. Silence stays silence.
    """
    power = active_power(samples)
    if power == 0:
        return np.asarray(samples, np.float64)
    return samples + coloured_noise(len(samples), generator, colour) * math.sqrt(power * 10 ** (-snr_db / 10))


def coloured_noise(n: int, generator: np.random.Generator, colour: Colour) -> NDArray[np.float64]:
    """Gaussian noise, white up to 8 kHz or as `pink_noise`.

    Args:
        n: number of samples at 16 kHz.
        generator: of the noise.
        colour: one of COLOURS.

    Returns:
        [n] float64 of RMS 1, exactly.
    """
    return pink_noise(n, generator) if colour == "pink" else _unit_rms(generator.standard_normal(n))


def pink_noise(n: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise with equal power in every octave from 20 Hz to 8 kHz.

    Args:
        n: number of samples at 16 kHz.
        generator: of the noise.

    Returns:
        [n] float64 of RMS 1, exactly.
    """
    # At least .1 s, so that short signals have frequencies below a kilohertz to draw from.
    n_fft = fft.next_fast_len(max(n, SAMPLE_RATE // 10), real=True)
    hz = fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
    gain = np.where(hz >= LOWEST_HZ, 1 / np.sqrt(np.maximum(hz, LOWEST_HZ)), 0)
    return _unit_rms(fft.irfft(fft.rfft(generator.standard_normal(n_fft)) * gain, n_fft)[:n])


def _unit_rms(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    return noise / math.sqrt(np.square(noise).mean()) if noise.size else noise


NOISE = Kind(
    usage="noise:SNR[:COLOUR]",
    example="noise:20",
    summary="white (or :pink) noise, SNR decibels below the utterance's active speech level",
    # below, full scale cuts the noise itself down
    arguments=(Number("SNR", "dB", -10, 100), Choice("colour", COLOURS)),
    title=lambda snr_db, colour: f"{colour} noise at {snr_db:g} dB SNR",
    distort=lambda samples, generator, snr_db, colour: add_noise(samples, generator, snr_db, colour=colour),
)
