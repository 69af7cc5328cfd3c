"""From settings to layers, models, losses and optimisers."""

import keras

from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.faces import FACE_FRONT_ENDS
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.models import MODELS
from ser_keras.models.corpus_heads import heard_as, with_corpus_heads
from ser_keras.models.layers.sequence import takes_sequences

EXTRACTORS = {**FRONT_ENDS, **DESCRIPTORS, **FACE_FRONT_ENDS}
PRIMARY = "probabilities"  # a classifier's first output; others serve training alone


def build_extractor(experiment):
    """The experiment's front end, a Keras layer: waveform -> features; or its descriptor set."""
    try:
        return EXTRACTORS[experiment.frontend.name](**experiment.frontend.arguments())
    except (TypeError, ValueError) as error:
        raise SerKerasError(f"frontend: {error}") from error


def build_classifier(experiment, feature_shape, n_classes):
    """The experiment's classifier, a Keras model: features -> probabilities."""
    try:
        classifier = MODELS[experiment.model.name](feature_shape, n_classes, **experiment.model.arguments())
    except (TypeError, ValueError, IndexError) as error:
        raise SerKerasError(f"model: {error}") from error
    given = tuple(classifier.outputs[0].shape[1:])
    if experiment.head is None and given != (n_classes,):
        made = f"model {experiment.model.name} makes {list(given)} of {experiment.frontend.name}'s features"
        raise SerKerasError(f"{made} {list(feature_shape)}, and not {n_classes} classes: they don't go together")
    unit = "utterance" if takes_sequences(classifier) else "window"
    if unit != experiment.unit:
        takes = "sequences of windows" if unit == "utterance" else "single windows"
        raise SerKerasError(f"model {experiment.model.name} takes {takes}: set unit={unit}")
    if isinstance(experiment.corpus_heads, list):
        if has_own_loss(classifier):
            raise SerKerasError(f"model {experiment.model.name} has a loss of its own: use corpus_heads=shared")
        classifier = with_corpus_heads(classifier, experiment.corpus_heads)
    if experiment.augmentation.mixup and len(classifier.outputs) > 1:
        raise SerKerasError(f"augmentation.mixup blends classes, and {experiment.model.name} learns more than these")
    return classifier


def primary(classifier):
    """A classifier without the outputs that serve training alone."""
    return heard_as(classifier, None)


def has_own_loss(classifier):
    """Whether a model overrides how Keras computes its loss."""
    return type(classifier).compute_loss is not keras.Model.compute_loss
