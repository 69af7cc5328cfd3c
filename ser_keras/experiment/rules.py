"""Which parts of an experiment go together, and which experiments can be exported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import settings
from ser_keras.experiment.assembly import BUILDERS, EXTRACTORS, extractor_class, model_kind, wrong_unit
from ser_keras.experiment.protocols import ProtocolKind, protocol_kind
from ser_keras.features.augmentation.own import AUGMENTATIONS
from ser_keras.features.extractor import Extractor
from ser_keras.models.baselines import BASELINES, Baseline
from ser_keras.models.fitted_head import FittedHead
from ser_keras.models.model_kind import ModelKind


@dataclasses.dataclass(frozen=True)
class Parts:
    """An experiment and what its components say of themselves.

    Attributes:
        experiment: settings.
        extractor: the class of its front end or descriptor set.
        model: what its model is and takes.
        protocol: what its protocol promises.
    """

    experiment: settings.Experiment
    extractor: type[Extractor]
    model: ModelKind
    protocol: ProtocolKind

    @classmethod
    def of(cls, experiment: settings.Experiment) -> Parts:
        """The parts of an experiment whose components' names are known to exist."""
        protocol = protocol_kind(experiment.protocol.name)
        return cls(experiment, extractor_class(experiment), model_kind(experiment), protocol)

    @property
    def keras_of_windows(self) -> bool:
        """Whether a Keras model learns from single windows."""
        return self.model.keras and self.experiment.unit == "window"

    @property
    def keras_of_classes(self) -> bool:
        """Whether a Keras model itself predicts the classes."""
        return self.model.keras and self.experiment.head is None


@dataclasses.dataclass(frozen=True)
class Rule:
    """What must not be.

    Attributes:
        broken: whether an experiment breaks the rule.
        message: says what, why and how to mend it; text, or made of the parts.
    """

    broken: Callable[[Parts], object]
    message: str | Callable[[Parts], str]

    def text(self, parts: Parts) -> str:
        return self.message if isinstance(self.message, str) else self.message(parts)


def _cannot_be_drawn(parts: Parts) -> list[str]:
    """The settings that keep windows from being drawn anew."""
    experiment = parts.experiment
    fits = {
        "unit": experiment.unit == "window",
        "frontend": parts.extractor.in_graph,
        "model": parts.model.keras or experiment.augmentation.copies > 0,
    }
    return [name for name, fitting in fits.items() if not fitting]


def _drawn_anew(parts: Parts) -> str:
    lacking = _cannot_be_drawn(parts)
    random = parts.experiment.augmentation.mode == "random"
    cached = "set augmentation.copies or " if random and lacking == ["model"] else ""
    return (
        f"augmentation.mode={parts.experiment.augmentation.mode} draws single windows anew each epoch, which this "
        f"recipe's {lacking[0]} can't take; {cached}use augmentation.mode=grid"
    )


RULES: tuple[Rule, ...] = (
    Rule(
        lambda p: p.experiment.corpus_heads != "shared" and not p.keras_of_classes,
        "corpus_heads=separate is for Keras models that predict classes themselves; use shared",
    ),
    Rule(
        lambda p: p.experiment.head is not None and not p.keras_of_windows,
        "head: it needs a Keras model of single windows; a baseline needs none",
    ),
    Rule(
        lambda p: p.experiment.aggregation == "geometric" and why_not_exportable(p.experiment) is None,
        "aggregation=geometric is for baselines and heads: phones average probabilities",
    ),
    Rule(
        lambda p: p.experiment.training.calibration_groups and (not p.keras_of_classes or p.protocol.leaky),
        "training.calibration_groups chooses a Keras model's temperature on speakers that it doesn't train on; "
        "set it to 0 for a baseline, a head, or a protocol that splits speakers' material at random",
    ),
    Rule(
        lambda p: p.experiment.augmentation.mode != "none" and p.extractor.sees != "sound",
        lambda p: f"augmentation varies sound, and not pictures ({p.experiment.frontend.name}): set mode=none",
    ),
    Rule(lambda p: p.experiment.augmentation.mode in ("random", "stream") and _cannot_be_drawn(p), _drawn_anew),
    Rule(
        lambda p: p.experiment.augmentation.mode == "stream" and p.protocol.leaky,
        lambda p: f"augmentation.mode=stream: protocol {p.experiment.protocol.name} splits windows; use mode=random",
    ),
    Rule(
        lambda p: p.experiment.augmentation.functions and p.experiment.augmentation.copies,
        "augmentation.functions change windows as they are drawn: set augmentation.copies=0",
    ),
    Rule(
        lambda p: p.experiment.augmentation.copies and p.protocol.leaky,
        lambda p: f"augmentation.copies: protocol {p.experiment.protocol.name} splits windows; set copies=0",
    ),
    Rule(
        lambda p: p.experiment.augmentation.mixup and not p.keras_of_windows,
        "augmentation.mixup blends single windows for a Keras model; set it to 0 for this recipe",
    ),
    Rule(
        lambda p: p.experiment.unit == "utterance" and p.protocol.leaky,
        lambda p: (
            f"protocol {p.experiment.protocol.name} splits windows, and unit=utterance trains on whole utterances; "
            "utterance_random splits these"
        ),
    ),
    Rule(
        lambda p: p.model.keras and wrong_unit(p.experiment, p.model.takes),
        lambda p: str(wrong_unit(p.experiment, p.model.takes)),
    ),
)
"""What `complete` refuses; the first that is broken is said."""

