"""Utterances -> their frames in the cache."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.containers import AudioError
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.audio.windows import TailRule
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.common.row_store import RowStore, cache_folder, fingerprint
from ser_keras.features.faces.stores import PixelStore
from ser_keras.features.faces.video import NoPictures, VideoError, frame_times

if TYPE_CHECKING:
    from ser_keras.corpora.utterance import Utterance
    from ser_keras.features.faces.frontends import FaceFrontEnd

TIMES_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Frames:
    """The frames of some utterances.

    Attributes:
        store: the pictures.
        first_row: [n] first row of an utterance's frames in `store`.
        starts: n arrays, the samples of the utterance at which its frames are shown (of `audio_visual`: at which its
            chunks begin).
    """

    store: PixelStore
    first_row: NDArray[np.int64]
    starts: list[NDArray[np.int64]]


class DecodedUtterances(Protocol):
    """Utterances whose audio is in the cache: `training.data.decoded_audio` has them.

    Attributes:
        utterances: the usable utterances.
        spans: [n, 2] first sample and number of samples of each in the cache.
        hashes: a hash of each one's samples.
        contents: a hash of each one's file.
        bad_files: name -> reason of the others.
        warnings: lines.
        frames: their pictures.
    """

    utterances: list[Utterance]
    spans: NDArray[np.int64]
    hashes: list[str]
    contents: list[str]
    bad_files: dict[str, str]
    warnings: list[str]
    frames: Frames | None


class AudioSettings(Protocol):
    """Settings `audio.*` of an experiment."""

    @property
    def bad_files(self) -> Literal["skip", "fail"]:
        """Whether files that cannot be used are left out or stop the run."""


class WatchSettings(Protocol):
    """Settings of an experiment that decide which frames are read; see `experiment.settings`."""

    @property
    def audio(self) -> AudioSettings:
        """Of the audio."""

    @property
    def seed(self) -> int:
        """Of the frames that are drawn."""

    @property
    def snippet_s(self) -> float | None:
        """Seconds of each utterance that are used; None: all."""

    @property
    def window_samples(self) -> int:
        """Samples in a window."""

    @property
    def hop_samples(self) -> int:
        """Samples from one window to the next."""

    @property
    def tail_rule(self) -> TailRule:
        """Tail rule of `audio.windows`."""


Decoded = TypeVar("Decoded", bound=DecodedUtterances)


def watch(audio: Decoded, front_end: FaceFrontEnd, experiment: WatchSettings) -> Decoded:
    """Read the frames of decoded utterances into the cache, unless they are there.

    Where no file of a corpus has pictures, one line says so; any other file without usable pictures is a bad file.

    Args:
        audio: the utterances.
        front_end: decides which frames are read, and in which shape.
        experiment: settings.

    Returns:
        The utterances whose frames can be read, with `frames`.

    Raises:
        SerKerasError: a bad file under `audio.bad_files=fail`, no usable file at all, or OpenCV is not installed.
    """
    store = front_end.picture_store()
    times_store = RowStore(cache_folder() / "frames" / "times", np.float64)
    rows: dict[int, tuple[str, NDArray[np.int64]]] = {}  # utterance -> key of its frames, and their starts
    bad: dict[int, Exception] = {}
    without: set[int] = set()

    def missing() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for number in _by_file(audio):
            advance()
            utterance, content = audio.utterances[number], audio.contents[number]
            try:
                times = _times(times_store, content, utterance.path)
                frames, starts = _choose(front_end, experiment, audio, number=number, times=times)
                key = fingerprint(content, frames.tolist())
                if key not in store:
                    pictures = front_end.read(utterance.path, frames.tolist())
                    yield key, np.stack([pictures[f] for f in frames.tolist()])
            except (VideoError, AudioError, OSError) as error:
                if isinstance(error, NoPictures):
                    without.add(number)
                bad[number] = error
                continue
            rows[number] = key, starts

    with stage("frames", len(audio.utterances), "videos") as advance:
        store.extend(missing())
    usable = sorted(rows)
    silent = _report(audio, bad, without, bad_files=experiment.audio.bad_files)
    if not usable:
        first = silent[0] if silent else _reason(next(iter(bad.values())))
        raise SerKerasError(
            f"none of the {len(audio.utterances)} files has pictures that can be used ({first}); a recipe on faces "
            "needs videos"
        )
    result = copy.copy(audio)
    result.utterances = [audio.utterances[i] for i in usable]
    result.spans = audio.spans[usable]
    result.hashes = [audio.hashes[i] for i in usable]
    result.contents = [audio.contents[i] for i in usable]
    first_row = np.array([store.span(rows[i][0])[0] for i in usable])
    result.frames = Frames(store, first_row, [rows[i][1] for i in usable])
    return result


def _by_file(audio: DecodedUtterances) -> list[int]:
    """The utterances' numbers, those of one file behind each other."""
    return sorted(range(len(audio.utterances)), key=lambda i: audio.contents[i])


def _times(store: RowStore, content: str, path: str) -> NDArray[np.float64]:
    key = fingerprint(content, TIMES_VERSION)
    if key not in store:
        store.extend([(key, frame_times(path))])
    return np.array(store.rows(key))


def _choose(
    front_end: FaceFrontEnd,
    experiment: WatchSettings,
    audio: DecodedUtterances,
    *,
    number: int,
    times: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame numbers and starts of one utterance; the draw follows from the seed and the utterance's content."""
    utterance, n_samples = audio.utterances[number], int(audio.spans[number, 1])
    if experiment.snippet_s is not None:
        n_samples = min(n_samples, max(1, round(experiment.snippet_s * SAMPLE_RATE)))
    identity = fingerprint(audio.contents[number], [utterance.start, utterance.end])
    rng = np.random.default_rng([experiment.seed, int(identity[:16], 16)])
    return front_end.choose(
        utterance.path,
        times,
        utterance.start or 0.0,
        n_samples=n_samples,
        window=experiment.window_samples,
        hop=experiment.hop_samples,
        tail=experiment.tail_rule,
        rng=rng,
    )


def _report(
    audio: DecodedUtterances, bad: dict[int, Exception], without: set[int], *, bad_files: Literal["skip", "fail"]
) -> list[str]:
    """Enter unusable files into `audio`; returns lines on corpora without any pictures."""
    lines = []
    for corpus in sorted({u.corpus for u in audio.utterances}):
        members = [i for i, u in enumerate(audio.utterances) if u.corpus == corpus]
        if all(i in without for i in members):
            lines.append(f"corpus {corpus} has no pictures: {len(members)} utterances left out")
            for i in members:
                del bad[i]
    audio.warnings += lines
    for i, error in sorted(bad.items()):
        if bad_files == "fail":
            raise SerKerasError(f"{error} (audio.bad_files=skip goes on without such files)")
        audio.bad_files[audio.utterances[i].name] = _reason(error)
    return lines


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
