"""Anomalous values are replaced before a baseline."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.models import baselines
from ser_keras.models.baselines.preprocessing import ReplaceAnomalies
from tests.models.baselines.made_data import N_CLASSES, accuracy, data


def test_anomalous_values_are_replaced():
    rng = np.random.default_rng(0)
    x = rng.normal([10, 0, 5], [1, 100, 0], (5000, 3))
    x[0], x[1] = [np.nan, np.inf, -np.inf], [10 + 50, 0, 6]
    replace = ReplaceAnomalies(threshold=5.0).fit(x)
    done = replace.transform(x)
    # The median of 1000 values is within .2 deviations of the mean.
    np.testing.assert_allclose(done[0], [10, 0, 5], atol=20)
    assert done[0, 2] == 5 and abs(done[0, 0] - 10) < 0.2
    assert done[1, 0] == done[0, 0]
    assert done[1, 2] == 6  # a column without deviation: only what isn't finite
    np.testing.assert_array_equal(done[2:], x[2:])
    limits = 10 + 5 * np.array([0.95, -0.95, 1.05, -1.05])
    kept = replace.transform(np.stack([limits, np.zeros(4), np.zeros(4)], axis=1))[:, 0] == limits
    assert kept.tolist() == [True, True, False, False]


def test_replacement_is_part_of_the_baseline():
    x, y = data()
    x[5, 0, 0], x[6] = np.nan, 1e30
    clean = data(seed=1)
    baseline = baselines.fit("softmax", x, y, n_classes=N_CLASSES, seed=0, replace_anomalous=5.0)
    assert accuracy(baseline, *clean) > 0.9
    clean[0][:, 1, 1] = np.inf
    assert accuracy(baseline, *clean) > 0.8
    for call in (
        lambda: baselines.fit("softmax", x, y, n_classes=N_CLASSES, seed=0),
        lambda: baselines.fit("softmax", *data(), n_classes=N_CLASSES, seed=0).probabilities(clean[0]),
    ):
        with pytest.raises(SerKerasError, match=r"values that aren't finite; set replace_anomalous"):
            call()
