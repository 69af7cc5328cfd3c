"""Measures of classification as pure functions of label arrays, and their registry `MEASURES`.

Labels are integers 0 .. n_classes - 1. Every measure is a fraction in [0, 1]. A measure without data is NaN (never 0,
which would read as "all wrong").
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels: TypeAlias = NDArray[np.int64]  # [n], 0 .. n_classes - 1
Counts: TypeAlias = NDArray[np.int64]  # [n, ...], additive: the counts of two utterances are the sum of their rows
Floats: TypeAlias = NDArray[np.float64]
Names: TypeAlias = Sequence[str | None] | NDArray[np.object_] | NDArray[np.str_] | NDArray[np.int64]

MIN_SPEAKERS = 6  # below this, resampled speakers say little about speakers: utterances alone are resampled

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


def _documented(function: F) -> F:
    """Writes the parameters' lines of `_PARAMETERS` in place of `{parameters}` in a function's docstring."""
    if function.__doc__ is not None:  # None under `python -OO`
        lines = [f"{name}: {_PARAMETERS[name]}" for name in inspect.signature(function).parameters]
        indented = "\n".join(lines).replace("\n", "\n        ")
        function.__doc__ = function.__doc__.replace("{parameters}", indented)
    return function


class Interval(NamedTuple):
    """A 95 % interval; `method` is a sentence that says how it was made."""

    low: float
    high: float
    method: str


class Estimate(NamedTuple):
    """A value with its 95 % interval; `method` is a sentence that says how the interval was made."""

    value: float
    low: float
    high: float
    method: str


class PairedDifference(TypedDict):
    """The difference of two systems' UAR, its interval (low, high), and how the interval was made."""

    difference: float
    ci95: tuple[float, float]
    method: str


