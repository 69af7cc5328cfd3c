"""Folders of sounds that are no speech: background noises and the impulse responses of rooms.

Both are read alike: each file has a kind (its folder's name), a source (the recording that it is from) and the part
that the source belongs to, `training` or `test`. The part follows from the source alone, so that files that are added
move no other, and two takes of one recording are never on both sides.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio import reading
from ser_keras.audio.containers import AudioError
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import BadInput, NotFound, SerKerasError
from ser_keras.common.progress import say, stage
from ser_keras.common.row_store import fingerprint
from ser_keras.corpora.attributions import ESC10_TITLE, Credits, freesound_clip, is_esc10
from ser_keras.corpora.folders import FOREIGN_FOLDERS, describe, is_audio, name_below

Part = Literal["training", "test"]
What = Literal["noise", "room"]

TEST_EVERY = 5  # one source of so many is for tests
MIN_NOISE_S = 0.25  # under it, repeating a noise makes a tone of it
MAX_NOISE_S = 300.0  # of a longer recording, what follows is left out
MAX_RESPONSE_S = 2.0
BEFORE_PEAK_S = 0.0025  # the longest rise to a response's peak that is kept
RISE_DB = 20.0  # under the peak; where the rise begins
_UNFIT = ("silence", "clipping", "float samples")  # how warnings of `reading` begin that rule a file out


@dataclasses.dataclass(frozen=True)
class SoundFile:
    """A file of a folder of noises or rooms.

    Attributes:
        path: absolute.
        kind: what sounds: the name of the folder that the file lies in.
        source: the recording that it is from: `freesound/ID` in ESC-10 and ESC-50; the name without suffix in other
            folders of noises; folder and name in those of rooms.
        part: the side of the split that the source is on.
        attribution: whom to credit, one line.
        licence: of the file.
        collection: the name of what it belongs to: the folder that was read, or ESC-10.
        digest: a hash of the samples.
    """

    path: Path
    kind: str
    source: str
    _: dataclasses.KW_ONLY
    part: Part
    attribution: str
    licence: str
    collection: str
    digest: str


def part_of(source: str) -> Part:
    """The side of the split that a source is on, about one in five `test`; the same everywhere and for ever."""
    digest = hashlib.blake2b(source.encode(), digest_size=8).digest()
    return "test" if int.from_bytes(digest, "big") % TEST_EVERY == 0 else "training"


def read_folder(folder: str | Path, what: What) -> list[SoundFile]:
    """The usable sound files in a folder and below it; of each that is not, a line says why.

    Each file is decoded once, and none is held: `noise_samples` and `impulse_response` decode one again.

    Args:
        folder: the folder; its `ATTRIBUTION*`, its `LICENSE*` or a `.csv` with the columns filename, author and
            licence say whom to credit.
        what: whether it holds noises, or impulse responses of rooms.

    Returns:
        The files, sorted by path.

    Raises:
        NotFound: there is no such folder.
        BadInput: it is a file, or holds no usable audio.
        SerKerasError: it cannot be read.
    """
    folder = Path(folder).absolute()
    if not folder.exists():
        raise NotFound(f"{folder}: no such folder of {_plural(what)}")
    if not folder.is_dir():
        raise BadInput(f"{folder} is a file; give a folder of {_plural(what)}")
    try:
        paths = _audio_below(folder)
        credits = Credits(folder)
    except OSError as error:
        raise SerKerasError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if not paths:
        raise BadInput(f"{folder} holds no audio files for {_plural(what)}: {describe(folder)}")
    collection = ESC10_TITLE if all(map(is_esc10, paths)) else folder.resolve().name
    files: list[SoundFile] = []
    with stage(f"{_plural(what)} of {collection}", len(paths), "files") as advance:
        for path in paths:
            try:
                samples = _usable(path, what)
            except AudioError as error:
                say(f"skipped {name_below(path, folder)}: {error.reason}")
            else:
                source, credit = _source(path, what), credits.of(path)
                files.append(
                    SoundFile(
                        path,
                        path.parent.name,
                        source,
                        part=part_of(source),
                        attribution=credit.attribution,
                        licence=credit.licence,
                        collection=collection,
                        digest=fingerprint(samples),
                    )
                )
            advance()
    if not files:
        raise BadInput(f"{folder}: none of its {len(paths)} audio files can be used for {_plural(what)}")
    return files


def noise_samples(file: SoundFile) -> NDArray[np.float32]:
    """The samples of a noise, less the silence (under -80 dBFS) at its ends; decoded anew at each call.

    Returns:
        [n] at 16 kHz, mono, in [-1, 1]; at most `MAX_NOISE_S` seconds.

    Raises:
        AudioError: the file has changed since the folder was read.
    """
    return _usable(file.path, "noise")


def impulse_response(file: SoundFile) -> NDArray[np.float32]:
    """A room's impulse response from its direct sound on; channels are averaged.

    Returns:
        [n] at 16 kHz, at most 2 s, of unit energy. The strongest peak is at most 2.5 ms from the start, so that
        convolution keeps a sound in its place.

    Raises:
        AudioError: the file has changed since the folder was read.
    """
    return _usable(file.path, "room")


def _plural(what: What) -> str:
    return "noises" if what == "noise" else "room responses"


def _audio_below(folder: Path) -> list[Path]:
    """The audio files below a folder, sorted; links to folders are not followed, so that there is no circle."""
    paths: list[Path] = []
    for place, names, files in os.walk(folder):
        names[:] = [name for name in names if not name.startswith(".") and name not in FOREIGN_FOLDERS]
        paths += [path for name in files if is_audio(path := Path(place) / name)]
    return sorted(paths)


def _source(path: Path, what: What) -> str:
    if what == "room":
        return f"{path.parent.name}/{path.stem}"
    clip = freesound_clip(path)
    return f"freesound/{clip}" if clip else path.stem


def _usable(path: Path, what: What) -> NDArray[np.float32]:
    """What is used of a file.

    Raises:
        AudioError: nothing can be.
    """
    return _noise(path) if what == "noise" else _response(path)


def _noise(path: Path) -> NDArray[np.float32]:
    samples = _decode(path, MAX_NOISE_S)
    loud = np.flatnonzero(np.abs(samples) >= reading.SILENCE_PEAK)
    samples = samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]
    if len(samples) < MIN_NOISE_S * SAMPLE_RATE:
        seconds = len(samples) / SAMPLE_RATE
        raise AudioError(path, f"too short: {seconds:.2f} s above -80 dBFS, {MIN_NOISE_S:g} s are needed")
    return samples


def _response(path: Path) -> NDArray[np.float32]:
    samples = _decode(path, MAX_NOISE_S)
    levels = np.abs(samples)
    peak = int(levels.argmax())
    first = max(0, peak - round(BEFORE_PEAK_S * SAMPLE_RATE))
    first += int(np.flatnonzero(levels[first : peak + 1] >= levels[peak] * 10 ** (-RISE_DB / 20))[0])
    response = samples[first : first + round(MAX_RESPONSE_S * SAMPLE_RATE)].astype(np.float64)
    return (response / np.linalg.norm(response)).astype(np.float32)


def _decode(path: Path, most_s: float) -> NDArray[np.float32]:
    """The start of a file, at most `most_s` seconds.

    Raises:
        AudioError: it cannot be decoded, is silent, or clips.
    """
    most = round(most_s * SAMPLE_RATE)
    stream = reading.stream(path)
    blocks: list[NDArray[np.float32]] = []
    for block in stream:
        blocks.append(block)
        if sum(map(len, blocks)) >= most:
            break
    samples = np.concatenate(blocks)[:most]
    unfit = [line for line in stream.warnings if line.startswith(_UNFIT)]
    if not unfit and np.abs(samples).max() < reading.SILENCE_PEAK:
        unfit = ["silence: nothing above -80 dBFS"]
    if unfit:
        raise AudioError(path, unfit[0])
    return samples
