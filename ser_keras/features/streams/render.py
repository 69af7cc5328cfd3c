"""From the plan of a stream to its samples. Everything random follows from the plan's seed and number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.common import seeds
from ser_keras.common.seeds import Stream as SeedStream
from ser_keras.features.conditions import microphone
from ser_keras.features.conditions.channel import telephone
from ser_keras.features.conditions.noise import active_power, pink_noise
from ser_keras.features.conditions.opus import through_opus
from ser_keras.features.conditions.room import impulse_response
from ser_keras.features.streams.plan import ROOMS, Stream
from ser_keras.features.streams.sounds import GainOfHz, Samples, filtered, to_16_bits, tone_of_pauses, unit_rms

OPUS_KBPS = 16


class Renderer:
    """Gives the samples of planned streams.

    Args:
        samples_of: number of an utterance -> its samples [n] at 16 kHz in [-1, 1].
    """

    def __init__(self, samples_of: Callable[[int], Samples]) -> None:
        self._samples_of = samples_of

    def render(self, stream: Stream) -> Samples:
        """The samples of a stream.

        Each utterance is heard in the stream's room and through its microphone, at its own level. Room tone is added
        to all of it; what is too loud is clipped; all is rounded to 16 bits, and goes through the codec.

        Args:
            stream: the plan.

        Returns:
            [stream.n_samples] float32 at 16 kHz in [-1, 1].
        """
        recordings = [self._samples_of(placed.utterance) for placed in stream.utterances]
        response = None if stream.room is None else room_response(stream.seed, stream.room)
        gain_db = None if stream.microphone is None else _microphone(stream.microphone)
        mix = np.zeros(stream.n_samples, np.float32)
        for placed, samples in zip(stream.utterances, recordings, strict=True):
            power = active_power(samples)
            if power == 0:
                continue
            loud = samples * np.float32(10 ** (placed.level_dbfs / 20) / math.sqrt(power))
            longer = 0 if response is None else len(response)
            wet = filtered(loud.astype(np.float32), response=response, gain_db=gain_db, longer=longer)
            end = min(stream.n_samples, placed.first + len(wet))
            mix[placed.first : end] += wet[: end - placed.first]
        tone = filtered(self._tone(stream, recordings), gain_db=gain_db)
        mix += unit_rms(tone) * np.float32(10 ** (stream.tone_dbfs / 20))
        return _coded(to_16_bits(mix), stream)

    def _tone(self, stream: Stream, recordings: Sequence[Samples]) -> Samples:
        """Room tone for the whole stream, RMS 1."""
        rng = seeds.generator(stream.seed, SeedStream.STREAM_TONE, stream.number)
        tone = tone_of_pauses(recordings, stream.n_samples, rng) if stream.tone == "recorded" else None
        if tone is not None:
            return tone
        noise = pink_noise(stream.n_samples, rng).astype(np.float32)
        if stream.tone != "room":
            return noise
        rt60_s, _ = ROOMS[stream.number % len(ROOMS)]
        diffuse = impulse_response(rt60_s, rng, direct_to_reverberant=1e-3)
        return unit_rms(filtered(noise, response=diffuse))


def room_response(seed: int, room: int) -> NDArray[np.float64]:
    """Impulse response of a room of the test.

    Args:
        seed: of the protocol.
        room: number in `ROOMS`.

    Returns:
        [n] at 16 kHz, energy 1.
    """
    rt60_s, direct_db = ROOMS[room]
    return impulse_response(rt60_s, seeds.generator(seed, SeedStream.STREAM_ROOM, room), 10 ** (direct_db / 10))


def _microphone(number: int) -> GainOfHz:
    return lambda hz: microphone.response(number, hz)


def _coded(samples: Samples, stream: Stream) -> Samples:
    if stream.codec == "none":
        return samples
    rng = seeds.generator(stream.seed, SeedStream.STREAM_TONE, stream.number)
    if stream.codec == "telephone":
        return np.clip(telephone(samples, rng), -1, 1).astype(np.float32)
    return np.clip(through_opus(samples, rng, OPUS_KBPS), -1, 1).astype(np.float32)
