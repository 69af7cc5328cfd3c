"""Baselines: they learn, give every class a probability, survive odd data, and are saved without pickle."""

import itertools
import pickle
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from ser_keras.common.errors import SerKerasError
from ser_keras.models import baselines
from ser_keras.models.baselines import BASELINES, Baseline
from ser_keras.models.baselines.kernel import OneVsOneSVM
from ser_keras.models.baselines.mixture import ClassMixture
from ser_keras.models.baselines.preprocessing import ReplaceAnomalies

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


@pytest.mark.smoke
@pytest.mark.parametrize("name", BASELINES)
def test_it_learns_and_gives_probabilities(name):
    baseline = baselines.fit(name, *data(), n_classes=N_CLASSES, seed=0)
    x, y = data(seed=1)
    p = baseline.probabilities(x)
    assert p.shape == (len(x), N_CLASSES) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert (p >= 0).all() and (p[:, 3] == 0).all()
    assert np.mean(p.argmax(axis=1) == y) > 0.9
    assert baseline.probabilities(x[:0]).shape == (0, N_CLASSES)


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_seed_gives_the_same_probabilities(name):
    x, y = data(200, spread=2.0)
    first, second = (
        baselines.fit(name, x, y, n_classes=N_CLASSES, seed=(3, 1), replace_anomalous=5.0) for _ in range(2)
    )
    np.testing.assert_array_equal(first.probabilities(x), second.probabilities(x))


@pytest.mark.parametrize("name", BASELINES)
def test_two_classes(name):
    x, y = data()
    x, y = x[y < 2], y[y < 2]
    assert accuracy(baselines.fit(name, x, y, n_classes=2, seed=0), x, y) > 0.9


@pytest.mark.parametrize("name", BASELINES)
def test_constant_and_equal_columns(name):
    x, y = data()
    x[:, 0, 0], x[:, 0, 1] = 7, 3 * x[:, 0, 2]
    baseline = baselines.fit(name, x, y, n_classes=N_CLASSES, seed=0)
    x[:, 0, 0] = 8  # not seen in training
    p = baseline.probabilities(x)
    assert np.isfinite(p).all() and np.mean(p.argmax(axis=1) == y) > 0.8


@pytest.mark.parametrize("name", BASELINES)
def test_far_values_give_finite_probabilities(name):
    p = baselines.fit(name, *data(), n_classes=N_CLASSES, seed=0).probabilities(np.full((2, 3, 4), 1e30))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


def test_the_svm_chooses_by_its_decision_values():
    x, y = data(spread=3.0)
    baseline = baselines.fit("linear_svm", x, y, n_classes=N_CLASSES, seed=0)
    chosen = baseline.estimator.predict(x.reshape(len(x), -1).astype(np.float64))
    np.testing.assert_array_equal(baseline.probabilities(x).argmax(axis=1), chosen)


