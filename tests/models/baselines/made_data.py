"""Classes that the baselines' tests learn."""

import numpy as np

N_CLASSES = 5


def data(n=600, shape=(3, 4), seed=0, spread=0.8):
    """Gaussian classes whose columns have very different scales; class 3 is missing."""
    rng = np.random.default_rng(seed)
    y = np.array([0, 1, 2, 4])[np.arange(n) % 4]
    means = np.random.default_rng(99).standard_normal((N_CLASSES, *shape))
    scales = 10.0 ** np.arange(np.prod(shape)).reshape(shape) / 1e5
    return (scales * (5 + means[y] + spread * rng.standard_normal((n, *shape)))).astype(np.float32), y


def accuracy(baseline, x, y):
    return np.mean(baseline.probabilities(x).argmax(axis=1) == y)


def rings(n=400, seed=0):
    """Two classes that no line parts: a disc and the ring around it."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1 + 2 * y + rng.normal(0, 0.3, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y
