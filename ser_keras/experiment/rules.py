"""Which parts of an experiment go together, and which experiments can be exported."""

from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import settings
from ser_keras.experiment.assembly import EXTRACTORS
from ser_keras.experiment.protocols import protocol_kind
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.faces import FACE_FRONT_ENDS
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.models import MODELS, baselines


def complete_component(component, registry, kind, given=()):
    """The arguments of a Component from the settings, complete; see `complete_arguments`."""
    return complete_arguments(component.name, component.arguments(), registry, kind=kind, supplied=given)


def complete(experiment):
    """Check front end and model against their builders and write their defaults into the settings.

    Raises:
        SerKerasError: an unknown name or argument, with the nearest valid ones; or parts that don't go together.
    """
    given = ("self", "name", "trainable", "dtype", "kwargs")
    frontend = complete_component(experiment.frontend, EXTRACTORS, "frontend", given)
    models = {**MODELS, **baselines.BASELINES}
    model = complete_component(experiment.model, models, "model", given=("input_shape", "n_classes", "seed"))
    if experiment.corpus_heads != "shared" and (experiment.model.name not in MODELS or experiment.head is not None):
        raise SerKerasError("corpus_heads=separate is for Keras models that predict classes themselves; use shared")
    head = experiment.head
    if head is not None:
        if experiment.model.name not in MODELS or experiment.unit != "window":
            raise SerKerasError("head: it needs a Keras model of single windows; a baseline needs none")
        arguments = complete_component(head, baselines.BASELINES, "head", given=("seed",))
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
