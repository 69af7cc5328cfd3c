"""What the settings can know of a model before it is built; the registries' entries declare it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, TypeVar

Builder = TypeVar("Builder", bound=Callable[..., object])
Takes = Literal["window", "sequence"]


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """What a model is and takes.

    Attributes:
        keras: whether its builder gives a Keras model, (feature shape, n_classes) -> probabilities; otherwise it gives
            an unfitted scikit-learn pipeline.
        takes: single windows, or all windows of an utterance as a sequence. None: not declared; the built model shows
            it.
        semi_supervised: whether it learns from windows without a label (-1), too.
    """

    keras: bool = True
    takes: Takes | None = None
    semi_supervised: bool = False


_KINDS: dict[Callable[..., object], ModelKind] = {}


def declare(
    builder: Builder, *, keras: bool = True, takes: Takes | None = "window", semi_supervised: bool = False
) -> Builder:
    """Declare what a builder's models are; returns the builder, so that a registry's entry can say it.

    A builder that declares nothing gives a Keras model whose inputs show what it takes.
    """
    _KINDS[builder] = ModelKind(keras, takes, semi_supervised)
    return builder


def kind_of(builder: Callable[..., object]) -> ModelKind:
    """What a builder's models are."""
    return _KINDS.get(builder, ModelKind())
