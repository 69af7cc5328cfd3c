"""A pause before and after an utterance, with the room's tone in it and under the speech."""

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.conditions.base import Choice, Kind, Number
from ser_keras.features.conditions.noise import COLOURS, Colour, coloured_noise


def room_tone(
    n: int, generator: np.random.Generator, level_dbfs: float, *, colour: Colour = "pink"
) -> NDArray[np.float64]:
    """Stationary noise at an absolute level, as a quiet room has it.

    Args:
        n: number of samples at 16 kHz.
        generator: of the noise.
        level_dbfs: its RMS level, in dB below a full-scale square wave, as `audio.samples.level_dbfs` measures. The
            drawn noise is scaled, so that the level of the [n] is exact.
        colour: `pink` or `white`, see `noise.coloured_noise`.

    Returns:
        [n] float64.
    """
    return coloured_noise(n, generator, colour) * 10 ** (level_dbfs / 20)


def pause_samples(lead_s: float) -> int:
    """The number of samples before, and again after, an utterance."""
    return round(lead_s * SAMPLE_RATE)


def paused_length(n: int, lead_s: float, *_: float | str) -> int:
    """The number of samples of an utterance of `n` with its pauses; no samples get none."""
    return n + 2 * pause_samples(lead_s) if n else 0


def add_pause(
    samples: NDArray[np.floating],
    generator: np.random.Generator,
    lead_s: float,
    level_dbfs: float,
    *,
    colour: Colour = "pink",
) -> NDArray[np.float64]:
    """Samples with a pause before and after them, and one room tone throughout, under the samples too.

    The tone's level does not follow the speech: a silent utterance becomes tone.

    Args:
        samples: [n] at 16 kHz; their own level stays.
        generator: of the tone.
        lead_s: length of either pause; 0 puts the tone under the samples alone.
        level_dbfs, colour: see `room_tone`.

    Returns:
        [paused_length(n, lead_s)] float64, not clipped. Sample i is at pause_samples(lead_s) + i.
    """
    if not len(samples):
        return np.zeros(0)
    tone = room_tone(paused_length(len(samples), lead_s), generator, level_dbfs, colour=colour)
    first = pause_samples(lead_s)
    tone[first : first + len(samples)] += samples
    return tone


PAUSE = Kind(
    usage="pause:LEAD:LEVEL[:COLOUR]",
    example="pause:2:-65",
    summary="LEAD seconds of pink (or :white) room tone at LEVEL dBFS before and after, and the tone under the speech",
    arguments=(
        Number("lead", "s", 0, 30),
        Number("level", "dBFS", -120, -20),
        Choice("colour", ("pink", *(colour for colour in COLOURS if colour != "pink"))),
    ),
    title=lambda lead_s, level_dbfs, colour: (
        (f"pauses of {lead_s:g} s, " if lead_s else "") + f"{colour} room tone at {level_dbfs:g} dBFS"
    ),
    distort=lambda samples, generator, lead_s, level_dbfs, colour: add_pause(
        samples, generator, lead_s, level_dbfs, colour=colour
    ),
    length=paused_length,
    lead=lambda lead_s, *_: pause_samples(lead_s),
)
