"""Utterances -> checked 16 kHz audio in the cache."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio import reading
from ser_keras.audio.containers import AudioError
from ser_keras.audio.samples import to_int16
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.common.row_store import RowStore, cache_folder, fingerprint
from ser_keras.corpora.utterance import Utterance
from ser_keras.features.faces.watch import Frames

AUDIO_CACHE_VERSION = 1


@dataclasses.dataclass
class DecodedAudio:
    """Utterances whose audio is in the cache.

    Attributes:
        utterances: those that can be used.
        spans: [n, 2] first sample and number of samples of each in `store`.
        hashes: a hash of each one's samples.
        bad_files: name -> reason of those that cannot be used.
        warnings: lines on silence, clipping and the like.
        store: int16 samples at 16 kHz.
        contents: a hash of each one's file.
        frames: pictures of faces, where the front end looks at them.
    """

    utterances: list[Utterance]
    spans: NDArray[np.int64]
    hashes: list[str]
    bad_files: dict[str, str]
    warnings: list[str]
    store: RowStore
    contents: list[str]
    frames: Frames | None = None


def decode(
    utterances: Sequence[Utterance],
    decoder: Literal["soundfile", "tfio"] = "soundfile",
    bad_files: Literal["skip", "fail"] = "skip",
) -> DecodedAudio:
    """Decode utterances to 16 kHz mono int16 in the cache; what is there already is not decoded again.

    Args:
        utterances: what to decode.
        decoder: see `ser_keras.audio.reading.load`.
        bad_files: `skip` leaves out what cannot be used and lists it; `fail` stops at the first.

    Raises:
        SerKerasError: a bad file under `fail`, or no usable file at all.
    """
    store = RowStore(cache_folder() / "audio", np.int16)
    bad: dict[str, str] = {}
    warnings: list[str] = []
    usable: list[Utterance] = []
    keys: list[str] = []
    contents: dict[str, str] = {}
    log = _WarningLog(store.folder / "warnings.jsonl")

    def missing() -> Iterator[tuple[str, NDArray[np.int16]]]:
        for utterance in utterances:
            advance()
            try:
                if utterance.path not in contents:
                    with open(utterance.path, "rb") as file:
                        contents[utterance.path] = fingerprint(file.read())
                part = (utterance.start, utterance.end)
                key = fingerprint(contents[utterance.path], part, decoder, AUDIO_CACHE_VERSION)
                if key not in store:
                    loaded = reading.load(utterance.path, utterance.start, utterance.end, decoder=decoder)
                    log.add(key, loaded.warnings)
                    yield key, to_int16(loaded.samples)
                warnings.extend(f"{utterance.name}: {warning}" for warning in log.of(key))
            except (AudioError, OSError) as error:
                if bad_files == "fail":
                    raise SerKerasError(f"{error} (audio.bad_files=skip goes on without such files)") from None
                bad[utterance.name] = getattr(error, "reason", None) or str(error)
                continue
            usable.append(utterance)
            keys.append(key)

    with stage("decoding", len(utterances), "files") as advance:
        store.extend(missing())
    if not usable:
        first = next(iter(bad.values()), "the corpus is empty")
        raise SerKerasError(f"none of the {len(utterances)} audio files can be used: {first}")
    return DecodedAudio(
        utterances=usable,
        spans=np.array([store.span(key) for key in keys]),
        hashes=[fingerprint(store.rows(key)) for key in keys],
        bad_files=bad,
        warnings=warnings,
        store=store,
        contents=[contents[utterance.path] for utterance in usable],
    )


class _WarningLog:
    """Decoder warnings, stored beside the audio and repeated on every cache hit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: dict[str, list[str]] = {}
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError):  # torn by a kill
                    key, warnings = json.loads(line)
                    self.warnings[key] = warnings

    def add(self, key: str, warnings: Sequence[str]) -> None:
        """Keep the warnings on the audio of a key, in memory and on disk."""
        if warnings:
            self.warnings[key] = list(warnings)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.warnings[key]]) + "\n")

    def of(self, key: str) -> list[str]:
        """The warnings on the audio of a key."""
        return self.warnings.get(key, [])
