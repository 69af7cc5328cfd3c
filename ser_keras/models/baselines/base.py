"""A fitted baseline: probabilities of all classes, saved with skops."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import replacing
from ser_keras.models.baselines.search import GridSearch
from ser_keras.models.classifier import Classifier, WithFrontEnd

FORMAT = 1  # of the saved dictionary
# What a file may hold beside the scikit-learn and numpy types that skops trusts by itself.
TRUSTED = (
    "ser_keras.models.baselines.kernel.OneVsOneSVM",
    "ser_keras.models.baselines.linear.OneVsRestSVM",
    "ser_keras.models.baselines.mixture.ClassMixture",
    "ser_keras.models.baselines.preprocessing.ReplaceAnomalies",
    "ser_keras.models.baselines.search.GridSearch",
)
SCHEMA = "schema.json"  # within a skops file: the objects and the modules of their types
# Where the types lay when earlier files were written, and where they lie today, as the schema quotes them.
FORMER_MODULES, MODULES = b'"ser_keras.baselines.', b'"ser_keras.models.baselines.'


class Baseline(Classifier):
    """A fitted scikit-learn classifier of windows that gives a probability for every class.

    Args:
        name: its name in the registry.
        estimator: fitted pipeline with `classes_` and `predict_proba`.
        n_classes: number of classes, of which the training data may lack some.

    Attributes:
        name, estimator, n_classes: the same.
    """

    why_not_exportable = "is no Keras model"
    FILE = "baseline.skops"

    def __init__(self, name: str, estimator: Pipeline, n_classes: int) -> None:
        self.name = name
        self.estimator = estimator
        self.n_classes = n_classes

    @property
    def chosen(self) -> dict[str, float]:
        """The settings that a grid search has chosen (or that were given to it), by name; empty without one."""
        return dict(getattr(self.estimator[-1], "chosen_", {}))

    def probabilities(
        self, features: NDArray[np.floating], present: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """[n, ...] features to [n, n_classes]; rows sum to 1, classes missing in training have 0.

        Raises:
            SerKerasError: another number of features than in training, or values that aren't finite where
                `replace_anomalous` is off.
        """
        x = _flat(features, self.name, self.estimator)
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

    def save(self, path: Path) -> None:
        """Write a skops file (`.skops`), whole or not at all.

        Raises:
            SerKerasError: skops isn't installed, or the file can't be written.
        """
        content = {"format": FORMAT, "name": self.name, "n_classes": self.n_classes, "estimator": self.estimator}
        with replacing(path) as temporary:
            _skops().dump(content, temporary, compression=zipfile.ZIP_DEFLATED)

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Read what `save` wrote. Nothing but the types of `TRUSTED` and skops's own list is ever constructed.

        Raises:
            SerKerasError: the file is missing, damaged, of another kind (a pickle, say), or holds other types.
        """
        skops = _skops()
        try:
            data = _with_todays_modules(Path(path).read_bytes())
            foreign = sorted(set(skops.get_untrusted_types(data=data)) - set(TRUSTED))
            if foreign:
                raise SerKerasError(
                    f"{path} holds types that a baseline of ours doesn't: {', '.join(foreign[:3])}; it is not loaded"
                )
            content = skops.loads(data, trusted=list(TRUSTED))
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

    def save_to(self, folder: Path, with_front_end: WithFrontEnd | None = None) -> None:
        self.save(folder / self.FILE)

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        return (folder / cls.FILE).is_file()

    @classmethod
    def load_from(cls, folder: Path) -> Baseline:
        return cls.load(folder / cls.FILE)


def _with_todays_modules(data: bytes) -> bytes:
    """A skops file whose types are looked for where they lie today: files name the modules of the day they were made.

    Args:
        data: the file's content, a zip archive with `schema.json` and arrays.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = archive.read(SCHEMA)
        if FORMER_MODULES not in schema:
            return data
        rewritten = io.BytesIO()
        with zipfile.ZipFile(rewritten, "w") as target:
            for name in archive.namelist():
                content = archive.read(name)
                target.writestr(name, content.replace(FORMER_MODULES, MODULES) if name == SCHEMA else content)
    return rewritten.getvalue()


def fit_classifier(
    name: str,
    estimator: Pipeline,
    x: NDArray[np.generic],
    *,
    y: NDArray[np.integer],
    n_classes: int,
    seed: int | Sequence[int],
    groups: NDArray[np.integer] | None = None,
) -> Baseline:
    """Fit a builder's pipeline; see `ser_keras.models.baselines.fit`."""
    x = _flat(x, name, estimator)
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


def _flat(x: NDArray[np.generic], name: str, estimator: Pipeline) -> NDArray[np.float64]:
    """[n, ...] to [n, D] float64; refuses values that aren't finite where nothing replaces them."""
    values = np.asarray(x)
    flat = values.reshape(len(values), int(np.prod(values.shape[1:]))).astype(np.float64)
    if "replace_anomalies" not in estimator.named_steps and not np.isfinite(flat).all():
        raise SerKerasError(
            f"baseline '{name}': features hold values that aren't finite; set replace_anomalous (5.0, for example)"
        )
    return flat


def _skops() -> ModuleType:
    try:
        import skops.io
    except ImportError:
        raise SerKerasError("baselines are saved with the package skops: pip install 'ser-keras[core]'") from None
    return skops.io
