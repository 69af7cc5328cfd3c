"""Settings of a classifier chosen by grid search inside the training part."""

import itertools

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from ser_keras.common.errors import SerKerasError


class GridSearch(ClassifierMixin, BaseEstimator):
    """A classifier whose settings are those of a grid with the best cross-validated UAR, then fitted to everything.

    A group (a speaker, or an utterance) is never on both sides of an inner fold. Among equals the first point of the
    grid wins: list the smoother settings first.

    Args:
        classifier: scikit-learn classifier with `predict_proba`.
        grid: dict, name of a setting -> list of its values. One point: nothing is searched.
        examples: the most examples that the search uses, drawn at random; the final fit takes all.
        folds: inner folds, at least 2; fewer where there are fewer groups.
        random_state: seed of the examples drawn and of the folds.

    Attributes:
        chosen_: dict, name -> chosen value.
        scores_: [points] cross-validated UAR of each point in order (the last name varies fastest); empty where nothing
            was searched.
    """

    def __init__(self, classifier, grid, examples=2000, folds=3, random_state=0):
        self.classifier = classifier
        self.grid = grid
        self.examples = examples
        self.folds = folds
        self.random_state = random_state

    def fit(self, x, y, groups=None):
        """[n, D] features, [n] labels, and [n] the group of each example; None: each is a group of its own."""
        points = [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]
        self.scores_ = self._scores(points, x, np.asarray(y), groups) if len(points) > 1 else np.zeros(0)
        self.chosen_ = points[int(np.argmax(self.scores_))] if len(points) > 1 else points[0]
        self.fitted_ = clone(self.classifier).set_params(**self.chosen_).fit(x, y)
        self.classes_ = self.fitted_.classes_
        self.n_features_in_ = x.shape[1]
        return self

    def _scores(self, points, x, y, groups):
        rng = np.random.default_rng(self.random_state)
        drawn = np.sort(rng.permutation(len(x))[: self.examples])
        x, y = x[drawn], y[drawn]
        groups = None if groups is None else np.asarray(groups)[drawn]
        splits = list(_splits(y, groups, self.folds, int(rng.integers(2**31))))
        if not splits:
            raise ValueError(
                f"the grid search needs two groups whose examples are of several classes each; it has {len(x)} examples"
            )
        return np.array([self._score(point, x, y, splits) for point in points])

    def _score(self, point, x, y, splits):
        true, predicted = [], []
        for train, test in splits:
            fitted = clone(self.classifier).set_params(**point).fit(x[train], y[train])
            true.append(y[test])
            predicted.append(fitted.classes_[fitted.predict_proba(x[test]).argmax(axis=1)])
        true = np.concatenate(true)
        return recall_score(true, np.concatenate(predicted), labels=np.unique(true), average="macro", zero_division=0)

    def predict_proba(self, x):
        """[n, D] to [n, classes]."""
        return self.fitted_.predict_proba(x)

    def predict(self, x):
        """[n, D] to [n] labels."""
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


def searched(name, classifier, grid, examples, folds):
    """A `GridSearch` over those of a builder's settings that are lists, each of which may be one value instead.

    Raises:
        SerKerasError: an empty list, a value that isn't above 0, or too few examples or folds.
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
    return GridSearch(classifier, lists, examples, folds)


def _splits(y, groups, folds, seed):
    """Inner folds whose training side holds at least two classes, as (train, test) indices."""
    if groups is not None and len(np.unique(groups)) > 1:
        n = min(folds, len(np.unique(groups)))
        split = StratifiedGroupKFold(n, shuffle=True, random_state=seed).split(y, y, groups)
    else:
        n = min(folds, len(y))
        split = StratifiedKFold(n, shuffle=True, random_state=seed).split(y, y) if n > 1 else []
    return [(train, test) for train, test in split if len(np.unique(y[train])) > 1 and len(test)]
