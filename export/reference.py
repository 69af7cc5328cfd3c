"""The reference clip: a synthesised voice of exactly one window, and what every runtime must say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE, from_int16, to_int16

CLIP_FILE = "reference.wav"
ANSWER_FILE = "reference.json"
TOLERANCE = 1e-3  # float rounding of FFTs and convolutions differs between runtimes by some 1e-6
PEAK = 0.5
# formant frequencies and bandwidths in Hz: /a/, then /i/ (Peterson & Barney 1952, rounded)
VOWELS = (((730, 80), (1090, 90), (2440, 120)), ((270, 60), (2290, 100), (3010, 150)))


def reference_clip(n_samples: int) -> NDArray[np.int16]:
    """A voice-like clip: glottal pulses of a gliding pitch through the formants of /a/, turning into /i/.

    Args:
        n_samples: length at 16 kHz.

    Returns:
        int16 [n_samples], the same on every machine but for rounding; `reference.wav` is what counts.
    """
    position = np.linspace(0, 1, n_samples)
    pitch = 115 + 70 * np.sin(np.pi * position) + 3 * np.sin(2 * np.pi * 5.5 * np.arange(n_samples) / SAMPLE_RATE)  # Hz
    phase = np.cumsum(pitch / SAMPLE_RATE) % 1
    # Rosenberg's pulse: opens over 40 % of the period, closes over 16 %
    flow = np.where(phase < 0.4, 0.5 * (1 - np.cos(np.pi * phase / 0.4)), np.cos(np.pi / 2 * (phase - 0.4) / 0.16))
    flow[phase >= 0.56] = 0
    breath = 0.01 * np.random.default_rng(0).standard_normal(n_samples)
    source = np.diff(flow, prepend=0) + breath * flow
    first, second = (_through_formants(source, vowel) for vowel in VOWELS)
    voice = (1 - position) * first + position * second
    voice *= np.minimum(1, 12 * np.minimum(position, 1 - position) + 0.05)  # no clicks at the ends
    return to_int16(PEAK * voice / np.abs(voice).max())


def _through_formants(source: NDArray[np.float64], formants: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Filter by two-pole resonators in cascade, as a product of spectra."""
    length = 2 * len(source)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length))
    spectrum = np.fft.rfft(source, length)
    for frequency, bandwidth in formants:
        radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
        spectrum *= 1 / (1 - 2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE) * z + radius**2 * z**2)
    return np.fft.irfft(spectrum, length)[: len(source)]


def write_reference(
    folder: Path,
    window_samples: int,
    classes: Sequence[str],
    *,
    models: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]],
) -> None:
    """Write `reference.wav` and `reference.json`.

    Args:
        folder: the bundle.
        window_samples: length of the clip.
        classes: names in the order of outputs.
        models: file name -> function, window [N] -> probabilities [C].
    """
    clip = reference_clip(window_samples)
    soundfile.write(folder / CLIP_FILE, clip, SAMPLE_RATE, subtype="PCM_16")
    answers = {name: model(from_int16(clip)) for name, model in models.items()}
    content = {
        "file": CLIP_FILE,
        "window_samples": window_samples,
        "sample_rate": SAMPLE_RATE,
        "scale": "int16 / 32768",
        "tolerance": TOLERANCE,
        "probabilities": {
            name: {c: float(p) for c, p in zip(classes, values, strict=True)} for name, values in answers.items()
        },
    }
    (folder / ANSWER_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
