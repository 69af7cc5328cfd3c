"""What is changed in each window: drawn from a seed, or taken from a grid."""

import dataclasses
import itertools
import math

import numpy as np

from ser_keras.features.frontends.base import SAMPLE_RATE
from ser_keras.features.frontends.log_mel import hz_to_mel

EQUALISER_POINTS = 8
TOP_HZ = SAMPLE_RATE / 2
BAND_EDGE_HZ = 100.0  # from the pass band to the stop band
BAND_STOP_DB = 60.0
DIRECT_DB = (-3.0, 12.0)  # energy of the direct sound over that of the room


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
        snippet: [n, 2] length in seconds of the stretch of the window that is heard at all, moved to its begin, and
            where it lies, from 0 (as early as can be) to 1; infinite: the whole window.
        overdrive_db: [n] dB that the microphone is turned up before it clips; no further effect on the level.
        time_masks: [n, M, 2] start and width in seconds from the window's begin; width 0: none.
        frequency_masks: [n, M, 2] start and width in Hz; width 0: none.
        noise_seed: [n, 2] int32, what the noise and the room's response follow from.
    """

    pitch: np.ndarray
    rate: np.ndarray
    gain_db: np.ndarray
    snr_db: np.ndarray
    equaliser: np.ndarray
    band: np.ndarray
    room: np.ndarray
    snippet: np.ndarray
    overdrive_db: np.ndarray
    time_masks: np.ndarray
    frequency_masks: np.ndarray
    noise_seed: np.ndarray

    def __len__(self):
        return len(self.pitch)

    def take(self, index):
        """The draws of some windows."""
        return Draws(**{field.name: getattr(self, field.name)[index] for field in dataclasses.fields(self)})

    def as_dict(self, names=None):
        """name -> array; all of them, or those that `varied` names."""
        names = [field.name for field in dataclasses.fields(self)] if names is None else names
        return {name: getattr(self, name) for name in names}

    @classmethod
    def unchanged(cls, n):
        """Draws that leave n windows as they are."""
        zeros = np.zeros(n, np.float32)
        return cls(
            pitch=zeros,
            rate=zeros + 1,
            gain_db=zeros,
            snr_db=zeros + np.float32(np.inf),
            equaliser=np.zeros((n, EQUALISER_POINTS), np.float32),
            band=np.tile(np.float32([-np.inf, np.inf]), (n, 1)),
            room=np.zeros((n, 2), np.float32),
            snippet=np.tile(np.float32([np.inf, 0]), (n, 1)),
            overdrive_db=zeros,
            time_masks=np.zeros((n, 0, 2), np.float32),
            frequency_masks=np.zeros((n, 0, 2), np.float32),
            noise_seed=np.zeros((n, 2), np.int32),
        )


def grid(settings):
    """Every combination of pitch, rate and gain; the unchanged one first where it is one of them.

    Args:
        settings: has `pitch`, `rate` and `gain_db`, lists of which an empty one stands for "unchanged".

    Returns:
        list of Point, without repetitions.
    """
    axes = (settings.pitch or [0.0], settings.rate or [1.0], settings.gain_db or [0.0])
    points = dict.fromkeys(Point(*map(float, values)) for values in itertools.product(*axes))
    return sorted(points, key=lambda point: point != Point())


def of_points(points):
    """The Draws of a list of Point."""
    columns = {
        name: np.array([getattr(point, name) for point in points], np.float32) for name in ("pitch", "rate", "gain_db")
    }
    return dataclasses.replace(Draws.unchanged(len(points)), **columns)


def ranges(settings):
    """The least and the greatest (tempo, pitch shift in semitones) that can be drawn: two pairs."""
    rate, pitch, speed = settings.rate or [1.0], settings.pitch or [0.0], settings.speed or [1.0]
    rates = tuple(end(rate) * end(speed) for end in (min, max))
    pitches = tuple(end(pitch) + 12 * math.log2(end(speed)) for end in (min, max))
    return rates, pitches


def latest_starts(n_samples, window, rates):
    """The last sample at which a window that is heard at a tempo can begin without reaching beyond its item's end.

    Args:
        n_samples: [n] or number, of the items.
        window: samples of a window as it is heard.
        rates: [n].

    Returns:
        [n] int; 0 for items that are too short.
    """
    return np.maximum(0, n_samples - np.ceil(window * rates).astype(int))


def varied(settings):
    """Names of the fields of Draws that some settings vary on spectra; the others needn't be handed on."""
    names = [name for name in ("pitch", "rate") if getattr(settings, name) or settings.speed]
    names += ["gain_db"] if settings.gain_db else []
    if settings.mode == "random":
        names += ["snr_db", "noise_seed"] if settings.snr_db else []
        names += ["equaliser"] if settings.equalise_db else []
        names += ["band"] if settings.banded else []
        names += [name for name in ("time_masks", "frequency_masks") if getattr(settings, name)]
    return tuple(names)


