"""Baselines that model each class's distribution."""

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from ser_keras.common.errors import SerKerasError
from ser_keras.models.baselines.mixture import ClassMixture
from ser_keras.models.baselines.preprocessing import standardised


def naive_bayes(*, replace_anomalous: float | None = None) -> Pipeline:
    """Gaussian naive Bayes.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 3.

    Args:
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline.
    """
    return standardised(GaussianNB(), replace_anomalous)


def lda(*, replace_anomalous: float | None = None) -> Pipeline:
    """Linear discriminant analysis: Gaussian classes of one covariance.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 3.

    Args:
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline.
    """
    return standardised(LinearDiscriminantAnalysis(), replace_anomalous)


def qda(*, reg_param: float = 1e-3, replace_anomalous: float | None = None) -> Pipeline:
    """Quadratic discriminant analysis: Gaussian classes, each of its own covariance.

    It needs more training windows in each class than there are features.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 3.

    Args:
        reg_param: share of the identity in each covariance of the standardised features, in [0, 1].
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline.

    Raises:
        SerKerasError: reg_param outside [0, 1], or replace_anomalous not above 0.
    """
    if not 0 <= reg_param <= 1:
        raise SerKerasError(f"qda: reg_param is {reg_param}; it must lie in 0 to 1")
    return standardised(QuadraticDiscriminantAnalysis(reg_param=reg_param), replace_anomalous)


def gmm(*, reg_covar: float = 1e-3, replace_anomalous: float | None = None) -> Pipeline:
    """A mixture of as many Gaussians as classes, started at the class means; see `ClassMixture`.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1, table 3 (7 mixtures). How
    components become classes is ours: the paper does not say.

    Args:
        reg_covar: added to the diagonal of each covariance of the standardised features, above 0.
        replace_anomalous: see `standardised`.

    Returns:
        An unfitted pipeline.

    Raises:
        SerKerasError: reg_covar or replace_anomalous not above 0.
    """
    if not reg_covar > 0:
        raise SerKerasError(f"gmm: reg_covar is {reg_covar}; it must be above 0")
    return standardised(ClassMixture(reg_covar=reg_covar), replace_anomalous)
