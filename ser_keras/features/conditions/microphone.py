"""Eight small microphones, as phones, laptops and headsets have them: how loud each frequency becomes."""

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Kind, Number

LOWEST_HZ = 10.0  # below it a response is level: the logarithm of 0 Hz is not finite
REFERENCE_HZ = 1000.0  # where every response is 0 dB
N_TAPS = 2048  # in which an impulse response has died away, to either side


@dataclasses.dataclass(frozen=True, kw_only=True)
class Microphone:
    """The magnitude response of a microphone in its case.

    Attributes:
        highpass: corner in Hz, where it is 3 dB down, and order of a Butterworth high-pass.
        resonance: centre in Hz, height in dB and sharpness (Q) of the case's resonance.
        lowpass: as `highpass`, of a low-pass.
        tilt_db: rise in an octave, over the whole band.
    """

    highpass: tuple[float, int]
    resonance: tuple[float, float, float]
    lowpass: tuple[float, int]
    tilt_db: float

    def decibels(self, hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """The response at frequencies above 0, any shape, in dB."""
        (low_hz, low_order), (high_hz, high_order) = self.highpass, self.lowpass
        centre_hz, height_db, sharpness = self.resonance
        highpass = -10 * np.log10(1 + (low_hz / hz) ** (2 * low_order))
        lowpass = -10 * np.log10(1 + (hz / high_hz) ** (2 * high_order))
        resonance = height_db / (1 + (sharpness * (hz / centre_hz - centre_hz / hz)) ** 2)
        return highpass + resonance + lowpass + self.tilt_db * np.log2(hz / REFERENCE_HZ)


# Designed, not measured: every parameter lies where those of small microphones in cases do.
MICROPHONES = (
    Microphone(highpass=(80, 1), resonance=(5500, 3, 1.5), lowpass=(7500, 1), tilt_db=0.0),
    Microphone(highpass=(100, 2), resonance=(3200, 4, 1.2), lowpass=(7000, 2), tilt_db=0.3),
    Microphone(highpass=(130, 1), resonance=(6500, 9, 2.0), lowpass=(7800, 2), tilt_db=-0.3),
    Microphone(highpass=(160, 2), resonance=(4100, 6, 1.8), lowpass=(6000, 1), tilt_db=0.6),
    Microphone(highpass=(190, 1), resonance=(2500, 5, 1.0), lowpass=(5000, 2), tilt_db=-0.8),
    Microphone(highpass=(220, 2), resonance=(4800, 8, 2.5), lowpass=(6800, 2), tilt_db=0.9),
    Microphone(highpass=(260, 1), resonance=(3600, 7, 3.0), lowpass=(5500, 1), tilt_db=-0.5),
    Microphone(highpass=(300, 2), resonance=(2900, 9, 2.2), lowpass=(4500, 2), tilt_db=0.5),
)


def response(number: int, hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The magnitude response of a microphone of MICROPHONES.

    These are test responses: training never uses them (it draws random smooth equalisers), so that what a test says of
    them holds for a microphone that a model was not trained with.

    Args:
        number: from 1 to 8.
        hz: frequencies, any shape; below 10 Hz the response is that at 10 Hz.

    Returns:
        The same shape, in dB; 0 at 1 kHz.
    """
    microphone = MICROPHONES[number - 1]
    reference = microphone.decibels(np.array(REFERENCE_HZ))
    return microphone.decibels(np.maximum(np.asarray(hz, np.float64), LOWEST_HZ)) - reference


@functools.cache
def _taps(number: int) -> NDArray[np.float64]:
    """The impulse response without phase, [N_TAPS + 1]: symmetrical about its middle."""
    magnitudes = 10 ** (response(number, fft.rfftfreq(N_TAPS, 1 / SAMPLE_RATE)) / 20)
    half = fft.irfft(magnitudes, N_TAPS)[: N_TAPS // 2 + 1]
    return np.concatenate([half[:0:-1], half])


def through_microphone(
    samples: NDArray[np.floating], generator: np.random.Generator, number: int
) -> NDArray[np.float64]:
    """Samples as one of eight small microphones records them.

    Args:
        samples: [n] at 16 kHz.
        generator: not used.
        number: from 1 to 8, see `response`.

    Returns:
        [n] with the energy of `samples`, so that a test measures the colour and not the loudness; not clipped. The
        filter has no phase and so no delay; a microphone's own is too short to hear.
    """
    samples = np.asarray(samples, np.float64)
    if not samples.size:
        return samples
    # Symmetrical taps: to cut the same from both ends of the convolution leaves no delay.
    heard = signal.oaconvolve(samples, _taps(number))[N_TAPS // 2 :][: samples.size]
    energy = np.square(heard).sum()
    return heard * math.sqrt(np.square(samples).sum() / energy) if energy else heard


MICROPHONE = Kind(
    usage="microphone:N",
    example="microphone:1",
    summary="one of eight small microphones, numbered from 1: fewer lows, a resonance, fewer highs",
    arguments=(Number("microphone", "", 1, len(MICROPHONES), whole=True),),
    title=lambda number: f"small microphone {number}",
    distort=through_microphone,
)
