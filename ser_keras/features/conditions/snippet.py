"""Only the beginning of an utterance."""

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.reading import MIN_SAMPLES
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Kind, Number


def snippet_length(n: int, seconds: float) -> int:
    """The number of `n` samples that lie in the first `seconds`."""
    return min(n, round(seconds * SAMPLE_RATE))


def first_seconds(
    samples: NDArray[np.floating], generator: np.random.Generator, seconds: float
) -> NDArray[np.floating]:
    """The first samples: [snippet_length(n, seconds)].

    Args:
        samples: [n] at 16 kHz.
        generator: not used.
        seconds: greatest length of the result.
    """
    return samples[: snippet_length(len(samples), seconds)]


SNIPPET = Kind(
    usage="snippet:SECONDS",
    example="snippet:1",
    summary="the first SECONDS of each utterance; shorter utterances stay as they are",
    # at least the shortest audio that the project reads
    arguments=(Number("length", "s", MIN_SAMPLES / SAMPLE_RATE, 3600),),
    title=lambda seconds: f"first {seconds:g} s",
    distort=first_seconds,
    length=snippet_length,
)
