"""The Keras model of a run as the demos run a bundle: the same windows, gate and belief, without a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.experiment.tensorflow_session import in_float32
from ser_keras.models.classifier import KerasClassifier, load_keras
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.model import Model

Tree = Mapping[str, Any]  # Any: a run's experiment.yaml, whose values are of several kinds


def run_settings(experiment: Tree) -> Settings:
    """How audio is cut for a run's model, from its `experiment.yaml`."""
    export = experiment.get("export") or {}
    window, hop = round(experiment["window_s"] * SAMPLE_RATE), chunk_hop(experiment)
    chunks = export.get("chunks", 1) if experiment.get("unit") == "utterance" else 1
    return Settings(
        classes=tuple(experiment["classes"]),
        window_samples=window + (chunks - 1) * hop,
        hop_samples=round(export["hop_s"] * SAMPLE_RATE) if export.get("hop_s") else hop,
        tail_rule=experiment["tail_rule"],
        speech_gate_dbfs=export.get("speech_gate_dbfs"),
        smoothing_s=export.get("smoothing_s", 0.0),
    )


def chunk_hop(experiment: Tree) -> int:
    """Samples from one window that a classifier was trained on, or one chunk of its sequences, to the next."""
    return round(experiment["hop_s"] * SAMPLE_RATE)


def keras_model(folder: Path, experiment: Tree, name: str) -> Model:
    """The model in a fold's folder, or in `final`, ready to hear.

    Args:
        folder: where `experiment.saved_model.save_model` wrote it.
        experiment: content of the run's `experiment.yaml`; its models can be exported.
        name: what results call it.

    Raises:
        SerKerasError: missing or damaged.
    """
    with in_float32():
        whole = load_keras(folder / KerasClassifier.WITH_FRONT_END)
    settings = run_settings(experiment)
    graph = tf.function(
        lambda wave: whole(wave, training=False),
        input_signature=[tf.TensorSpec((1, settings.window_samples), tf.float32)],
        autograph=False,
    ).get_concrete_function()

    def classify(window: NDArray[np.float32]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = graph(tf.constant(window[None])).numpy()[0].astype(np.float32)
        return probabilities

    return Model(classify, settings, name, runtime="keras")
