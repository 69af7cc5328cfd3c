"""Figures of rows, their intervals and differences."""

import numpy as np
import pytest

from ser_keras.evaluation import Predictions, paired_difference
from ser_keras.reproduction import metrics
from tests.reproduction.made_rows import CLASSES, made_table


def test_interval_of_accuracy_draws_utterances_whole():
    single, repeated = made_table(0.6, 0, windows=1), made_table(0.6, 0, windows=20)
    once, often = metrics.estimate(single, "wa"), metrics.estimate(repeated, "wa")
    assert once.value == often.value == np.mean(single.predicted == single.true)
    assert 0.1 < once.high - once.low < 0.3
    assert often.high - often.low == pytest.approx(once.high - once.low, abs=0.02)


@pytest.mark.parametrize("measure", ["wa", "uar"])
def test_difference(measure):
    a, b = made_table(0.8, 0, windows=1), made_table(0.5, 1, windows=1)
    found, n = metrics.difference(a, b, measure)
    assert n == 120
    assert found.value == pytest.approx(metrics.estimate(a, measure).value - metrics.estimate(b, measure).value)
    assert found.low < found.value < found.high
    if measure == "uar":
        known = paired_difference(a.true, a.predicted, b.predicted, speakers=a.speaker, n_classes=3)
        assert (found.low, found.high) == pytest.approx(known["ci95"], abs=0.015)
    same, _ = metrics.difference(a, a, measure)
    assert (same.low, same.value, same.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_difference_is_of_what_both_judged():
    a, b = made_table(0.8, 0), made_table(0.5, 1)
    _, n = metrics.difference(a, b.take(slice(30)), "wa")
    assert n == 30
    assert metrics.difference(a.take(slice(9)), b.take(slice(9, 30)), "wa") == (None, 0)


def test_single_speakers_are_compared_speaker_by_speaker():
    # Speaker s0 says twice as much as s1: pooled figures would be his, means of speakers are both's.
    def table(right_of_first, right_of_second):
        speakers = np.repeat(["s0", "s1"], [20, 10])
        share = np.where(speakers == "s0", right_of_first, right_of_second)
        within = np.concatenate([np.arange(20) / 20, np.arange(10) / 10])
        predicted = np.where(within < share, 0, 1)
        parts = np.concatenate([np.arange(20) % 2, 2 + np.arange(10) % 2])
        files = [f"{i}.wav" for i in range(30)]
        return Predictions(
            file=files,
            corpus=["made"] * 30,
            speaker=speakers,
            fold=parts,
            start=[0.0] * 30,
            end=[1.0] * 30,
            true=np.zeros(30, int),
            probabilities=np.eye(3)[predicted],
            classes=CLASSES,
        )

    good, poor = table(0.9, 0.3), table(0.5, 0.5)
    assert metrics.estimate(good, "wa", by_speaker=True).value == pytest.approx(0.6)
    found, n = metrics.difference(good, poor, "wa", by_speaker=True)
    assert (found.value, n) == (pytest.approx((0.4 - 0.2) / 2), 30)
    assert found.low < found.value < found.high and "utterances only (2 speakers" in found.method
    # The parts of each speaker, averaged over speakers: as many values as a speaker has parts.
    mean, deviation = metrics.over_folds(good, "wa", by_speaker=True)
    parts = [np.mean([good.true[good.fold == k] == good.predicted[good.fold == k]]) for k in range(4)]
    expected = [(parts[0] + parts[2]) / 2, (parts[1] + parts[3]) / 2]
    assert (mean, deviation) == (pytest.approx(np.mean(expected)), pytest.approx(np.std(expected, ddof=1)))
