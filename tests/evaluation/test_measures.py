"""Measures against scikit-learn and a literal bootstrap, the table's round trip, the content of metrics.json."""

import doctest
import inspect
import json
import math
import re
import time
from typing import get_type_hints

import numpy as np
import pytest
from sklearn import metrics as reference

from ser_keras import evaluation
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_json
from ser_keras.evaluation import Predictions, intervals, labels, measures, metrics_json, predictions

CLASSES = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")


def table(n=300, n_speakers=10, seed=0, classes=CLASSES, skill=2.0, dtype=np.float32):
    """Utterances of speakers that differ in how well they are recognised."""
    rng = np.random.default_rng(seed)
    speaker = rng.integers(0, n_speakers, n)
    true = rng.choice(len(classes), n, p=np.arange(1, len(classes) + 1) / sum(range(1, len(classes) + 1)))
    logits = rng.normal(size=(n, len(classes)))
    logits[np.arange(n), true] += skill * (0.4 + speaker / max(n_speakers - 1, 1))
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(dtype)
    return Predictions(
        file=[f"wav/{i:03d}.wav" for i in range(n)],
        corpus=["emodb"] * n,
        speaker=[f"emodb/{s:02d}" for s in speaker],
        gender=["female" if s % 2 else "male" for s in speaker],
        fold=speaker % 5,
        start=None,
        end=None,
        true=true,
        probabilities=probabilities,
        classes=classes,
    )


@pytest.mark.parametrize("seed", range(3))
def test_measures_equal_scikit_learn(seed):
    t = table(seed=seed)
    n = len(CLASSES)
    np.testing.assert_array_equal(
        evaluation.confusion(t.true, t.predicted, n), reference.confusion_matrix(t.true, t.predicted, labels=range(n))
    )
    assert evaluation.uar(t.true, t.predicted, n) == pytest.approx(
        reference.balanced_accuracy_score(t.true, t.predicted)
    )
    assert evaluation.wa(t.true, t.predicted) == pytest.approx(reference.accuracy_score(t.true, t.predicted))
    np.testing.assert_allclose(
        evaluation.recalls(t.true, t.predicted, n), reference.recall_score(t.true, t.predicted, average=None)
    )
    assert evaluation.macro_f1(t.true, t.predicted, n) == pytest.approx(
        reference.f1_score(t.true, t.predicted, average="macro", labels=range(n))
    )


def test_classes_absent_from_the_truth_are_skipped_not_counted_as_zero():
    true, predicted = np.array([0, 0, 2]), np.array([0, 1, 2])
    assert evaluation.uar(true, predicted, 4) == pytest.approx(0.75)
    np.testing.assert_array_equal(np.isnan(evaluation.recalls(true, predicted, 4)), [False, True, False, True])
    f1 = reference.f1_score(true, predicted, average="macro", labels=[0, 2])
    assert evaluation.macro_f1(true, predicted, 4) == pytest.approx(f1)


def test_uar_weighs_classes_and_wa_weighs_utterances():
    true = np.array([0] * 90 + [1] * 10)
    predicted = np.zeros(100, int)
    assert evaluation.uar(true, predicted, 2) == pytest.approx(0.5)
    assert evaluation.wa(true, predicted) == pytest.approx(0.9)


def test_nothing_gives_nan():
    nothing = np.array([], int)
    assert evaluation.confusion(nothing, nothing, 3).tolist() == np.zeros((3, 3), int).tolist()
    assert math.isnan(evaluation.uar(nothing, nothing, 3))
    assert math.isnan(evaluation.wa(nothing, nothing))
    assert math.isnan(evaluation.macro_f1(nothing, nothing, 3))
    low, high, method = evaluation.bootstrap_ci(nothing, nothing, nothing, n_classes=3)
    assert math.isnan(low) and math.isnan(high) and "utterances only" in method
    assert math.isnan(evaluation.paired_difference(nothing, nothing, nothing, speakers=None, n_classes=3)["difference"])


