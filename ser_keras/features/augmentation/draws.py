"""The changes of each window: drawn from a seed, or taken from a grid."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.frontends.log_mel import hz_to_mel

EQUALISER_POINTS = 8
TOP_HZ = SAMPLE_RATE / 2
BAND_EDGE_HZ = 100.0  # from the pass band to the stop band
BAND_STOP_DB = 60.0
DIRECT_DB = (-3.0, 12.0)  # energy of the direct sound over that of the room


class AugmentationSettings(Protocol):
    """How the training part is varied: `experiment.settings.Augmentation`, or anything with its fields.

    An empty list, 0 and probabilities of 1 leave windows as they are; docs/augmentation.md describes each field.
    """

    mode: Literal["none", "grid", "random", "stream"]
    path: Literal["spectrum", "waveform"]
    pitch: list[float]
    rate: list[float]
    gain_db: list[float]
    speed: list[float]
    snr_db: list[float]
    equalise_db: float
    low_cut_hz: list[float]
    high_cut_hz: list[float]
    band_probability: float
    rt60_s: list[float]
    room_probability: float
    overdrive_db: list[float]
    snippet_s: list[float]
    snippet_probability: float
    time_masks: int
    time_mask_s: float
    frequency_masks: int
    frequency_mask_hz: float
    probability: float
    copies: int

    @property
    def banded(self) -> bool:
        """Whether some windows are given a narrower band."""

    def model_dump(self, *, exclude: set[str], exclude_defaults: bool) -> dict[str, object]:
        """The fields as a dictionary, for cache keys."""


@dataclasses.dataclass(frozen=True)
class Point:
    """One combination of a grid: pitch in semitones, rate (1.1 is a tenth faster) and gain in dB."""

    pitch: float = 0.0
    rate: float = 1.0
    gain_db: float = 0.0


@dataclasses.dataclass(frozen=True)
class Draws:
    """The changes of n windows; all arrays float32 but for `noise_seed`.

    Attributes:
        pitch: [n] semitones; formants move with the pitch.
        rate: [n] tempo; 1.1 is a tenth faster, so that the window holds a tenth more of the source.
        gain_db: [n] dB.
        snr_db: [n] dB of white noise under the window's power; infinite: no noise.
        equaliser: [n, EQUALISER_POINTS] dB at frequencies equally spaced in mel, see `equaliser_matrix`.
        band: [n, 2] lower and upper edge in Hz, 30 dB down, see `band_decibels`; infinite: none.
        room: [n, 2] RT60 in seconds and energy of the direct sound over the room's in dB; 0 s: no room.
        snippet: [n, 2] length in seconds of the only stretch of the window that sounds, moved to the window's begin,
            and where it lies in the source, from 0 (at the begin) to 1 (at the end); infinite: the whole window.
        overdrive_db: [n] dB that the microphone is turned up before it clips; no further effect on the level.
        time_masks: [n, M, 2] start and width in seconds from the window's begin; width 0: none.
        frequency_masks: [n, M, 2] start and width in Hz; width 0: none.
        noise_seed: [n, 2] int32, seed of the noise and of the room's response.
    """

    pitch: NDArray[np.float32]
    rate: NDArray[np.float32]
    gain_db: NDArray[np.float32]
    snr_db: NDArray[np.float32]
    equaliser: NDArray[np.float32]
    band: NDArray[np.float32]
    room: NDArray[np.float32]
    snippet: NDArray[np.float32]
    overdrive_db: NDArray[np.float32]
    time_masks: NDArray[np.float32]
    frequency_masks: NDArray[np.float32]
    noise_seed: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pitch)

    def take(self, index: NDArray[np.int64]) -> "Draws":
        """The draws of some windows."""
        return Draws(**{field.name: getattr(self, field.name)[index] for field in dataclasses.fields(self)})

    def as_dict(self, names: Iterable[str] | None = None) -> dict[str, NDArray[np.float32] | NDArray[np.int32]]:
        """name -> array; all of them, or those that `varied` names."""
        names = [field.name for field in dataclasses.fields(self)] if names is None else names
        return {name: getattr(self, name) for name in names}

    @classmethod
    def unchanged(cls, n: int) -> "Draws":
        """Draws that leave n windows as they are."""
        zeros = np.zeros(n, np.float32)
        return cls(
            pitch=zeros,
            rate=zeros + 1,
            gain_db=zeros,
            snr_db=zeros + np.float32(np.inf),
            equaliser=np.zeros((n, EQUALISER_POINTS), np.float32),
            band=np.tile(np.array([-np.inf, np.inf], np.float32), (n, 1)),
            room=np.zeros((n, 2), np.float32),
            snippet=np.tile(np.array([np.inf, 0], np.float32), (n, 1)),
            overdrive_db=zeros,
            time_masks=np.zeros((n, 0, 2), np.float32),
            frequency_masks=np.zeros((n, 0, 2), np.float32),
            noise_seed=np.zeros((n, 2), np.int32),
        )


def grid(settings: AugmentationSettings) -> list[Point]:
    """Every combination of pitch, rate and gain; the unchanged one first where it is one of them.

    Args:
        settings: an empty list of `pitch`, `rate` or `gain_db` stands for "unchanged".

    Returns:
        The points, without repetitions.
    """
    axes = (settings.pitch or [0.0], settings.rate or [1.0], settings.gain_db or [0.0])
    points = dict.fromkeys(Point(*map(float, values)) for values in itertools.product(*axes))
    return sorted(points, key=lambda point: point != Point())


def of_points(points: Sequence[Point]) -> Draws:
    """The draws that equal some points of a grid."""
    return dataclasses.replace(
        Draws.unchanged(len(points)),
        pitch=np.array([point.pitch for point in points], np.float32),
        rate=np.array([point.rate for point in points], np.float32),
        gain_db=np.array([point.gain_db for point in points], np.float32),
    )


def ranges(settings: AugmentationSettings) -> tuple[tuple[float, float], tuple[float, float]]:
    """The least and the greatest (tempo, pitch shift in semitones) that can be drawn: two pairs."""
    rate, pitch, speed = settings.rate or [1.0], settings.pitch or [0.0], settings.speed or [1.0]
    rates = min(rate) * min(speed), max(rate) * max(speed)
    pitches = min(pitch) + 12 * math.log2(min(speed)), max(pitch) + 12 * math.log2(max(speed))
    return rates, pitches


def latest_starts(n_samples: int | NDArray[np.int64], window: int, rates: NDArray[np.float32]) -> NDArray[np.int64]:
    """The last sample at which a window of another tempo can begin without reaching beyond its item's end.

    Args:
        n_samples: of the item, or [n] of the items.
        window: samples of a window after the change of tempo.
        rates: [n] tempos.

    Returns:
        [n] samples; 0 for items that are too short.
    """
    return np.maximum(0, n_samples - np.ceil(window * rates).astype(int))


def varied(settings: AugmentationSettings) -> tuple[str, ...]:
    """Names of the fields of Draws that the settings vary on spectra; the other fields change nothing."""
    names = [name for name in ("pitch", "rate") if getattr(settings, name) or settings.speed]
    names += ["gain_db"] if settings.gain_db else []
    if settings.mode == "random":
        names += ["snr_db", "noise_seed"] if settings.snr_db else []
        names += ["equaliser"] if settings.equalise_db else []
        names += ["band"] if settings.banded else []
        names += [name for name in ("time_masks", "frequency_masks") if getattr(settings, name)]
    return tuple(names)


def draw(
    settings: AugmentationSettings, n: int, window_s: float, *, seed: Sequence[int], top_hz: float = TOP_HZ
) -> Draws:
    """Draw the changes of n windows.

    The changes of window i follow only from the seed, the settings and i, whatever n is.

    Args:
        settings: of mode `random`.
        n: number of windows.
        window_s: their length in seconds, within which time masks lie.
        seed: for `numpy.random.default_rng`.
        top_hz: the highest frequency that the front end shows, below which frequency masks lie.
    """
    n_time, n_frequency = settings.time_masks, settings.frequency_masks
    # One row of uniform numbers a window. Normal numbers are made of these: NumPy's own would take a varying share.
    sizes: dict[str, int] = {
        "one_each": 7,
        "equaliser": EQUALISER_POINTS,
        "time": 2 * n_time,
        "frequency": 2 * n_frequency,
    }
    # A setting that is off takes no number: draws are as they were before that setting existed.
    sizes |= {"speed": bool(settings.speed), "band": 3 * settings.banded, "room": 3 * bool(settings.rt60_s)}
    sizes |= {"overdrive": bool(settings.overdrive_db), "snippet": 3 * bool(settings.snippet_s)}
    uniform = np.random.default_rng(seed).random((n, sum(sizes.values())))
    one_each, equaliser, time, frequency, speed, band, room, overdrive, snippet = np.split(
        uniform, np.cumsum(list(sizes.values()))[:-1], axis=1
    )
    changed = one_each[:, 0] < settings.probability

    def between(
        uniform: NDArray[np.float64], values: Sequence[float], unchanged: float, *, where: NDArray[np.bool_] = changed
    ) -> NDArray[np.float32]:
        if not values:
            return np.full(n, unchanged, np.float32)
        value = min(values) + (max(values) - min(values)) * uniform
        return np.where(where, value, unchanged).astype(np.float32)

    def share(uniform: NDArray[np.float64], probability: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which windows get a change, and the numbers that decide how, from three uniform numbers a window."""
        if not uniform.size:
            return np.zeros(n, bool), np.zeros((n, 2))
        return changed & (uniform[:, 0] < probability), uniform[:, 1:]

    narrow, edges = share(band, settings.band_probability)
    inside, acoustics = share(room, settings.room_probability)
    short, stretch = share(snippet, settings.snippet_probability)

    octaves = between(speed[:, 0], np.log2(settings.speed).tolist(), 0.0) if settings.speed else np.float32(0)

    radius = np.sqrt(-2 * np.log1p(-equaliser[:, ::2]))
    angle = 2 * np.pi * equaliser[:, 1::2]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)

    return Draws(
        pitch=between(one_each[:, 1], settings.pitch, 0.0) + 12 * octaves,
        rate=np.exp(between(one_each[:, 2], np.log(settings.rate).tolist(), 0.0)) * np.exp2(octaves),
        gain_db=between(one_each[:, 3], settings.gain_db, 0.0),
        snr_db=between(one_each[:, 4], settings.snr_db, np.inf),
        equaliser=np.where(changed[:, None], settings.equalise_db * normal, 0).astype(np.float32),
        band=np.stack(
            [
                between(edges[:, 0], settings.low_cut_hz, -np.inf, where=narrow),
                between(edges[:, 1], settings.high_cut_hz, np.inf, where=narrow),
            ],
            axis=1,
        ),
        room=np.stack(
            [
                between(acoustics[:, 0], settings.rt60_s, 0.0, where=inside),
                between(acoustics[:, 1], DIRECT_DB, 0.0, where=inside),
            ],
            axis=1,
        ),
        snippet=np.stack(
            [
                between(stretch[:, 0], settings.snippet_s, np.inf, where=short),
                np.where(short, stretch[:, 1], 0).astype(np.float32),
            ],
            axis=1,
        ),
        overdrive_db=between(overdrive[:, 0], settings.overdrive_db, 0.0)
        if overdrive.size
        else np.zeros(n, np.float32),
        time_masks=_masks(time, settings.time_mask_s, window_s, changed=changed),
        frequency_masks=_masks(frequency, settings.frequency_mask_hz, top_hz, changed=changed),
        noise_seed=(one_each[:, 5:] * 2**31).astype(np.int32),
    )


