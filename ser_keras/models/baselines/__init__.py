"""Baselines: name -> builder of a scikit-learn classifier, features -> probabilities. They can't be exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.baselines.base import Baseline, fit_classifier
from ser_keras.models.baselines.generative import gmm, lda, naive_bayes, qda
from ser_keras.models.baselines.kernel import rbf_svm
from ser_keras.models.baselines.linear import linear_svm, softmax
from ser_keras.models.model_kind import declare

BASELINES: dict[str, Callable[..., Pipeline]] = {
    "linear_svm": declare(linear_svm, keras=False),
    "rbf_svm": declare(rbf_svm, keras=False),
    "softmax": declare(softmax, keras=False),
    "naive_bayes": declare(naive_bayes, keras=False),
    "lda": declare(lda, keras=False),
    "qda": declare(qda, keras=False),
    "gmm": declare(gmm, keras=False),
}

__all__ = ["BASELINES", "Baseline", "fit", "load"]

load = Baseline.load


def fit(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    *,
    n_classes: int,
    seed: int | Sequence[int],
    groups: ArrayLike | None = None,
    **settings: object,
) -> Baseline:
    """Train a baseline.

    Args:
        name: one of `BASELINES`.
        x: [n, ...] features; flattened to [n, D].
        y: [n] class indices, 0 to `n_classes` - 1. Classes may be missing: their probability is 0.
        n_classes: number of classes.
        seed: of everything random in the baseline.
        groups: [n] whom each row belongs to (speaker, or utterance), as ints: a grid search never has rows of one group
            on both sides. None: each row stands for itself.
        settings: keyword arguments of the builder.

    Raises:
        SerKerasError: an unknown name; data that the classifier can't be fitted to.
    """
    builder = BASELINES.get(name)
    if builder is None:
        raise SerKerasError(f"no baseline '{name}'; nearest: {nearest(name, BASELINES)}")
    members = None if groups is None else np.asarray(groups)
    return fit_classifier(
        name, builder(**settings), np.asarray(x), y=np.asarray(y), n_classes=n_classes, seed=seed, groups=members
    )
