"""manifest.json of an evaluation that was heard live: enough to make each of its streams again, to the sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.common.version import __version__
from ser_keras.corpora.utterance import Utterance
from ser_keras.features.streams.plan import LiveSettings, StreamJson, from_json, to_json
from ser_keras.features.streams.render import Renderer
from ser_keras.training.data.decoded_audio import decode
from ser_keras.training.data.labelled_audio import read_corpora
from ser_keras.training.live_streams import PlannedStream, samples_of

MANIFEST = "manifest.json"


class Manifest(TypedDict):
    """The content of manifest.json.

    `version` is that of the project. `hashes`: name of an utterance -> a hash of its samples. `folds`: of each stream.
    """

    version: str
    commit: str | None
    seed: int
    utterances_limit: int | None
    settings: dict[str, object]
    decoder: Literal["soundfile", "tfio"]
    hashes: dict[str, str]
    folds: list[int]
    streams: list[StreamJson]


def key_of(utterance: Utterance) -> str:
    """What manifests and tables call an utterance: corpus, file and, of a part of a file, its seconds."""
    part = "" if utterance.start is None else f"@{utterance.start:g}"
    return f"{utterance.corpus}/{utterance.name}{part}"


def manifest_of(
    streams: Sequence[PlannedStream],
    settings: LiveSettings,
    *,
    seed: int,
    limit: int | None,
    decoder: Literal["soundfile", "tfio"],
    commit: str | None,
) -> Manifest:
    """The manifest of some streams, in order."""
    plans = [to_json(stream.plan, list(map(key_of, stream.speech.utterances))) for stream in streams]
    hashes = {
        key_of(stream.speech.utterances[placed.utterance]): stream.speech.audio.hashes[
            int(stream.speech.members[placed.utterance])
        ]
        for stream in streams
        for placed in stream.plan.utterances
    }
    return {
        "version": __version__,
        "commit": commit,
        "seed": seed,
        "utterances_limit": limit,
        "settings": dataclasses.asdict(settings),
        "decoder": decoder,
        "hashes": hashes,
        "folds": [stream.speech.fold for stream in streams],
        "streams": plans,
    }


def rebuild(folder: str | Path, number: int, corpora: Sequence[tuple[str, str | Path]]) -> NDArray[np.float32]:
    """Make a stream of a manifest again.

    Args:
        folder: an evaluation's, with its manifest.json.
        number: of the stream, from 0; column `stream` of predictions.csv.
        corpora: (registry name, path) pairs of the corpora that it was made of.

    Returns:
        [n] samples at 16 kHz in [-1, 1].

    Raises:
        SerKerasError: there is no such stream, or the corpora are not those that it was made of.
    """
    manifest: Manifest = read_json(Path(folder) / MANIFEST)
    if not 0 <= number < len(manifest["streams"]):
        raise SerKerasError(f"{folder} holds streams 0 to {len(manifest['streams']) - 1}, and no stream {number}")
    content = manifest["streams"][number]
    needed = {placed["file"] for placed in content["utterances"]}
    utterances = [u for u in read_corpora(corpora).utterances if key_of(u) in needed]
    stream = from_json(content, {key_of(u): i for i, u in enumerate(utterances)})
    audio = decode(utterances, manifest["decoder"], "fail")
    changed = [key_of(u) for u, h in zip(utterances, audio.hashes, strict=True) if manifest["hashes"][key_of(u)] != h]
    if changed:
        raise SerKerasError(f"{changed[0]} is not the audio that the stream was made of")
    return Renderer(lambda i: samples_of(audio, i)).render(stream)
