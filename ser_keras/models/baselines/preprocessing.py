"""Preprocessing of features that all baselines share."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ser_keras.common.errors import SerKerasError
from ser_keras.models.layers.anomalies import robust_statistics


def standardised(classifier: ClassifierMixin, replace_anomalous: float | None) -> Pipeline:
    """A pipeline: replaces anomalous values, standardises on the training data, then classifies.

    Args:
        classifier: unfitted, with `predict_proba`.
        replace_anomalous: threshold in robust standard deviations; None: nothing is replaced.

    Raises:
        SerKerasError: a threshold that is not above 0.
    """
    steps = [("standardise", StandardScaler()), ("classifier", classifier)]
    if replace_anomalous is not None:
        if not replace_anomalous > 0:
            raise SerKerasError(
                f"replace_anomalous is {replace_anomalous}; it must be above 0, or null to replace none"
            )
        steps.insert(0, ("replace_anomalies", ReplaceAnomalies(threshold=replace_anomalous)))
    return Pipeline(steps)


class ReplaceAnomalies(TransformerMixin, BaseEstimator):
    """Replaces values that are not finite, or far from the training median, by a typical value of their column.

    Far is beyond `threshold` robust standard deviations (1.4826 x the median absolute deviation). Where that deviation
    is 0, only values that are not finite are replaced. `ser_keras.models.layers.anomalies` does the same within a
    network.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 2 (anomalous data points:
    replaced by the median of 1000 random values). The threshold is ours: the paper gives none.

    Args:
        threshold: in robust standard deviations.
        n_values: random training values whose median is the replacement.
        random_state: seed of the random values.

    Input, output:
        [n, D].
    """

    def __init__(self, threshold: float = 5.0, n_values: int = 1000, random_state: int = 0) -> None:
        self.threshold = threshold
        self.n_values = n_values
        self.random_state = random_state

    def fit(self, x: NDArray[np.floating], y: NDArray[np.int64] | None = None) -> "ReplaceAnomalies":
        """[n, D] training features; the labels are not used."""
        self.n_features_in_ = x.shape[1]
        rng = np.random.default_rng(self.random_state)
        self.median_, self.deviation_, self.replacement_ = np.array(
            [robust_statistics(c, self.n_values, rng) for c in x.T]
        ).T.copy()
        return self

    def transform(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """[n, D] to [n, D]."""
        limit = np.where(self.deviation_ > 0, self.threshold * self.deviation_, np.finfo(np.float64).max)
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(x - self.median_) <= limit, x, self.replacement_)