def draw(settings, n, window_s, seed, top_hz=TOP_HZ):
    """Draw the changes of n windows.

    Window i's follow from the seed, the settings and i alone, whatever n is.

    Args:
        settings: see `experiment.Augmentation`, mode `random`.
        n: number of windows.
        window_s: their length in seconds, within which time masks lie.
        seed: a sequence of integers, for `numpy.random.default_rng`.
        top_hz: the highest frequency that the front end shows, below which frequency masks lie.

    Returns:
        Draws.
    """
    n_time, n_frequency = settings.time_masks, settings.frequency_masks
    # One row of uniform numbers a window. Normal ones are made of them, since NumPy's own take a varying share.
    sizes = {"one_each": 7, "equaliser": EQUALISER_POINTS, "time": 2 * n_time, "frequency": 2 * n_frequency}
    # Without one of these, draws are what they were before there was such a setting.
    sizes |= {"speed": bool(settings.speed), "band": 3 * settings.banded, "room": 3 * bool(settings.rt60_s)}
    sizes |= {"overdrive": bool(settings.overdrive_db), "snippet": 3 * bool(settings.snippet_s)}
    uniform = np.random.default_rng(seed).random((n, sum(sizes.values())))
    one_each, equaliser, time, frequency, speed, band, room, overdrive, snippet = np.split(
        uniform, np.cumsum(list(sizes.values()))[:-1], axis=1
    )
    changed = one_each[:, 0] < settings.probability

    def between(uniform, values, unchanged, where=changed):
        if not values:
            return np.full(n, unchanged, np.float32)
        drawn = min(values) + (max(values) - min(values)) * uniform
        return np.where(where, drawn, unchanged).astype(np.float32)

    def share(uniform, probability):
        """(which windows are changed so, the numbers for how), of three uniform numbers a window."""
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
                between(edges[:, 0], settings.low_cut_hz, -np.inf, narrow),
                between(edges[:, 1], settings.high_cut_hz, np.inf, narrow),
            ],
            axis=1,
        ),
        room=np.stack(
            [
                between(acoustics[:, 0], settings.rt60_s, 0.0, inside),
                between(acoustics[:, 1], DIRECT_DB, 0.0, inside),
            ],
            axis=1,
        ),
        snippet=np.stack(
            [
                between(stretch[:, 0], settings.snippet_s, np.inf, short),
                np.where(short, stretch[:, 1], 0).astype(np.float32),
            ],
            axis=1,
        ),
        overdrive_db=between(overdrive[:, 0], settings.overdrive_db, 0.0)
        if overdrive.size
        else np.zeros(n, np.float32),
        time_masks=_masks(time, settings.time_mask_s, window_s, changed),
        frequency_masks=_masks(frequency, settings.frequency_mask_hz, top_hz, changed),
        noise_seed=(one_each[:, 5:] * 2**31).astype(np.int32),
    )


def _masks(uniform, greatest, extent, changed):
    """[n, 2 M] uniform numbers to [n, M, 2] start and width; the masks lie within 0 to `extent`."""
    width = uniform[:, ::2] * min(greatest, extent) * changed[:, None]
    start = uniform[:, 1::2] * (extent - width)
    return np.stack([start, width], axis=-1).astype(np.float32)


def equaliser_matrix(hz):
    """From dB at the control points to dB at some frequencies: linear in mel (Slaney's) between neighbours.

    The points are equally spaced in mel from 0 to 8000 Hz.

    Args:
        hz: [F] frequencies in Hz, 0 to 8000.

    Returns:
        [EQUALISER_POINTS, F] float32.
    """
    mel = hz_to_mel(hz, "slaney") / hz_to_mel(TOP_HZ, "slaney") * (EQUALISER_POINTS - 1)
    return np.maximum(0, 1 - np.abs(mel - np.arange(EQUALISER_POINTS)[:, None])).astype(np.float32)


def band_decibels(hz, band, maximum=np.maximum, minimum=np.minimum):
    """What a narrower band leaves of frequencies, in dB: 0 within, straight lines over 100 Hz to -60 outside.

    Args:
        hz: [F].
        band: [..., 2] lower and upper edge in Hz.
        maximum, minimum: NumPy's or a backend's.

    Returns:
        [..., F].
    """
    outside = maximum(band[..., :1] - hz, hz - band[..., 1:]) / BAND_EDGE_HZ + 0.5
    return -BAND_STOP_DB * minimum(maximum(outside, 0.0), 1.0)
