"""Plans of streams: who speaks when, how loudly, in which room and through which microphone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import Stream as SeedStream
from ser_keras.features.conditions.microphone import MICROPHONES

Tone = Literal["pink", "room", "recorded"]
TONES: tuple[Tone, ...] = get_args(Tone)
Codec = Literal["none", "telephone", "opus"]

TONE_DBFS = (-75.0, -65.0, -55.0, -45.0)
LEVEL_DBFS = (-40.0, -12.0)
PAUSE_S = (0.5, 4.0)
LEAD_S = (1.0, 3.0)  # room tone before the first utterance and after the last
# Rooms of the test: RT60 in seconds and energy of the direct sound over the room's in dB. Training draws rooms of its
# own (`windows.py`), from other seeds.
ROOMS = ((0.35, 6.0), (0.45, 3.0), (0.5, 0.0), (0.6, 3.0), (0.7, 0.0), (0.8, -3.0))
SPEECH_RANGE = 3.5  # powers of ten: 35 dB
T = TypeVar("T")

TURNS = (1, 3)  # utterances that a speaker says before the next speaker begins


@dataclasses.dataclass(frozen=True)
class Placed:
    """One utterance in a stream.

    Attributes:
        utterance: its number in the list that the stream was planned from.
        first: its first sample in the stream, at 16 kHz.
        n_samples: its length.
        level_dbfs: active speech level in the stream, dB re a full-scale square wave.
    """

    utterance: int
    first: int
    n_samples: int
    level_dbfs: float


@dataclasses.dataclass(frozen=True)
class Stream:
    """Everything that decides a stream's samples, beside the utterances' own.

    Attributes:
        number: of the stream, from 0; with `seed` it decides all that is random in it.
        seed: of the protocol.
        utterances: in order of time.
        n_samples: length at 16 kHz.
        tone: kind of the room tone: pink noise; pink noise as heard in a simulated room; or pauses of the recordings.
        tone_dbfs: RMS level of the room tone, before, under and after the speech.
        room: number of the simulated room, from 0; None: as recorded.
        microphone: number of the microphone response, from 1; None: as recorded.
        codec: what the stream goes through at the end.
    """

    number: int
    seed: int
    utterances: tuple[Placed, ...]
    n_samples: int
    tone: Tone
    tone_dbfs: float
    room: int | None = None
    microphone: int | None = None
    codec: Codec = "none"

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.n_samples / SAMPLE_RATE


class PlacedJson(TypedDict):
    """A Placed in a manifest; the file instead of a number."""

    file: str
    first: int
    n_samples: int
    level_dbfs: float


class StreamJson(TypedDict):
    """A Stream in a manifest."""

    number: int
    seed: int
    utterances: list[PlacedJson]
    n_samples: int
    tone: Tone
    tone_dbfs: float
    room: int | None
    microphone: int | None
    codec: Codec


@dataclasses.dataclass(frozen=True)
class LiveSettings:
    """What streams are drawn from.

    Attributes:
        utterances: how many utterances a stream holds.
        level_dbfs: least and greatest active speech level; each speaker of a stream has one.
        pause_s: least and greatest pause between two utterances.
        tone_dbfs: levels of the room tone.
        tones: kinds of the room tone.
        room_share: share of the streams in a simulated room.
        microphone_share: share of the streams through a microphone response.
        codec: of every stream.
    """

    utterances: int = 8
    level_dbfs: tuple[float, float] = LEVEL_DBFS
    pause_s: tuple[float, float] = PAUSE_S
    tone_dbfs: tuple[float, ...] = TONE_DBFS
    tones: tuple[Tone, ...] = TONES
    room_share: float = 0.5
    microphone_share: float = 0.5
    codec: Codec = "none"


def plan_streams(
    speakers: Sequence[str], n_samples: Sequence[int], settings: LiveSettings, *, seed: int, limit: int | None = None
) -> list[Stream]:
    """Plan streams in which every utterance comes once.

    The speakers of a stream take turns of one to three utterances. The utterances of each speaker come in a random
    order, so that emotions are mixed. Levels and kinds of room tone come equally often.

    Args:
        speakers: [n] who says each utterance.
        n_samples: [n] length of each utterance at 16 kHz.
        settings: what is drawn from.
        seed: decides everything; equal arguments give equal plans.
        limit: plan with at most so many utterances, spread evenly over the speakers; None: all.

    Returns:
        The streams. The last one may hold fewer utterances.

    Raises:
        SerKerasError: there are no utterances.
    """
    if not len(speakers):
        raise SerKerasError("a stream needs utterances; there are none")
    rng = seeds.generator(seed, SeedStream.STREAMS, 0)
    order = _turns(speakers, rng, limit)
    n_streams = -(-len(order) // settings.utterances)
    levels = _spread(settings.tone_dbfs, n_streams, rng)
    tones = _spread(settings.tones, n_streams, rng)
    streams = []
    for number in range(n_streams):
        members = order[number * settings.utterances : (number + 1) * settings.utterances]
        streams.append(
            _plan(
                number,
                members,
                speakers,
                n_samples=n_samples,
                settings=settings,
                tone=tones[number],
                tone_dbfs=float(levels[number]),
                seed=seed,
            )
        )
    return streams


def _plan(
    number: int,
    members: Sequence[int],
    speakers: Sequence[str],
    *,
    n_samples: Sequence[int],
    settings: LiveSettings,
    tone: Tone,
    tone_dbfs: float,
    seed: int,
) -> Stream:
    rng = seeds.generator(seed, SeedStream.STREAMS, 1 + number)
    at, placed = round(rng.uniform(*LEAD_S) * SAMPLE_RATE), []
    level_of: dict[str, float] = {}
    for i in members:
        level = level_of.setdefault(speakers[i], float(rng.uniform(*settings.level_dbfs)))
        placed.append(Placed(int(i), at, int(n_samples[i]), round(level, 1)))
        at += int(n_samples[i]) + round(rng.uniform(*settings.pause_s) * SAMPLE_RATE)
    end = placed[-1].first + placed[-1].n_samples + round(rng.uniform(*LEAD_S) * SAMPLE_RATE)
    room, microphone = int(rng.integers(len(ROOMS))), int(rng.integers(1, len(MICROPHONES) + 1))
    in_room, through = rng.random(2) < (settings.room_share, settings.microphone_share)
    return Stream(
        number,
        seed,
        tuple(placed),
        end,
        tone=tone,
        tone_dbfs=tone_dbfs,
        room=room if in_room else None,
        microphone=microphone if through else None,
        codec=settings.codec,
    )


def _turns(speakers: Sequence[str], rng: np.random.Generator, limit: int | None) -> list[int]:
    """The order of all utterances: speakers take turns, each goes through all that they say."""
    names = sorted(set(speakers))
    of_speaker = {name: [i for i, speaker in enumerate(speakers) if speaker == name] for name in names}
    share = None if limit is None else max(1, limit // len(names))
    waiting = {name: rng.permutation(members).tolist()[:share] for name, members in of_speaker.items()}
    order: list[int] = []
    previous = ""
    while waiting:
        # Who has most left to say comes next, with some chance: or the end would be one speaker's alone.
        others = [name for name in waiting if name != previous] or list(waiting)
        weights = np.array([len(waiting[name]) for name in others], float)
        previous = others[int(rng.choice(len(others), p=weights / weights.sum()))]
        for _ in range(int(rng.integers(TURNS[0], TURNS[1] + 1))):
            if waiting[previous]:
                order.append(waiting[previous].pop())
        if not waiting[previous]:
            del waiting[previous]
    return order


def _spread(values: Sequence[T], n: int, rng: np.random.Generator) -> list[T]:
    """n values, each as often as the others, in random order."""
    return [values[int(i)] for i in rng.permutation(np.arange(n) % len(values))]


def to_json(stream: Stream, files: Sequence[str]) -> StreamJson:
    """A stream as a manifest holds it.

    Args:
        stream: the stream.
        files: name of each utterance in the list that it was planned from.
    """
    utterances: list[PlacedJson] = [
        {"file": files[p.utterance], "first": p.first, "n_samples": p.n_samples, "level_dbfs": p.level_dbfs}
        for p in stream.utterances
    ]
    return {
        "number": stream.number,
        "seed": stream.seed,
        "utterances": utterances,
        "n_samples": stream.n_samples,
        "tone": stream.tone,
        "tone_dbfs": stream.tone_dbfs,
        "room": stream.room,
        "microphone": stream.microphone,
        "codec": stream.codec,
    }


def from_json(content: StreamJson, numbers: Mapping[str, int]) -> Stream:
    """A stream from a manifest.

    Args:
        content: what `to_json` gave.
        numbers: file name -> number of the utterance.

    Raises:
        SerKerasError: the manifest names a file that is not there.
    """
    missing = [each["file"] for each in content["utterances"] if each["file"] not in numbers]
    if missing:
        raise SerKerasError(f"the manifest's stream {content['number']} needs {missing[0]}, which is not in the corpus")
    placed = tuple(
        Placed(numbers[each["file"]], each["first"], each["n_samples"], each["level_dbfs"])
        for each in content["utterances"]
    )
    return Stream(
        content["number"],
        content["seed"],
        placed,
        content["n_samples"],
        tone=content["tone"],
        tone_dbfs=content["tone_dbfs"],
        room=content["room"],
        microphone=content["microphone"],
        codec=content["codec"],
    )


def speech_span(samples: NDArray[np.floating]) -> tuple[float, int, int]:
    """How loud an utterance is while something is said, and where its first word begins and its last one ends.

    Something is said in the frames of 10 ms that lie less than 35 dB under the loudest one.

    Args:
        samples: [n] of one utterance, as it was recorded.

    Returns:
        (mean power over these frames, first sample of the first one, the sample behind the last one).
    """
    frame = SAMPLE_RATE // 100
    n = len(samples) // frame
    power = np.square(np.asarray(samples[: n * frame], np.float64)).reshape(n, frame).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10**-SPEECH_RANGE)
    if not len(loud):
        return 0.0, 0, len(samples)
    return float(power[loud].mean()), int(loud[0]) * frame, (int(loud[-1]) + 1) * frame
