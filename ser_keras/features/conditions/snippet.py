"""The beginning of an utterance alone."""

from ser_keras.audio.reading import MIN_SAMPLES
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Kind, Number


def snippet_length(n, seconds):
    """How many of `n` samples lie in the first `seconds`."""
    return min(n, round(seconds * SAMPLE_RATE))


def first_seconds(samples, generator, seconds):
    """The first samples: [snippet_length(n, seconds)].

    Args:
        samples: [n] at 16 kHz.
        generator: not used.
        seconds: how much is kept of an utterance that is longer.
    """
    return samples[: snippet_length(len(samples), seconds)]


SNIPPET = Kind(
    usage="snippet:SECONDS",
    example="snippet:1",
    summary="the first SECONDS of each utterance; shorter utterances stay as they are",
    # at least what the project takes for audio
    arguments=(Number("length", "s", MIN_SAMPLES / SAMPLE_RATE, 3600),),
    title=lambda seconds: f"first {seconds:g} s",
    distort=first_seconds,
    length=snippet_length,
)
