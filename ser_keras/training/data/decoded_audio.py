"""Utterances -> checked 16 kHz audio in the cache."""

import contextlib
import dataclasses
import json

import numpy as np

from ser_keras.audio import reading
from ser_keras.audio.samples import to_int16
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import stage
from ser_keras.common.row_store import RowStore, cache_folder, fingerprint

AUDIO_CACHE_VERSION = 1


@dataclasses.dataclass
class Decoded:
    """Utterances whose audio is in the cache.

    Attributes:
        utterances: those that could be used.
        spans: [n, 2] first sample and number of samples of each in `store`.
        hashes: a hash of each one's samples.
        bad_files: name -> reason of those that couldn't.
        warnings: lines on silence, clipping and the like.
        store: RowStore of int16 samples at 16 kHz.
        contents: a hash of each one's file.
        frames: faces.watch.Frames where pictures are looked at, else None.
    """

    utterances: list
    spans: np.ndarray
    hashes: list
    bad_files: dict
    warnings: list
    store: RowStore
    contents: list
    frames: object = None


def decode(utterances, decoder="soundfile", bad_files="skip"):
    """Decode utterances to 16 kHz mono int16 in the cache; what is there already is not decoded again.

    Args:
        utterances: list of Utterance.
        decoder: see `audio.load`.
        bad_files: `skip` leaves out what can't be used and lists it; `fail` stops at the first.

    Raises:
        SerKerasError: a bad file under `fail`, or no usable file at all.
    """
    store = RowStore(cache_folder() / "audio", np.int16)
    bad, warnings, kept, keys = {}, [], [], []
    contents = {}
    said = _Said(store.folder / "warnings.jsonl")

    def missing():
        for utterance in utterances:
            advance()
            try:
                if utterance.path not in contents:
                    with open(utterance.path, "rb") as file:
                        contents[utterance.path] = fingerprint(file.read())
                part = (utterance.start, utterance.end)
                key = fingerprint(contents[utterance.path], part, decoder, AUDIO_CACHE_VERSION)
                if key not in store:
                    loaded = reading.load(utterance.path, *part, decoder=decoder)
                    said.keep(key, loaded.warnings)
                    yield key, to_int16(loaded.samples)
                warnings.extend(f"{utterance.name}: {w}" for w in said.of(key))
            except (reading.AudioError, OSError) as error:
                if bad_files == "fail":
                    raise SerKerasError(f"{error} (audio.bad_files=skip goes on without such files)") from None
                bad[utterance.name] = getattr(error, "reason", None) or str(error)
                continue
            kept.append(utterance)
            keys.append(key)

    with stage("decoding", len(utterances), "files") as advance:
        store.extend(missing())
    if not kept:
        first = next(iter(bad.values()), "the corpus is empty")
        raise SerKerasError(f"none of the {len(utterances)} audio files can be used: {first}")
    spans = np.array([store.span(k) for k in keys])
    hashes = [fingerprint(store.rows(k)) for k in keys]
    return Decoded(kept, spans, hashes, bad, warnings, store, [contents[u.path] for u in kept])


class _Said:
    """What decoding warned of, kept beside the audio so that it is said for cached files as well."""

    def __init__(self, path):
        self.path, self.lines = path, {}
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError):  # torn by a kill
                    key, warnings = json.loads(line)
                    self.lines[key] = warnings

    def keep(self, key, warnings):
        if warnings:
            self.lines[key] = list(warnings)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.lines[key]]) + "\n")

    def of(self, key):
        return self.lines.get(key, [])