def rings(n=400, seed=0):
    """Two classes that no line parts: a disc and the ring around it."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1 + 2 * y + rng.normal(0, 0.3, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y


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


@pytest.mark.smoke
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


def fit_to(name="softmax", n_classes=N_CLASSES, x=None, y=None, **settings):
    features, labels = data(60)
    baselines.fit(
        name, features if x is None else x, labels if y is None else y, n_classes=n_classes, seed=0, **settings
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_to("softmx"), "no baseline 'softmx'; nearest: softmax"),
        (lambda: fit_to(C=0), "softmax: C is 0; it must be above 0"),
        (lambda: fit_to("linear_svm", C=0), "linear_svm: C is 0; it must be above 0"),
        (lambda: fit_to("rbf_svm", gamma=[1.0, -1.0]), "rbf_svm: gamma holds -1.0; it must be above 0"),
        (lambda: fit_to("rbf_svm", C=[]), r"rbf_svm: C is \[\]; it must be above 0"),
        (lambda: fit_to("rbf_svm", C="one"), "rbf_svm: C is one; it must be above 0"),
        (lambda: fit_to("rbf_svm", kernel="rfb"), "kernel is 'rfb'; nearest: rbf"),
        (lambda: fit_to("rbf_svm", grid_folds=1), "grid_folds 1 must be at least 2"),
        (lambda: fit_to("rbf_svm", x=np.eye(2), y=np.arange(2)), "can't be fitted to 2 windows: "),
        (lambda: fit_to("rbf_svm", groups=[0]), "1 groups but 60 labels"),
        (lambda: fit_to(replace_anomalous=0), "replace_anomalous is 0; it must be above 0"),
        (lambda: fit_to("qda", reg_param=2), "reg_param is 2; it must lie in 0 to 1"),
        (lambda: fit_to("gmm", reg_covar=0), "reg_covar is 0; it must be above 0"),
        (lambda: fit_to(y=np.zeros(60, int)), "at least two classes, it has 1"),
        (lambda: fit_to(y=np.zeros(59, int)), "60 rows of features but 59 labels"),
        (lambda: fit_to(n_classes=4), "labels are 0 to 4, not 0 to 3"),
        (lambda: fit_to("qda", x=np.random.default_rng(0).random((60, 40))), "can't be fitted to 60 windows: "),
        (lambda: fit_to("qda", y=np.arange(60) // 59), "can't be fitted to 60 windows: "),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, message):
    with pytest.raises(SerKerasError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_another_number_of_features_is_refused():
    baseline = baselines.fit("lda", *data(), n_classes=N_CLASSES, seed=0)
    with pytest.raises(SerKerasError, match="takes 12 values a window, but was given 26"):
        baseline.probabilities(np.zeros((1, 26)))


@pytest.mark.parametrize("name", BASELINES)
def test_saved_and_loaded(name, tmp_path):
    pytest.importorskip("skops")
    x, y = data()
    baseline = baselines.fit(name, x, y, n_classes=N_CLASSES, seed=0, replace_anomalous=5.0)
    baseline.save(tmp_path / "fold" / "baseline.skops")
    again = baselines.load(tmp_path / "fold" / "baseline.skops")
    assert (again.name, again.n_classes, again.chosen) == (name, N_CLASSES, baseline.chosen)
    np.testing.assert_array_equal(again.probabilities(x), baseline.probabilities(x))
    assert [p.name for p in (tmp_path / "fold").iterdir()] == ["baseline.skops"]


def test_other_files_are_refused_in_one_line(tmp_path):
    skops = pytest.importorskip("skops.io")
    file = tmp_path / "baseline.skops"
    baselines.fit("softmax", *data(60), n_classes=N_CLASSES, seed=0).save(file)
    whole = file.read_bytes()

    def refused(content, message):
        file.write_bytes(content)
        with pytest.raises(SerKerasError, match=message) as error:
            Baseline.load(file)
        assert "\n" not in str(error.value) and "baseline.skops" in str(error.value)

    refused(b"", "no baseline that can be read")
    refused(whole[: len(whole) // 2], "no baseline that can be read")
    refused(pickle.dumps({"format": 1}), "no baseline that can be read")
    for end in range(100, len(whole), 301):
        damaged = bytearray(whole)
        damaged[end] ^= 255
        file.write_bytes(damaged)
        try:  # some bytes of a zip file mean nothing
            Baseline.load(file)
        except SerKerasError as error:
            assert "\n" not in str(error)
    refused(skops.dumps({"format": 2}), "no baseline of this version")
    refused(skops.dumps([1, 2]), "no baseline of this version")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "a zip file of another kind")
    refused(file.read_bytes(), "no baseline that can be read")
    file.unlink()
    with pytest.raises(SerKerasError, match="is missing"):
        Baseline.load(file)


def test_types_that_are_not_ours_are_never_constructed(tmp_path):
    skops = pytest.importorskip("skops.io")
    marker = tmp_path / "run"
    steps = [("evil", FunctionTransformer(eval, kw_args={"source": f"open({str(marker)!r}, 'w')"}))]
    content = {"format": 1, "name": "softmax", "n_classes": 2}
    content["estimator"] = Pipeline([*steps, ("classifier", LogisticRegression())])
    skops.dump(content, tmp_path / "evil.skops")
    with pytest.raises(SerKerasError, match="holds types that a baseline of ours doesn't: builtins.eval"):
        Baseline.load(tmp_path / "evil.skops")
    assert not marker.exists()


def test_a_missing_skops_is_named(monkeypatch, tmp_path):
    import sys

    baseline = baselines.fit("lda", *data(60), n_classes=N_CLASSES, seed=0)
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(SerKerasError, match="skops: pip install"):
        baseline.save(tmp_path / "x.skops")
    with pytest.raises(SerKerasError, match="skops: pip install"):
        Baseline.load(tmp_path / "x.skops")
    assert not list(tmp_path.iterdir())