NOT_EXPORTABLE: tuple[Rule, ...] = (
    Rule(
        lambda p: p.extractor.sees == "sound" and not p.extractor.in_graph,
        lambda p: f"its features ({p.experiment.frontend.name}) are computed outside the graph",
    ),
    Rule(
        lambda p: p.extractor.sees != "sound",
        lambda p: f"it looks at pictures of faces ({p.experiment.frontend.name}), and a bundle hears sound alone",
    ),
    Rule(
        lambda p: not p.model.keras,
        lambda p: f"its model ({p.experiment.model.name}) {Baseline.why_not_exportable}",
    ),
    Rule(
        lambda p: p.experiment.head is not None,
        lambda p: f"its classifier ({p.experiment.head and p.experiment.head.name}) {FittedHead.why_not_exportable}",
    ),
)
"""Why an experiment's models can't run on a phone."""


def complete_component(
    component: settings.Component,
    registry: Mapping[str, Callable[..., object]],
    kind: str,
    *,
    given: Sequence[str] = (),
) -> dict[str, object]:
    """The arguments of a Component from the settings, complete; see `complete_arguments`."""
    return complete_arguments(component.name, component.arguments(), registry, kind=kind, supplied=given)


def complete(experiment: settings.Experiment) -> settings.Experiment:
    """Check the components against their builders, write their defaults into the settings, and apply `RULES`.

    Raises:
        SerKerasError: an unknown name or argument, with the nearest valid ones; or parts that don't go together.
    """
    of_layers = ("self", "name", "trainable", "dtype", "kwargs")
    frontend = complete_component(experiment.frontend, EXTRACTORS, "frontend", given=of_layers)
    model = complete_component(experiment.model, BUILDERS, "model", given=("input_shape", "n_classes", "seed"))
    functions = [
        settings.Component(
            name=each.name,
            **complete_component(each, AUGMENTATIONS, "augmentation.functions", given=("samples", "rng")),
        )
        for each in experiment.augmentation.functions
    ]
    parts = Parts.of(experiment)
    for rule in RULES:
        if rule.broken(parts):
            raise SerKerasError(rule.text(parts))
    head = experiment.head
    if head is not None:
        arguments = complete_component(head, BASELINES, "head", given=("seed",))
        head = settings.Head(name=head.name, layer=head.layer, **arguments)
    return experiment.model_copy(
        update={
            "augmentation": experiment.augmentation.model_copy(update={"functions": functions}),
            "head": head,
            "frontend": settings.Component(name=experiment.frontend.name, **frontend),
            "model": settings.Component(name=experiment.model.name, **model),
        }
    )


def why_not_exportable(experiment: settings.Experiment) -> str | None:
    """Why an experiment's models can't run on a phone, or None where they can."""
    parts = Parts.of(experiment)
    return next((rule.text(parts) for rule in NOT_EXPORTABLE if rule.broken(parts)), None)
