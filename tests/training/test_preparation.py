"""The three steps from corpora to training, and that nobody takes a step that is not needed."""

import json

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.training import crossvalidation, reevaluation
from ser_keras.training.data.labelled_audio import LabelledAudio, read_audio, read_corpora
from ser_keras.training.data.preparation import FoldedAudio, Prepared, compute_features, make_folds
from ser_keras.training.estimate import dry_run
from tests.made_corpus import write_corpus
from tests.trained_runs import ONE_EPOCH, quick


def experiment(*changes):
    return quick(ONE_EPOCH, *changes)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with nothing in it: whoever computes features leaves them there."""
    monkeypatch.setenv("SER_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def computed(cache):
    """The keys of the features in a cache."""
    files = cache.glob("features/*/index.jsonl")
    return [json.loads(line)[0] for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_each_step_adds_to_the_one_before(corpus, cache):
    audio = read_audio(experiment(), read_corpora(corpus), quiet=True)
    data = make_folds(audio)
    assert type(audio) is LabelledAudio and type(data) is FoldedAudio
    assert len(audio.labels) == 36 and len(data.folds) == 2 and not (cache / "features").exists()
    prepared = compute_features(data)
    assert type(prepared) is Prepared and prepared.folds is data.folds and prepared.audio is audio.audio
    assert prepared.material.feature_shape == data.feature_shape, "known before any feature is computed"
    assert (prepared.material.samples(3) == data.samples(3)).all()
    assert len(computed(cache)) == 36


@pytest.mark.parametrize("refusal", ["taken", "settings", "data", "fold", "model"])
def test_a_refused_run_computes_no_features(begun, corpus, cache, tmp_path, refusal):
    changes, options, corpora, out = (), {"resume": True}, corpus, begun.path
    line = "was started with other settings or other data"
    if refusal == "taken":
        options, line = {}, "holds a run already"
    elif refusal == "settings":
        changes = ("training.learning_rate=0.02",)
    elif refusal == "data":
        corpora = [("manifest", write_corpus(tmp_path / "other", seed=1))]
    elif refusal == "fold":
        options, line = {"resume": True, "only_fold": 7}, "there is no fold 7"
    else:
        changes, out, line = ("model.kernel=[64, 500]",), tmp_path / "run", "anand2015"
    with pytest.raises(SerKerasError, match=line):
        crossvalidation.train(experiment(*changes), corpora, out, **options)
    assert not (cache / "features").exists()


def test_a_dry_run_that_is_refused_computes_no_features(corpus, cache):
    with pytest.raises(SerKerasError, match="there is no fold 7"):
        dry_run(experiment(), corpus, only_fold=7)
    assert not (cache / "features").exists()


def test_evaluation_computes_the_test_items_features_alone(corpus, cache, tmp_path, monkeypatch):
    changes = ("protocol.name=utterance_random", "protocol.folds=null", "augmentation={mode: grid, pitch: [0, 2]}")
    run = crossvalidation.train(experiment(*changes), corpus, tmp_path / "run", refit=False)
    assert len(computed(cache)) == 2 * 36
    monkeypatch.setenv("SER_KERAS_CACHE", str(tmp_path / "other cache"))
    [(_, _, figures)] = [reevaluation.evaluate_folds(run, unfinished=True)]
    assert figures["uar"] == run.metrics["uar"]
    assert len(computed(tmp_path / "other cache")) == figures["n_utterances"] < 20
