"""Grid search inside the training part."""

import numpy as np
import pytest

from ser_keras.models import baselines
from ser_keras.models.baselines.kernel import OneVsOneSVM
from tests.models.baselines.made_data import N_CLASSES, data, rings


@pytest.mark.smoke
def test_the_grid_search_chooses_and_says_what():
    x, y = rings()
    baseline = baselines.fit("rbf_svm", x, y, n_classes=2, seed=0, C=[1e-6, 1.0], gamma=[1e-4, 1.0])
    assert baseline.chosen == {"C": 1.0, "gamma": 1.0}
    scores = baseline.estimator[-1].scores_
    assert scores.argmax() == 3 and scores[3] > scores[:3].max() + 0.1
    # The first of equals, and one point isn't searched.
    assert baselines.fit("rbf_svm", x, y, n_classes=2, seed=0, C=[5.0, 6.0], gamma=1.0).chosen["C"] == 5.0
    single = baselines.fit("rbf_svm", x, y, n_classes=2, seed=0, C=2, gamma=1.0)
    assert single.chosen == {"C": 2, "gamma": 1.0} and not len(single.estimator[-1].scores_)
    linear = baselines.fit("linear_svm", *data(300, spread=2.0), n_classes=N_CLASSES, seed=0, C=[1e-4, 1.0])
    scores = linear.estimator[-1].scores_
    assert len(scores) == 2 and linear.chosen["C"] == [1e-4, 1.0][scores.argmax()]
    assert baselines.fit("lda", *data(60), n_classes=N_CLASSES, seed=0).chosen == {}


def test_the_grid_search_never_validates_on_a_group_that_it_learnt():
    # Each group's examples are one point, its label a coin's: who has seen the group knows the label.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 6)
    x = rng.standard_normal((60, 8))[groups] + 0.01 * rng.standard_normal((360, 8))
    y = rng.integers(0, 2, 60)[groups]
    settings = {"C": 100.0, "gamma": [1.0, 30.0]}
    known = baselines.fit("rbf_svm", x, y, n_classes=2, seed=0, groups=groups, **settings).estimator[-1].scores_
    unknown = baselines.fit("rbf_svm", x, y, n_classes=2, seed=0, **settings).estimator[-1].scores_
    assert unknown.min() > 0.95 and known.max() < 0.7
    # One group can't be parted: its examples are.
    one = baselines.fit("rbf_svm", x, y, n_classes=2, seed=0, groups=np.zeros(360, int), **settings)
    np.testing.assert_array_equal(one.estimator[-1].scores_, unknown)


def test_the_grid_search_uses_at_most_so_many_examples(monkeypatch):
    sizes = []
    fit = OneVsOneSVM.fit
    monkeypatch.setattr(OneVsOneSVM, "fit", lambda self, x, y: sizes.append(len(x)) or fit(self, x, y))
    baselines.fit("rbf_svm", *rings(), n_classes=2, seed=0, gamma=[1.0, 2.0], C=1.0, grid_examples=90, grid_folds=3)
    assert sizes == [60] * 6 + [400]
