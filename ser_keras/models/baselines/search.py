"""Grid search of a classifier's settings inside the training part."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from ser_keras.common.errors import SerKerasError


class GridSearch(ClassifierMixin, BaseEstimator):
    """A classifier with the settings of a grid that have the best cross-validated UAR, fitted to all examples.

    A group (a speaker, or an utterance) is never on both sides of an inner fold. Among equal scores the first point of
    the grid wins: list the smoother settings first.

    Args:
        classifier: scikit-learn classifier with `predict_proba`.
        grid: name of a setting -> list of its values. One point: nothing is searched.
        examples: the most examples that the search uses, drawn at random; the final fit takes all.
        folds: inner folds, at least 2; fewer where there are fewer groups.
        random_state: seed of the examples drawn and of the folds.

    Attributes:
        chosen_: name -> chosen value.
        scores_: [points] cross-validated UAR of each point in order (the last name varies fastest); empty where nothing
            was searched.
    """

    def __init__(
        self,
        classifier: ClassifierMixin,
        grid: Mapping[str, Sequence[float]],
        examples: int = 2000,
        *,
        folds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.classifier = classifier
        self.grid = grid
        self.examples = examples
        self.folds = folds
        self.random_state = random_state

    def fit(
        self, x: NDArray[np.floating], y: NDArray[np.int64], groups: NDArray[np.int64] | None = None
    ) -> "GridSearch":
        """[n, D] features, [n] labels, and [n] the group of each example; None: each is a group of its own."""
        points = [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]
        self.scores_ = self._scores(points, x, np.asarray(y), groups=groups) if len(points) > 1 else np.zeros(0)
        self.chosen_ = points[int(np.argmax(self.scores_))] if len(points) > 1 else points[0]
        self.fitted_ = clone(self.classifier).set_params(**self.chosen_).fit(x, y)
        self.classes_ = self.fitted_.classes_
        self.n_features_in_ = x.shape[1]
        return self

    def _scores(
        self,
        points: Sequence[Mapping[str, float]],
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        *,
        groups: NDArray[np.int64] | None,
    ) -> NDArray[np.float64]:
        rng = np.random.default_rng(self.random_state)
        sample = np.sort(rng.permutation(len(x))[: self.examples])
        x, y = x[sample], y[sample]
        groups = None if groups is None else np.asarray(groups)[sample]
        splits = _splits(y, groups, self.folds, seed=int(rng.integers(2**31)))
        if not splits:
            raise ValueError(
                f"the grid search needs two groups whose examples are of several classes each; it has {len(x)} examples"
            )
        return np.array([self._score(point, x, y, splits=splits) for point in points])

    def _score(
        self,
        point: Mapping[str, float],
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        *,
        splits: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> float:
        parts = []
        for train, test in splits:
            classifier = clone(self.classifier).set_params(**point).fit(x[train], y[train])
            parts.append((y[test], classifier.classes_[classifier.predict_proba(x[test]).argmax(axis=1)]))
        true, predicted = (np.concatenate(labels) for labels in zip(*parts, strict=True))
        return recall_score(true, predicted, labels=np.unique(true), average="macro", zero_division=0)

    def predict_proba(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """[n, D] to [n, classes]."""
        return self.fitted_.predict_proba(x)

    def predict(self, x: NDArray[np.floating]) -> NDArray[np.int64]:
        """[n, D] to [n] labels."""
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


def searched(
    name: str,
    classifier: ClassifierMixin,
    grid: Mapping[str, float | list[float] | tuple[float, ...]],
    *,
    examples: int,
    folds: int,
) -> GridSearch:
    """A `GridSearch` over a builder's settings.

    Args:
        name: the builder's, for messages.
        classifier: unfitted, with `predict_proba`.
        grid: name of a setting -> its value, or a list of values to choose from.
        examples: the most examples that the search uses.
        folds: inner folds.

    Raises:
        SerKerasError: an empty list, a value that is not above 0, or too few examples or folds.
    """
    lists = {key: list(v) if isinstance(v, list | tuple) else [v] for key, v in grid.items()}
    for key, values in lists.items():
        wrong = [v for v in values if isinstance(v, bool) or not isinstance(v, int | float) or not v > 0]
        if wrong or not values:
            got = f"holds {wrong[0]!r}" if len(values) > 1 else f"is {grid[key]}"
            raise SerKerasError(f"{name}: {key} {got}; it must be above 0, or a list of such numbers to choose from")
    if folds < 2 or examples < 2 * folds:
        raise SerKerasError(
            f"{name}: grid_folds {folds} must be at least 2 and grid_examples {examples} at least twice that"
        )
    return GridSearch(classifier, lists, examples, folds=folds)


def _splits(
    y: NDArray[np.int64], groups: NDArray[np.int64] | None, folds: int, *, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Inner folds whose training side holds at least two classes, as (train, test) indices."""
    if groups is not None and len(np.unique(groups)) > 1:
        n = min(folds, len(np.unique(groups)))
        split = StratifiedGroupKFold(n, shuffle=True, random_state=seed).split(y, y, groups)
    else:
        n = min(folds, len(y))
        split = StratifiedKFold(n, shuffle=True, random_state=seed).split(y, y) if n > 1 else []
    return [(train, test) for train, test in split if len(np.unique(y[train])) > 1 and len(test)]
