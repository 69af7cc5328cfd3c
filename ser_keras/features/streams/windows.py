"""Training windows cut from streams: an utterance anywhere in the window, what came before it, a room, room tone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.augmentation.draws import DIRECT_DB, EQUALISER_POINTS, band_decibels, equaliser_matrix
from ser_keras.features.conditions.room import impulse_response
from ser_keras.features.streams.plan import speech_span
from ser_keras.features.streams.sounds import GainOfHz, Samples, filtered, sloping_noise, to_16_bits, unit_rms

LEAST_HEARD_S = 0.8  # of the utterance, or all of a shorter one
AFTER_S = 1.0  # the longest silence between the utterance's end and the window's
TEST_SLOPES = (0.8, 1.2)  # the test's noise is pink, of slope 1: training's never is


@dataclasses.dataclass(frozen=True)
class WindowSettings:
    """What training windows are drawn from; lists are (least, greatest).

    Attributes:
        level_dbfs: active speech level.
        tone_dbfs: RMS level of the room tone.
        least_snr_db: speech over room tone; the tone is made quieter where it would be louder.
        noise_share: share of the windows whose room tone is one of `noises`.
        neighbour_share: share of the windows in which another utterance comes before.
        pause_s: between that and the utterance.
        speed: tempo and pitch together.
        equalise_db: standard deviation of a smooth gain over frequency.
        low_cut_hz, high_cut_hz: edges of a narrower band.
        band_share: share of the windows with a narrower band.
        rt60_s: reverberation.
        room_share: share of the windows in a room.
    """

    level_dbfs: tuple[float, float] = (-42.0, -8.0)
    tone_dbfs: tuple[float, float] = (-95.0, -42.0)
    least_snr_db: float = 3.0
    noise_share: float = 0.3
    neighbour_share: float = 0.5
    pause_s: tuple[float, float] = (0.5, 4.0)
    speed: tuple[float, float] = (0.83, 1.2)
    equalise_db: float = 4.0
    low_cut_hz: tuple[float, float] = (50.0, 400.0)
    high_cut_hz: tuple[float, float] = (3000.0, 8000.0)
    band_share: float = 0.15
    rt60_s: tuple[float, float] = (0.1, 0.9)
    room_share: float = 0.4


@dataclasses.dataclass(frozen=True)
class Recording:
    """An utterance with what windows need to know of it.

    Attributes:
        samples: [n] at 16 kHz in [-1, 1].
        power: its active power.
        start, end: samples between which something is said.
    """

    samples: Samples
    power: float
    start: int
    end: int

    @classmethod
    def of(cls, samples: Samples) -> Recording:
        """An utterance, measured: its power is the mean over the frames in which something is said."""
        power, start, end = speech_span(samples)
        return cls(samples, power, start, end=end)


class WindowRenderer:
    """Cuts training windows from streams that are made for each window.

    Args:
        settings: what is drawn from.
        window: samples of a window.
        noises: function, generator and number of samples -> room tone of that length, of any level; None: none.
        responses: impulse responses of rooms; empty: rooms are simulated.
    """

    def __init__(
        self,
        settings: WindowSettings,
        window: int,
        noises: Callable[[np.random.Generator, int], Samples] | None = None,
        *,
        responses: Sequence[NDArray[np.floating]] = (),
    ) -> None:
        self.settings, self.window, self._noises, self._responses = settings, window, noises, responses

    def render(self, target: Recording, before: Recording | None, rng: np.random.Generator) -> Samples:
        """One window.

        Args:
            target: the utterance whose emotion the window has.
            before: what is said before it, where the settings' share asks for that; None: nothing.
            rng: of everything random.

        Returns:
            [window] float32 in [-1, 1], of 16 bits.
        """
        settings = self.settings
        speed = rng.uniform(*settings.speed)
        level = rng.uniform(*settings.level_dbfs)
        speech, first, end = self._at_speed(target, speed, level)
        heard = min(end - first, round(LEAST_HEARD_S * SAMPLE_RATE))
        cut = round(rng.uniform(first + heard, end + AFTER_S * SAMPLE_RATE))  # the window's end, in `speech`
        lead = round(0.5 * SAMPLE_RATE)  # before the window: what still rings in the room
        mix = np.zeros(lead + self.window, np.float32)
        _add(mix, speech, len(mix) - cut)
        if rng.random() < settings.neighbour_share and before is not None:
            earlier, _, its_end = self._at_speed(before, rng.uniform(*settings.speed), level + rng.uniform(-6, 6))
            pause = round(rng.uniform(*settings.pause_s) * SAMPLE_RATE)
            _add(mix, earlier, len(mix) - cut + first - pause - its_end)
        response, gain_db = self._response(rng), self._gain(rng)
        wet = filtered(np.clip(mix, -1, 1), response=response, gain_db=gain_db)[lead:]
        tone_dbfs = min(rng.uniform(*settings.tone_dbfs), level - settings.least_snr_db)
        return to_16_bits(wet + self._tone(rng, gain_db) * np.float32(10 ** (tone_dbfs / 20)))

    def _at_speed(self, recording: Recording, speed: float, level_dbfs: float) -> tuple[Samples, int, int]:
        """(samples at a speed and level, first and last sample of what is said)."""
        # At most what a window can hold is changed, counted from the end: resampling costs.
        samples = soxr.resample(recording.samples, SAMPLE_RATE * speed, SAMPLE_RATE, quality="LQ")
        gain = 10 ** (level_dbfs / 20) / math.sqrt(recording.power) if recording.power else 0.0
        scaled = samples.astype(np.float32) * np.float32(gain)
        return scaled, round(recording.start / speed), min(len(scaled), round(recording.end / speed))

    def _response(self, rng: np.random.Generator) -> NDArray[np.floating] | None:
        if rng.random() >= self.settings.room_share:
            return None
        if self._responses and rng.random() < 0.5:
            return self._responses[int(rng.integers(len(self._responses)))]
        return impulse_response(rng.uniform(*self.settings.rt60_s), rng, 10 ** (rng.uniform(*DIRECT_DB) / 10))

    def _gain(self, rng: np.random.Generator) -> GainOfHz:
        settings = self.settings
        points = rng.normal(0, settings.equalise_db, EQUALISER_POINTS)
        band = np.array([rng.uniform(*settings.low_cut_hz), rng.uniform(*settings.high_cut_hz)])
        narrow = rng.random() < settings.band_share

        def gain_db(hz: NDArray[np.float64]) -> NDArray[np.floating]:
            gain = points @ equaliser_matrix(hz)
            return gain + band_decibels(hz, band) if narrow else gain

        return gain_db

    def _tone(self, rng: np.random.Generator, gain_db: GainOfHz) -> Samples:
        """Room tone through the microphone, RMS 1."""
        if rng.random() < self.settings.noise_share and self._noises is not None:
            return unit_rms(filtered(self._noises(rng, self.window), gain_db=gain_db))
        slope = rng.uniform(0, 2 - (TEST_SLOPES[1] - TEST_SLOPES[0]))
        slope += TEST_SLOPES[1] - TEST_SLOPES[0] if slope > TEST_SLOPES[0] else 0
        return sloping_noise(self.window, rng, slope, gain_db=gain_db)


def _add(mix: Samples, samples: Samples, at: int) -> None:
    """Add samples to a mix from some place on, which may lie before its begin; what lies outside is left out."""
    first, last = max(0, at), min(len(mix), at + len(samples))
    if first < last:
        mix[first:last] += samples[first - at : last - at]
