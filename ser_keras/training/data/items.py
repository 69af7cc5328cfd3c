"""What folds and features are made of: utterances, or single chunks of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.audio.windows import window_starts
from ser_keras.corpora.utterance import Utterance
from ser_keras.experiment.protocols import expand_chunks
from ser_keras.experiment.settings import Experiment
from ser_keras.training.data.decoded_audio import DecodedAudio


@dataclasses.dataclass(frozen=True)
class Windowing:
    """How items are cut into windows.

    Attributes:
        window: samples of a window.
        hop: samples from one window to the next.
        tail: the tail rule of `ser_keras.audio.windows`.
    """

    window: int
    hop: int
    tail: Literal["drop", "pad"]

    @classmethod
    def of(cls, experiment: Experiment) -> Windowing:
        """The windows of an experiment."""
        return cls(experiment.window_samples, experiment.hop_samples, experiment.tail_rule)

    def starts(self, n_samples: int) -> NDArray[np.int64]:
        """The first sample of each window of an item."""
        return window_starts(n_samples, self.window, self.hop, tail=self.tail)


@dataclasses.dataclass(frozen=True)
class Items:
    """Utterances with their classes, or chunks of utterances where the protocol splits these.

    Attributes:
        audio: the utterances' audio.
        utterances: [n] one of each item; that of a chunk has the chunk's start and end.
        labels: [n] class of each item.
        spans: [n, 2] first sample and number of samples of each item in `audio.store`.
        around: [n, 2] span of the utterance that each item is, or is a chunk of.
        chunked: whether items are chunks.
    """

    audio: DecodedAudio
    utterances: Sequence[Utterance]
    labels: NDArray[np.int64]
    spans: NDArray[np.int64]
    around: NDArray[np.int64]
    chunked: bool = False

    def __len__(self) -> int:
        return len(self.utterances)

    @classmethod
    def whole(cls, audio: DecodedAudio, labels: NDArray[np.int64], snippet_s: float | None = None) -> Items:
        """An item for each utterance.

        Args:
            audio: the utterances' audio.
            labels: [n] class of each utterance.
            snippet_s: only so many seconds of each utterance are used; None: all of it.
        """
        spans = audio.spans
        if snippet_s is not None:
            longest = max(1, round(snippet_s * SAMPLE_RATE))
            spans = np.column_stack([spans[:, 0], np.minimum(spans[:, 1], longest)])
        return cls(audio, audio.utterances, labels, spans=spans, around=spans)

    def chunks(self, windowing: Windowing) -> Items:
        """An item for each window of each utterance; of pictures, one for each frame."""
        lengths = self.spans[:, 1].tolist()
        frames = self.audio.frames
        cut = [windowing.starts(n) for n in lengths] if frames is None else frames.starts
        utterances, labels = expand_chunks(
            self.utterances, self.labels.tolist(), lengths, window=windowing.window, starts=cut
        )
        around = np.repeat(self.spans, [len(starts) for starts in cut], axis=0)
        starts = np.concatenate(cut)
        spans = np.column_stack([around[:, 0] + starts, np.minimum(windowing.window, around[:, 1] - starts)])
        return Items(self.audio, utterances, np.asarray(labels), spans=spans, around=around, chunked=True)
