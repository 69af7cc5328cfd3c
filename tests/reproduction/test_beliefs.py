"""The running belief in each emotion, what it says of files, and its plot."""

import json
import struct

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports.plots import DARK
from ser_keras.reproduction.drawings.belief_metrics import (
    belief_metrics,
    file_beliefs,
    running_belief,
    typical_files,
)
from ser_keras.reproduction.drawings.beliefs import write_beliefs

CLASSES = ("anger", "fear", "neutral")
# Of each file: true class, and what each window is taken for with .6 (or the number given), the rest shared.
FILES = {
    "a1": (0, "aaaa"),
    "a2": (0, "afnf"),  # a quarter right
    "a3": (0, [("f", 0.5), ("f", 0.5), ("a", 0.98)]),  # a third right, and the mean for it
    "f1": (1, "aaa"),
    "f2": (1, "ffan"),
    "n1": (2, "nnnnnaafaa"),
}


def windows(files=FILES, order=None):
    columns = {"file": [], "true": [], "start": [], "probabilities": []}
    for name, (true, judged) in files.items():
        for i, window in enumerate(judged):
            letter, p = window if isinstance(window, tuple) else (window, 0.6)
            row = np.full(3, (1 - p) / 2)
            row["afn".index(letter)] = p
            for column, value in zip(columns, (name, true, 0.4 * i, row), strict=True):
                columns[column].append(value)
    n = len(columns["file"])
    start = np.array(columns["start"])
    table = Predictions(
        file=columns["file"],
        corpus=["c"] * n,
        start=start,
        end=start + 1,
        true=columns["true"],
        probabilities=columns["probabilities"],
        classes=CLASSES,
    )
    return table if order is None else table.take(order)


def test_the_belief_is_updated_by_each_window_as_the_paper_says():
    p = np.random.default_rng(0).dirichlet(np.ones(4), 30)
    belief, expected = np.zeros(4), []
    for n, window in enumerate(p, start=1):
        belief = belief + (window - belief) / n
        expected.append(belief)
    np.testing.assert_allclose(running_belief(p), expected, atol=1e-12)
    np.testing.assert_allclose(running_belief(p.astype(np.float32))[-1], p.mean(axis=0), atol=1e-6)


def test_windows_are_heard_in_order_of_time_and_files_kept_apart():
    shuffled = windows(order=np.random.default_rng(1).permutation(len(windows())))
    found = {f.file: f for f in file_beliefs(shuffled)}
    assert set(found) == set(FILES)
    np.testing.assert_allclose(found["a3"].ends, [1, 1.4, 1.8])
    np.testing.assert_allclose(found["a3"].beliefs[:, 0], [0.25, 0.25, (0.5 + 0.98) / 3])
    assert found["a3"].right and found["a3"].share_right == pytest.approx(1 / 3)
    np.testing.assert_allclose(found["n1"].beliefs[-1], [(4 * 0.6 + 6 * 0.2) / 10, (0.6 + 9 * 0.2) / 10, 0.4])
    # The last belief is what `by_utterance` gives the file.
    means = shuffled.by_utterance()
    for name, row in zip(means.file, means.probabilities, strict=True):
        np.testing.assert_allclose(found[name].beliefs[-1], row)


def test_windows_of_one_file_in_other_folds_are_another_file():
    table = windows({"a1": (0, "aa"), "a2": (0, "ff")})
    parts = [table.take([0, 1]), table.take([2, 3])]
    again = Predictions(
        file=["a1"] * 2,
        corpus=["c"] * 2,
        fold=1,
        start=parts[1].start,
        end=parts[1].end,
        true=[0, 0],
        probabilities=parts[1].probabilities,
        classes=CLASSES,
    )
    assert [f.right for f in file_beliefs(Predictions.concatenate([parts[0], again]))] == [True, False]


def test_the_metrics_are_those_counted_by_hand():
    metrics = belief_metrics(windows())
    assert (metrics["n_files"], metrics["n_windows"]) == (6, 4 + 4 + 3 + 3 + 4 + 10)
    assert metrics["file_accuracy"] == pytest.approx(4 / 6)  # a1, a3, f2, n1
    assert metrics["window_accuracy"] == pytest.approx((4 + 1 + 1 + 0 + 2 + 5) / 28)
    fear = metrics["classes"]["fear"]
    assert fear["n_windows"] == 7 and fear["n_files"] == 2
    assert fear["mean"] == pytest.approx((2 * 0.6 + 5 * 0.2) / 7)
    assert fear["rival"] == "anger" and fear["rival_mean"] == pytest.approx((4 * 0.6 + 3 * 0.2) / 7)
    shares = {row["to"]: (row["n_files"], row["accuracy"]) for row in metrics["by_share"]}
    assert shares[0.0] == (1, 0.0)  # f1
    assert shares[0.3] == (1, 0.0)  # a2
    assert shares[0.4] == (1, 1.0)  # a3
    assert shares[0.5] == (2, 1.0)  # f2 and n1
    assert shares[1.0] == (1, 1.0)  # a1
    assert shares[0.1] == (0, None)
    assert sum(row["n_files"] for row in metrics["by_share"]) == 6
    assert metrics["claimed"] == {"from": 0.25, "to": 0.3, "n_files": 1, "accuracy": 0.0}


def test_both_ends_of_the_claim_count():
    tenth = windows({"three of ten": (0, "aaafffffff"), "a quarter": (0, "afff"), "more": (0, "aaff")})
    assert belief_metrics(tenth)["claimed"]["n_files"] == 2


def test_a_class_without_data_has_no_metrics(tmp_path):
    table = windows({"a1": (0, "aa"), "n1": (2, "na")})
    assert belief_metrics(table)["classes"]["fear"]["mean"] is None
    assert set(write_beliefs(table, tmp_path / "beliefs.png")["drawn"]) == {"anger", "neutral"}


def test_the_file_drawn_is_the_median_of_the_longer_ones():
    files = {f"a{i}": (0, [("a", p)] * 4) for i, p in enumerate((0.9, 0.4, 0.7))}
    files["short"] = (0, [("a", 0.8)])
    assert typical_files(file_beliefs(windows(files)))[0].file == "a2"


def test_the_figure_is_written_with_its_numbers(tmp_path):
    path = tmp_path / "beliefs.png"
    metrics = write_beliefs(windows(), path)
    assert json.loads(json.dumps(metrics)) == metrics
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG") and width == 768 and height > width
    write_beliefs(windows(), tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == content
    write_beliefs(windows(), tmp_path / "dark.png", DARK)
    assert (tmp_path / "dark.png").read_bytes() != content


def test_what_can_not_be_drawn_gets_one_line(tmp_path):
    whole = Predictions(file=["a"], corpus=["c"], true=[0], probabilities=[[1.0, 0, 0]], classes=CLASSES)
    for table in (whole, windows().take([])):
        with pytest.raises(SerKerasError, match="give the run's segments.csv"):
            write_beliefs(table, tmp_path / "beliefs.png")
    assert not list(tmp_path.iterdir())
