"""Baselines: name -> builder of a scikit-learn classifier, features -> probabilities. They can't be exported."""

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.baselines.base import Baseline, fit_classifier
from ser_keras.models.baselines.generative import gmm, lda, naive_bayes, qda
from ser_keras.models.baselines.kernel import rbf_svm
from ser_keras.models.baselines.linear import linear_svm, softmax

BASELINES = {
    "linear_svm": linear_svm,
    "rbf_svm": rbf_svm,
    "softmax": softmax,
    "naive_bayes": naive_bayes,
    "lda": lda,
    "qda": qda,
    "gmm": gmm,
}

__all__ = ["BASELINES", "Baseline", "fit", "load"]

load = Baseline.load


def fit(name, x, y, n_classes, seed, groups=None, **settings):
    """Train a baseline.

    Args:
        name: one of `BASELINES`.
        x: [n, ...] features; flattened to [n, D].
        y: [n] class indices, 0 to `n_classes` - 1. Classes may be missing: their probability is 0.
        n_classes: number of classes.
        seed: int, or a sequence of ints, of everything random in the baseline.
        groups: [n] whom each row belongs to (speaker, or utterance), as ints: a grid search never has rows of one group
            on both sides. None: each row stands for itself.
        settings: keyword arguments of the builder.

    Returns:
        Baseline.

    Raises:
        SerKerasError: an unknown name; data that the classifier can't be fitted to.
    """
    if name not in BASELINES:
        raise SerKerasError(f"no baseline '{name}'; nearest: {nearest(name, BASELINES)}")
    return fit_classifier(name, BASELINES[name](**settings), x, y, n_classes, seed, groups)
