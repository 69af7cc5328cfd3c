"""The two paths of augmentation against each other, and against the truth where it is known.

python -m tests.augmentation_paths [FILE.wav ...]   prints the table of docs/augmentation.md; files are 16 kHz mono

The truth is a generated utterance whose pitch, formants and time course were other ones from the start.
"""

import argparse
import itertools

import keras
import numpy as np
import soundfile

from ser_keras.features.augmentation import draws, waveform
from ser_keras.features.augmentation.draws import Point
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.frontends import LogMel, SpectrogramPair

SAMPLE_RATE = 16000
START = 4000  # samples before the window, which is cut from within the utterance
DEEPEST = 40  # dB below the window's maximum: cells under that in both features don't count
FRONT_ENDS = {"log_mel": (LogMel, 16000), "spectrogram_pair": (SpectrogramPair, 8800)}

# Anand & Verma 2015: two semitones and a tenth of the tempo, up and down; and about as far as is usual.
PAPER = [Point(p, r) for p, r in itertools.product((-2.0, 0.0, 2.0), (0.9, 1.0, 1.1)) if (p, r) != (0, 1)]
BEYOND = [Point(0.0, 0.8), Point(0.0, 1.25), Point(-3.0, 1.0), Point(3.0, 1.0), Point(-3.0, 0.8), Point(3.0, 1.25)]


def utterance(seed, pitch=0.0, rate=1.0, seconds=1.9, fricatives=False):
    """Vowels of moving pitch and formants with pauses, over faint noise; at a pitch and a rate, without distortion.

    Args:
        seed: decides everything else.
        pitch: semitones by which f0 and formants are moved.
        rate: tempo; the pitch doesn't follow it.
        seconds: duration at rate 1.
        fricatives: some of the pauses are bursts of noise about 4.5 kHz. They aren't the same noise at another rate.

    Returns:
        [round(seconds * 16000 / rate)] float32.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * SAMPLE_RATE / rate)
    t, ratio = np.arange(n) / SAMPLE_RATE * rate, 2 ** (pitch / 12)
    knots = np.linspace(0, seconds, 9)
    f0 = rng.uniform(100, 220) * 2 ** (np.interp(t, knots, rng.normal(0, 3, 9)) / 12)
    ranges = ((300, 800), (900, 2200), (2300, 3200))
    formants = [np.interp(t, knots, rng.uniform(*r, 9)) for r in ranges]
    syllables = rng.choice([0, 0, 1, 1, 1], 17) * rng.uniform(0.3, 1, 17)
    loudness = np.interp(t, np.linspace(0, seconds, 17), syllables)
    # Each harmonic from the one before; their slowly varying gains every 5 ms.
    fundamental = np.exp(2j * np.pi * np.cumsum(f0 * ratio) / SAMPLE_RATE)
    rough = slice(None, None, 80)
    shapes = list(zip((1, 0.5, 0.25), formants, (150, 200, 300), strict=True))
    wave, harmonic = np.zeros(n), np.ones(n)
    for k in range(1, 60):
        harmonic = harmonic * fundamental
        hz = k * f0[rough]
        gain = 0.003 + sum(a * np.exp(-(((hz - f[rough]) / width) ** 2)) for a, f, width in shapes)
        gain *= (hz < 6000) & (hz * ratio < 7800)  # nothing near 8 kHz, before or after the shift
        wave += np.interp(t, t[rough], gain) * np.imag(harmonic * np.exp(2j * np.pi * rng.random()))
    wave = 0.3 * wave * loudness / np.abs(wave * loudness).max()
    if fricatives:
        hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
        band = np.exp(-(((hz / ratio - 4500) / 800) ** 2))
        hiss = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * band, n)
        wave += 0.2 * hiss * np.interp(t, np.linspace(0, seconds, 17), syllables == 0)
    return (wave + 1e-4 * rng.standard_normal(n)).astype(np.float32)


def by_both_paths(name, sources, points):
    """Features by the spectrum and by the waveform, each [len(sources) * len(points), ...], in dB.

    Args:
        name: front end.
        sources: list of [n] samples; the window begins at `START`.
        points: list of Point; of all of them for the first source, then the second, ...
    """
    front_end, window = FRONT_ENDS[name][0](), FRONT_ENDS[name][1]
    ranges = ([p.rate for p in points] + [1.0], [p.pitch for p in points] + [0.0])
    rates, pitches = ((min(v), max(v)) for v in ranges)
    augment = SpectralAugmentation(front_end, window, rates, pitches=pitches)
    needed = max(augment.source_samples, round(window * max(ranges[0])) + waveform.BLOCK)
    cut = [np.pad(s, (0, START + needed))[START : START + needed] for s in sources]
    drawn = draws.of_points(points).as_dict(("pitch", "rate"))
    spectral = [augment(np.tile(s[: augment.source_samples], (len(points), 1)), drawn) for s in cut]
    waves = [waveform.change(s, pitch=p.pitch, rate=p.rate, window_samples=window) for s in cut for p in points]
    return np.concatenate([decibels(front_end, x) for x in spectral]), features(name, waves)


def features(name, waves):
    """[B, ...] features of a list of windows, in dB."""
    front_end = FRONT_ENDS[name][0]()
    return np.concatenate([decibels(front_end, front_end(wave[np.newaxis])) for wave in waves])


def true_features(name, seeds, points):
    """[len(seeds) * len(points), ...] features of the windows of utterances made at each point, in dB."""
    window = FRONT_ENDS[name][1]
    waves = []
    for seed, point in itertools.product(seeds, points):
        wave = utterance(seed, point.pitch, point.rate)[round(START / point.rate) :][:window]
        waves.append(np.pad(wave, (0, window - wave.size)))
    return features(name, waves)


def decibels(front_end, values):
    """Natural logarithms of a power or a magnitude to dB."""
    return keras.ops.convert_to_numpy(values) * 20 / front_end.SPECTRUM_POWER / np.log(10)


def difference(a, b):
    """Absolute differences in dB of the cells that are within `DEEPEST` of their window's maximum in a or in b."""
    axes = tuple(range(1, a.ndim))
    loudest = np.maximum(a, b)
    return np.abs(a - b)[loudest > loudest.max(axis=axes, keepdims=True) - DEEPEST]


