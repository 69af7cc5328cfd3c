"""A small corpus of generated vowels, for tests of everything behind the readers."""

import csv

import numpy as np
import soundfile

EMOTIONS = {"anger": (220.0, 0.6), "neutral": (120.0, 0.3), "sadness": (90.0, 0.12)}  # Hz, peak
SAMPLE_RATE = 16000


def vowel(f0, peak, seconds, rng):
    """A buzz with two formants, its pitch wandering by a semitone: float32 [n]."""
    n = round(seconds * SAMPLE_RATE)
    drift = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, 6), rng.normal(0, 0.03, 6))
    phase = 2 * np.pi * np.cumsum(f0 * (1 + drift)) / SAMPLE_RATE
    harmonics = np.arange(1, 20)
    gains = sum(np.exp(-(((f0 * harmonics - formant) / 250) ** 2)) for formant in (600, 1200)) + 0.02
    wave = (gains[:, None] * np.sin(harmonics[:, None] * phase)).sum(0) + rng.normal(0, 0.05, n)
    return (peak * wave / np.abs(wave).max()).astype(np.float32)


def write_corpus(folder, speakers=4, takes=3, seconds=(0.7, 1.5), seed=0):
    """Write wavs and `manifest.csv`; returns the manifest's path."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for s in range(speakers):
        for emotion, (f0, peak) in EMOTIONS.items():
            for take in range(takes):
                pitch = f0 * (1.15 if s % 2 else 0.9) * rng.uniform(0.9, 1.1)
                name = f"s{s}_{emotion}_{take}.wav"
                wave = vowel(pitch, peak * rng.uniform(0.7, 1.2), rng.uniform(*seconds), rng)
                soundfile.write(folder / name, wave, SAMPLE_RATE, subtype="PCM_16")
                rows.append({"path": name, "emotion": emotion, "speaker": f"s{s}", "gender": ("male", "female")[s % 2]})
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.csv"
