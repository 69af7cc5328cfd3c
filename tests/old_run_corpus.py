"""The corpus of the run in `tests/fixtures/run_ccc8509`, made again sample by sample.

All arithmetic is on whole numbers, so that every machine and every version of numpy gives the same samples, and so the
fingerprint of the corpus that the run was trained on. Do not change it: the run would no longer know its corpus.

    python -m tests.old_run_corpus FOLDER
"""

import csv
import math
import sys
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 8509
SAMPLE_RATE = 16000
SPEAKERS, TAKES = 4, 3
EMOTIONS = {"anger": (220, 17000), "neutral": (120, 9000), "sadness": (90, 3500)}  # fundamental in Hz, peak of int16
HALVES = {"s0": "first", "s1": "first", "s2": "second", "s3": "second"}
FORMANTS = (600, 1200)  # Hz
HARMONICS = 19
# The last bit of a library's sine is rounded away.
SINE = np.array([round(32767 * math.sin(2 * math.pi * i / 1024)) for i in range(1024)], np.int64)


def draw(low: int, high: int, *key: int) -> int:
    """A whole number from `low` to `high`, both included, that depends on `key` alone."""
    return low + int(noise(1, *key)[0] + 32768) * (high - low + 1) // 65536


def noise(n: int, *key: int) -> NDArray[np.int64]:
    """[n] white noise from -32768 to 32767 that depends on `key` alone (SplitMix64)."""
    start = SEED
    for part in key:
        start = (start * 1000003 + part + 1) % 2**64
    with np.errstate(over="ignore"):
        x = np.uint64(start) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(48)).astype(np.int64) - 32768


def vowel(f0: int, peak: int, n: int, *key: int) -> NDArray[np.int16]:
    """[n] int16 samples at 16 kHz: a buzz of `f0` Hz with two formants, its pitch wandering by 3 %."""
    time = np.arange(n, dtype=np.int64)
    wander = SINE[(time * draw(60, 140, *key, 0) // 1000 + draw(0, 1023, *key, 1)) % 1024]
    step = f0 * 2**32 // SAMPLE_RATE
    phase = np.cumsum(step + step * wander // (33 * 32767)) % 2**32
    sound = noise(n, *key, 2) * 60
    for harmonic in range(1, HARMONICS + 1):
        gain = 20 + sum(max(0, 1000 - 3 * abs(harmonic * f0 - formant)) for formant in FORMANTS)
        sound = sound + gain * SINE[(harmonic * phase >> 22) % 1024]
    return (sound * peak // int(np.abs(sound).max())).astype(np.int16)


def write_corpus(folder: Path) -> Path:
    """Write 36 WAV files of 0.7 to 1.3 s, `manifest.csv`, and `two_corpora.csv`: the same as two corpora.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    rows = []
    for speaker in range(SPEAKERS):
        for label, (emotion, (f0, peak)) in enumerate(EMOTIONS.items()):
            for take in range(TAKES):
                key = (speaker, label, take)
                pitch = f0 * (115 if speaker % 2 else 90) * draw(90, 110, *key, 3) // 10000
                loud = peak * draw(70, 120, *key, 4) // 100
                samples = vowel(pitch, loud, draw(11200, 20800, *key, 5), *key)
                name = f"s{speaker}_{emotion}_{take}.wav"
                with wave.open(str(folder / name), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(SAMPLE_RATE)
                    file.writeframes(samples.astype("<i2").tobytes())
                gender = ("male", "female")[speaker % 2]
                rows.append({"path": name, "emotion": emotion, "speaker": f"s{speaker}", "gender": gender})
    _write_table(folder / "manifest.csv", rows)
    _write_table(folder / "two_corpora.csv", [{**row, "corpus": HALVES[row["speaker"]]} for row in rows])
    return folder


def _write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    print(write_corpus(Path(sys.argv[1])))
