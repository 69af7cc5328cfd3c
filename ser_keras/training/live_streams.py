"""Streams of labelled speech, made and heard by a model as the demos hear a microphone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE, from_int16
from ser_keras.common import seeds
from ser_keras.common.seeds import Stream as SeedStream
from ser_keras.corpora import language_of
from ser_keras.corpora.utterance import Utterance
from ser_keras.evaluation.live import HeardStream, LiveUtterance
from ser_keras.features.streams.plan import LiveSettings, Stream, plan_streams, speech_span
from ser_keras.features.streams.render import Renderer
from ser_keras.runtime.model import Model
from ser_keras.training.data.decoded_audio import DecodedAudio

Indices = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Speech:
    """Utterances that one model is judged on.

    Attributes:
        audio: the audio of a corpus, or of several.
        labels: [n] class of each utterance in it.
        members: [m] indices of the utterances that are heard.
        fold: in whose test part they are; 0 for a final model.
    """

    audio: DecodedAudio
    labels: NDArray[np.int64]
    members: Indices
    fold: int = 0

    @property
    def utterances(self) -> list[Utterance]:
        """[m] those that are heard; plans number them in this order."""
        return [self.audio.utterances[i] for i in self.members]

    def samples(self, number: int) -> NDArray[np.float32]:
        """[n] samples of one of them, at 16 kHz."""
        return samples_of(self.audio, int(self.members[number]))


@dataclasses.dataclass(frozen=True)
class PlannedStream:
    """A stream of some speech.

    Attributes:
        speech: what is heard in it.
        plan: how it is made.
    """

    speech: Speech
    plan: Stream

    def samples(self) -> NDArray[np.float32]:
        """[plan.n_samples] at 16 kHz."""
        return Renderer(self.speech.samples).render(self.plan)


def samples_of(audio: DecodedAudio, utterance: int) -> NDArray[np.float32]:
    """[n] samples of one utterance, at 16 kHz."""
    first, n = audio.spans[utterance].tolist()
    return from_int16(audio.store.slice(first, n))


def spread(utterances: Sequence[Utterance], limit: int | None, seed: int) -> Indices:
    """Choose at most so many utterances of each corpus, as evenly over its speakers as these have utterances.

    Args:
        utterances: to choose from.
        limit: for each corpus; None: all.
        seed: decides which.

    Returns:
        Their indices, ascending.
    """
    if limit is None:
        return np.arange(len(utterances))
    rng = seeds.generator(seed, SeedStream.LIVE_UTTERANCES)
    turns: dict[str | None, int] = {}
    keyed = []
    for i in rng.permutation(len(utterances)).tolist():
        u = utterances[i]
        turns[u.speaker or u.corpus] = turn = turns.get(u.speaker or u.corpus, 0) + 1
        keyed.append((u.corpus, turn, i))  # each speaker's first ones come first
    by_corpus: dict[str, list[int]] = {}
    for corpus, _, i in sorted(keyed, key=lambda entry: entry[:2]):
        by_corpus.setdefault(corpus, []).append(i)
    return np.sort(np.concatenate([members[:limit] for members in by_corpus.values()]))


def plan(speech: Speech, settings: LiveSettings, seed: int) -> list[PlannedStream]:
    """Plan streams in which each utterance comes once.

    Raises:
        SerKerasError: there are no utterances.
    """
    speakers = [u.speaker or u.corpus for u in speech.utterances]
    lengths = speech.audio.spans[speech.members, 1].tolist()
    return [PlannedStream(speech, stream) for stream in plan_streams(speakers, lengths, settings, seed=seed)]


def hear(planned: PlannedStream, model: Model, number: int, *, key_of: Callable[[Utterance], str]) -> HeardStream:
    """Make a stream and let a model hear it.

    Args:
        planned: the stream.
        model: what hears it.
        number: of the stream among all that are judged together.
        key_of: what tables call an utterance.
    """
    speech, stream = planned.speech, planned.plan
    utterances = speech.utterances
    moments = list(model.hear([planned.samples()]))
    nothing = [np.nan] * len(model.classes)
    beliefs = [nothing if m.belief is None else list(m.belief.values()) for m in moments]
    said = []
    for placed in stream.utterances:
        u = utterances[placed.utterance]
        _, begin, end = speech_span(speech.samples(placed.utterance))
        said.append(
            LiveUtterance(
                file=key_of(u),
                true=int(speech.labels[speech.members[placed.utterance]]),
                corpus=u.corpus,
                speaker=u.speaker,
                gender=u.gender,
                language=language_of(u.corpus),
                fold=speech.fold,
                level_dbfs=placed.level_dbfs,
                speech_start_s=(placed.first + begin) / SAMPLE_RATE,
                speech_end_s=(placed.first + end) / SAMPLE_RATE,
            )
        )
    return HeardStream(
        number=number,
        utterances=tuple(said),
        tone=stream.tone,
        tone_dbfs=stream.tone_dbfs,
        in_room=stream.room is not None,
        through_microphone=stream.microphone is not None,
        codec=stream.codec,
        times=np.array([m.end for m in moments]),
        beliefs=np.array(beliefs, np.float64).reshape(-1, len(model.classes)),
    )
