"""`vectors.json`: what every port must make of given audio, from the cut of its windows to the belief on its display.

Python's answers, for Kotlin, JavaScript and whoever ports the bundle; docs/mobile-developer.md describes each part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE, level_dbfs
from ser_keras.audio.windows import TAIL_RULES, window_starts
from ser_keras.export.reference import ANSWER_FILE, CLIP_FILE, TOLERANCE
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.model import Model
from ser_keras.runtime.running_belief import RunningBelief

VECTORS_FILE = "vectors.json"
LEVEL_TOLERANCE_DB = 0.01
BELIEF_TOLERANCE = 1e-6

Runner = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # window [N] -> probabilities [C]


class Part(TypedDict):
    """A stretch of a test signal: the reference clip from its beginning, repeated where it is too short, times `gain`.

    `gain` is a power of two, or 0.
    """

    samples: int
    gain: float


class WindowCase(TypedDict):
    """Where the windows of a signal of `samples` samples begin."""

    samples: int
    window_samples: int
    hop_samples: int
    tail_rule: str
    starts: list[int]


class GateCase(TypedDict):
    """The level of one window, and which of the gates it passes."""

    signal: list[Part]
    level_dbfs: float
    passes: dict[str, bool]


class GateVectors(TypedDict):
    speech_gate_dbfs: dict[str, float | None]  # gate's name -> level
    tolerance_db: float
    cases: list[GateCase]


class BeliefCase(TypedDict):
    """Beliefs after each of a sequence of windows; None: a window under the gate, and no belief."""

    smoothing_s: float | None
    hop_s: float
    probabilities: list[list[float] | None]
    beliefs: list[list[float] | None]


class BeliefVectors(TypedDict):
    tolerance: float
    cases: list[BeliefCase]


class StreamWindow(TypedDict):
    """What `hear` gives for one window; `start` and `end` in samples."""

    start: int
    end: int
    level_dbfs: float
    speech: bool
    probabilities: list[float]
    belief: list[float] | None


class FileResult(TypedDict):
    """What `predict` gives for the signal as a file."""

    probabilities: list[float]
    emotion: str
    speech: bool


class StreamCase(TypedDict):
    signal: list[Part]
    windows: list[StreamWindow]
    file: FileResult


class StreamVectors(TypedDict):
    model: str
    tolerance: float
    classes: list[str]
    cases: list[StreamCase]


class Vectors(TypedDict):
    """The content of `vectors.json`."""

    about: str
    windows: list[WindowCase]
    gate: GateVectors
    belief: BeliefVectors
    stream: StreamVectors


def write_vectors(folder: Path, settings: Settings, interpreter: Runner, *, file: str) -> None:
    """Write `vectors.json`.

    Args:
        folder: the bundle; its `reference.wav` is the source of all signals.
        settings: how audio is cut.
        interpreter: runs the default file.
        file: the default file's name.
    """
    clip = soundfile.read(folder / CLIP_FILE, dtype="float32")[0]
    content: Vectors = {
        "about": f"what every port must compute; signals are made of {CLIP_FILE}, see `signal` (and {ANSWER_FILE})",
        "windows": _windows(settings),
        "gate": _gate(settings, clip),
        "belief": _belief(settings),
        "stream": _stream(settings, clip, interpreter, file=file),
    }
    (folder / VECTORS_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def signal(parts: Sequence[Part], clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples [n] that a list of parts of the reference clip [N] stands for."""
    pieces = [np.resize(clip, part["samples"]) * np.float32(part["gain"]) for part in parts]
    return np.concatenate(pieces)


def _windows(settings: Settings) -> list[WindowCase]:
    """Where windows begin, under both tail rules, for signals around the lengths at which their number changes."""
    window, hop = settings.window_samples, settings.hop_samples
    lengths = [1, window - 1, window, window + 1, window + hop - 1, window + hop, window + 3 * hop + 1]
    return [
        {
            "samples": n,
            "window_samples": window,
            "hop_samples": hop,
            "tail_rule": rule,
            "starts": window_starts(n, window, hop, tail=rule).tolist(),
        }
        for rule in TAIL_RULES
        for n in lengths
    ]


def _gate(settings: Settings, clip: NDArray[np.float32]) -> GateVectors:
    """Levels of single windows, and whether they pass the bundle's gate and one in the middle of them."""
    gates = {"bundle": settings.speech_gate_dbfs, "other": -50.0, "none": None}
    cases: list[GateCase] = []
    for gain in (1.0, 2**-4, 2**-8, 2**-12, 0.0):
        parts: list[Part] = [{"samples": settings.window_samples, "gain": gain}]
        level = level_dbfs(signal(parts, clip))
        passes = {name: gate is None or level >= gate for name, gate in gates.items()}
        cases.append({"signal": parts, "level_dbfs": level, "passes": passes})
    return {
        "speech_gate_dbfs": gates,
        "tolerance_db": LEVEL_TOLERANCE_DB,
        "cases": cases,
    }


def _belief(settings: Settings) -> BeliefVectors:
    """Beliefs after each of a sequence of windows; null stands for a window under the gate, and for no belief."""
    rng = np.random.default_rng(0)
    rows: list[list[float] | None] = rng.dirichlet(np.ones(len(settings.classes)), 12).round(6).tolist()
    for silent in (3, 6, 7, 8, 9, 10):
        rows[silent] = None
    cases: list[BeliefCase] = []
    for smoothing_s, hop_s in ((0.0, 0.5), (0.5, 0.5), (1.25, 0.5), (2.0, 0.5), (1.0, 2.0), (None, 0.5)):
        belief = RunningBelief(smoothing_s, hop_s)
        after = [belief.update(row) for row in rows]
        cases.append(
            {
                "smoothing_s": smoothing_s,
                "hop_s": hop_s,
                "probabilities": rows,
                "beliefs": [None if b is None else b.tolist() for b in after],
            }
        )
    return {"tolerance": BELIEF_TOLERANCE, "cases": cases}


def _stream(settings: Settings, clip: NDArray[np.float32], interpreter: Runner, *, file: str) -> StreamVectors:
    """All of it together: speech, a pause, quieter speech, and a remainder under one window; and less than a window."""
    window, hop = settings.window_samples, settings.hop_samples
    pause = window + hop * max(2, round(settings.smoothing_s * SAMPLE_RATE / hop) + 1)
    long = [(window + 3 * hop, 1.0), (pause, 0.0), (window, 0.125), (hop // 3, 0.5)]
    model = Model(interpreter, settings, file, runtime="")
    cases: list[StreamCase] = []
    for stretches in (long, [(window // 3, 0.5)], [(window + hop, 0.0)]):
        parts: list[Part] = [{"samples": n, "gain": gain} for n, gain in stretches]
        samples = signal(parts, clip)
        result = model.predict_samples(samples)
        moments: list[StreamWindow] = [
            {
                "start": round(m.start * SAMPLE_RATE),
                "end": round(m.end * SAMPLE_RATE),
                "level_dbfs": m.level_dbfs,
                "speech": m.speech,
                "probabilities": list(m.probabilities.values()),
                "belief": None if m.belief is None else list(m.belief.values()),
            }
            for m in model.hear([samples])
        ]
        whole: FileResult = {
            "probabilities": list(result.probabilities.values()),
            "emotion": result.emotion,
            "speech": result.speech,
        }
        cases.append({"signal": parts, "windows": moments, "file": whole})
    return {"model": file, "tolerance": TOLERANCE, "classes": list(settings.classes), "cases": cases}