@_documented
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
    true, predicted = _pairs(true, predicted, n_classes)
    counts = np.bincount(true * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


@_documented
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
    return _recalls(np.diag(matrix), matrix.sum(axis=1))


@_documented
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
    return float(_mean_present(recalls(true, predicted, n_classes)))


@_documented
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
        true, predicted = _pairs(true, predicted, n_classes)
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape:
        raise ValueError(f"true labels have shape {true.shape}, predicted ones {predicted.shape}")
    return float(np.mean(true == predicted)) if len(true) else float("nan")


@_documented
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
    return float(_mean_present(np.where(support > 0, f1, np.nan)))


@_documented
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
    true, predicted = _pairs(true, probabilities.argmax(axis=1), probabilities.shape[1])
    largest, hit = probabilities.max(axis=1), predicted == true
    bin_ = np.minimum((largest * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(bin_, hit - largest, bins)).sum() / len(true))


@_documented
def bootstrap_ci(
    true: ArrayLike,
    predicted: ArrayLike,
    speakers: Names | None,
    *,
    n_classes: int,
    draws: int = 2000,
    seed: int = 0,
    utterances: Names | None = None,
) -> Interval:
    """95 % percentile interval of the UAR by resampling speakers, then utterances within each.

    Every draw takes as many speakers as there are, with replacement, and for each of them as many of the speaker's
    utterances as there are, with replacement. Classes missing from a draw are skipped in its UAR. With fewer than
    6 speakers (or unknown ones) utterances alone are drawn, and the method says so: such an interval is too narrow
    for new speakers.

    Args:
        {parameters}

    Returns:
        (low, high, method): two floats and a sentence; NaN for n = 0.

    Raises:
        ValueError: see `confusion`, or `speakers` or `utterances` are of another length.

    See Also:
        `uar`: the value that the interval is of. `recall_intervals`: each class's, from the same draws.
        `paired_difference`: compares two systems; that their intervals overlap does not show that they are equal.

    Example:
        >>> low, high, method = bootstrap_ci([0, 1] * 20, [0, 1, 1, 1] * 10, None, n_classes=2)
        >>> f"{low:.3f} to {high:.3f}"
        '0.643 to 0.864'
        >>> method.partition(" (")[0]
        'percentile bootstrap, 2000 draws, seed 0: utterances only'
    """
    codes, method = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits = _outcomes(true, predicted, n_classes)
    totals = _replicates(np.hstack([support, hits]), codes, utterances, draws=draws, seed=seed)
    low, high = _interval(_mean_present(_recalls(totals[:, n_classes:], totals[:, :n_classes])))
    return Interval(low, high, f"percentile bootstrap, {draws} draws, seed {seed}: {method}")


@_documented
def recall_intervals(
    true: ArrayLike,
    predicted: ArrayLike,
    speakers: Names | None,
    *,
    n_classes: int,
    draws: int = 2000,
    seed: int = 0,
    utterances: Names | None = None,
) -> Floats:
    """95 % percentile interval of every class's recall, from the same draws as `bootstrap_ci`.

    Args:
        {parameters}

    Returns:
        float array [n_classes, 2] of (low, high); NaN for a class that is not in `true`.

    Raises:
        ValueError: see `bootstrap_ci`.

    See Also:
        `recalls`: the values that the intervals are of.
    """
    codes, _ = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits = _outcomes(true, predicted, n_classes)
    totals = _replicates(np.hstack([support, hits]), codes, utterances, draws=draws, seed=seed)
    return np.array([_interval(column) for column in _recalls(totals[:, n_classes:], totals[:, :n_classes]).T])


@_documented
def paired_difference(
    true: ArrayLike,
    predicted_a: ArrayLike,
    predicted_b: ArrayLike,
    *,
    speakers: Names | None,
    n_classes: int,
    draws: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Difference of two systems' UAR (a minus b) on the same utterances, with an interval from common draws.

    Args:
        {parameters}

    Returns:
        dict: `difference` (float), `ci95` (low, high) and `method` (a sentence); NaN for n = 0.

    Raises:
        ValueError: see `bootstrap_ci`.

    See Also:
        `uar`: what is subtracted. `bootstrap_ci`: the draws, and one system's interval.

    Example:
        A system that is right in three of four cases, and one that always names class 1:

        >>> result = paired_difference([0, 1] * 20, [0, 1, 1, 1] * 10, [1] * 40, speakers=None, n_classes=2)
        >>> result["difference"]
        0.25
        >>> all(0.1 < bound < 0.4 for bound in result["ci95"])
        True
    """
    codes, method = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits_a = _outcomes(true, predicted_a, n_classes)
    _, hits_b = _outcomes(true, predicted_b, n_classes)
    totals = _replicates(np.hstack([support, hits_a, hits_b]), codes, None, draws=draws, seed=seed)
    drawn_support, drawn_a, drawn_b = np.split(totals, 3, axis=1)
    differences = _mean_present(_recalls(drawn_a, drawn_support)) - _mean_present(_recalls(drawn_b, drawn_support))
    return {
        "difference": uar(true, predicted_a, n_classes) - uar(true, predicted_b, n_classes),
        "ci95": _interval(differences),
        "method": f"paired percentile bootstrap, {draws} draws, seed {seed}: {method}",
    }


@_documented
def mean_of_speakers(
    true: ArrayLike,
    predicted: ArrayLike,
    speakers: Names,
    *,
    n_classes: int,
    other: ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    utterances: Names | None = None,
) -> Estimate:
    """Mean over speakers of each one's UAR over the classes that he or she has, with a 95 % percentile interval.

    Draws are those of `bootstrap_ci`: speakers, then each drawn one's utterances; with fewer than 6 speakers
    utterances alone.

    Args:
        {parameters}

    Returns:
        (value, low, high, method): three floats and a sentence.

    Raises:
        ValueError: see `bootstrap_ci`.

    See Also:
        `uar`: pooled over speakers. `paired_difference`: compares two systems by the pooled UAR.
    """
    drawn_speakers, method = _resampled_speakers(speakers, len(np.asarray(true)))
    parts = [*_outcomes(true, predicted, n_classes)]
    if other is not None:
        parts.append(_outcomes(true, other, n_classes)[1])
    counts, codes = np.hstack(parts), _codes(speakers)
    if utterances is not None:
        counts, codes = _sum_by_utterance(counts, codes, utterances)

    def values(counts: Counts) -> Floats:
        support, *hits = np.split(counts, len(parts), axis=1)
        first, *second = (_mean_present(_recalls(h, support)) for h in hits)
        return first - second[0] if second else first

    n_speakers, rng = int(codes.max()) + 1, np.random.default_rng(seed)
    times = np.ones((draws, n_speakers), int)
    if drawn_speakers is not None:
        times = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=draws)
    value, totals = 0.0, np.zeros(draws)
    for speaker in range(n_speakers):
        rows = counts[codes == speaker]
        kinds, frequency = np.unique(rows, axis=0, return_counts=True)
        places = np.repeat(np.arange(draws), times[:, speaker])
        replicates = rng.multinomial(len(rows), frequency / len(rows), size=len(places)) @ kinds
        np.add.at(totals, places, values(replicates))
        value += float(values(rows.sum(axis=0, keepdims=True))[0]) / n_speakers
    low, high = _interval(totals / n_speakers)
    sentence = f"mean of speakers, percentile bootstrap, {draws} draws, seed {seed}: {method}"
    return Estimate(value, low, high, sentence)


@dataclass(frozen=True)
class Measure:
    """A measure of the registry: its function, its title for tables and its unit.

    Attributes:
        function: (true, predicted, n_classes) or (true, probabilities) -> float, by `takes`.
        title: its name in tables and texts.
        unit: what the values are; `fraction` lies in [0, 1].
        takes: what the function compares with the true classes.
        higher_is_better: whether a larger value is a better one.
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


def _pairs(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> tuple[Labels, Labels]:
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


def _codes(names: Names) -> Labels:
    """Names numbered in sorted order: int [n]."""
    codes: Labels = np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    return codes


def _recalls(hits: Counts | Floats, support: Counts | Floats) -> Floats:
    """hits / support with NaN where there is no support; any shape [..., n_classes]."""
    return np.where(support > 0, hits / np.maximum(support, 1), np.nan)


def _mean_present(values: Floats) -> Floats:
    """Mean over the last axis without NaN entries; NaN where nothing is left."""
    present = ~np.isnan(values)
    count = present.sum(axis=-1)
    return np.where(count > 0, np.where(present, values, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def _interval(values: Floats) -> tuple[float, float]:
    """(2.5th, 97.5th percentile) of the values that are not NaN; NaN where there are none."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _outcomes(true: ArrayLike, predicted: ArrayLike, n_classes: int) -> tuple[Counts, Counts]:
    """One-hot rows: the class an utterance belongs to [n, C], and the same where it was recognised [n, C]."""
    true, predicted = _pairs(true, predicted, n_classes)
    support = np.eye(n_classes, dtype=np.int64)[true]
    return support, support * (true == predicted)[:, None]


def _resampled_speakers(speakers: Names | None, n: int) -> tuple[Labels | None, str]:
    """(int codes [n] of the speakers, or None where utterances alone are to be drawn; the method in words)."""
    if speakers is None or any(s is None for s in speakers):
        return None, "utterances only (speakers unknown: differences between speakers are not in the interval)"
    if len(speakers) != n:
        raise ValueError(f"{n} true labels but {len(speakers)} speakers")
    codes = _codes(speakers)
    n_speakers = int(codes.max(initial=-1)) + 1
    if n_speakers < MIN_SPEAKERS:
        return None, (
            f"utterances only ({n_speakers} speakers, fewer than {MIN_SPEAKERS}: "
            "differences between speakers are not in the interval)"
        )
    return codes, "speakers with replacement, then utterances within each"


def _replicates(counts: Counts, speakers: Labels | None, utterances: Names | None, *, draws: int, seed: int) -> Floats:
    """Bootstrap totals of additive counts.

    A speaker drawn k times gives k * n_s independent utterances. Equal utterances are interchangeable, so a draw is
    a multinomial over the distinct rows of the speaker: no index arrays, the same distribution.

    Args:
        counts: int array [n, m].
        speakers: int codes [n], or None to draw utterances alone.
        utterances: array [n] of utterance names, or None where each row is one.
        draws: number of draws.
        seed: seed of the draws.

    Returns:
        array [draws, m].
    """
    if utterances is not None:
        if len(utterances) != len(counts):
            raise ValueError(f"{len(counts)} rows but {len(utterances)} utterance names")
        one_speaker = np.zeros(len(counts), np.int64)
        counts, speakers = _sum_by_utterance(counts, one_speaker if speakers is None else speakers, utterances)
    rng = np.random.default_rng(seed)
    totals = np.zeros((draws, counts.shape[1]))
    if not len(counts):
        return totals
    speakers = np.zeros(len(counts), np.int64) if speakers is None else speakers
    n_speakers = int(speakers.max()) + 1
    times = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=draws)  # [draws, n_speakers]
    for speaker in range(n_speakers):
        rows = counts[speakers == speaker]
        kinds, frequency = np.unique(rows, axis=0, return_counts=True)
        totals += rng.multinomial(times[:, speaker] * len(rows), frequency / len(rows)) @ kinds
    return totals


def _sum_by_utterance(counts: Counts, speakers: Labels, utterances: Names) -> tuple[Counts, Labels]:
    """Adds up the rows of each utterance (and speaker); returns (counts, speakers) with one row an utterance."""
    codes = _codes(utterances) * (speakers.max(initial=0) + 1) + speakers
    _, first, member = np.unique(codes, return_index=True, return_inverse=True)
    summed = np.zeros((len(first), counts.shape[1]), counts.dtype)
    np.add.at(summed, member, counts)
    return summed, speakers[first]
