"""Augmentation of the spectrum and of the waveform give nearly the same features, and nearly the true ones.

docs/augmentation.md has the measured figures; the limits here are a third above what these utterances give.
"""

import numpy as np
import pytest

pytest.importorskip("python_stretch", reason="needs the extra `augment`")

from ser_keras.features.augmentation.draws import Point
from tests.augmentation_paths import (
    BEYOND,
    FRONT_ENDS,
    PAPER,
    by_both_paths,
    difference,
    features,
    summary,
    true_features,
    utterance,
)

SEEDS = range(3)

# (median, 95th percentile) in dB
BETWEEN_PATHS = {
    ("log_mel", "paper"): (0.6, 5.6),
    ("log_mel", "beyond"): (0.8, 6.8),
    ("spectrogram_pair", "paper"): (1.0, 6.2),
    ("spectrogram_pair", "beyond"): (1.2, 6.8),
}
FROM_TRUTH = {
    ("log_mel", "paper"): (0.35, 4.0),
    ("log_mel", "beyond"): (0.5, 5.0),
    ("spectrogram_pair", "paper"): (0.9, 6.0),
    ("spectrogram_pair", "beyond"): (1.1, 6.5),
}
POINTS = {"paper": PAPER, "beyond": BEYOND}


def within(values, limits):
    median, percentile = summary(values)
    return median <= limits[0] and percentile <= limits[1]


@pytest.mark.parametrize(("name", "which"), BETWEEN_PATHS)
def test_the_paths_agree_on_speech_with_fricatives(name, which):
    sources = [utterance(seed, fricatives=True) for seed in SEEDS]
    values = difference(*by_both_paths(name, sources, POINTS[which]))
    assert within(values, BETWEEN_PATHS[name, which]), summary(values)


@pytest.mark.parametrize(("name", "which"), FROM_TRUTH)
def test_both_paths_come_near_the_truth(name, which):
    points = POINTS[which]
    truth = true_features(name, SEEDS, points)
    spectral, waved = by_both_paths(name, [utterance(seed) for seed in SEEDS], points)
    for values in (difference(spectral, truth), difference(waved, truth)):
        assert within(values, FROM_TRUTH[name, which]), summary(values)
    unchanged = np.repeat(true_features(name, SEEDS, [Point()]), len(points), axis=0)
    assert summary(difference(unchanged, truth))[0] > 4  # what the changes themselves amount to


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_unchanged_point_is_the_front_end_itself(name):
    window = FRONT_ENDS[name][1]
    source = utterance(0)
    expected = features(name, [source[4000 : 4000 + window]])
    for values in by_both_paths(name, [source], [Point()]):
        assert np.abs(values - expected).max() < 1e-3
