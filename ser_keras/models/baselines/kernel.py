"""Support vector machines with a kernel."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax as normalised_exponential
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.models.baselines.preprocessing import standardised
from ser_keras.models.baselines.search import searched

Kernel = Literal["rbf", "linear"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)


class OneVsOneSVM(ClassifierMixin, BaseEstimator):
    """Support vector machines of pairs of classes, with probabilities.

    A class's decision value is the mean over the machines between it and another class, with the sign that is positive
    for this class. The probabilities are the softmax of these values: they rank the classes, but are not calibrated.
    The normalised geometric mean of several is the softmax of their mean decision values.

    Args:
        C: weight of the errors.
        gamma: of the RBF kernel exp(-gamma |a - b|^2 / D), where D is the number of features.
        kernel: `rbf` or `linear`.
    """

    def __init__(self, C: float = 1.0, gamma: float = 1.0, kernel: Kernel = "rbf") -> None:  # noqa: N803 - the field's name
        self.C = C
        self.gamma = gamma
        self.kernel = kernel

    def fit(self, x: NDArray[np.floating], y: NDArray[np.int64]) -> "OneVsOneSVM":
        """[n, D] features and [n] labels."""
        self.machines_ = SVC(
            C=self.C,
            gamma=self.gamma / x.shape[1],
            kernel=self.kernel,
            decision_function_shape="ovo",
            cache_size=500,  # megabytes
        ).fit(x, y)
        self.classes_ = self.machines_.classes_
        return self

    def decision_function(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """[n, D] to decision values [n, classes]."""
        n = len(self.classes_)
        pairs = self.machines_.decision_function(x).reshape(len(x), -1)
        first, second = np.triu_indices(n, 1)  # the order of the machines
        signs = np.zeros((len(first), n))
        # A value above 0 means the first class of the machine; the only machine of two classes: the second.
        signs[np.arange(len(first)), first] = 1 if n > 2 else -1
        signs[np.arange(len(first)), second] = -1 if n > 2 else 1
        return pairs @ signs / (n - 1)

    def predict_proba(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """[n, D] to [n, classes]."""
        return normalised_exponential(self.decision_function(x), axis=1)

    def predict(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """[n, D] to [n] labels."""
        return self.classes_[self.decision_function(x).argmax(axis=1)]


def rbf_svm(
    *,
    C: float | list[float] | tuple[float, ...] = (0.1, 1.0, 10.0, 100.0),  # noqa: N803
    gamma: float | list[float] | tuple[float, ...] = (0.25, 1.0, 4.0),
    kernel: Kernel = "rbf",
    grid_examples: int = 1500,
    grid_folds: int = 3,
    replace_anomalous: float | None = None,
) -> Pipeline:
    """Support vector machines of pairs of classes, with an RBF kernel; C and its width by grid search.

    The search is within the training part: `grid_folds` folds over at most `grid_examples` of its examples, a group
    (see `baselines.fit`) never on both sides; the point of the grid with the best UAR of single examples is
    fitted to all. The features' mean and deviation are those of the whole training part, in the inner folds too.

    Reference: C.-C. Chang, C.-J. Lin, LIBSVM, ACM TIST 2, 2011; its use on learnt features: Z. Huang, M. Dong, Q. Mao,
    Y. Zhan, Speech Emotion Recognition Using CNN, ACM MM 2014, section 3 (C and sigma by grid search).

    Args:
        C: weight of the errors, above 0, or a list to choose from.
        gamma: of the kernel exp(-gamma |a - b|^2 / D) of D standardised features, above 0, or a list to choose from;
            sigma is sqrt(D / (2 gamma)).
        kernel: `rbf`, or `linear`: gamma is not used.
        grid_examples: the most examples that the search uses.
        grid_folds: inner folds.
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline. Its probabilities are the softmax of the decision values; see `OneVsOneSVM`.

    Raises:
        SerKerasError: an unknown kernel, or a value out of its range.
    """
    if kernel not in KERNELS:
        raise SerKerasError(f"rbf_svm: kernel is '{kernel}'; nearest: {nearest(str(kernel), KERNELS)}")
    grid = {"C": C, "gamma": gamma} if kernel == "rbf" else {"C": C}
    search = searched("rbf_svm", OneVsOneSVM(kernel=kernel), grid, examples=grid_examples, folds=grid_folds)
    return standardised(search, replace_anomalous)