@pytest.mark.parametrize(
    ("true", "predicted", "words"),
    [
        ([0, 1], [0], "2 true labels but 1"),
        ([0, 3], [0, 1], "don't fit 3 classes"),
        ([-1, 1], [0, 1], "don't fit 3 classes"),
        ([0.0, 1.0], [0, 1], "int array"),
        ([[0, 1]], [[0, 1]], "one-dimensional"),
    ],
)
def test_labels_that_are_none_are_refused(true, predicted, words):
    with pytest.raises(ValueError, match=words):
        evaluation.uar(np.array(true), np.array(predicted), 3)


def literal_bootstrap(t, draws, seed, with_speakers=True):
    """The interval's definition, written out with index arrays."""
    rng = np.random.default_rng(seed)
    names = sorted(set(t.speaker))
    rows_of = [np.flatnonzero(t.speaker == name) for name in names] if with_speakers else [np.arange(len(t))]
    values = []
    for _ in range(draws):
        chosen = rng.integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rng.choice(rows_of[s], len(rows_of[s])) for s in chosen])
        hit = t.true[rows] == t.predicted[rows]
        values.append(np.mean([hit[t.true[rows] == label].mean() for label in set(t.true[rows])]))
    return np.percentile(values, [2.5, 97.5])


def test_interval_equals_the_definition():
    t = table(n=200, skill=3.0)
    low, high, method = evaluation.bootstrap_ci(t.true, t.predicted, t.speaker, n_classes=len(CLASSES), draws=4000)
    np.testing.assert_allclose([low, high], literal_bootstrap(t, 4000, 1), atol=0.012)
    assert "speakers with replacement" in method
    # what separates it from utterances alone must be more than the tolerance above
    narrow = literal_bootstrap(t, 2000, 1, with_speakers=False)
    assert (high - low) - (narrow[1] - narrow[0]) > 0.03


def test_few_or_unknown_speakers_fall_back_to_utterances_and_say_so():
    t = table(n=200, n_speakers=5)
    low, high, method = evaluation.bootstrap_ci(t.true, t.predicted, t.speaker, n_classes=len(CLASSES))
    assert "utterances only (5 speakers" in method
    np.testing.assert_allclose([low, high], literal_bootstrap(t, 2000, 1, with_speakers=False), atol=0.012)
    unknown = t.speaker.copy()
    unknown[0] = None
    for speakers in (None, unknown):
        assert evaluation.bootstrap_ci(t.true, t.predicted, speakers, n_classes=len(CLASSES))[:2] == (low, high)
        assert "speakers unknown" in evaluation.bootstrap_ci(t.true, t.predicted, speakers, n_classes=len(CLASSES))[2]
    six = table(n=200, n_speakers=6)
    assert "utterances only" not in evaluation.bootstrap_ci(six.true, six.predicted, six.speaker, n_classes=7)[2]


@pytest.mark.parametrize("n_speakers", [4, 8])
def test_mean_of_speakers_equals_the_definition(n_speakers):
    t, worse = table(n=160, n_speakers=n_speakers, skill=3.0), table(n=160, n_speakers=n_speakers, skill=1.5)
    rng, names = np.random.default_rng(1), sorted(set(t.speaker))

    def above(rows):
        right = [x.predicted[rows] == t.true[rows] for x in (t, worse)]
        of = [t.true[rows] == label for label in set(t.true[rows])]
        return np.mean([right[0][c].mean() - right[1][c].mean() for c in of])

    values, few = [], n_speakers < 6
    for _ in range(4000):
        chosen = names if few else rng.choice(names, len(names))
        own = [np.flatnonzero(t.speaker == name) for name in chosen]
        values.append(np.mean([above(rng.choice(rows, len(rows))) for rows in own]))
    found = evaluation.mean_of_speakers(
        t.true, t.predicted, t.speaker, n_classes=len(CLASSES), other=worse.predicted, draws=4000
    )
    assert found[0] == pytest.approx(np.mean([above(np.flatnonzero(t.speaker == name)) for name in names]))
    np.testing.assert_allclose(found[1:3], np.percentile(values, [2.5, 97.5]), atol=0.015)
    assert ("utterances only" in found[3]) == few
    # windows of an utterance are drawn together: each twice is the same interval
    twice = [np.repeat(x, 2) for x in (t.true, t.predicted, t.speaker, worse.predicted)]
    doubled = evaluation.mean_of_speakers(
        *twice[:3], n_classes=7, other=twice[3], utterances=np.repeat(np.arange(160), 2)
    )
    np.testing.assert_allclose(doubled[:3], found[:3], atol=0.015)


