"""Baselines: they learn, give every class a probability, survive odd data, and are saved without pickle."""

import pickle
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ser_keras.common.errors import SerKerasError
from ser_keras.models import baselines
from ser_keras.models.baselines import BASELINES, Baseline
from tests.models.baselines.made_data import N_CLASSES, accuracy, data


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
