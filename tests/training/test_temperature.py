"""The probabilities' temperature: what it does, and on whom it is chosen."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.evaluation import Predictions, ece
from ser_keras.experiment import saved_model
from ser_keras.training import crossvalidation, fold, fold_job, temperature
from tests.trained_runs import quick


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def drawn(n=20000, seed=0):
    """Logits, and labels that are drawn as these say."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.standard_normal((n, 4))
    return logits, (softmax(logits).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


@pytest.mark.smoke
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_too_much_or_too_little_certainty(factor):
    logits, labels = drawn()
    assert temperature.temperature(softmax(factor * logits), labels) == pytest.approx(factor, rel=0.05)


def test_the_calibration_error_is_that_between_sureness_and_hits():
    logits, labels = drawn()
    assert ece(labels, softmax(logits)) < 0.015
    sure = softmax(3 * logits)
    assert ece(labels, sure) == pytest.approx(
        sure.max(axis=1).mean() - (sure.argmax(axis=1) == labels).mean(), abs=0.01
    )
    always = np.tile([0.7, 0.3], (10, 1))
    assert ece(np.array([0] * 9 + [1]), always) == pytest.approx(0.2)
    assert ece(np.zeros(3, int), np.eye(2)[[0, 0, 0]]) == 0, "a probability of 1 has a bin"
    assert np.isnan(ece(np.array([], int), np.zeros((0, 3))))


def test_the_layer_before_the_softmax_is_found_or_refused():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="a")(inputs)
    one = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Dense(2, name="b")(hidden)))
    other = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="c")(hidden))
    assert [temperature.last_dense(net).name for net in (one, other)] == ["b", "c"]
    for outputs in (keras.layers.Dense(1, activation="sigmoid")(hidden), [one.outputs[0], other.outputs[0]]):
        with pytest.raises(SerKerasError, match="doesn't end in one dense layer and its softmax; set it to 0"):
            temperature.last_dense(keras.Model(inputs, outputs))


def test_a_run_s_temperature_is_chosen_on_training_speakers_left_out(finished, corpus, tmp_path, monkeypatch):
    fits = []
    prepare = fold.FoldTrainer.prepare

    def watched(trainer):
        job = trainer.job
        fits.append((job.seeds, {job.material.items[i].speaker for i in job.train}))
        prepare(trainer)

    monkeypatch.setattr(fold.FoldTrainer, "prepare", watched)
    run = crossvalidation.train(quick("training.calibration_groups=2"), corpus, tmp_path / "run")
    records = [read_json(place / "fold.json") for place in (*run.folds(), run.final)]
    for record, number in zip(records, (0, 1, fold_job.FINAL), strict=True):
        speakers = set(record["train"])
        (_, whole), *parts = [fit for fit in fits if fit[0].fold == number]
        assert whole == speakers and len(parts) == 2
        assert parts[0][1] | parts[1][1] == speakers and not parts[0][1] & parts[1][1]
        assert len({fit[0] for fit in fits}) == len(fits), "each has seeds of its own"
    before, after = (Predictions.read_csv(r.path / "segments.csv") for r in (finished, run))
    for k in (0, 1):
        rows = before.fold == k
        scaled = before.probabilities[rows] ** (1 / records[k]["temperature"])
        np.testing.assert_allclose(after.probabilities[rows], scaled / scaled.sum(axis=1, keepdims=True), atol=1e-4)
        assert records[k]["temperature"] != 1
    assert not list(run.path.rglob("calibration")) and run.metrics["ece"] == pytest.approx(
        ece(*(lambda t: (t.true, t.probabilities))(Predictions.read_csv(run.path / "predictions.csv")))
    )
    kernels = [saved_model.load_keras_model(r.final).get_weights()[-2] for r in (finished, run)]
    np.testing.assert_allclose(kernels[1] * records[2]["temperature"], kernels[0], rtol=1e-3)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (("model={name: linear_svm}", "frontend={name: acoustic26}"), "set it to 0 for a baseline"),
        (("protocol.name=chunk_random",), "a protocol that splits speakers' material at random"),
        (("head={name: linear_svm}",), "set it to 0 for a baseline, a head"),
        (("protocol={name: single_speaker, folds: 2}",), "fold 0 trains on one speaker; calibration needs two"),
    ],
)
def test_what_has_no_speakers_to_leave_out_is_refused(corpus, tmp_path, changes, line):
    with pytest.raises(SerKerasError, match=line):
        crossvalidation.train(quick("training.calibration_groups=3", *changes), corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "experiment.yaml").exists()


def test_the_only_group_can_t_be_left_out():
    with pytest.raises(SerKerasError, match="leaves nobody to train on; give 0, or 2 and more"):
        quick("training.calibration_groups=1")