def test_interval_is_deterministic_holds_the_figure_and_shrinks_with_data():
    small, large = table(n=150), table(n=3000)
    intervals = [evaluation.bootstrap_ci(t.true, t.predicted, None, n_classes=7) for t in (small, small, large)]
    assert intervals[0] == intervals[1]
    assert intervals[0][0] < evaluation.uar(small.true, small.predicted, 7) < intervals[0][1]
    assert intervals[2][1] - intervals[2][0] < 0.5 * (intervals[0][1] - intervals[0][0])
    assert evaluation.bootstrap_ci(small.true, small.predicted, None, n_classes=7, seed=1)[:2] != intervals[0][:2]


def test_class_missing_from_a_draw_is_skipped():
    """One utterance of class 1 is in about 63 % of the draws; all figures are perfect, so is every draw."""
    true = np.array([0] * 30 + [1])
    assert evaluation.bootstrap_ci(true, true, None, n_classes=2)[:2] == (1.0, 1.0)


def test_windows_of_an_utterance_are_drawn_together():
    t = table(n=100, n_speakers=4)
    repeated = np.repeat(np.arange(100), 8)
    copies = (t.true[repeated], t.predicted[repeated], t.speaker[repeated])
    whole = evaluation.bootstrap_ci(t.true, t.predicted, t.speaker, n_classes=7)
    together = evaluation.bootstrap_ci(*copies, n_classes=7, utterances=t.file[repeated])
    naive = evaluation.bootstrap_ci(*copies, n_classes=7)
    np.testing.assert_allclose(together[:2], whole[:2], atol=0.01)
    assert naive[1] - naive[0] < 0.5 * (whole[1] - whole[0])
    with pytest.raises(ValueError, match="utterance names"):
        evaluation.bootstrap_ci(*copies, n_classes=7, utterances=t.file)


def test_recall_intervals_hold_the_recalls():
    t = table()
    intervals = evaluation.recall_intervals(t.true, t.predicted, t.speaker, n_classes=8)
    recalls = evaluation.recalls(t.true, t.predicted, 8)
    assert ((intervals[:7, 0] <= recalls[:7]) & (recalls[:7] <= intervals[:7, 1])).all()
    assert np.isnan(intervals[7]).all()


def test_paired_difference_uses_the_same_draws():
    t = table(n=400)
    rng = np.random.default_rng(3)
    other = t.predicted.copy()
    changed = rng.choice(np.flatnonzero(t.predicted != t.true), 20, replace=False)
    other[changed] = t.true[changed]
    same = evaluation.paired_difference(t.true, t.predicted, t.predicted, speakers=t.speaker, n_classes=7)
    assert same["difference"] == 0 and same["ci95"] == (0, 0)
    better = evaluation.paired_difference(t.true, other, t.predicted, speakers=t.speaker, n_classes=7)
    expected = evaluation.uar(t.true, other, 7) - evaluation.uar(t.true, t.predicted, 7)
    assert better["difference"] == pytest.approx(expected)
    low, high = better["ci95"]
    assert 0 < low < expected < high
    single = evaluation.bootstrap_ci(t.true, t.predicted, t.speaker, n_classes=7)
    assert high - low < 0.5 * (single[1] - single[0])  # unpaired intervals would overlap widely
    worse = evaluation.paired_difference(t.true, t.predicted, other, speakers=t.speaker, n_classes=7)
    assert worse["difference"] == pytest.approx(-expected)
    assert "paired" in worse["method"]


