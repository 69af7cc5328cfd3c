"""What training leaves behind: a fold's model in one file, and weights to start from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.experiment.assembly import with_front_end
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment
from ser_keras.experiment.tensorflow_session import in_float32
from ser_keras.models.baselines import Baseline
from ser_keras.models.classifier import Classifier, KerasClassifier, load_keras
from ser_keras.models.end_to_end import split
from ser_keras.models.fitted_head import FittedHead

KINDS: tuple[type[Classifier], ...] = (Baseline, FittedHead, KerasClassifier)
"""In the order in which a folder is asked for them: a head stands beside the file of its net."""


def save_model(folder: Path, experiment: Experiment, classifier: Classifier) -> None:
    """Write what was trained: waveform -> probabilities in one file where the graph holds all of it."""
    classifier.save_to(folder, None if why_not_exportable(experiment) else with_front_end(experiment))


def load_classifier(folder: Path) -> Classifier:
    """The classifier that `save_model` wrote into a folder.

    Raises:
        SerKerasError: missing or damaged.
    """
    kind = next((kind for kind in KINDS if kind.is_in(folder)), KerasClassifier)
    with in_float32():
        return kind.load_from(folder)


def load_keras_model(folder: Path) -> keras.Model:
    """The bare Keras model, features -> probabilities, that `save_model` wrote into a folder.

    Raises:
        SerKerasError: missing or damaged, or the classifier is of another kind.
    """
    classifier = load_classifier(folder)
    if not isinstance(classifier, KerasClassifier):
        raise SerKerasError(f"{folder}: its model is no Keras model alone; this needs one")
    return classifier.model


@dataclasses.dataclass
class InitialWeights:
    """Weights to start from; called with a new classifier, it puts in what fits.

    Attributes:
        weights: in the model's order.
        speakers: those that the weights have seen.
        selected_on: those on whom the settings behind them were chosen.
        fingerprints: of the corpora that the weights have seen.
        classes: names of their outputs, in order.
        described: what experiment.yaml says of them.
    """

    weights: list[NDArray[np.generic]]
    speakers: set[str]
    selected_on: set[str]
    fingerprints: set[str]
    classes: tuple[str, ...]
    described: dict[str, object]

    def for_classes(self, classes: Sequence[str]) -> InitialWeights:
        """The same for a model of these classes, in order: where they are others, the last layer starts anew."""
        same = tuple(classes) == self.classes
        return self if same else dataclasses.replace(self, weights=[*self.weights[:-2], *[np.empty(0)] * 2])

    def __call__(self, classifier: keras.Model) -> None:
        """Copy the weights; with other classes the last layer keeps its own.

        Raises:
            SerKerasError: they are of another architecture.
        """
        before = classifier.get_weights()
        fits = [a.shape == b.shape for a, b in zip(self.weights, before, strict=False)]
        if len(self.weights) != len(before) or not all(fits[:-2]):  # the last two: kernel and bias of the last layer
            raise SerKerasError(f"`init`: the weights of {self.described['name']} are of another architecture")
        classifier.set_weights([a if fit else b for a, b, fit in zip(self.weights, before, fits, strict=True)])


def load_initial(path: Path | str) -> InitialWeights:
    """The weights of a run's final model, or of a bundle's.

    Raises:
        SerKerasError: `path` is neither.
    """
    path = Path(path)
    if (path / "final" / "model.keras").is_file():
        file, origin = path / "final" / "model.keras", RunDirectory.existing(path).experiment
        classes = origin["classes"]
    elif (path / "model.keras").is_file():
        info = read_json(path / "bundle.json")
        file, origin, classes = path / "model.keras", info["created_from"], info["classes"]
    elif (path / "final" / "fold.json").is_file():
        raise SerKerasError(f"`init` {path}: its model is no Keras model to start from")
    else:
        raise SerKerasError(f"`init` {path}: neither a finished run (final/model.keras) nor a bundle with model.keras")
    corpora, before = origin["corpora"], origin.get("init") or {}
    with in_float32():
        _, classifier = split(load_keras(file))
    speakers = {s for corpus in corpora for s in corpus.get("speakers", [])} | set(before.get("speakers", []))
    selected_on = {*origin.get("selected_on", []), *before.get("selected_on", [])}
    fingerprints = {corpus.get("fingerprint") for corpus in corpora} | set(before.get("fingerprints", []))
    names = sorted({corpus["name"] for corpus in corpora} | set(before.get("corpora", [])))
    sounds = [*origin.get("sounds", []), *before.get("sounds", [])]
    described: dict[str, object] = {
        "name": path.name,
        "corpora": names,
        "speakers": sorted(speakers),
        "fingerprints": sorted(fingerprints - {None}),
        **({"sounds": sounds} if sounds else {}),
        **({"selected_on": sorted(selected_on)} if selected_on else {}),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    return InitialWeights(
        classifier.get_weights(), speakers, selected_on, fingerprints - {None}, tuple(classes), described
    )
