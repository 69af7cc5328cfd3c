"""95 % intervals of UAR and recall, and of the difference of two systems, by a bootstrap over speakers."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from ser_keras.evaluation.labels import (
    Counts,
    Floats,
    Labels,
    Names,
    codes_of,
    documented,
    mean_present,
    outcomes,
    recalls_of,
)
from ser_keras.evaluation.measures import uar

MIN_SPEAKERS = 6  # below this, resampled speakers say little about speakers: utterances alone are resampled


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


@documented
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
    support, hits = outcomes(true, predicted, n_classes)
    totals = _replicates(np.hstack([support, hits]), codes, utterances, draws=draws, seed=seed)
    low, high = _interval(mean_present(recalls_of(totals[:, n_classes:], totals[:, :n_classes])))
    return Interval(low, high, f"percentile bootstrap, {draws} draws, seed {seed}: {method}")


@documented
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

    Example:
        The recalls are 0.5 and 1; a class that is always recognised has no width:

        >>> recall_intervals([0, 1] * 20, [0, 1, 1, 1] * 10, None, n_classes=2).round(1)
        array([[0.3, 0.7],
               [1. , 1. ]])
    """
    codes, _ = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits = outcomes(true, predicted, n_classes)
    totals = _replicates(np.hstack([support, hits]), codes, utterances, draws=draws, seed=seed)
    return np.array([_interval(column) for column in recalls_of(totals[:, n_classes:], totals[:, :n_classes]).T])


@documented
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
    support, hits_a = outcomes(true, predicted_a, n_classes)
    _, hits_b = outcomes(true, predicted_b, n_classes)
    totals = _replicates(np.hstack([support, hits_a, hits_b]), codes, None, draws=draws, seed=seed)
    drawn_support, drawn_a, drawn_b = np.split(totals, 3, axis=1)
    differences = mean_present(recalls_of(drawn_a, drawn_support)) - mean_present(recalls_of(drawn_b, drawn_support))
    return {
        "difference": uar(true, predicted_a, n_classes) - uar(true, predicted_b, n_classes),
        "ci95": _interval(differences),
        "method": f"paired percentile bootstrap, {draws} draws, seed {seed}: {method}",
    }


@documented
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

    Example:
        One speaker is always recognised, the other in half of the cases:

        >>> result = mean_of_speakers([0, 1, 0, 1], [0, 1, 0, 0], ["ann", "ann", "bob", "bob"], n_classes=2)
        >>> result.value
        0.75
    """
    drawn_speakers, method = _resampled_speakers(speakers, len(np.asarray(true)))
    parts = [*outcomes(true, predicted, n_classes)]
    if other is not None:
        parts.append(outcomes(true, other, n_classes)[1])
    counts, codes = np.hstack(parts), codes_of(speakers)
    if utterances is not None:
        counts, codes = _sum_by_utterance(counts, codes, utterances)

    def values(counts: Counts) -> Floats:
        support, *hits = np.split(counts, len(parts), axis=1)
        first, *second = (mean_present(recalls_of(h, support)) for h in hits)
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


def _interval(values: Floats) -> tuple[float, float]:
    """(2.5th, 97.5th percentile) of the values that are not NaN; NaN where there are none."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _resampled_speakers(speakers: Names | None, n: int) -> tuple[Labels | None, str]:
    """(int codes [n] of the speakers, or None where utterances alone are to be drawn; the method in words)."""
    if speakers is None or any(s is None for s in speakers):
        return None, "utterances only (speakers unknown: differences between speakers are not in the interval)"
    if len(speakers) != n:
        raise ValueError(f"{n} true labels but {len(speakers)} speakers")
    codes = codes_of(speakers)
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
    codes = codes_of(utterances) * (speakers.max(initial=0) + 1) + speakers
    _, first, member = np.unique(codes, return_index=True, return_inverse=True)
    summed = np.zeros((len(first), counts.shape[1]), counts.dtype)
    np.add.at(summed, member, counts)
    return summed, speakers[first]
