"""From settings to components: what they are, and the extractors and models that are built of them."""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import keras
from sklearn.pipeline import Pipeline

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.experiment.settings import Component, Experiment
from ser_keras.features.augmentation import own
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.extractor import Extractor, FeatureShape
from ser_keras.features.faces import FACE_FRONT_ENDS
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.features.frontends.base import FrontEnd
from ser_keras.models import MODELS, baselines
from ser_keras.models.classifier import WithFrontEnd
from ser_keras.models.corpus_heads import heard_as, with_corpus_heads
from ser_keras.models.end_to_end import end_to_end
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.models.model_kind import ModelKind, Takes, kind_of

EXTRACTORS: Mapping[str, type[Extractor]] = ChainMap({**DESCRIPTORS, **FACE_FRONT_ENDS}, FRONT_ENDS)
BUILDERS: Mapping[str, Callable[..., keras.Model | Pipeline]] = ChainMap(baselines.BASELINES, MODELS)
Entry = TypeVar("Entry")

PRIMARY = "probabilities"  # a classifier's first output; others serve training alone


def extractor_class(experiment: Experiment) -> type[Extractor]:
    """What the experiment's extractor is, without building it.

    Raises:
        SerKerasError: an unknown name, with the nearest valid ones.
    """
    return _registered(experiment.frontend, EXTRACTORS, "frontend")


def model_kind(experiment: Experiment) -> ModelKind:
    """What the experiment's model is and takes, without building it.

    Raises:
        SerKerasError: an unknown name, with the nearest valid ones.
    """
    return kind_of(_registered(experiment.model, BUILDERS, "model"))


def _registered(component: Component, registry: Mapping[str, Entry], kind: str) -> Entry:
    """A registry's entry of a component from the settings."""
    entry = registry.get(component.name)
    if entry is None:
        raise SerKerasError(f"no {kind} '{component.name}'; nearest: {nearest(component.name, registry)}")
    return entry


def build_extractor(experiment: Experiment) -> Extractor:
    """The experiment's front end, descriptor set or face front end."""
    try:
        return extractor_class(experiment)(**experiment.frontend.arguments())
    except (TypeError, ValueError) as error:
        raise SerKerasError(f"frontend: {error}") from error


def own_augmentations(experiment: Experiment) -> list[own.Change]:
    """The user's functions of the experiment's augmentation, with their settings, each tried once.

    Raises:
        SerKerasError: one is not there, fails, or gives something else than as many samples.
    """
    components = experiment.augmentation.functions
    parts = [_registered(each, own.AUGMENTATIONS, "augmentation.functions") for each in components]
    changes = [functools.partial(part, **each.arguments()) for part, each in zip(parts, components, strict=True)]
    return [own.checked(each.name, change) for change, each in zip(changes, components, strict=True)]


def build_classifier(experiment: Experiment, feature_shape: FeatureShape, n_classes: int) -> keras.Model:
    """The experiment's untrained Keras model: features -> probabilities (or a head's vectors)."""
    try:
        build = _registered(experiment.model, MODELS, "model")
        classifier = build(feature_shape, n_classes, **experiment.model.arguments())
    except (TypeError, ValueError, IndexError) as error:
        raise SerKerasError(f"model: {error}") from error
    output_shape = tuple(classifier.outputs[0].shape[1:])
    if experiment.head is None and output_shape != (n_classes,):
        made = f"model {experiment.model.name} makes {list(output_shape)} of {experiment.frontend.name}'s features"
        raise SerKerasError(f"{made} {list(feature_shape)}, and not {n_classes} classes: they don't go together")
    # One that declares what it takes was refused before.
    if message := wrong_unit(experiment, "sequence" if takes_sequences(classifier) else "window"):
        raise SerKerasError(message)
    if isinstance(experiment.corpus_heads, list):
        if has_own_loss(classifier):
            raise SerKerasError(f"model {experiment.model.name} has a loss of its own: use corpus_heads=shared")
        classifier = with_corpus_heads(classifier, experiment.corpus_heads)
    if experiment.augmentation.mixup and len(classifier.outputs) > 1:
        raise SerKerasError(f"augmentation.mixup blends classes, and {experiment.model.name} learns more than these")
    return classifier


def wrong_unit(experiment: Experiment, takes: Takes | None) -> str | None:
    """What is wrong with `unit` for a model that takes windows or sequences; None: nothing, or it isn't known yet."""
    unit = {"window": "window", "sequence": "utterance", None: experiment.unit}[takes]
    if unit == experiment.unit:
        return None
    inputs = "sequences of windows" if takes == "sequence" else "single windows"
    return f"model {experiment.model.name} takes {inputs}: set unit={unit}"


def with_front_end(experiment: Experiment) -> WithFrontEnd:
    """What makes one model of waveforms of the experiment's classifiers; only for what can be exported."""
    chunks: dict[str, int] = {}
    if experiment.unit == "utterance":
        chunks = {"chunks": experiment.export.chunks, "hop_samples": experiment.hop_samples}
    front_end = cast(FrontEnd, build_extractor(experiment))  # what can be exported has one
    return functools.partial(end_to_end, front_end, window_samples=experiment.window_samples, **chunks)


def primary(classifier: keras.Model) -> keras.Model:
    """A classifier without the outputs that serve training alone."""
    return heard_as(classifier, None)


def has_own_loss(classifier: keras.Model) -> bool:
    """Whether a model overrides how Keras computes its loss."""
    return type(classifier).compute_loss is not keras.Model.compute_loss
