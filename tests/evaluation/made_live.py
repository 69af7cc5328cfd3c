"""Evaluations that were heard live, made for the tests of what shows them."""

import json

import numpy as np

from ser_keras.evaluation import live
from ser_keras.evaluation.reports.plots import png
from ser_keras.evaluation.reports.stream_picture import draw_stream

CLASSES = ("anger", "fear", "happiness", "neutral", "sadness")
TEXTS = {"protocol": "final model on ravdess, heard live", "model": "run/final", "leaky": False, "leaky_reason": None}


def heard(n_streams=50, skill=2.0, seed=0):
    """Streams of four utterances of 2 s, a window a second, and what a display showed."""
    rng = np.random.default_rng(seed)
    streams = []
    for number in range(n_streams):
        true = rng.integers(len(CLASSES), size=4)
        utterances = [
            live.LiveUtterance(
                file=f"ravdess/{number}-{i}.wav",
                true=int(true[i]),
                corpus="ravdess",
                speaker=f"ravdess/{number % 8}",
                gender=("female", "male")[number % 2],
                language="en",
                fold=0,
                level_dbfs=-40.0 + number % 28,
                speech_start_s=1.0 + 4 * i,
                speech_end_s=3.0 + 4 * i,
            )
            for i in range(4)
        ]
        logits = rng.normal(size=(17, len(CLASSES)))
        for i in range(4):
            logits[2 + 4 * i : 4 + 4 * i, true[i]] += skill
        beliefs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        beliefs[:1] = np.nan
        streams.append(
            live.HeardStream(
                number=number,
                utterances=tuple(utterances),
                tone="pink",
                tone_dbfs=(-65.0, -45.0)[number % 2],
                in_room=number % 3 == 0,
                through_microphone=False,
                codec="none",
                times=np.arange(1.0, 18.0),
                beliefs=beliefs,
            )
        )
    return streams


def write(folder, **changes):
    """Write an evaluation's metrics.json and picture; returns the content of the former."""
    streams = heard()
    content = {
        **TEXTS,
        "corpora": ["ravdess"],
        "n_utterances": 80,
        "n_available": 90,
        "n_speakers": 8,
        "selection_overlap": 0,
        "seed": 3,
        "commit": "abc",
        "streams": {"utterances_limit": 80, "n_streams": 20, "hours": 0.1, "utterances": 4, "codec": "none"},
        "live": live.live_metrics(streams, CLASSES),
        "listeners": None,
    } | changes
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(content))
    samples = np.random.default_rng(0).normal(0, 0.05, 17 * 16000).astype(np.float32)
    (folder / "stream.png").write_bytes(png(draw_stream(samples, streams[0], CLASSES)))
    return content
