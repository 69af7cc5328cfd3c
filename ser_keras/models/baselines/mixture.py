"""A Gaussian mixture as a classifier."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.mixture import GaussianMixture


class ClassMixture(ClassifierMixin, BaseEstimator):
    """A mixture of Gaussians with full covariances, one component a class, refined without the labels.

    Weights, means and covariances start at those of the classes and are then trained by expectation maximisation, so
    that a component may leave its class. Each component counts for the class to which most of its training points
    belong (without training points: the class it started from). A class's probability is the sum of the posteriors of
    its components; a class without components has the probability 0.

    Args:
        reg_covar: added to the diagonal of each covariance.
        max_iter: most steps of expectation maximisation.
    """

    def __init__(self, reg_covar: float = 1e-3, max_iter: int = 200) -> None:
        self.reg_covar = reg_covar
        self.max_iter = max_iter

    def fit(self, x: NDArray[np.floating], y: NDArray[np.int64]) -> "ClassMixture":
        """[n, D] features and [n] labels."""
        self.classes_, index = np.unique(y, return_inverse=True)
        members = [x[index == k] for k in range(len(self.classes_))]
        ridge = self.reg_covar * np.eye(x.shape[1])
        self.mixture_ = GaussianMixture(
            n_components=len(members),
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            weights_init=np.array([len(m) / len(x) for m in members]),
            means_init=np.array([m.mean(axis=0) for m in members]),
            precisions_init=np.array([np.linalg.inv(_covariance(m) + ridge) for m in members]),
        ).fit(x)
        component = self.mixture_.predict(x)
        counts = np.zeros((len(members), len(members)), int)
        np.add.at(counts, (component, index), 1)
        self.class_of_component_ = np.where(counts.any(axis=1), counts.argmax(axis=1), np.arange(len(members)))
        return self

    def predict_proba(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """[n, D] to [n, classes]."""
        posteriors = self.mixture_.predict_proba(x)
        return posteriors @ np.eye(len(self.classes_))[self.class_of_component_]

    def predict(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """[n, D] to [n] labels."""
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


def _covariance(x: NDArray[np.floating]) -> NDArray[np.floating]:
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)
