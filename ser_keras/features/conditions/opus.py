"""Opus, the code of calls over the internet and of voice messages."""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Kind, Number

LEAST_KBPS, GREATEST_KBPS = 6.0, 256.0  # for one channel: libsndfile's compression levels 1 and 0


def encode(samples: NDArray[np.floating], kbps: float) -> bytes:
    """An Ogg Opus file of samples, coded by libsndfile (music and speech alike, variable bit rate).

    Reference: RFC 6716 (the codec), RFC 7845 (the file). libsndfile calls the target bit rate of one channel a
    compression level: 1 is 6 kbit/s, 0 is 256, linear between. On 39 s of EMO-DB the targets 6, 8, 12, 16, 24, 32 and
    64 gave 6.0, 7.8, 11.8, 15.7, 23.1, 30.9 and 64.4 kbit/s, and .8 more for the file around the code.

    Args:
        samples: [n] at 16 kHz in [-1, 1], n > 0.
        kbps: target, in kbit/s, from 6 to 256.
    """
    level = (GREATEST_KBPS - kbps) / (GREATEST_KBPS - LEAST_KBPS)
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=level)
    return file.getvalue()


def through_opus(samples: NDArray[np.floating], generator: np.random.Generator, kbps: float) -> NDArray[np.floating]:
    """Samples after Opus at a bit rate: `encode`, and decoded again.

    The decoder takes the codec's delay back. What is left, measured on EMO-DB, is under .4 of a sample at 6 and 8
    kbit/s, and .03 from 12 on.

    Args:
        samples: [n] at 16 kHz in [-1, 1].
        generator: not used.
        kbps: see `encode`.

    Returns:
        [n] float32, not clipped. Digital silence comes back as steps of 16 bits, one at most.
    """
    if not len(samples):
        return samples
    decoded, _ = soundfile.read(io.BytesIO(encode(samples, kbps)), dtype="float32")
    return decoded


OPUS = Kind(
    usage="opus:KBPS",
    example="opus:16",
    summary="coded and decoded by Opus at KBPS kilobits a second",
    arguments=(Number("bit rate", "kbit/s", LEAST_KBPS, 64),),
    title=lambda kbps: f"Opus at {kbps:g} kbit/s",
    distort=through_opus,
)
