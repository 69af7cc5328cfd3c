"""Run directories like a training's, and pages as a test reads them."""

import csv
import html.parser
import json
import struct

import numpy as np
import yaml

from ser_keras import evaluation
from ser_keras.evaluation import Predictions
from ser_keras.experiment.protocols import PROTOCOLS

CLASSES = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")


SPEAKERS = [f"emodb/{n:02d}" for n in (3, 8, 9, 10, 11, 12, 13, 14, 15, 16)]


def make_run(root, seed=0, skill=2.2, classes=CLASSES, n=535, protocol="speaker_independent", settings=None, first=""):
    """Write a run directory like a training's: 10 speakers, 5 folds of two, histories, a final refit.

    `first` takes the place of the first file's name. The material (files, speakers, labels) is the same for all
    seeds; `seed` and `skill` decide what the model makes of it.
    """
    material, rng = np.random.default_rng(99), np.random.default_rng(seed)
    speaker = material.integers(0, 10, n)
    true = material.integers(0, len(classes), n)
    probabilities = softmax(rng.normal(size=(n, len(classes))), true, skill * (0.6 + 0.08 * speaker))
    columns = {
        "file": [first or "wav/a000.wav", *(f"wav/a{i:03d}.wav" for i in range(1, n))],
        "corpus": ["emodb"] * n,
        "speaker": [SPEAKERS[s] for s in speaker],
        "gender": ["female" if s % 2 else "male" for s in speaker],
        "fold": speaker // 2,
        "true": true,
        "classes": classes,
    }
    predictions = Predictions(**columns, start=None, end=None, probabilities=probabilities)
    windows = softmax(rng.normal(size=(n, len(classes))), true, 0.7 * skill)
    segments = Predictions(**columns, start=np.zeros(n), end=np.ones(n), probabilities=windows)
    kind = PROTOCOLS[protocol]
    result = evaluation.metrics(
        predictions,
        Predictions.concatenate([segments, segments]),
        protocol=protocol,
        leaky=kind.leaky,
        leaky_reason=kind.claim if kind.leaky else None,
        seed=seed,
        commit="0123456789ab",
        selection_overlap=0,
    )
    experiment = {
        "recipe": "log_mel_small",
        "title": "Small log-mel CNN",
        "source": "",
        "seed": seed,
        "classes": {name: [name] for name in classes},
        "window_s": 1.0,
        "hop_s": 0.5,
        "frontend": {"name": "log_mel"},
        "model": {"name": "cnn"},
        "training": {"epochs": 30, "learning_rate": 0.001},
        "protocol": {"name": protocol, "folds": 5},
        "corpora": [
            {"name": "emodb", "licence": "CC0-1.0", "n_utterances": n, "n_speakers": 10, "hours": 0.41,
             "fingerprint": "8f14e45fceea167a5a36dedd4bea2543"}
        ],
    } | (settings or {})  # fmt: skip
    provenance = {
        "command": f"ser-keras train --corpus emodb=data --recipe log_mel_small --set seed={seed} --out run",
        "commit": "0123456789ab",
        "dirty": False,
        "started": "2026-11-21T09:00:00+0000",
        "finished": "2026-11-21T09:03:20+0000",
        "seconds": 200.4,
        "machine": {"system": "Linux x86_64", "cpu": "Example CPU", "cores": 2},
        "versions": {"python": "3.11.2", "keras": "3.15.1"},
        "dropped": ["emotion 'calm' is in no class: 12 utterances dropped"],
        "bad_files": {"wav/broken.wav": "truncated"},
    }
    root.mkdir(parents=True)
    predictions.write_csv(root / "predictions.csv")
    (root / "metrics.json").write_text(json.dumps(result))
    (root / "experiment.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    (root / "provenance.json").write_text(json.dumps(provenance))
    for k in range(5):
        test = SPEAKERS[2 * k : 2 * k + 2]
        fold = {"train": [s for s in SPEAKERS if s not in test], "validation": [], "test": test, "n_train": 428}
        write_fold(root / "folds" / str(k), fold | {"epochs": 30, "best_epoch": None}, rng, epochs=30 - k)
    write_fold(root / "final", {"train": SPEAKERS, "validation": [], "test": []}, rng, validated=False)
    return root


def softmax(logits, true, bonus):
    logits[np.arange(len(true)), true] += bonus
    exponentials = np.exp(1.5 * logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def write_fold(folder, fold, rng, epochs=30, validated=True):
    folder.mkdir(parents=True)
    (folder / "fold.json").write_text(json.dumps(fold))
    with open(folder / "history.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"])
        for epoch in range(1, epochs + 1):
            gone = 1 - np.exp(-epoch / 8)
            loss, accuracy = 2 - 1.5 * gone + rng.normal(0, 0.03), 0.15 + 0.75 * gone + rng.normal(0, 0.015)
            validation = [loss + 0.3 * gone, accuracy - 0.2 * gone] if validated else ["", ""]
            writer.writerow([epoch, loss, accuracy, *validation, 0.001])


class Page(html.parser.HTMLParser):
    """Text, tags and addresses of a page; complains of tags that don't close in order."""

    VOID = {"meta", "img", "source", "br"}

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.tags, self.addresses, self.words = [], [], [], []
        self.feed(self.source)
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.addresses += [v for k, v in attributes if k in ("src", "srcset", "href", "action", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> out of order at {self.getpos()}"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


def size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])
