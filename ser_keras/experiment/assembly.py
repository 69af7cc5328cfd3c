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


def compiled(classifier, training, n_classes):
    """A classifier with its optimiser, losses and metrics, as `training` says.

    A model with a loss of its own (`compute_loss`) keeps it; of several outputs with `loss_weights`, each is judged by
    cross-entropy.
    """
    options = {"loss": SmoothedCrossEntropy(n_classes, training.label_smoothing), "metrics": [accuracy]}
    if has_own_loss(classifier):
        options = {"weighted_metrics": [accuracy]}  # it gives windows without labels no weight
    elif len(classifier.outputs) > 1:
        names, sizes = classifier.output_names, [output.shape[-1] for output in classifier.outputs]
        losses = [SmoothedCrossEntropy(n, training.label_smoothing) for n in sizes]
        options = {"loss": dict(zip(names, losses, strict=True)), "metrics": {PRIMARY: [accuracy]}}
        options["loss_weights"] = classifier.loss_weights
    classifier.compile(make_optimizer(training), jit_compile=training.xla, **options)
    classifier.optimizer.build(classifier.trainable_variables)
    return classifier


def has_own_loss(classifier):
    """Whether a model overrides how Keras computes its loss."""
    return type(classifier).compute_loss is not keras.Model.compute_loss


def make_optimizer(training):
    options = {"learning_rate": training.learning_rate}
    if training.optimizer == "sgd":
        options["momentum"] = training.momentum
    if training.weight_decay or training.optimizer == "adamw":
        options["weight_decay"] = training.weight_decay
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "sgd": keras.optimizers.SGD}
    return kinds[training.optimizer](**options)


def accuracy(y_true, y_pred):
    """Share of the examples whose class is the most probable one; mixed labels count as their greater part."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == y_pred.shape[-1]:
        y_true = keras.ops.argmax(y_true, axis=-1)
    return keras.ops.cast(
        keras.ops.equal(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), keras.ops.argmax(y_pred, axis=-1)),
        "float32",
    )


class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels or of mixed ones [B, n_classes], smoothed by `smoothing`; -1 counts nothing.

    Keras has smoothing for one-hot labels alone.
    """

    def __init__(self, n_classes, smoothing=0.0, **kwargs):
        super().__init__(name="cross_entropy", **kwargs)
        self.n_classes, self.smoothing = n_classes, smoothing

    def call(self, y_true, y_pred):
        if len(y_true.shape) == 2 and y_true.shape[-1] == self.n_classes:
            return keras.losses.categorical_crossentropy(y_true, y_pred, label_smoothing=self.smoothing)
        target = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32"), self.n_classes)
        losses = keras.losses.categorical_crossentropy(target, y_pred, label_smoothing=self.smoothing)
        return losses * keras.ops.sum(target, axis=-1)
