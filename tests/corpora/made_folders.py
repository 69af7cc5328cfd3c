"""Small corpora laid out as published."""

import zlib

import numpy as np
import soundfile

from ser_keras.corpora.readers import emodb, ravdess

RATE = 16000


def record(path, seconds=0.05, seed=None):
    """A short noise in a file of its own, different for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(path.name.encode()) if seed is None else seed
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)), RATE)
    return path


def make_emodb(folder, suffix=".wav"):
    for speaker in emodb.SPEAKERS:
        for letter in emodb.EMOTION_LETTERS:
            record(folder / f"{speaker}a01{letter}a{suffix}")
    return folder


def make_ravdess(folder, actors=(1, 2, 7)):
    for actor in actors:
        for emotion in ravdess.EMOTION_CODES:
            for intensity in ("01", "02") if emotion != "01" else ("01",):
                record(folder / f"Actor_{actor:02d}" / f"03-01-{emotion}-{intensity}-01-02-{actor:02d}.wav")
    return folder
