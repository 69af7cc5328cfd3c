"""Training windows whose label is probably wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import Stream

N_PARTS = 5
N_COMPONENTS = 50
MOST_ROWS = 4000  # from which mean, deviation and principal components are found: bounds memory and time
BATCH = 256

Features = NDArray[np.float32] | Callable[[], Iterable[NDArray[np.float32]]]


def mislabelled(
    features: Features, labels: ArrayLike, groups: ArrayLike, *, share: float, seed: int
) -> NDArray[np.int64]:
    """The windows whose label a softmax that was trained on other utterances finds least likely.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 2, removes "mislabeled examples
    (about 0.5 %)" and doesn't say how they were found. They are found by cross-validation, as in C. E. Brodley,
    M. A. Friedl, Identifying mislabeled training data, JAIR 11, 1999, with one classifier: features are standardised
    and projected on at most 50 principal components; a multinomial logistic regression is trained on four of five
    parts of the utterances and gives the probability of each label in the fifth. Classes weigh the same in it, or else
    windows of rare classes would be the first to go.

    Args:
        features: [n, ...] array; or a function that gives an iterable of arrays [*, ...], n rows in all and in order,
            for features that don't fit into memory. It is called twice.
        labels: [n] class indices.
        groups: [n] the utterance of each window. Windows of one utterance lie in one part: the softmax would know the
            label from their neighbours. An utterance has one label.
        share: share of the windows to drop, in [0, 1).
        seed: of the parts and of the projection.

    Returns:
        [m], sorted indices to drop; m = share * n, rounded half up, so none where share * n is below .5. Equal
        probabilities: the earlier index goes. A window is never dropped where the other parts don't hold its class
        (so nothing is, where all belong to one class or one utterance), and m is smaller then if need be.

    Raises:
        SerKerasError: share outside [0, 1), or numbers of features, labels and groups that differ.
    """
    if not 0 <= share < 1:
        raise SerKerasError(f"cleaning.drop_mislabelled is {share}; it must be at least 0 and below 1 (0 drops none)")
    labels, groups = np.asarray(labels), np.asarray(groups)
    if len(labels) != len(groups):
        raise SerKerasError(f"drop_mislabelled: {len(labels)} labels but {len(groups)} groups; give one of each a row")
    n_dropped = int(share * len(labels) + 0.5)
    if n_dropped == 0:
        return np.array([], np.int64)
    parts = _parts(labels, groups, seed)
    if parts.max() == 0 or len(np.unique(labels)) < 2:
        return np.array([], np.int64)
    probability = _out_of_fold(_reduce(features, len(labels), seed), labels, parts)
    order = np.argsort(probability, kind="stable")[:n_dropped]
    return np.sort(order[np.isfinite(probability[order])])


def _parts(labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """[n] part of each row: utterances are shuffled within their class, then dealt in turn, so that each class is
    spread over as many parts as it has utterances."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = seeds.generator(seed, Stream.CLEANING_PARTS).permutation(len(first))
    dealt = shuffled[np.argsort(labels[first][shuffled], kind="stable")]
    part = np.empty(len(first), np.int64)
    part[dealt] = np.arange(len(first)) % N_PARTS
    return part[group.reshape(-1)]


def _batches(features: Features) -> Iterator[NDArray[np.float32]]:
    batches = features() if callable(features) else (features[i : i + BATCH] for i in range(0, len(features), BATCH))
    for batch in batches:
        yield np.asarray(batch, np.float32).reshape(len(batch), -1)


def _reduce(features: Features, n: int, seed: int) -> NDArray[np.float32]:
    """[n, <= 50] principal components of standardised features, each of variance 1 on the rows it is found from."""
    from sklearn.decomposition import PCA

    sampled = np.zeros(n, bool)
    sampled[seeds.generator(seed, Stream.CLEANING_SAMPLE).permutation(n)[:MOST_ROWS]] = True
    rows, start = [], 0
    for batch in _batches(features):
        in_sample = sampled[start : start + len(batch)]
        rows.append(batch[: len(in_sample)][in_sample])
        start += len(batch)
    if start != n:
        raise SerKerasError(f"drop_mislabelled: {start} rows of features but {n} labels; give one of each a row")
    sample = np.concatenate(rows)
    del rows
    mean, deviation = sample.mean(axis=0), sample.std(axis=0)
    if not deviation.any():
        return np.zeros((n, 1), np.float32)
    scale = 1 / np.where(deviation > 0, deviation, 1)
    sample -= mean
    sample *= scale
    n_components, state = min(N_COMPONENTS, *sample.shape), seeds.integer(seed, Stream.CLEANING_COMPONENTS)
    pca = PCA(n_components, svd_solver="randomized", random_state=state).fit(sample)
    variance = pca.explained_variance_
    # Where the rank is lower than the number of components, the last ones are rounding errors: they become 0.
    whiten = np.where(variance > 1e-6 * variance[0], 1 / np.sqrt(np.maximum(variance, 1e-30)), 0)
    return np.concatenate([pca.transform((batch - mean) * scale) * whiten for batch in _batches(features)])


def _out_of_fold(
    reduced: NDArray[np.float32], labels: NDArray[np.int64], parts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[n] probability of the own label; infinite where the softmax hasn't seen the class."""
    from sklearn.linear_model import LogisticRegression

    probability = np.full(len(labels), np.inf)
    for part in range(parts.max() + 1):
        train, test = parts != part, parts == part
        if len(np.unique(labels[train])) < 2:
            continue
        softmax = LogisticRegression(class_weight="balanced", max_iter=200).fit(reduced[train], labels[train])
        rows = np.flatnonzero(test & np.isin(labels, softmax.classes_))
        column = np.searchsorted(softmax.classes_, labels[rows])
        probability[rows] = softmax.predict_proba(reduced[rows])[np.arange(len(rows)), column]
    return probability
