"""From settings to layers, models, losses and optimisers."""

import contextlib

import keras
import tensorflow as tf

from ser_keras import experiment as settings
from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.faces import FACE_FRONT_ENDS
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.models import MODELS, baselines
from ser_keras.models.corpus_heads import heard_as, with_corpus_heads
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.protocols import protocol_kind

EXTRACTORS = {**FRONT_ENDS, **DESCRIPTORS, **FACE_FRONT_ENDS}
PRIMARY = "probabilities"  # a classifier's first output; others serve training alone


def complete(experiment):
    """Check front end and model against their builders and write their defaults into the settings.

    Raises:
        SerKerasError: an unknown name or argument, with the nearest valid ones; or parts that don't go together.
    """
    given = ("self", "name", "trainable", "dtype", "kwargs")
    frontend = complete_arguments(experiment.frontend, EXTRACTORS, "frontend", given)
    models = {**MODELS, **baselines.BASELINES}
    model = complete_arguments(experiment.model, models, "model", given=("input_shape", "n_classes", "seed"))
    if experiment.corpus_heads != "shared" and (experiment.model.name not in MODELS or experiment.head is not None):
        raise SerKerasError("corpus_heads=separate is for Keras models that predict classes themselves; use shared")
    head = experiment.head
    if head is not None:
        if experiment.model.name not in MODELS or experiment.unit != "window":
            raise SerKerasError("head: it needs a Keras model of single windows; a baseline needs none")
        arguments = complete_arguments(head, baselines.BASELINES, "head", given=("seed",))
        head = settings.Head(name=head.name, layer=head.layer, **arguments)
    experiment = experiment.model_copy(update={"head": head})
    if experiment.aggregation == "geometric" and why_not_exportable(experiment) is None:
        raise SerKerasError("aggregation=geometric is for baselines and heads: phones average probabilities")
    kind = protocol_kind(experiment.protocol.name)
    if experiment.training.calibration_groups and (head or experiment.model.name not in MODELS or kind.leaky):
        raise SerKerasError(
            "training.calibration_groups chooses a Keras model's temperature on speakers that it doesn't train on; "
            "set it to 0 for a baseline, a head, or a protocol that splits speakers' material at random"
        )
    if experiment.augmentation.mode != "none" and experiment.frontend.name in FACE_FRONT_ENDS:
        raise SerKerasError(f"augmentation varies sound, and not pictures ({experiment.frontend.name}): set mode=none")
    if experiment.augmentation.mode == "random":
        whole = {"unit": experiment.unit == "window", "frontend": experiment.frontend.name in FRONT_ENDS}
        whole["model"] = experiment.model.name in MODELS or experiment.augmentation.copies > 0
        if lacking := [name for name, fits in whole.items() if not fits]:
            cached = "set augmentation.copies or " if lacking == ["model"] else ""
            raise SerKerasError(
                f"augmentation.mode=random draws single windows anew each epoch, which this recipe's {lacking[0]} "
                f"can't take; {cached}use augmentation.mode=grid"
            )
    if experiment.augmentation.copies and kind.leaky:
        raise SerKerasError(f"augmentation.copies: protocol {experiment.protocol.name} splits windows; set copies=0")
    if experiment.augmentation.mixup and (experiment.model.name not in MODELS or experiment.unit != "window"):
        raise SerKerasError("augmentation.mixup blends single windows for a Keras model; set it to 0 for this recipe")
    if experiment.unit == "utterance" and kind.leaky:
        raise SerKerasError(
            f"protocol {experiment.protocol.name} splits windows, and unit=utterance trains on whole utterances; "
            "utterance_random splits these"
        )
    return experiment.model_copy(
        update={
            "frontend": settings.Component(name=experiment.frontend.name, **frontend),
            "model": settings.Component(name=experiment.model.name, **model),
        }
    )


def why_not_exportable(experiment):
    """Why an experiment's models can't run on a phone, or None where they can."""
    if experiment.frontend.name in DESCRIPTORS:
        return f"its features ({experiment.frontend.name}) are computed outside the graph"
    if experiment.frontend.name in FACE_FRONT_ENDS:
        return f"it looks at pictures of faces ({experiment.frontend.name}), and a bundle hears sound alone"
    if experiment.model.name in baselines.BASELINES:
        return f"its model ({experiment.model.name}) is no Keras model"
    if experiment.head is not None:
        return f"its classifier ({experiment.head.name}) is no Keras model"
    return None


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


def configure(experiment):
    """Set TensorFlow up for an experiment: memory growth on GPUs, precision, and on CPUs repeatable operations."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy("mixed_float16" if experiment.training.mixed_precision else "float32")


def strategy():
    """MirroredStrategy over several GPUs, otherwise the default one."""
    devices = tf.config.list_logical_devices("GPU")
    return (
        tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else tf.distribute.get_strategy()
    )


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


@contextlib.contextmanager
def in_float32():
    """Layers built herein compute in float32, whatever the policy."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(policy)
