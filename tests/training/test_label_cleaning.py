"""Wrong labels: planted ones are found from features in batches; ties, parts and small data are handled."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.training.data.label_cleaning import N_PARTS, _parts, mislabelled

N_CLASSES, WINDOWS = 4, 5  # windows an utterance


def planted(n_utterances=240, shape=(6, 8, 2), n_wrong=8, seed=0):
    """Windows of 4 classes about their means, each utterance with an offset of its own; some are mislabelled."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_utterances) % N_CLASSES
    means = rng.standard_normal((N_CLASSES, *shape))
    x = means[truth] + 0.7 * rng.standard_normal((n_utterances, *shape))
    x = np.repeat(x, WINDOWS, axis=0) + 0.5 * rng.standard_normal((n_utterances * WINDOWS, *shape))
    labels = truth.copy()
    wrong = rng.choice(n_utterances, n_wrong, replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, N_CLASSES, n_wrong)) % N_CLASSES
    groups = np.repeat(np.arange(n_utterances), WINDOWS)
    return x.astype(np.float32), np.repeat(labels, WINDOWS), groups, np.flatnonzero(np.isin(groups, wrong))


@pytest.mark.smoke
def test_planted_wrong_labels_are_found():
    x, labels, groups, wrong = planted()
    dropped = mislabelled(x, labels, groups, share=len(wrong) / len(x), seed=0)
    assert dropped.dtype == np.int64 and (np.diff(dropped) > 0).all()
    assert len(dropped) == len(wrong)
    # All windows of a mislabelled utterance agree, so a softmax that has seen the neighbours finds half of them.
    assert np.isin(dropped, wrong).mean() > 0.9


def test_batches_give_what_the_array_gives():
    x, labels, groups, _ = planted()
    calls = []

    def batches():
        calls.append(0)
        return (x[i : i + 77] for i in range(0, len(x), 77))

    expected = mislabelled(x, labels, groups, share=0.05, seed=3)
    assert np.array_equal(mislabelled(batches, labels, groups, share=0.05, seed=3), expected)
    assert len(calls) == 2


def test_more_rows_than_the_sample(monkeypatch):
    monkeypatch.setattr("ser_keras.training.data.label_cleaning.MOST_ROWS", 100)
    x, labels, groups, wrong = planted()
    dropped = mislabelled(x, labels, groups, share=len(wrong) / len(x), seed=0)
    assert np.isin(dropped, wrong).mean() > 0.9


@pytest.mark.parametrize(("share", "n"), [(0, 0), (0.0004, 0), (0.0005, 1), (0.005, 6), (0.1, 120)])
def test_share_is_rounded_to_windows(share, n):
    x, labels, groups, _ = planted()
    assert len(mislabelled(x, labels, groups, share=share, seed=0)) == n


def test_nothing_is_read_where_nothing_is_dropped():
    def batches():
        raise AssertionError("read")

    assert len(mislabelled(batches, np.zeros(600), np.arange(600), share=0.0, seed=0)) == 0


def test_parts_keep_utterances_whole_and_spread_classes():
    _, labels, groups, _ = planted(n_utterances=41)
    parts = _parts(labels, groups, seed=1)
    for group in np.unique(groups):
        assert len(np.unique(parts[groups == group])) == 1
    for label in range(N_CLASSES):
        assert len(np.unique(parts[labels == label])) == N_PARTS


def test_rare_classes_are_not_dropped_for_being_rare():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [900, 100])
    x = rng.standard_normal((1000, 5))  # nothing tells the classes apart
    dropped = mislabelled(x, labels, np.arange(1000), share=0.1, seed=0)
    assert 2 <= (labels[dropped] == 1).sum() <= 30


def test_a_class_of_one_utterance_stays():
    x, labels, groups, _ = planted()
    labels[groups == 0] = N_CLASSES
    assert not np.isin(mislabelled(x, labels, groups, share=0.3, seed=0), np.flatnonzero(groups == 0)).any()


@pytest.mark.parametrize("case", ["one class", "one utterance", "two utterances"])
def test_nothing_is_dropped_where_nothing_can_be_told(case):
    x, labels, groups, _ = planted()
    if case == "one class":
        labels[:] = 2
    else:
        groups = np.where(labels == 0, 0, 0 if case == "one utterance" else 1)
        labels = np.where(groups == 0, 0, 1) if case == "two utterances" else labels
    assert len(mislabelled(x, labels, groups, share=0.2, seed=0)) == 0


def test_ties_go_by_index():
    labels = np.tile([0, 1], 50)
    assert mislabelled(np.ones((100, 7)), labels, np.arange(100), share=0.03, seed=0).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 1.0}, "drop_mislabelled is 1.0; it must be at least 0 and below 1"),
        ({"share": float("nan")}, "below 1"),
        ({"groups": np.arange(3)}, "1200 labels but 3 groups"),
        ({"features": np.ones((1199, 3))}, "1199 rows of features but 1200 labels"),
        ({"features": np.ones((1201, 3))}, "1201 rows of features but 1200 labels"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(change, message):
    x, labels, groups, _ = planted()
    arguments = {"features": x, "labels": labels, "groups": groups, "share": 0.1, "seed": 0} | change
    with pytest.raises(SerKerasError, match=message) as error:
        mislabelled(**arguments)
    assert "\n" not in str(error.value)
