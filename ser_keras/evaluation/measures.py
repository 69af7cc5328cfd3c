"""Measures of classification as pure functions of label arrays, and their registry `MEASURES`.

Labels are integers 0 .. n_classes - 1. Every measure is a fraction in [0, 1]. A measure without data is NaN (never 0,
which would read as "all wrong").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ser_keras.evaluation.labels import Counts, Floats, checked_pairs, documented, mean_present, recalls_of


@documented
def confusion(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> Counts:
    """Counts the pairs of true and predicted class.

    Args:
        {parameters}

    Returns:
        int array [n_classes, n_classes]: rows are true classes, columns predicted ones; all zero for n = 0.

    Raises:
        ValueError: the arrays differ in length, are not one-dimensional, or hold other labels than
            0 .. n_classes - 1.

    Example:
        >>> confusion([0, 0, 1], [0, 1, 1], 2)
        array([[1, 1],
               [0, 1]])
    """
    true, predicted = checked_pairs(true, predicted, n_classes)
    counts = np.bincount(true * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


@documented
def recalls(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> Floats:
    """Recall of each class: the share of its utterances that were recognised.

    Args:
        {parameters}

    Returns:
        float array [n_classes]; NaN for a class that is not in `true`.

    Raises:
        ValueError: see `confusion`.

    See Also:
        `recall_intervals`: the same with a 95 % interval. `uar`: their mean.

    Example:
        >>> recalls([0, 0, 1], [0, 1, 1], 3)
        array([0.5, 1. , nan])
    """
    matrix = confusion(true, predicted, n_classes)
    return recalls_of(np.diag(matrix), matrix.sum(axis=1))


@documented
def uar(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> float:
    """Unweighted average recall: the mean recall over the classes present in `true` (chance: 1 / n_classes).

    Reference: Schuller et al., "The INTERSPEECH 2009 Emotion Challenge", section 4.

    Args:
        {parameters}

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: see `confusion`.

    See Also:
        `bootstrap_ci`: its 95 % interval. `paired_difference`: whether one system's is above another's.

    Example:
        Nine utterances of class 0 and one of class 1, all taken for class 0:

        >>> uar([0] * 9 + [1], [0] * 10, 2)
        0.5
    """
    return float(mean_present(recalls(true, predicted, n_classes)))


@documented
def wa(true: ArrayLike, predicted: ArrayLike, n_classes: int | None = None) -> float:
    """Weighted accuracy: the share of utterances that were recognised, whatever their class.

    The value does not depend on `n_classes`: with it the labels are checked, as by the other measures.

    Args:
        {parameters}

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: the arrays differ in shape; see `confusion`.

    Example:
        >>> wa([0] * 9 + [1], [0] * 10)
        0.9
    """
    if n_classes is not None:
        true, predicted = checked_pairs(true, predicted, n_classes)
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape:
        raise ValueError(f"true labels have shape {true.shape}, predicted ones {predicted.shape}")
    return float(np.mean(true == predicted)) if len(true) else float("nan")


@documented
def macro_f1(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> float:
    """Mean of the classes' F1 over the classes present in `true`, as for `uar`.

    A class that is present and never predicted has F1 = 0.

    Args:
        {parameters}

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: see `confusion`.

    Example:
        >>> macro_f1([0, 0, 1, 1], [0, 0, 0, 1], 3)  # F1 of .8 and 2 / 3; the third class is not in `true`
        0.7333333333333334
    """
    matrix = confusion(true, predicted, n_classes)
    support = matrix.sum(axis=1)
    f1 = 2 * np.diag(matrix) / np.maximum(support + matrix.sum(axis=0), 1)
    return float(mean_present(np.where(support > 0, f1, np.nan)))


@documented
def ece(true: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: how far, on average, the largest probability lies from the share of hits.

    Reference: C. Guo et al., On calibration of modern neural networks, ICML 2017, section 2; bins of equal width. On
    few rows it is above 0 for perfect probabilities too: about .04 on 500.

    Args:
        {parameters}

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: see `confusion`.

    Example:
        Always certain, right in three of four cases:

        >>> ece([0, 0, 0, 1], [[1.0, 0.0]] * 4)
        0.25
    """
    probabilities = np.asarray(probabilities, float)
    if not len(probabilities):
        return float("nan")
    true, predicted = checked_pairs(true, probabilities.argmax(axis=1), probabilities.shape[1])
    largest, hit = probabilities.max(axis=1), predicted == true
    bin_ = np.minimum((largest * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(bin_, hit - largest, bins)).sum() / len(true))


@dataclass(frozen=True)
class Measure:
    """A measure of the registry: its function, its title for tables and its unit.

    Attributes:
        function: (true, predicted, n_classes) or (true, probabilities) -> float, by `takes`.
        title: its name in tables and texts.
        unit: what the values are; `fraction` lies in [0, 1].
        takes: what the function compares with the true classes.
        higher_is_better: whether a larger value is a better one.

    Example:
        All measures of the registry, from the probabilities of three utterances:

        >>> true, probabilities = [0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
        >>> {name: round(measure(true, probabilities), 2) for name, measure in MEASURES.items()}
        {'uar': 0.75, 'wa': 0.67, 'macro_f1': 0.67, 'ece': 0.3}
    """

    function: Callable[..., float]
    title: str
    unit: Literal["fraction"] = "fraction"
    takes: Literal["labels", "probabilities"] = "labels"
    higher_is_better: bool = True

    def __call__(self, true: ArrayLike, probabilities: ArrayLike) -> float:
        """The measure's value for predicted probabilities; a function of labels gets the likeliest class of each row.

        Args:
            true: int array [n], the true classes.
            probabilities: float array [n, n_classes], each row with sum 1.

        Returns:
            float; NaN for n = 0.

        Raises:
            ValueError: see `confusion`.
        """
        if self.takes == "probabilities":
            return self.function(true, probabilities)
        probabilities = np.asarray(probabilities, float)
        predicted = probabilities.argmax(axis=1) if len(probabilities) else np.zeros(0, int)
        return self.function(true, predicted, probabilities.shape[-1])


MEASURES: dict[str, Measure] = {
    "uar": Measure(uar, "UAR"),
    "wa": Measure(wa, "WA"),
    "macro_f1": Measure(macro_f1, "macro F1"),
    "ece": Measure(ece, "ECE", takes="probabilities", higher_is_better=False),
}
