"""Training on several corpora at once: balanced draws, a head for each corpus, figures for each."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import FoldSeeds
from ser_keras.experiment import saved_model
from ser_keras.experiment.protocols import speaker_groups
from ser_keras.experiment.settings import Experiment
from ser_keras.models import MODELS
from ser_keras.models.corpus_heads import heard_as, learn_which, with_corpus_heads
from ser_keras.runtime.model import load
from ser_keras.training import crossvalidation, fold_job
from ser_keras.training.data import datasets
from ser_keras.training.data.labelled_audio import read_corpora
from ser_keras.training.data.preparation import prepare
from tests.made_corpus import write_corpus

CHANGES = (
    "classes={anger: [anger], neutral: [neutral], sadness: [sadness]}",
    "protocol.folds=2",
    "training.epochs=3",
    "training.batch_size=8",
    "model.filters=[4]",
    "model.hidden=8",
)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """One manifest of two corpora; the second is larger and has no sadness."""
    folder = tmp_path_factory.mktemp("corpora")
    rows = []
    for name, takes, seed in (("small", 1, 0), ("large", 3, 1)):
        path = write_corpus(folder / name, takes=takes, seed=seed)
        with open(path, encoding="utf-8", newline="") as file:
            own = [{**row, "path": f"{name}/{row['path']}", "corpus": name} for row in csv.DictReader(file)]
        rows += [row for row in own if name == "small" or row["emotion"] != "sadness"]
    with open(folder / "manifest.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [("manifest", folder / "manifest.csv")]


def experiment(*changes):
    return Experiment.from_recipe("anand2015.r2", [*CHANGES, *changes])


def test_balanced_draws_take_as_many_from_each_group():
    groups = np.repeat([0, 1, 2], [3, 40, 17])
    drawn = datasets.balanced_order(groups, np.random.default_rng(0))
    assert len(drawn) == 60 and np.bincount(groups[drawn]).tolist() == [20, 20, 20]
    often = np.bincount(drawn, minlength=60)
    assert set(often[:3]) == {6, 7} and set(often[3:43]) == {0, 1} and set(often[43:]) == {1, 2}
    assert not np.array_equal(drawn, datasets.balanced_order(groups, np.random.default_rng(1)))


@pytest.mark.parametrize("sampling", ["class", "corpus", "corpus_class"])
def test_sampling_balances_what_it_says(corpora, sampling):
    prepared = prepare(experiment(f"training.sampling={sampling}"), read_corpora(corpora), quiet=True)
    material, items = prepared.material, prepared.folds[0].train
    examples = material.examples(items)
    job = fold_job.FoldJob(
        experiment=prepared.experiment,
        material=material,
        train=items,
        validation=np.array([], int),
        folder=Path(),
        seeds=FoldSeeds(0, 0),
        title="",
        epochs=1,
    )
    dataset, _ = fold_job.dataset_of(job, examples, np.arange(len(examples), dtype=np.int32))
    drawn = examples.items[np.concatenate([numbers for _, numbers in dataset.as_numpy_iterator()])]
    assert len(drawn) == len(examples)
    corpus_of = np.array([u.corpus for u in material.items])
    keys = {"class": material.labels, "corpus": corpus_of}
    keys["corpus_class"] = np.array([f"{c}{k}" for c, k in zip(corpus_of, material.labels, strict=True)])
    counts = np.unique(keys[sampling][drawn], return_counts=True)[1]
    assert counts.max() - counts.min() <= 1
    before = np.unique(keys[sampling][examples.items], return_counts=True)[1]
    assert before.max() - before.min() > 3


def test_groups_of_speakers_share_out_every_corpus(corpora):
    groups = speaker_groups(read_corpora(corpora).utterances, 2, np.random.default_rng(0))
    for group in groups:
        assert sorted(name.split("/")[0] for name in group) == ["large", "large", "small", "small"]


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(0)
    classifier = MODELS["anand2015_cnn"]((64, 64, 2), 3, filters=[2], hidden=4)
    return with_corpus_heads(classifier, ["small", "large"])


def test_each_corpus_has_its_own_head_on_one_trunk(net):
    learn_which(net, ["small"] * 3 + ["large"] * 2, np.array([0, 1, 2, 0, 1]))
    x = np.random.default_rng(0).normal(size=(5, 64, 64, 2)).astype(np.float32)
    mean, small, large = map(np.array, net(x))
    assert not np.allclose(small, large, atol=1e-3)
    expected = np.column_stack([(small + large)[:, :2] / 2, small[:, 2]])  # `large` knows nothing of class 2
    np.testing.assert_allclose(mean, expected / expected.sum(1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(heard_as(net, "large")(x), large, atol=1e-6)
    np.testing.assert_allclose(heard_as(net, "elsewhere")(x), mean, atol=1e-6)


def test_a_head_without_training_data_is_not_heard(net):
    learn_which(net, ["small"] * 3, np.array([0, 1, 2]))
    x = np.random.default_rng(0).normal(size=(5, 64, 64, 2)).astype(np.float32)
    mean, small, _ = map(np.array, net(x))
    np.testing.assert_allclose(mean, small, atol=1e-6)
    np.testing.assert_allclose(heard_as(net, "large")(x), mean, atol=1e-6)


SEPARATE = (
    "corpus_heads=separate",
    *("training.sampling=corpus", "training.learning_rate=0.01", "training.class_weights=balanced"),
)


@pytest.fixture(scope="module")
def run(corpora, tmp_path_factory):
    """A whole run with a head for each corpus, to be read alone."""
    return crossvalidation.train(experiment(*SEPARATE), corpora, tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.smoke
def test_a_joint_run_reports_each_corpus_and_exports_the_heads_mean(run, corpora):
    settings = experiment(*SEPARATE)
    assert run.experiment["corpus_heads"] == ["large", "small"]
    figures = run.metrics["per_corpus"]
    assert {name: c["n"] for name, c in figures.items()} == {"small": 12, "large": 24}
    assert all(c["uar_ci95"][0] <= c["uar"] <= c["uar_ci95"][1] for c in figures.values())
    assert all(c["ci_utterances_only"] for c in figures.values())  # of four speakers each
    assert "Of fewer than six speakers" in (run.path / "report.html").read_text(encoding="utf-8")
    assert "Per corpus" in (run.path / "report.html").read_text(encoding="utf-8")

    classifier = saved_model.load_keras_model(run.final)
    assert classifier.output_names == ["probabilities", "head_large", "head_small"]
    prepared = prepare(settings, read_corpora(corpora), quiet=True)
    features = prepared.material.store.gather(prepared.material.rows([0])[0])
    whole = keras.models.load_model(run.final / "model.keras", compile=False)
    window = prepared.material.samples(0)[: settings.window_samples][None]
    np.testing.assert_allclose(whole(window), classifier(features[:1])[0], atol=1e-5)


def test_the_corpus_left_out_is_judged_by_the_others_heads(corpora, tmp_path):
    changes = ("corpus_heads=separate", "protocol.name=cross_corpus", "protocol.folds=null", "training.epochs=1")
    run = crossvalidation.train(experiment(*changes), corpora, tmp_path / "run", refit=False)
    shares = []
    for number, left_out in enumerate(("large", "small")):
        mean = saved_model.load_keras_model(run.fold(number)).get_layer("probabilities")
        shares.append(np.array(mean.share)[:, 0, 0])
        assert run.metrics["folds"][number]["n"] == {"large": 24, "small": 12}[left_out]
    np.testing.assert_allclose(shares, [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (("corpus_heads=separate", "model={name: linear_svm}", "frontend={name: acoustic26}"), "for Keras models"),
        (("corpus_heads=separate", "augmentation={mode: none, mixup: 0.2}"), "needs mode"),
        (("training.sampling=corpora",), "training.sampling"),
    ],
)
def test_what_doesn_t_go_together_is_one_line(corpora, changes, line):
    with pytest.raises(SerKerasError, match=line):
        prepare(experiment(*changes), read_corpora(corpora), quiet=True)


def test_named_heads_are_those_of_the_corpora(corpora):
    for heads in ("[small]", "[small, other]", "[]"):
        with pytest.raises(SerKerasError, match=r"corpus_heads is .*, but the corpora are \['large', 'small'\]"):
            prepare(experiment(f"corpus_heads={heads}"), read_corpora(corpora), quiet=True)


def test_separate_heads_need_two_corpora(tmp_path):
    corpus = [("manifest", write_corpus(tmp_path / "one", speakers=2, takes=1))]
    with pytest.raises(SerKerasError, match="needs two corpora"):
        prepare(experiment("corpus_heads=separate"), read_corpora(corpus), quiet=True)


def test_a_model_that_ends_otherwise_is_refused():
    inputs = keras.Input((4,))
    with pytest.raises(SerKerasError, match="one dense softmax layer"):
        with_corpus_heads(keras.Model(inputs, keras.layers.Dense(3)(inputs)), ["a", "b"])


def test_the_exported_file_runs(run, tmp_path):
    pytest.importorskip("ai_edge_quantizer")
    from ser_keras.export.from_run import export

    export(run, tmp_path / "bundle", default="auto")  # after few epochs a rounding decides some classes
    model = load(tmp_path / "bundle")
    assert list(model.classes) == ["anger", "neutral", "sadness"]