def test_intervals_of_5000_utterances_take_under_a_second():
    t = table(n=5000, n_speakers=24)
    start = time.perf_counter()
    evaluation.bootstrap_ci(t.true, t.predicted, t.speaker, n_classes=7)
    assert time.perf_counter() - start < 1


def test_speakers_of_another_length_are_refused():
    with pytest.raises(ValueError, match="3 true labels but 2 speakers"):
        evaluation.bootstrap_ci(np.array([0, 1, 1]), np.array([0, 1, 1]), ["a", "b"], n_classes=2)


def test_every_measure_of_the_registry_works_on_probabilities_and_stands_in_metrics_json():
    t = table()
    content = evaluation.metrics(t, protocol="speaker_independent")
    for name, measure in evaluation.MEASURES.items():
        assert measure(t.true, t.probabilities) == content[name]
        assert measure.unit == "fraction" and 0 <= content[name] <= 1 and measure.title
        assert math.isnan(measure(np.array([], int), np.zeros((0, 7))))
        with pytest.raises(ValueError, match="don't fit 7 classes"):
            measure(np.full(len(t), 7), t.probabilities)
        with pytest.raises(ValueError, match="299 true labels but 300"):
            measure(t.true[1:], t.probabilities)
    perfect = np.eye(7)[t.true]
    assert [m(t.true, perfect) for m in evaluation.MEASURES.values()] == [
        float(m.higher_is_better) for m in evaluation.MEASURES.values()
    ]


@pytest.mark.parametrize("module", [measures, intervals, labels, predictions])
def test_examples_in_docstrings_hold(module):
    results = doctest.testmod(module)
    assert results.attempted >= 1 and results.failed == 0


def test_docstrings_describe_every_parameter_and_refer_to_what_exists():
    for name in evaluation.__all__:
        function = getattr(measures, name, getattr(intervals, name, None))
        if not inspect.isfunction(function):
            continue
        assert "{parameters}" not in function.__doc__
        for parameter in inspect.signature(function).parameters:
            assert re.search(rf"^        {parameter}: ", function.__doc__, re.MULTILINE), (name, parameter)
        for other in re.findall(r"`([a-z0-9_]+)`", function.__doc__.partition("See Also:")[2]):
            assert hasattr(evaluation, other) or other in inspect.signature(function).parameters, (name, other)


# --- the table ---


def awkward():
    return Predictions(
        file=["a, b.wav", 'say "hi".wav', "zwei\nzeilen.wav", "straße.wav", "bytes\udcff.wav"],
        corpus=["x"] * 5,
        speaker=["x/1", None, "x/2", "", "x/1"],
        gender=None,
        fold=0,
        start=[0, 0.5, math.nan, 1 / 3, 2],
        end=[1, 1.5, math.nan, 4 / 3, 3],
        true=[0, 1, 1, 0, 0],
        probabilities=np.array([[1 / 3, 2 / 3], [0.1, 0.9], [1e-12, 1], [0.5, 0.5], [1, 0]], np.float32),
        classes=("anger", "neutral"),
    )


@pytest.mark.parametrize("original", [table(), table(dtype=np.float64), awkward(), table().take([])])
def test_csv_round_trip(tmp_path, original):
    path = tmp_path / "deep" / "predictions.csv"
    original.write_csv(path)
    back = Predictions.read_csv(path)
    assert back.classes == original.classes
    for name in ("file", "corpus", "speaker", "gender", "fold", "true", "predicted"):
        assert getattr(back, name).tolist() == getattr(original, name).tolist()
    for name in ("start", "end", "probabilities"):
        np.testing.assert_allclose(getattr(back, name), getattr(original, name), rtol=0, atol=1e-8)
    assert [p.name for p in path.parent.iterdir()] == ["predictions.csv"]