def _masks(
    uniform: NDArray[np.float64], greatest: float, extent: float, *, changed: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """[n, 2 M] uniform numbers to [n, M, 2] start and width; the masks lie within 0 to `extent`."""
    width = uniform[:, ::2] * min(greatest, extent) * changed[:, None]
    start = uniform[:, 1::2] * (extent - width)
    return np.stack([start, width], axis=-1).astype(np.float32)


def equaliser_matrix(hz: ArrayLike) -> NDArray[np.float32]:
    """From dB at the control points to dB at some frequencies: linear in mel (Slaney's) between neighbours.

    The points are equally spaced in mel from 0 to 8000 Hz.

    Args:
        hz: [F] frequencies in Hz, 0 to 8000.

    Returns:
        [EQUALISER_POINTS, F].
    """
    mel = hz_to_mel(hz, "slaney") / hz_to_mel(TOP_HZ, "slaney") * (EQUALISER_POINTS - 1)
    return np.maximum(0, 1 - np.abs(mel - np.arange(EQUALISER_POINTS)[:, None])).astype(np.float32)


def band_decibels(
    hz: NDArray[np.floating],
    band: NDArray[np.floating],
    maximum: Callable[..., NDArray[np.floating]] = np.maximum,
    *,
    minimum: Callable[..., NDArray[np.floating]] = np.minimum,
) -> NDArray[np.floating]:
    """The gain of a narrower band, in dB: 0 within, straight lines over 100 Hz to -60 outside.

    Args:
        hz: [F].
        band: [..., 2] lower and upper edge in Hz.
        maximum, minimum: NumPy's or a backend's.

    Returns:
        [..., F].
    """
    outside = maximum(band[..., :1] - hz, hz - band[..., 1:]) / BAND_EDGE_HZ + 0.5
    return -BAND_STOP_DB * minimum(maximum(outside, 0.0), 1.0)
