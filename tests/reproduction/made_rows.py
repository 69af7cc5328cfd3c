"""Tables and run directories of rows that nobody trained."""

import types

import numpy as np
import yaml

from ser_keras.common.files import write_atomic, write_json
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import RunDirectory

CLASSES = ("anger", "neutral", "sadness")


def made_table(skill, seed, utterances=120, windows=3):
    """Windows of utterances of 8 speakers; the truth is the same for all seeds."""
    truth, rng = np.random.default_rng(1), np.random.default_rng(seed)
    utterance = np.repeat(np.arange(utterances), windows)
    true = truth.integers(0, 3, utterances)[utterance]
    right = rng.uniform(size=utterances)[utterance] < skill  # all windows of an utterance, or none
    probabilities = np.eye(3)[np.where(right, true, (true + 1) % 3)]
    start = np.tile(np.arange(windows) / 2.0, utterances)
    return Predictions(
        file=[f"{u:03d}.wav" for u in utterance],
        corpus=["made"] * len(true),
        speaker=[f"s{u % 8}" for u in utterance],
        fold=utterance % 2,
        start=start,
        end=start + 0.5,
        true=true,
        probabilities=probabilities,
        classes=CLASSES,
    )


def fake_run(folder, experiment, table):
    """A run directory with the tables of a trained row."""
    kind = PROTOCOLS[experiment.protocol.name]
    tree = {**experiment.model_dump(), "classes": {name: [name] for name in CLASSES}, "corpora": []}
    write_atomic(folder / "experiment.yaml", yaml.safe_dump(tree))
    write_tables(
        folder,
        types.SimpleNamespace(seed=0, classes=CLASSES, selected_on=[]),
        table.by_utterance(),
        segments=table,
        protocol=experiment.protocol.name,
        leaky_reason=kind.claim if kind.leaky else None,
        commit=None,
    )
    write_json(folder / "provenance.json", {"seconds": 61.0})
    return RunDirectory(folder)
