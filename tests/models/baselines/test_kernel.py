"""Support vector machines with a kernel."""

import itertools

import numpy as np
from sklearn.svm import SVC

from ser_keras.models import baselines
from ser_keras.models.baselines.kernel import OneVsOneSVM
from tests.models.baselines.made_data import accuracy, data, rings


def test_the_kernel_decides_what_can_be_parted():
    assert accuracy(baselines.fit("rbf_svm", *rings(), n_classes=2, seed=0), *rings(seed=1)) > 0.95
    assert accuracy(baselines.fit("rbf_svm", *rings(), n_classes=2, seed=0, kernel="linear"), *rings(seed=1)) < 0.75


def test_decision_values_are_the_machines_own():
    x, y = data(spread=2.0)
    for classes in ([0, 1], [0, 1, 2], [0, 1, 2, 4]):
        chosen = np.flatnonzero(np.isin(y, classes))[:150]
        flat, labels = x[chosen].reshape(len(chosen), -1), y[chosen]
        flat = (flat - flat.mean(axis=0)) / flat.std(axis=0)
        svm = OneVsOneSVM(C=2.0, gamma=0.5).fit(flat, labels)
        expected = np.zeros((len(flat), len(classes)))
        for i, j in itertools.combinations(range(len(classes)), 2):
            pair = np.isin(labels, [classes[i], classes[j]])
            machine = SVC(C=2.0, gamma=0.5 / 12).fit(flat[pair], labels[pair])  # above 0: the second
            expected[:, j] += machine.decision_function(flat) / (len(classes) - 1)
            expected[:, i] -= machine.decision_function(flat) / (len(classes) - 1)
        np.testing.assert_allclose(svm.decision_function(flat), expected, atol=2e-2)
        p = svm.predict_proba(flat)
        np.testing.assert_allclose(np.log(p[:, 0] / p[:, 1]), expected[:, 0] - expected[:, 1], atol=4e-2)
        assert np.mean(svm.predict(flat) == labels) > 0.7
