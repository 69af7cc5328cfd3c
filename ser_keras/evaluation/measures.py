"""Measures of classification as pure functions of label arrays.

Labels are integers 0 .. n_classes - 1. All figures are fractions in [0, 1]. A figure that has no data behind it
is NaN (never 0, which would read as "all wrong").
"""

import numpy as np

MIN_SPEAKERS = 6  # below this, resampled speakers say little about speakers: utterances alone are resampled


def confusion(true, predicted, n_classes):
    """Count the pairs of true and predicted class.

    Args:
        true: int array [n].
        predicted: int array [n].
        n_classes: number of classes.

    Returns:
        int array [n_classes, n_classes]: rows are true classes, columns predicted ones; all zero for n = 0.

    Raises:
        ValueError: the arrays differ in length, aren't one-dimensional, or hold other labels than 0 .. n_classes - 1.
    """
    true, predicted = _labels(true, n_classes), _labels(predicted, n_classes)
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels but {len(predicted)} predicted ones")
    return np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def recalls(true, predicted, n_classes):
    """Recall of each class: the share of its utterances that were recognised.

    Args:
        true: int array [n].
        predicted: int array [n].
        n_classes: number of classes.

    Returns:
        float array [n_classes]; NaN for a class that isn't in `true`.

    Raises:
        ValueError: see `confusion`.
    """
    matrix = confusion(true, predicted, n_classes)
    return _recalls(np.diag(matrix), matrix.sum(axis=1))


def uar(true, predicted, n_classes):
    """Unweighted average recall: the mean recall over the classes present in `true` (chance: 1 / n_classes).

    Schuller et al., "The INTERSPEECH 2009 Emotion Challenge", section 4.

    Args:
        true: int array [n].
        predicted: int array [n].
        n_classes: number of classes.

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: see `confusion`.
    """
    return float(_mean_present(recalls(true, predicted, n_classes)))


