"""What streams are made of beside speech: room tone, and filters that keep the energy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ser_keras.audio.samples import SAMPLE_RATE

Samples = NDArray[np.float32]
LOWEST_HZ = 20.0
PAUSE_S = 0.2  # length of the quiet stretches that recorded room tone is joined from
FADE_S = 0.02


def sloping_noise(n: int, generator: np.random.Generator, slope: float) -> Samples:
    """Gaussian noise whose power falls with frequency as f^-slope.

    Args:
        n: number of samples.
        generator: of the noise.
        slope: 0: white; 1: pink; 2: brown. Under 20 Hz the power stays as at 20 Hz.

    Returns:
        [n] float32, RMS 1.
    """
    n_fft = fft.next_fast_len(max(n, SAMPLE_RATE // 4), real=True)
    n_bins = n_fft // 2 + 1
    hz = np.maximum(np.arange(n_bins, dtype=np.float32) * np.float32(SAMPLE_RATE / n_fft), np.float32(LOWEST_HZ))
    spectrum = generator.standard_normal(2 * n_bins, dtype=np.float32).view(np.complex64)
    spectrum *= hz ** np.float32(-slope / 2)
    spectrum[0] = 0
    return unit_rms(fft.irfft(spectrum, n_fft)[:n])


def unit_rms(samples: NDArray[np.floating]) -> Samples:
    """Samples at an RMS level of 1; silence stays silence."""
    wave = np.asarray(samples, np.float32)
    rms = math.sqrt(float(np.dot(wave, wave)) / max(1, len(wave)))
    return wave / np.float32(rms) if rms > 0 else wave


def tone_of_pauses(recordings: Sequence[Samples], n: int, generator: np.random.Generator) -> Samples | None:
    """Room tone from the quietest stretches of recordings, joined in random order with short cross-fades.

    Args:
        recordings: [m] each, at 16 kHz. The quietest .2 s of each is taken, unless it is digital silence.
        n: number of samples.
        generator: of the order.

    Returns:
        [n] float32, RMS 1; None where no recording has such a stretch.
    """
    stretches = [stretch for each in recordings if (stretch := _quietest(each)) is not None]
    if not stretches:
        return None
    fade, length = round(FADE_S * SAMPLE_RATE), round(PAUSE_S * SAMPLE_RATE)
    step = length - fade
    ramp = np.sin(np.linspace(0, math.pi / 2, fade, dtype=np.float32))  # the powers of both sides sum to 1
    tone = np.zeros(n + length, np.float32)
    for at in range(0, n, step):
        part = stretches[int(generator.integers(len(stretches)))].copy()
        if generator.random() < 0.5:
            part = part[::-1].copy()
        part[:fade] *= ramp
        part[-fade:] *= ramp[::-1]
        tone[at : at + length] += part
    return unit_rms(tone[fade : fade + n])


def _quietest(samples: Samples) -> Samples | None:
    """The quietest stretch of a recording at RMS 1, or None: too short, or digital silence."""
    length = round(PAUSE_S * SAMPLE_RATE)
    if len(samples) < length:
        return None
    total = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    power = total[length:] - total[:-length]
    power[power < length * 1e-9] = np.inf  # under -90 dBFS there is no room to hear
    at = int(power.argmin())
    return unit_rms(samples[at : at + length]) if np.isfinite(power[at]) else None


def filtered(
    samples: Samples,
    *,
    response: NDArray[np.floating] | None = None,
    gain_db: Callable[[NDArray[np.float64]], NDArray[np.floating]] | None = None,
    longer: int = 0,
) -> Samples:
    """Samples through a room and an equaliser, at their own energy.

    Args:
        samples: [n] at 16 kHz.
        response: impulse response of the room; None: none.
        gain_db: frequencies in Hz -> gains in dB, without phase; None: none.
        longer: how many samples of what rings behind the end are kept.

    Returns:
        [n + longer] float32.
    """
    n = len(samples) + longer
    if response is None and gain_db is None:
        return np.pad(samples, (0, longer))
    n_fft = fft.next_fast_len(max(n, len(samples) + (0 if response is None else len(response))) + 1024, real=True)
    spectrum = fft.rfft(samples, n_fft)
    if response is not None:
        spectrum *= fft.rfft(np.asarray(response, np.float32), n_fft)
    if gain_db is not None:
        # Gains are smooth: 257 points are enough, and the rest is interpolated.
        points = np.linspace(0, SAMPLE_RATE / 2, 257)
        gains = (10 ** (np.asarray(gain_db(points)) / 20)).astype(np.float32)
        spectrum *= np.interp(np.linspace(0, 256, len(spectrum)), np.arange(257), gains).astype(np.float32)
    wet: Samples = fft.irfft(spectrum, n_fft)[:n].astype(np.float32, copy=False)
    energy, before = float(np.dot(wet, wet)), float(np.dot(samples, samples))
    return wet * np.float32(math.sqrt(before / energy)) if energy > 0 else wet


def to_16_bits(samples: NDArray[np.floating]) -> Samples:
    """Samples as a microphone's converter gives them: clipped to [-1, 1] and rounded to 16 bits."""
    return (np.round(np.clip(samples, -1, 1) * 32767) / 32768).astype(np.float32)
