"""Linear baselines trained by a loss: support vector machine and softmax."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax as normalised_exponential
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from ser_keras.common.errors import SerKerasError
from ser_keras.models.baselines.preprocessing import standardised
from ser_keras.models.baselines.search import searched


class OneVsRestSVM(LinearSVC):
    """Linear support vector machines, one a class against the rest, with probabilities.

    The probabilities are the softmax of the machines' decision values: the most probable class is the machines'
    choice, but the probabilities are not calibrated.
    """

    def predict_proba(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """[n, D] to [n, classes]."""
        values = self.decision_function(x)
        # scikit-learn trains one machine for two classes; the other's values are the same with the other sign.
        return normalised_exponential(values if values.ndim == 2 else [[-1, 1]] * values[:, None], axis=1)


def linear_svm(
    *,
    C: float | list[float] | tuple[float, ...] = 1.0,  # noqa: N803 - the field's name
    grid_examples: int = 1500,
    grid_folds: int = 3,
    replace_anomalous: float | None = None,
) -> Pipeline:
    """Linear support vector machine (squared hinge loss, L2), one a class against the rest.

    Reference: R.-E. Fan et al., LIBLINEAR, JMLR 9, 2008; its use on 26 acoustic features: N. Anand, P. Verma,
    Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 2.

    Args:
        C: weight of the loss against the squared weights, above 0, or a list to choose from; see `rbf_svm`.
        grid_examples, grid_folds: see `rbf_svm`.
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline. Its probabilities are the softmax of the decision values.

    Raises:
        SerKerasError: C or replace_anomalous not above 0, or too few examples or folds for the search.
    """
    machine = OneVsRestSVM(dual="auto", max_iter=10000)
    search = searched("linear_svm", machine, {"C": C}, examples=grid_examples, folds=grid_folds)
    return standardised(search, replace_anomalous)


def softmax(*, C: float = 1.0, replace_anomalous: float | None = None) -> Pipeline:  # noqa: N803
    """Multinomial logistic regression with L2.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, tables 2 and 3.

    Args:
        C: weight of the loss against the squared weights, above 0.
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline.

    Raises:
        SerKerasError: C or replace_anomalous not above 0.
    """
    if not C > 0:
        raise SerKerasError(f"softmax: C is {C}; it must be above 0")
    return standardised(LogisticRegression(C=C, max_iter=1000), replace_anomalous)
