"""Reverberation: generated room impulse responses with a given decay."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Kind, Number

DECAY_DB = 60.0  # RT60 is the time of this decay, and where the response ends
DIRECT_TO_REVERBERANT = 1.0  # energies; 1 is the critical distance of the room


def impulse_response(
    rt60_s: float, generator: np.random.Generator, direct_to_reverberant: float = DIRECT_TO_REVERBERANT
) -> NDArray[np.float64]:
    """A room's impulse response: the direct path, and Gaussian noise that decays exponentially after it.

    Reference: J.-D. Polack, La transmission de l'energie sonore dans les salles, thesis, Le Mans 1988: after the first
    reflections a room's response is such noise. All frequencies decay alike, and there are no single early echoes.

    Args:
        rt60_s: seconds in which the reverberation falls by 60 dB.
        generator: of the response; another draw is another place in the same room.
        direct_to_reverberant: energy of the direct path over that of the rest; at 1 the talker is at the room's
            critical distance.

    Returns:
        [1 + round(16000 * rt60_s)] float64. The direct path is sample 0; the energy is 1 in all.
    """
    n = round(SAMPLE_RATE * rt60_s)
    decay = 10 ** (-DECAY_DB / 20 * np.arange(1, n + 1) / (SAMPLE_RATE * rt60_s))
    tail = generator.standard_normal(n) * decay
    tail *= 1 / math.sqrt(direct_to_reverberant * np.square(tail).sum())
    response = np.concatenate([[1.0], tail])
    return response / np.linalg.norm(response)


def reverberate(
    samples: NDArray[np.floating],
    generator: np.random.Generator,
    rt60_s: float,
    *,
    direct_to_reverberant: float = DIRECT_TO_REVERBERANT,
) -> NDArray[np.float64]:
    """Samples in a room. The direct sound keeps its time, and reverberation after the last sample is cut.

    Args:
        samples: [n] at 16 kHz.
        generator: of the room's response.
        rt60_s, direct_to_reverberant: see `impulse_response`.

    Returns:
        [n] with the energy of `samples`, so that a test measures reverberation and not loudness.
    """
    samples = np.asarray(samples, np.float64)
    wet = signal.oaconvolve(samples, impulse_response(rt60_s, generator, direct_to_reverberant))[: samples.size]
    energy = np.square(wet).sum()
    return wet * math.sqrt(np.square(samples).sum() / energy) if energy else wet


REVERB = Kind(
    usage="reverb:RT60",
    example="reverb:0.5",
    summary="a generated room whose sound falls by 60 dB in RT60 seconds, the talker at its critical distance",
    arguments=(Number("RT60", "s", 0.1, 5),),
    title=lambda rt60_s: f"reverberation of {rt60_s:g} s",
    distort=reverberate,
)
