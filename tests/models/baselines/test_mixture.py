"""A Gaussian mixture as a classifier."""

import numpy as np

from ser_keras.models.baselines.mixture import ClassMixture
from tests.models.baselines.made_data import data


def test_mixture_starts_at_the_classes_and_learns_without_labels():
    x, y = data()
    x = x.reshape(len(x), -1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    mixture = ClassMixture().fit(x, y)
    assert mixture.mixture_.n_components == 4
    assert mixture.class_of_component_.tolist() == [0, 1, 2, 3]
    # Labels that tell nothing: components follow the data all the same, and count for their points' majority.
    labels = np.random.default_rng(0).permutation(y)
    mixture = ClassMixture().fit(x, labels)
    component = mixture.mixture_.predict(x)
    for k, index in enumerate(mixture.class_of_component_):
        counts = [(labels[component == k] == c).sum() for c in mixture.classes_]
        assert max(counts) == 0 or counts[index] == max(counts)
    posteriors = mixture.mixture_.predict_proba(x)
    for index in range(4):
        mine = mixture.class_of_component_ == index
        np.testing.assert_allclose(mixture.predict_proba(x)[:, index], posteriors[:, mine].sum(axis=1), atol=1e-12)
