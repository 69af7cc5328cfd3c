"""Channels with a narrower band: a lower sampling rate, and the telephone."""

import functools

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Kind, Number
from ser_keras.features.conditions.g711 import mu_law_decode, mu_law_encode

TELEPHONE_RATE = 8000
TELEPHONE_BAND = (300.0, 3400.0)  # Hz, 6 dB down
TRANSITION_HZ = 100.0  # from the pass band to the stop band, about each end of the band
STOP_DB = 50.0


def resample(samples: NDArray[np.floating], from_rate: int, to_rate: int) -> NDArray[np.floating]:
    """Samples at another rate: soxr (HQ), without delay, as everywhere in the project."""
    return soxr.resample(samples, from_rate, to_rate, quality="HQ")


def through_rate(samples: NDArray[np.floating], generator: np.random.Generator, rate: int) -> NDArray[np.floating]:
    """Samples after a device with a lower sampling rate: resampled down and back.

    Args:
        samples: [n] float32 at 16 kHz.
        generator: not used.
        rate: the device's, Hz. Frequencies above about 0.45 times it are lost.

    Returns:
        [n] float32 at 16 kHz, without delay.
    """
    return _fit(resample(resample(samples, SAMPLE_RATE, rate), rate, SAMPLE_RATE), len(samples))


def telephone(samples: NDArray[np.floating], generator: np.random.Generator) -> NDArray[np.floating]:
    """Samples after a digital telephone line: 300 to 3400 Hz, 8 kHz, 8-bit mu-law.

    Reference: the band of ITU-T G.712, the code of ITU-T G.711. No line noise, no echo, no packet loss and no automatic
    gain: quiet speech is coded at its own level.

    Args:
        samples: [n] float32 at 16 kHz in [-1, 1].
        generator: not used.

    Returns:
        [n] float32 at 16 kHz, without delay.
    """
    narrow = resample(samples, SAMPLE_RATE, TELEPHONE_RATE)
    # The filter is symmetrical, so that to cut the same from both ends of the convolution leaves no delay.
    taps = _band_taps()
    band = signal.oaconvolve(narrow, taps)[len(taps) // 2 :][: len(narrow)]
    coded = mu_law_decode(mu_law_encode(band))
    return _fit(resample(coded, TELEPHONE_RATE, SAMPLE_RATE), len(samples))


@functools.cache
def _band_taps() -> NDArray[np.float64]:
    n_taps, beta = signal.kaiserord(STOP_DB, TRANSITION_HZ / (TELEPHONE_RATE / 2))
    return signal.firwin(n_taps | 1, TELEPHONE_BAND, window=("kaiser", beta), pass_zero=False, fs=TELEPHONE_RATE)


def _fit(samples: NDArray[np.floating], length: int) -> NDArray[np.floating]:
    """Resampling there and back rounds the length twice."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


RATE = Kind(
    usage="rate:HZ",
    example="rate:8000",
    summary="resampled to HZ and back to 16 kHz, so that nothing above about .45 HZ is left",
    arguments=(Number("rate", "Hz", 4000, SAMPLE_RATE, whole=True),),
    title=lambda rate: f"sampled at {rate / 1000:g} kHz",
    distort=through_rate,
)

TELEPHONE = Kind(
    usage="telephone",
    example="telephone",
    summary="300 to 3400 Hz, sampled at 8 kHz, coded in 8-bit mu-law (ITU-T G.711)",
    arguments=(),
    title=lambda: "telephone line (300-3400 Hz, mu-law)",
    distort=telephone,
)