def wa(true, predicted):
    """Weighted accuracy: the share of utterances that were recognised, whatever their class.

    Args:
        true: int array [n].
        predicted: int array [n].

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: the arrays differ in shape.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.shape != predicted.shape:
        raise ValueError(f"true labels have shape {true.shape}, predicted ones {predicted.shape}")
    return float(np.mean(true == predicted)) if len(true) else float("nan")


def macro_f1(true, predicted, n_classes):
    """Mean of the classes' F1 over the classes present in `true`, as for `uar`.

    A class that is present and never predicted has F1 = 0.

    Args:
        true: int array [n].
        predicted: int array [n].
        n_classes: number of classes.

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: see `confusion`.
    """
    matrix = confusion(true, predicted, n_classes)
    support = matrix.sum(axis=1)
    f1 = 2 * np.diag(matrix) / np.maximum(support + matrix.sum(axis=0), 1)
    return float(_mean_present(np.where(support > 0, f1, np.nan)))


def ece(true, probabilities, bins=15):
    """Expected calibration error: how far, on average, the largest probability lies from the share of hits.

    C. Guo et al., On calibration of modern neural networks, ICML 2017, section 2; bins of equal width. On few rows it
    is above 0 for perfect probabilities too: about .04 on 500.

    Args:
        true: int array [n].
        probabilities: [n, n_classes].
        bins: number of bins from 0 to 1.

    Returns:
        float; NaN for n = 0.

    Raises:
        ValueError: see `confusion`.
    """
    probabilities = np.asarray(probabilities, float)
    if not len(probabilities):
        return float("nan")
    true = _labels(true, probabilities.shape[1])
    sure, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    bin_ = np.minimum((sure * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(bin_, hit - sure, bins)).sum() / len(true))


def bootstrap_ci(true, predicted, speakers, n_classes, draws=2000, seed=0, utterances=None):
    """95 % percentile interval of the UAR by resampling speakers, then utterances within each.

    Every draw takes as many speakers as there are, with replacement, and for each of them as many of the speaker's
    utterances as there are, with replacement. Classes missing from a draw are skipped in its UAR. With fewer than
    6 speakers (or unknown ones) utterances alone are drawn, and the method says so: such an interval is too narrow
    for new speakers.

    Args:
        true: int array [n].
        predicted: int array [n].
        speakers: array [n] of names; None, or a None in it, where they are unknown.
        n_classes: number of classes.
        draws: number of draws.
        seed: seed of the draws.
        utterances: array [n] naming the utterance that each row belongs to, when rows are windows: the windows
            of an utterance are drawn together. None: every row is an utterance.

    Returns:
        (low, high, method): two floats and a sentence; NaN for n = 0.

    Raises:
        ValueError: see `confusion`, or `speakers` or `utterances` are of another length.
    """
    known, method = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits = _outcomes(true, predicted, n_classes)
    totals = _replicates(np.hstack([support, hits]), known, utterances, draws, seed)
    low, high = _interval(_mean_present(_recalls(totals[:, n_classes:], totals[:, :n_classes])))
    return float(low), float(high), f"percentile bootstrap, {draws} draws, seed {seed}: {method}"


def recall_intervals(true, predicted, speakers, n_classes, draws=2000, seed=0, utterances=None):
    """95 % percentile interval of every class's recall, from the same draws as `bootstrap_ci`.

    Args:
        true, predicted, speakers, n_classes, draws, seed, utterances: as for `bootstrap_ci`.

    Returns:
        float array [n_classes, 2] of (low, high); NaN for a class that isn't in `true`.

    Raises:
        ValueError: see `bootstrap_ci`.
    """
    known, _ = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits = _outcomes(true, predicted, n_classes)
    totals = _replicates(np.hstack([support, hits]), known, utterances, draws, seed)
    return np.stack([_interval(column) for column in _recalls(totals[:, n_classes:], totals[:, :n_classes]).T])


def paired_difference(true, predicted_a, predicted_b, speakers, n_classes, draws=2000, seed=0):
    """Difference of two systems' UAR (a minus b) on the same utterances, with an interval from common draws.

    Args:
        true: int array [n].
        predicted_a: int array [n].
        predicted_b: int array [n].
        speakers: array [n] of names, or None; see `bootstrap_ci`.
        n_classes: number of classes.
        draws: number of draws.
        seed: seed of the draws.

    Returns:
        dict: `difference` (float), `ci95` (low, high) and `method` (a sentence); NaN for n = 0.

    Raises:
        ValueError: see `bootstrap_ci`.
    """
    known, method = _resampled_speakers(speakers, len(np.asarray(true)))
    support, hits_a = _outcomes(true, predicted_a, n_classes)
    _, hits_b = _outcomes(true, predicted_b, n_classes)
    totals = _replicates(np.hstack([support, hits_a, hits_b]), known, None, draws, seed)
    support, hits_a, hits_b = np.split(totals, 3, axis=1)
    low, high = _interval(_mean_present(_recalls(hits_a, support)) - _mean_present(_recalls(hits_b, support)))
    return {
        "difference": uar(true, predicted_a, n_classes) - uar(true, predicted_b, n_classes),
        "ci95": (float(low), float(high)),
        "method": f"paired percentile bootstrap, {draws} draws, seed {seed}: {method}",
    }


def mean_of_speakers(true, predicted, speakers, n_classes, other=None, draws=2000, seed=0, utterances=None):
    """Mean over speakers of each one's UAR over the classes that he or she has, with a 95 % percentile interval.

    Draws are those of `bootstrap_ci`: speakers, then each drawn one's utterances; with fewer than 6 speakers
    utterances alone.

    Args:
        true, predicted: int arrays [n].
        speakers: array [n] of names, all known.
        n_classes: number of classes.
        other: int array [n], a second system's decisions: the figure is then how far the first is above it.
        draws, seed, utterances: as for `bootstrap_ci`.

    Returns:
        (value, low, high, method): three floats and a sentence.

    Raises:
        ValueError: see `bootstrap_ci`.
    """
    known, method = _resampled_speakers(speakers, len(np.asarray(true)))
    parts = [*_outcomes(true, predicted, n_classes)]
    if other is not None:
        parts.append(_outcomes(true, other, n_classes)[1])
    counts, codes = np.hstack(parts), np.unique(np.asarray(speakers, dtype=str), return_inverse=True)[1]
    if utterances is not None:
        counts, codes = _sum_by_utterance(counts, codes, utterances)

    def figures(counts):
        support, *hits = np.split(counts, len(parts), axis=1)
        first, *second = (_mean_present(_recalls(h, support)) for h in hits)
        return first - second[0] if second else first

    n_speakers, rng = codes.max() + 1, np.random.default_rng(seed)
    times = np.ones((draws, n_speakers), int)
    if known is not None:
        times = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=draws)
    value, totals = 0.0, np.zeros(draws)
    for speaker in range(n_speakers):
        rows = counts[codes == speaker]
        kinds, frequency = np.unique(rows, axis=0, return_counts=True)
        places = np.repeat(np.arange(draws), times[:, speaker])
        drawn = rng.multinomial(len(rows), frequency / len(rows), size=len(places)) @ kinds
        np.add.at(totals, places, figures(drawn))
        value += figures(rows.sum(axis=0, keepdims=True))[0] / n_speakers
    low, high = _interval(totals / n_speakers)
    return (
        *(float(value), float(low), float(high)),
        f"mean of speakers, percentile bootstrap, {draws} draws, seed {seed}: {method}",
    )


def _labels(values, n_classes):
    values = np.asarray(values)
    if values.size == 0:
        return np.zeros(0, int)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"labels must be a one-dimensional int array, not {values.dtype} of shape {values.shape}")
    if values.min() < 0 or values.max() >= n_classes:
        raise ValueError(f"labels {values.min()} to {values.max()} don't fit {n_classes} classes")
    return values.astype(int)


def _recalls(hits, support):
    """hits / support with NaN where there is no support; any shape [..., n_classes]."""
    return np.where(support > 0, hits / np.maximum(support, 1), np.nan)


def _mean_present(values):
    """Mean over the last axis without NaN entries; NaN where nothing is left."""
    present = ~np.isnan(values)
    count = present.sum(axis=-1)
    return np.where(count > 0, np.where(present, values, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def _interval(values):
    values = values[~np.isnan(values)]
    return np.percentile(values, [2.5, 97.5]) if len(values) else np.array([np.nan, np.nan])


def _outcomes(true, predicted, n_classes):
    """One-hot rows: the class an utterance belongs to [n, C], and the same where it was recognised [n, C]."""
    confusion(true, predicted, n_classes)  # checks the labels
    true, predicted = _labels(true, n_classes), _labels(predicted, n_classes)
    support = np.eye(n_classes, dtype=int)[true]
    return support, support * (true == predicted)[:, None]


def _resampled_speakers(speakers, n):
    """(int codes [n] of the speakers, or None where utterances alone are to be drawn; the method in words)."""
    if speakers is None or any(s is None for s in speakers):
        return None, "utterances only (speakers unknown: differences between speakers are not in the interval)"
    if len(speakers) != n:
        raise ValueError(f"{n} true labels but {len(speakers)} speakers")
    names, codes = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    if len(names) < MIN_SPEAKERS:
        return None, (
            f"utterances only ({len(names)} speakers, fewer than {MIN_SPEAKERS}: "
            "differences between speakers are not in the interval)"
        )
    return codes, "speakers with replacement, then utterances within each"


def _replicates(counts, speakers, utterances, draws, seed):
    """Bootstrap totals of additive counts.

    A speaker drawn k times gives k * n_s independent utterances. Equal utterances are interchangeable, so a draw is
    a multinomial over the distinct rows of the speaker: no index arrays, the same distribution.

    Args:
        counts: int array [n, m].
        speakers: int codes [n], or None to draw utterances alone.
        utterances: array [n] of utterance names, or None where each row is one.
        draws, seed: as for `bootstrap_ci`.

    Returns:
        array [draws, m].
    """
    if utterances is not None:
        if len(utterances) != len(counts):
            raise ValueError(f"{len(counts)} rows but {len(utterances)} utterance names")
        counts, speakers = _sum_by_utterance(counts, speakers, utterances)
    rng = np.random.default_rng(seed)
    totals = np.zeros((draws, counts.shape[1]))
    if not len(counts):
        return totals
    speakers = np.zeros(len(counts), int) if speakers is None else speakers
    n_speakers = speakers.max() + 1
    times = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=draws)  # [draws, n_speakers]
    for speaker in range(n_speakers):
        rows = counts[speakers == speaker]
        kinds, frequency = np.unique(rows, axis=0, return_counts=True)
        totals += rng.multinomial(times[:, speaker] * len(rows), frequency / len(rows)) @ kinds
    return totals


def _sum_by_utterance(counts, speakers, utterances):
    """Add up the rows of each utterance (and speaker); returns (counts, speakers) with one row an utterance."""
    codes = np.unique(np.asarray(utterances, dtype=str), return_inverse=True)[1]
    if speakers is not None:
        codes = codes * (speakers.max(initial=0) + 1) + speakers
    _, first, member = np.unique(codes, return_index=True, return_inverse=True)
    summed = np.zeros((len(first), counts.shape[1]), counts.dtype)
    np.add.at(summed, member, counts)
    return summed, None if speakers is None else speakers[first]
