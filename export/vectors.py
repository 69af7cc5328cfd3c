"""`vectors.json`: what every port must make of given audio, from the cut of its windows to the belief on its display.

Python's answers, for Kotlin, JavaScript and whoever ports the bundle; docs/mobile-developer.md describes each part.
"""

import json

import numpy as np
import soundfile

from ser_keras.audio.samples import SAMPLE_RATE, level_dbfs
from ser_keras.audio.windows import TAIL_RULES, window_starts
from ser_keras.export.reference import ANSWER_FILE, CLIP_FILE, TOLERANCE
from ser_keras.runtime.model import Model
from ser_keras.runtime.running_belief import RunningBelief

VECTORS_FILE = "vectors.json"
LEVEL_TOLERANCE_DB = 0.01
BELIEF_TOLERANCE = 1e-6


def write_vectors(folder, settings, interpreter, file):
    """Write `vectors.json`.

    Args:
        folder: the bundle; its `reference.wav` is the source of all signals.
        settings: model_files.Settings.
        interpreter: callable of the default file, window [N] -> probabilities [C].
        file: the default file's name.
    """
    clip = soundfile.read(folder / CLIP_FILE, dtype="float32")[0]
    content = {
        "about": f"what every port must compute; signals are made of {CLIP_FILE}, see `signal` (and {ANSWER_FILE})",
        "windows": _windows(settings),
        "gate": _gate(settings, clip),
        "belief": _belief(settings),
        "stream": _stream(settings, clip, interpreter, file),
    }
    (folder / VECTORS_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def signal(parts, clip):
    """The samples that a list of parts stands for.

    Args:
        parts: list of dict: `samples` (how many), `gain` (a power of two, or 0): the reference clip from its
            beginning, repeated where it is too short, times `gain`.
        clip: float32 [N], the reference clip.

    Returns:
        float32 [n].
    """
    pieces = [np.resize(clip, part["samples"]) * np.float32(part["gain"]) for part in parts]
    return np.concatenate(pieces)


def _windows(settings):
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


def _gate(settings, clip):
    """Levels of single windows, and whether they pass the bundle's gate and one in the middle of them."""
    cases = []
    for gain in (1.0, 2**-4, 2**-8, 2**-12, 0.0):
        parts = [{"samples": settings.window_samples, "gain": gain}]
        level = level_dbfs(signal(parts, clip))
        gates = {"bundle": settings.speech_gate_dbfs, "other": -50.0, "none": None}
        passes = {name: gate is None or level >= gate for name, gate in gates.items()}
        cases.append({"signal": parts, "level_dbfs": level, "passes": passes})
    return {
        "speech_gate_dbfs": {"bundle": settings.speech_gate_dbfs, "other": -50.0, "none": None},
        "tolerance_db": LEVEL_TOLERANCE_DB,
        "cases": cases,
    }


def _belief(settings):
    """Beliefs after each of a sequence of windows; null stands for a window under the gate, and for no belief."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(len(settings.classes)), 12).round(6).tolist()
    for silent in (3, 6, 7, 8, 9, 10):
        rows[silent] = None
    cases = []
    for smoothing_s, hop_s in ((0.0, 0.5), (1.25, 0.5), (2.0, 0.5), (1.0, 2.0), (None, 0.5)):
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


def _stream(settings, clip, interpreter, file):
    """All of it together: speech, a pause, quieter speech, and a remainder under one window; and less than a window."""
    window, hop = settings.window_samples, settings.hop_samples
    pause = window + hop * max(2, round(settings.smoothing_s * SAMPLE_RATE / hop) + 1)
    long = [(window + 3 * hop, 1.0), (pause, 0.0), (window, 0.125), (hop // 3, 0.5)]
    model = Model(interpreter, settings, file, runtime="")
    cases = []
    for parts in (long, [(window // 3, 0.5)], [(window + hop, 0.0)]):
        parts = [{"samples": n, "gain": gain} for n, gain in parts]
        samples = signal(parts, clip)
        result = model.predict_samples(samples)
        moments = [
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
        whole = {"probabilities": list(result.probabilities.values()), "emotion": result.emotion}
        cases.append({"signal": parts, "windows": moments, "file": {**whole, "speech": result.speech}})
    return {"model": file, "tolerance": TOLERANCE, "classes": list(settings.classes), "cases": cases}