def test_float32_survives_exactly(tmp_path):
    t = table()
    t.write_csv(tmp_path / "p.csv")
    back = Predictions.read_csv(tmp_path / "p.csv")
    np.testing.assert_array_equal(back.probabilities.astype(np.float32), t.probabilities.astype(np.float32))


def test_csv_has_the_contract_columns(tmp_path):
    awkward().write_csv(tmp_path / "p.csv")
    header, first = (tmp_path / "p.csv").read_text(errors="surrogateescape").splitlines()[:2]
    assert header == "file,corpus,speaker,gender,fold,start,end,true,predicted,p_anger,p_neutral"
    assert first == '"a, b.wav",x,x/1,,0,0,1,anger,neutral,0.333333343,0.666666687'


def test_broken_files_are_named_with_the_row(tmp_path):
    path = tmp_path / "p.csv"
    table().write_csv(path)
    text = path.read_text()
    lines = text.splitlines()
    cases = {
        text[:-20]: "row 301",
        text.replace("wav/000.wav,emodb", "wav/000.wav,emodb,extra", 1): "row 2",
        text.replace(",p_anger", ",x_anger"): "first line",
        "": "first line",
        "file,true\n": "first line",
        "\n".join([lines[0], lines[1].replace(f",{lines[1].split(',')[7]},", ",joy,", 1)]): "'joy'",
        "\n".join([lines[0], ",".join(lines[1].split(",")[:-1] + ["nan"])]): "not finite",
        "\n".join([lines[0], ",".join(lines[1].split(",")[:-1] + ["high"])]): "row 2",
    }
    for content, words in cases.items():
        path.write_text(content)
        with pytest.raises(SerKerasError, match=words) as caught:
            Predictions.read_csv(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(SerKerasError, match="none.csv is missing"):
        Predictions.read_csv(tmp_path / "none.csv")
    with pytest.raises(SerKerasError, match="can't be read"):
        Predictions.read_csv(tmp_path)


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'true' has 1 rows"):
        Predictions(file=["a", "b"], true=[0], probabilities=[[1, 0], [0, 1]], classes=("x", "y"))
    with pytest.raises(ValueError, match="don't fit"):
        Predictions(file=["a"], true=[2], probabilities=[[1, 0]], classes=("x", "y"))
    with pytest.raises(ValueError, match="'a' are not finite"):
        Predictions(file=["a"], true=[0], probabilities=[[math.nan, 0]], classes=("x", "y"))


def test_concatenate_joins_and_refuses_other_classes():
    a, b = table(10), table(20, seed=1)
    joined = Predictions.concatenate(iter([a, b]))
    assert len(joined) == 30
    assert joined.file.tolist() == [*a.file, *b.file]
    np.testing.assert_array_equal(joined.probabilities[10:], b.probabilities)
    with pytest.raises(ValueError, match="one class list"):
        Predictions.concatenate([a, table(5, classes=("x", "y"))])


def windows():
    """Windows of three files, in no order; the second file holds two utterances of different labels."""
    return Predictions(
        file=["b", "a", "b", "a", "c", "b"],
        corpus=["x"] * 6,
        speaker=["x/2", "x/1", "x/2", "x/1", None, "x/2"],
        gender=None,
        fold=[1, 0, 1, 0, 1, 1],
        start=[0, 1, 1, 0, 0, 5],
        end=[1, 2, 2, 1, 1, 6],
        true=[0, 1, 0, 1, 1, 1],
        probabilities=[[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8], [1, 0], [0, 1]],
        classes=("anger", "neutral"),
    )


def test_by_utterance_averages_probabilities():
    t = windows().by_utterance()
    assert t.file.tolist() == ["b", "a", "c", "b"]
    np.testing.assert_allclose(t.probabilities, [[0.6, 0.4], [0.4, 0.6], [1, 0], [0, 1]])
    assert t.true.tolist() == [0, 1, 1, 1]
    assert t.predicted.tolist() == [0, 1, 0, 1]
    assert t.speaker.tolist() == ["x/2", "x/1", None, "x/2"]
    assert t.fold.tolist() == [1, 0, 1, 1]
    assert (t.start.tolist(), t.end.tolist()) == ([0, 0, 0, 5], [2, 2, 1, 6])


def test_by_utterance_takes_geometric_means_where_asked():
    t = windows().by_utterance(geometric=True)
    product = np.sqrt([[0.8 * 0.4, 0.2 * 0.6], [0.6 * 0.2, 0.4 * 0.8]])
    np.testing.assert_allclose(t.probabilities[:2], product / product.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(t.probabilities.sum(axis=1), 1)


def test_by_utterance_takes_the_callers_grouping():
    t = windows().by_utterance([0, 1, 2, 1, 3, 4])
    assert t.file.tolist() == ["b", "a", "b", "c", "b"]
    np.testing.assert_allclose(t.probabilities[1], [0.4, 0.6])
    with pytest.raises(ValueError, match="6 windows but 2"):
        windows().by_utterance([0, 1])


# --- metrics.json ---


def test_metrics_hold_the_contract_keys_and_are_json():
    t = table()
    m = evaluation.metrics(
        t,
        Predictions.concatenate([t, t]),
        protocol="speaker_independent",
        leaky=False,
        seed=3,
        commit="abc",
        selection_overlap=0,
    )
    json.dumps(m, allow_nan=False)
    contract = (
        "protocol leaky n_utterances n_speakers classes uar wa macro_f1 uar_ci95 ci_method per_class_recall "
        "per_speaker folds segment selection_overlap seed commit"
    )
    assert set(contract.split()) <= set(m)
    assert (m["n_utterances"], m["n_speakers"], m["seed"], m["commit"]) == (300, 10, 3, "abc")
    assert sum(m["classes"].values()) == 300 and tuple(m["classes"]) == CLASSES
    assert m["leaky"] is False and m["leaky_reason"] is None
    assert m["uar"] == pytest.approx(reference.balanced_accuracy_score(t.true, t.predicted))
    assert m["uar_ci95"][0] < m["uar"] < m["uar_ci95"][1]
    assert m["ci_utterances_only"] is False
    assert m["uar"] == pytest.approx(np.mean(list(m["per_class_recall"].values())))
    one = t.speaker == "emodb/03"
    assert m["per_speaker"]["emodb/03"] == {
        "gender": "female",
        "n": int(one.sum()),
        "uar": evaluation.uar(t.true[one], t.predicted[one], 7),
        "wa": evaluation.wa(t.true[one], t.predicted[one]),
    }
    assert [fold["fold"] for fold in m["folds"]] == [0, 1, 2, 3, 4]
    fold_uars = [fold["uar"] for fold in m["folds"]]
    assert m["folds_mean"]["uar"] == pytest.approx(np.mean(fold_uars))
    assert m["folds_sd"]["uar"] == pytest.approx(np.std(fold_uars, ddof=1))
    assert sum(fold["n"] for fold in m["folds"]) == 300
    assert m["segment"]["n"] == 600 and m["segment"]["uar"] == pytest.approx(m["uar"])
    assert np.array(m["confusion"]).sum() == 300


def test_metrics_json_is_written_as_ever(tmp_path):
    """Names, order, rounding: tools and older runs rely on the file as it is."""
    rng = np.random.default_rng(0)
    speaker, true = rng.integers(0, 8, 64), rng.integers(0, 3, 64)
    predicted = np.where(rng.uniform(size=64) < 0.7, true, (true + 1) % 3)
    t = Predictions(
        file=[f"{i}.wav" for i in range(64)],
        corpus=[f"corpus {s % 2}" for s in speaker],
        speaker=[f"s{s}" for s in speaker],
        fold=speaker % 2,
        true=true,
        probabilities=(np.eye(3)[predicted] + 0.25) / 1.75,
        classes=("anger", "neutral", "unheard"),
    )
    content = evaluation.metrics(t, t, protocol="speaker_independent", seed=0, commit="abc", selection_overlap=0)
    write_json(tmp_path / "metrics.json", content)
    text = (tmp_path / "metrics.json").read_text()
    assert text.startswith('{\n "protocol": "speaker_independent",\n "leaky": false,\n "leaky_reason": null,\n')
    assert json.loads(text) == content, "nothing is rounded"
    of_table = [
        *["uar", "uar_ci95", "ci_method", "ci_utterances_only", "wa", "macro_f1", "ece", "per_class_recall"],
        *["per_class_recall_ci95", "per_speaker", "per_corpus", "folds", "folds_mean", "folds_sd"],
    ]
    described = ["protocol", "leaky", "leaky_reason", "n_utterances", "n_speakers", "classes"]
    assert list(content) == [*described, *of_table, "confusion", "segment", "selection_overlap", "seed", "commit"]
    assert list(content["segment"]) == ["n", *of_table]
    assert {tuple(entry) for entry in content["per_speaker"].values()} == {("gender", "n", "uar", "wa")}
    assert {tuple(entry) for entry in content["folds"]} == {("fold", "n", "uar", "wa")}
    in_corpus = ("n", "uar", "wa", "uar_ci95", "ci_utterances_only")
    assert {tuple(entry) for entry in content["per_corpus"].values()} == {in_corpus}
    assert set(content) == set(get_type_hints(metrics_json.MetricsJson))
    assert set(content["segment"]) == set(get_type_hints(metrics_json.SegmentMetrics))


def test_more_windows_of_the_same_utterances_narrow_no_interval():
    t = table(n=100, n_speakers=4)
    m = evaluation.metrics(t, Predictions.concatenate([t] * 8), protocol="speaker_independent")
    np.testing.assert_allclose(m["segment"]["uar_ci95"], m["uar_ci95"], atol=0.01)


def test_metrics_of_a_leaky_run_without_speakers_or_segments():
    t = table(n=40)
    bare = Predictions(file=t.file, true=t.true, probabilities=t.probabilities, classes=t.classes)
    m = evaluation.metrics(bare, protocol="chunk_random", leaky=True, leaky_reason="chunks on both sides")
    json.dumps(m, allow_nan=False)
    assert m["leaky"] is True and m["leaky_reason"] == "chunks on both sides"
    assert m["n_speakers"] == 0 and m["per_speaker"] == {} and m["segment"] is None
    assert m["ci_utterances_only"] is True and "speakers unknown" in m["ci_method"]
    assert m["folds_sd"] == {"uar": None, "wa": None}


def test_figures_without_data_are_none_in_metrics():
    two = Predictions(file=["a", "b"], true=[0, 1], probabilities=[[1, 0, 0], [1, 0, 0]], classes=("x", "y", "z"))
    m = evaluation.metrics(two, protocol="utterance_random")
    assert m["per_class_recall"] == {"x": 1.0, "y": 0.0, "z": None}
    assert m["per_class_recall_ci95"]["z"] == [None, None]


def test_no_predictions_is_one_clear_line():
    with pytest.raises(SerKerasError, match="no predictions to evaluate"):
        evaluation.metrics(table().take([]), protocol="speaker_independent")


def test_confusion_csv():
    text = evaluation.confusion_csv([[3, 1], [0, 2]], ("anger", "neutral"))
    assert text == "true,anger,neutral\nanger,3,1\nneutral,0,2\n"
