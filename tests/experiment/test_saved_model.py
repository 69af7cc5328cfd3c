"""Models of a run as files, and weights that a training starts from."""

import json

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.experiment import saved_model
from ser_keras.export import from_run
from ser_keras.training import crossvalidation
from ser_keras.training import reevaluation as finished_runs
from tests.made_corpus import write_corpus
from tests.trained_runs import ONE_EPOCH, quick


@pytest.mark.smoke
def test_the_saved_model_is_waveform_to_the_same_probabilities(finished, corpus):
    prepared = finished_runs.reopen_prepared(finished)
    fold = prepared.folds[0]
    model = keras.models.load_model(finished.fold(0) / "model.keras", compile=False)
    expected = Predictions.read_csv(finished.fold(0) / "segments.csv")
    from ser_keras.audio.windows import cut_windows

    waves = cut_windows(prepared.material.samples(fold.test[0]), 8800, 8192, tail="drop")
    got = model(waves).numpy()
    np.testing.assert_allclose(got, expected.probabilities[: len(got)], atol=1e-5)
    assert model.input_shape == (None, 8800)


def test_init_starts_from_a_run_s_weights_and_marks_seen_speakers(finished, corpus, tmp_path):
    changes = ("training.learning_rate=1e-9", ONE_EPOCH)
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run", init=finished.path)
    start, kept = (saved_model.load_keras_model(r.final).get_weights() for r in (finished, run))
    np.testing.assert_allclose(kept[-1], start[-1], atol=1e-6)
    assert run.metrics["leaky"] and "initial weights" in run.metrics["leaky_reason"]


def test_speakers_of_initial_weights_are_remembered_over_two_hops(finished, tmp_path):
    other = [("manifest", write_corpus(tmp_path / "others", speakers=6, takes=1, seed=3))]
    changes = ("protocol.name=utterance_random", "protocol.folds=null", ONE_EPOCH)
    hop = crossvalidation.train(quick(*changes), other, tmp_path / "hop", init=finished.path)
    assert saved_model.load_initial(hop.path).speakers == {f"manifest/s{i}" for i in range(6)}


def test_a_bundle_s_weights_and_speakers_are_those_of_its_run(trained, tmp_path):
    finished = trained.copy(tmp_path / "run", quick())
    from_run.export(finished, tmp_path / "bundle")
    initial = saved_model.load_initial(tmp_path / "bundle")
    assert initial.speakers == {f"manifest/s{i}" for i in range(4)}
    kernel = saved_model.load_keras_model(finished.final).get_weights()[-1]
    np.testing.assert_array_equal(initial.weights[-1], kernel)
    assert "sounds" not in initial.described
    info = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    before, own = ({"name": name, "fingerprint": name} for name in ("before", "own"))
    info["created_from"] |= {"sounds": [own], "init": {"sounds": [before]}}
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps(info))
    assert saved_model.load_initial(tmp_path / "bundle").described["sounds"] == [own, before]


def test_initial_weights_of_another_architecture_or_of_no_run_are_refused(finished, corpus, tmp_path):
    with pytest.raises(SerKerasError, match="another architecture"):
        other = ("model.filters=[5]", "model.hidden=9", ONE_EPOCH)
        crossvalidation.train(quick(*other), corpus, tmp_path / "other", init=finished.path)
    with pytest.raises(SerKerasError, match="neither a finished run"):
        crossvalidation.train(quick(), corpus, tmp_path / "third", init=tmp_path)


def test_weights_of_other_classes_leave_the_last_layer_anew(finished):
    start = saved_model.load_initial(finished.path)
    net = saved_model.load_keras_model(finished.final)
    same, other = start.for_classes(("anger", "neutral", "sadness")), start.for_classes(("neutral", "anger", "sadness"))
    before = [np.zeros_like(w) for w in net.get_weights()]
    for initial, last in ((same, start.weights[-2]), (other, before[-2])):
        net.set_weights(before)
        initial(net)
        np.testing.assert_array_equal(net.get_weights()[-2], last)
        np.testing.assert_array_equal(net.get_weights()[0], start.weights[0])


def test_a_corpus_without_speakers_is_recognised_by_its_audio(corpus, tmp_path):
    folder = corpus[0][1].parent
    header, *rows = [line.split(",")[:2] for line in corpus[0][1].read_text(encoding="utf-8").splitlines()]
    rows = [header, *([str(folder / file), emotion] for file, emotion in rows)]
    nameless = tmp_path / "nameless.csv"
    nameless.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    changes = ("protocol.name=utterance_random", "protocol.folds=null", ONE_EPOCH)
    first = crossvalidation.train(quick(*changes), [("manifest", nameless)], tmp_path / "first")
    again = crossvalidation.train(
        quick(*changes), [("manifest", nameless)], tmp_path / "again", init=first.path, refit=False
    )
    assert not first.metrics["leaky"]
    assert again.metrics["leaky"] and "on a corpus of this run" in again.metrics["leaky_reason"]
    [(_, _, figures)] = finished_runs.evaluate(first, [("manifest", nameless)])
    assert figures["leaky"]
    with pytest.raises(SerKerasError, match="manifest-nameless is given twice"):
        finished_runs.evaluate(first, [("manifest", nameless)] * 2)