def summary(values):
    """(median, 95th percentile)."""
    return float(np.median(values)), float(np.percentile(values, 95))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="16 kHz wav files, mono")
    recorded = [soundfile.read(path, dtype="float32")[0] for path in parser.parse_args().files]
    seeds = range(8)
    spoken = [utterance(seed) for seed in seeds]
    mixed = [utterance(seed, fricatives=True) for seed in seeds]
    columns = ["spectrum - truth", "waveform - truth", "unchanged - truth", "spectrum - waveform, with fricatives"]
    columns += [f"spectrum - waveform, {len(recorded)} files"] if recorded else []
    print("| front end | changes | " + " | ".join(columns) + " |")
    print("| --- | --- |" + " --- |" * len(columns))
    groups = {
        "rate .9, 1.1": [Point(0.0, 0.9), Point(0.0, 1.1)],
        "rate .8, 1.25": [Point(0.0, 0.8), Point(0.0, 1.25)],
        "pitch -2, +2": [Point(-2.0), Point(2.0)],
        "pitch -3, +3": [Point(-3.0), Point(3.0)],
        "pitch -2, 0, +2 x rate .9, 1, 1.1": PAPER,
    }
    for name, (title, points) in itertools.product(FRONT_ENDS, groups.items()):
        truth = true_features(name, seeds, points)
        unchanged = np.repeat(true_features(name, seeds, [Point()]), len(points), axis=0)
        spectral, waved = by_both_paths(name, spoken, points)
        cells = [difference(spectral, truth), difference(waved, truth), difference(unchanged, truth)]
        cells.append(difference(*by_both_paths(name, mixed, points)))
        if recorded:
            cells.append(difference(*by_both_paths(name, recorded, points)))
        values = " | ".join("{:.1f} / {:.1f}".format(*summary(c)) for c in cells)
        print(f"| `{name}` | {title} | {values} |")


if __name__ == "__main__":
    main()
