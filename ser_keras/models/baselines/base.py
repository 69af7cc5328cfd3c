"""A fitted baseline: probabilities of all classes, saved with skops."""

import warnings
import zipfile

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import replacing
from ser_keras.models.baselines.search import GridSearch

FORMAT = 1  # of the saved dictionary
# What a file may hold beside the scikit-learn and numpy types that skops trusts by itself.
TRUSTED = (
    "ser_keras.models.baselines.kernel.OneVsOneSVM",
    "ser_keras.models.baselines.linear.OneVsRestSVM",
    "ser_keras.models.baselines.mixture.ClassMixture",
    "ser_keras.models.baselines.preprocessing.ReplaceAnomalies",
    "ser_keras.models.baselines.search.GridSearch",
)


class Baseline:
    """A fitted scikit-learn classifier that gives a probability for every class.

    Args:
        name: its name in the registry.
        estimator: fitted pipeline with `classes_` and `predict_proba`.
        n_classes: number of classes, of which the training data may lack some.
    """

    def __init__(self, name, estimator, n_classes):
        self.name = name
        self.estimator = estimator
        self.n_classes = n_classes

    @property
    def chosen(self):
        """Dict: the settings that a grid search has chosen (or that were given to it), by name; empty without one."""
        return dict(getattr(self.estimator[-1], "chosen_", {}))

    def probabilities(self, x):
        """[n, ...] features to [n, n_classes] float32; rows sum to 1, classes missing in training have 0.

        Raises:
            SerKerasError: another number of features than in training, or values that aren't finite where
                `replace_anomalous` is off.
        """
        x = _flat(x, self.name, self.estimator)
        expected = self.estimator.n_features_in_
        if x.shape[1] != expected:
            raise SerKerasError(
                f"baseline '{self.name}' takes {expected} values a window, but was given {x.shape[1]}; "
                "compute the features with the settings that it was trained with"
            )
        result = np.zeros((len(x), self.n_classes), np.float32)
        if len(x):
            result[:, self.estimator.classes_] = self.estimator.predict_proba(x)
        return result

    def save(self, path):
        """Write a skops file (`.skops`), whole or not at all.

        Raises:
            SerKerasError: skops isn't installed, or the file can't be written.
        """
        content = {"format": FORMAT, "name": self.name, "n_classes": self.n_classes, "estimator": self.estimator}
        with replacing(path) as temporary:
            _skops().dump(content, temporary, compression=zipfile.ZIP_DEFLATED)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. Nothing but the types of `TRUSTED` and skops's own list is ever constructed.

        Raises:
            SerKerasError: the file is missing, damaged, of another kind (a pickle, say), or holds other types.
        """
        skops = _skops()
        try:
            foreign = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
            if foreign:
                raise SerKerasError(
                    f"{path} holds types that a baseline of ours doesn't: {', '.join(foreign[:3])}; it is not loaded"
                )
            content = skops.load(path, trusted=list(TRUSTED))
        except SerKerasError:
            raise
        except FileNotFoundError:
            raise SerKerasError(f"{path} is missing; Baseline.save writes it") from None
        except Exception as error:  # skops reads foreign bytes: whatever they lead to means the same
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise SerKerasError(f"{path} is no baseline that can be read ({reason}); train it again") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise SerKerasError(f"{path} is no baseline of this version (format {FORMAT}); train it again")
        return cls(content["name"], content["estimator"], content["n_classes"])


def fit_classifier(name, estimator, x, y, n_classes, seed, groups=None):
    """Fit a builder's pipeline; see `ser_keras.models.baselines.fit`."""
    x, y = _flat(x, name, estimator), np.asarray(y)
    if len(x) != len(y):
        raise SerKerasError(f"baseline '{name}': {len(x)} rows of features but {len(y)} labels; give one of each a row")
    if groups is not None and len(groups) != len(y):
        raise SerKerasError(f"baseline '{name}': {len(groups)} groups but {len(y)} labels; give one of each a row")
    classes = np.unique(y)
    if len(classes) < 2:
        raise SerKerasError(f"baseline '{name}': training needs windows of at least two classes, it has {len(classes)}")
    if classes[0] < 0 or classes[-1] >= n_classes:
        raise SerKerasError(f"baseline '{name}': labels are {classes[0]} to {classes[-1]}, not 0 to {n_classes - 1}")
    state = int(np.random.default_rng(seed).integers(2**31))
    estimator.set_params(**{p: state for p in estimator.get_params() if p.rpartition("__")[2] == "random_state"})
    try:
        with warnings.catch_warnings():
            # A solver that stops at its largest number of steps, and collinear features, are no news to a user.
            warnings.simplefilter("ignore")
            # Whom an example belongs to matters to a search alone: the other classifiers have nothing to validate.
            estimator.fit(x, y, **({"classifier__groups": groups} if isinstance(estimator[-1], GridSearch) else {}))
    except (ValueError, np.linalg.LinAlgError) as error:
        reason = str(error).splitlines()[0]
        raise SerKerasError(f"baseline '{name}' can't be fitted to {len(x)} windows: {reason}") from None
    return Baseline(name, estimator, n_classes)


def _flat(x, name, estimator):
    """[n, ...] to [n, D] float64; refuses values that aren't finite where nothing replaces them."""
    x = np.asarray(x)
    x = x.reshape(len(x), int(np.prod(x.shape[1:]))).astype(np.float64)
    if "replace_anomalies" not in estimator.named_steps and not np.isfinite(x).all():
        raise SerKerasError(
            f"baseline '{name}': features hold values that aren't finite; set replace_anomalous (5.0, for example)"
        )
    return x


def _skops():
    try:
        import skops.io
    except ImportError:
        raise SerKerasError("baselines are saved with the package skops: pip install 'ser-keras[core]'") from None
    return skops.io
