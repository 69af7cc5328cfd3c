"""The base class of classifiers: its three kinds keep to one contract, saved and loaded too."""

from pathlib import Path

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import saved_model
from ser_keras.experiment.rules import complete
from ser_keras.experiment.settings import Experiment
from ser_keras.features.frontends import SpectrogramPair
from ser_keras.models import baselines
from ser_keras.models.classifier import Classifier, KerasClassifier
from ser_keras.models.corpus_heads import learn_which, with_corpus_heads
from ser_keras.models.end_to_end import end_to_end
from ser_keras.models.fitted_head import FittedHead, cut_at, fit_head
from ser_keras.models.papers.anand2015 import anand2015_cnn
from ser_keras.models.papers.anand2015_sequence import anand2015_lstm

SHAPE, N_CLASSES = (64, 64, 2), 3
KINDS = ("keras", "sequence", "corpus_heads", "baseline", "head")
OLD_BASELINE = Path(__file__).parents[1] / "fixtures" / "run_ccc8509" / "kinds" / "svm" / "final" / "baseline.skops"


class Store:
    """Rows in memory, as a feature store gives them."""

    def __init__(self, values):
        self.values = values

    def gather(self, indices):
        return self.values[indices]


def features(n=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *SHAPE)).astype(np.float32)


def built(kind):
    keras.utils.set_random_seed(0)
    labels = np.arange(12) % N_CLASSES
    fitted = {"labels": labels, "groups": np.arange(12), "n_classes": N_CLASSES}
    if kind == "sequence":
        return KerasClassifier(anand2015_lstm(SHAPE, N_CLASSES, units=4))
    net = anand2015_cnn(SHAPE, N_CLASSES, filters=[2], hidden=4)
    if kind == "corpus_heads":
        net = with_corpus_heads(net, ["small", "large"])
        learn_which(net, ["small", "large", "large"], np.arange(3))
    if kind == "baseline":
        return baselines.fit("lda", features(), labels, n_classes=N_CLASSES, seed=0)
    if kind == "head":
        store = Store(features())
        return fit_head(cut_at(net, "hidden"), "softmax", store, indices=np.arange(12), seed=[0, 1], **fitted)
    return KerasClassifier(net)


def inputs(classifier, n=5):
    if classifier.takes == "window":
        return (features(n, 1),)
    present = np.arange(3) < np.arange(n)[:, None] % 3 + 1
    return np.repeat(features(n, 1)[:, None], 3, axis=1), present


@pytest.mark.smoke
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_probabilities_and_is_the_same_when_loaded(kind, tmp_path):
    classifier = built(kind)
    assert isinstance(classifier, Classifier) and classifier.n_classes == N_CLASSES
    assert classifier.takes == ("sequence" if kind == "sequence" else "window")
    assert classifier.has_corpus_heads == (kind == "corpus_heads")
    assert (classifier.why_not_exportable is None) == (kind not in ("baseline", "head"))
    given = inputs(classifier)
    p = classifier.probabilities(*given)
    assert p.shape == (5, N_CLASSES) and p.dtype == np.float32 and (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)

    classifier.save_to(tmp_path)
    assert [kind.is_in(tmp_path) for kind in saved_model.KINDS].index(True) == saved_model.KINDS.index(type(classifier))
    again = saved_model.load_classifier(tmp_path)
    assert type(again) is type(classifier) and again.n_classes == N_CLASSES and again.takes == classifier.takes
    np.testing.assert_allclose(again.probabilities(*given), p, atol=1e-6)
    assert not list(tmp_path.glob(".partial*"))


def test_a_keras_model_is_saved_with_its_front_end_and_comes_back_without(tmp_path):
    classifier = built("keras")
    classifier.save_to(tmp_path, lambda model: end_to_end(SpectrogramPair(), model, 8800))
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]
    assert keras.models.load_model(tmp_path / "model.keras", compile=False).input_shape == (None, 8800)
    again = saved_model.load_keras_model(tmp_path)
    np.testing.assert_allclose(KerasClassifier(again).probabilities(features()), classifier.probabilities(features()))


def test_each_corpus_is_judged_by_its_own_head():
    classifier = built("corpus_heads")
    x = features(5, 1)
    _, small, large = (np.asarray(output) for output in classifier.model(x))
    for corpus, expected in (("small", small), ("large", large)):
        np.testing.assert_allclose(classifier.for_corpus(corpus).probabilities(x), expected, atol=1e-6)
    np.testing.assert_allclose(
        classifier.for_corpus("elsewhere").probabilities(x), classifier.probabilities(x), atol=1e-6
    )
    assert not classifier.for_corpus("small").has_corpus_heads
    assert built("baseline").for_corpus("small").n_classes == N_CLASSES


@pytest.mark.parametrize("kind", ["baseline", "head"])
def test_what_needs_a_bare_keras_model_refuses_the_others_in_one_line(kind, tmp_path):
    built(kind).save_to(tmp_path)
    with pytest.raises(SerKerasError, match="its model is no Keras model alone") as error:
        saved_model.load_keras_model(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_classifier_is_refused_in_one_line(tmp_path):
    with pytest.raises(SerKerasError, match="model.keras cannot be loaded") as error:
        saved_model.load_classifier(tmp_path)
    assert "\n" not in str(error.value)


def test_where_a_classifier_is_saved_follows_from_what_the_graph_can_hold(tmp_path):
    net = built("keras")
    settings = ["model={name: anand2015_cnn, filters: [2], hidden: 4}", "window_s=0.55", "hop_s=0.55"]
    saved_model.save_model(tmp_path / "a", complete(Experiment.from_recipe("anand2015.r2", settings)), net)
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["model.keras"]
    described = complete(Experiment.from_recipe("anand2015.r2", [*settings, "frontend={name: acoustic26}"]))
    saved_model.save_model(tmp_path / "b", described, net)
    assert [file.name for file in (tmp_path / "b").iterdir()] == ["classifier.keras"]
    saved_model.save_model(tmp_path / "c", described, built("head"))
    assert sorted(file.name for file in (tmp_path / "c").iterdir()) == ["classifier.keras", "head.skops"]
    assert isinstance(saved_model.load_classifier(tmp_path / "c"), FittedHead)


def test_a_baseline_saved_before_the_modules_moved_is_read():
    import zipfile

    pytest.importorskip("skops")
    with zipfile.ZipFile(OLD_BASELINE) as archive:
        assert b'"ser_keras.baselines.' in archive.read("schema.json"), "the fixture names the former modules"
    baseline = baselines.load(OLD_BASELINE)
    assert baseline.name == "linear_svm"
    x = np.random.default_rng(0).normal(size=(4, baseline.estimator.n_features_in_))
    np.testing.assert_allclose(baseline.probabilities(x).sum(axis=1), 1, atol=1e-6)


def test_former_module_paths_are_no_way_around_the_types_that_are_trusted(tmp_path):
    import zipfile

    pytest.importorskip("skops")
    file = tmp_path / "baseline.skops"
    with zipfile.ZipFile(OLD_BASELINE) as archive, zipfile.ZipFile(file, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "schema.json":
                content = content.replace(b'"ser_keras.baselines.linear"', b'"ser_keras.baselines.kernel"')
            changed.writestr(name, content)
    with pytest.raises(SerKerasError, match="holds types that a baseline of ours doesn't: ser_keras.models.baselines"):
        baselines.load(file)
