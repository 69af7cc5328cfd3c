"""What training leaves behind: a fold's model in one file, and weights to start from."""

import dataclasses
import hashlib
from pathlib import Path

import keras
import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, replacing
from ser_keras.experiment.assembly import build_extractor
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.experiment.run import Run
from ser_keras.experiment.tensorflow_session import in_float32
from ser_keras.models import baselines
from ser_keras.models.end_to_end import end_to_end, split
from ser_keras.models.fitted_head import Headed

END_TO_END, CLASSIFIER_ALONE, BASELINE, HEAD = "model.keras", "classifier.keras", "baseline.skops", "head.skops"


def save_model(folder, experiment, classifier):
    """Write what was trained as one file: waveform -> probabilities where the graph holds all of it."""
    if experiment.model.name in baselines.BASELINES:
        classifier.save(folder / BASELINE)
        return
    if experiment.head is not None:
        classifier.head.save(folder / HEAD)
        classifier = classifier.net
    path = folder / (CLASSIFIER_ALONE if why_not_exportable(experiment) else END_TO_END)
    model = classifier
    if path.name == END_TO_END:
        chunks = {}
        if experiment.unit == "utterance":
            chunks = {"chunks": experiment.export.chunks, "hop_samples": experiment.hop_samples}
        model = end_to_end(build_extractor(experiment), classifier, experiment.window_samples, **chunks)
    with replacing(path) as temporary:
        model.save(temporary)


def load_classifier(folder):
    """The classifier, or the baseline, that `save_model` wrote into a folder.

    Raises:
        SerKerasError: missing or damaged.
    """
    if (folder / BASELINE).is_file():
        return baselines.load(folder / BASELINE)
    if (folder / CLASSIFIER_ALONE).is_file():
        net = _load_keras(folder / CLASSIFIER_ALONE)
        return Headed(net, baselines.load(folder / HEAD)) if (folder / HEAD).is_file() else net
    return split(_load_keras(folder / END_TO_END))[1]


def _load_keras(path):
    try:
        with in_float32():
            return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise SerKerasError(f"{path} can't be loaded: {str(error).splitlines()[0]}") from error


@dataclasses.dataclass
class InitialWeights:
    """Weights to start from; called with a new classifier, it puts in what fits.

    Attributes:
        weights: list of arrays, in the model's order.
        speakers: those that the weights have seen.
        selected_on: those on whom the settings behind them were chosen.
        fingerprints: of the corpora that the weights have seen.
        classes: names of their outputs, in order.
        described: what experiment.yaml says of them.
    """

    weights: list
    speakers: set
    selected_on: set
    fingerprints: set
    classes: tuple
    described: dict

    def for_classes(self, classes):
        """The same for a model of these classes, in order: where they are others, the last layer starts anew."""
        same = tuple(classes) == self.classes
        return self if same else dataclasses.replace(self, weights=[*self.weights[:-2], *[np.empty(0)] * 2])

    def __call__(self, classifier):
        """Copy the weights; with other classes the last layer keeps its own.

        Raises:
            SerKerasError: they are of another architecture.
        """
        own = classifier.get_weights()
        fits = [a.shape == b.shape for a, b in zip(self.weights, own, strict=False)]
        if len(self.weights) != len(own) or not all(fits[:-2]):  # the last two: kernel and bias of the last layer
            raise SerKerasError(f"--init: the weights of {self.described['name']} are of another architecture")
        classifier.set_weights([a if fit else b for a, b, fit in zip(self.weights, own, fits, strict=True)])


def load_initial(path):
    """The weights of a run's final model, or of a bundle's.

    Raises:
        SerKerasError: `path` is neither.
    """
    path = Path(path)
    if (path / "final" / "model.keras").is_file():
        file, origin = path / "final" / "model.keras", Run.existing(path).experiment
        classes = origin["classes"]
    elif (path / "model.keras").is_file():
        info = read_json(path / "bundle.json")
        file, origin, classes = path / "model.keras", info["created_from"], info["classes"]
    elif (path / "final" / "fold.json").is_file():
        raise SerKerasError(f"--init {path}: its model is no Keras model to start from")
    else:
        raise SerKerasError(f"--init {path}: neither a finished run (final/model.keras) nor a bundle with model.keras")
    corpora, before = origin["corpora"], origin.get("init") or {}
    _, classifier = split(_load_keras(file))
    speakers = {s for corpus in corpora for s in corpus.get("speakers", [])} | set(before.get("speakers", []))
    selected_on = {*origin.get("selected_on", []), *before.get("selected_on", [])}
    fingerprints = {corpus.get("fingerprint") for corpus in corpora} | set(before.get("fingerprints", []))
    names = sorted({corpus["name"] for corpus in corpora} | set(before.get("corpora", [])))
    described = {
        "name": path.name,
        "corpora": names,
        "speakers": sorted(speakers),
        "fingerprints": sorted(fingerprints - {None}),
        **({"selected_on": sorted(selected_on)} if selected_on else {}),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    return InitialWeights(
        classifier.get_weights(), speakers, selected_on, fingerprints - {None}, tuple(classes), described
    )
