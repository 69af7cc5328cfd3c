"""Arrays of labels and names: their types and checks, and the shared lines of the docstrings of measures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels: TypeAlias = NDArray[np.int64]  # [n], 0 .. n_classes - 1
Counts: TypeAlias = NDArray[np.int64]  # [n, ...], additive: the counts of two utterances are the sum of their rows
Floats: TypeAlias = NDArray[np.float64]
Names: TypeAlias = Sequence[str | None] | NDArray[np.object_] | NDArray[np.str_] | NDArray[np.int64]


# The lines of `Args` in every docstring below, by parameter.
_PARAMETERS = {
    "true": "int array [n], the true classes.",
    "predicted": "int array [n], the predicted classes.",
    "predicted_a": "int array [n], the classes that the first system predicted.",
    "predicted_b": "int array [n], the classes that the second system predicted.",
    "other": "int array [n], a second system's classes: the value is then the first system's minus the second's.",
    "probabilities": "float array [n, n_classes], each row with sum 1.",
    "speakers": "array [n] of names; None, or a None in it, where they are unknown.",
    "n_classes": "number of classes.",
    "bins": "number of bins from 0 to 1.",
    "draws": "number of bootstrap draws.",
    "seed": "seed of the draws.",
    "utterances": "array [n] that names each row's utterance, when rows are windows: the windows of an utterance are "
    "drawn\n    together. None: every row is an utterance.",
}


F = TypeVar("F", bound=Callable[..., object])


def documented(function: F) -> F:
    """Writes the parameters' lines of `_PARAMETERS` in place of `{parameters}` in a function's docstring."""
    if function.__doc__ is not None:  # None under `python -OO`
        lines = [f"{name}: {_PARAMETERS[name]}" for name in inspect.signature(function).parameters]
        indented = "\n".join(lines).replace("\n", "\n        ")
        function.__doc__ = function.__doc__.replace("{parameters}", indented)
    return function


def encode(names: Sequence[str] | NDArray[np.str_] | NDArray[np.object_], classes: Sequence[str]) -> Labels:
    """Names of classes as their numbers, which the measures take.

    Args:
        names: [n]; a list, an array or a data frame's column.
        classes: the classes in order; a name's number is its place here.

    Returns:
        int array [n].

    Raises:
        ValueError: a name is none of the classes, or a class is there twice.

    Example:
        >>> encode(["neutral", "anger", "neutral"], ["anger", "neutral"])
        array([1, 0, 1])
    """
    places = {name: place for place, name in enumerate(classes)}
    if len(places) < len(classes):
        raise ValueError(f"a class is there twice: {', '.join(map(str, classes))}")
    strange = sorted({str(name) for name in names if name not in places})
    if strange:
        raise ValueError(f"'{strange[0]}' is none of the classes {', '.join(map(str, classes))}")
    return np.array([places[name] for name in names], np.int64)


def checked_pairs(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> tuple[Labels, Labels]:
    """Checked labels of one length: what every measure of labels validates.

    Raises:
        ValueError: see `confusion`.
    """
    true, predicted = _labels(true, n_classes), _labels(predicted, n_classes)
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels but {len(predicted)} predicted ones")
    return true, predicted


def _labels(values: ArrayLike, n_classes: int) -> Labels:
    values = np.asarray(values)
    if values.size == 0:
        return np.zeros(0, np.int64)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"labels must be a one-dimensional int array, not {values.dtype} of shape {values.shape}")
    if values.min() < 0 or values.max() >= n_classes:
        raise ValueError(f"labels {values.min()} to {values.max()} don't fit {n_classes} classes")
    return values.astype(np.int64)


def codes_of(names: Names) -> Labels:
    """Names numbered in sorted order: int [n]."""
    codes: Labels = np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    return codes


def recalls_of(hits: Counts | Floats, support: Counts | Floats) -> Floats:
    """hits / support with NaN where there is no support; any shape [..., n_classes]."""
    return np.where(support > 0, hits / np.maximum(support, 1), np.nan)


def mean_present(values: Floats) -> Floats:
    """Mean over the last axis without NaN entries; NaN where nothing is left."""
    present = ~np.isnan(values)
    count = present.sum(axis=-1)
    return np.where(count > 0, np.where(present, values, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def outcomes(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> tuple[Counts, Counts]:
    """One-hot rows: the class an utterance belongs to [n, C], and the same where it was recognised [n, C]."""
    true, predicted = checked_pairs(true, predicted, n_classes)
    support = np.eye(n_classes, dtype=np.int64)[true]
    return support, support * (true == predicted)[:, None]
