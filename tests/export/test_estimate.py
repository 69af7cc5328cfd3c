"""The estimate of a converted file's UAR, by the converted folds."""

import json

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions, uar
from ser_keras.export.bundle import export_run
from ser_keras.export.estimate import estimate, utterance_key
from ser_keras.runtime.bundle import Settings
from tests import small_run
from tests.export.converted import FILES, index, outputs, some_windows
from tests.messages import one_line


def test_estimate_is_that_of_the_converted_folds(run, bundle):
    """The float32 folds decide as Keras did, so their figure is the run's own, computed from its predictions."""
    metrics = json.loads((run / "metrics.json").read_text())
    figures = index(bundle)["uar_estimate"]
    whole = figures["model_float32.tflite"]
    assert (whole["uar"], whole["wa"], whole["keras_uar"]) == (metrics["uar"], metrics["wa"], metrics["uar"])
    assert (whole["ci95"], whole["n"], whole["agreement"]) == (metrics["uar_ci95"], 24, 1)
    assert 0.8 <= figures["model.tflite"]["agreement"] <= 1
    for file, estimated in figures.items():
        said = Predictions.read_csv(run / "evaluations" / "exported" / f"{file}.csv")
        assert uar(said.true, said.predicted, len(small_run.CLASSES)) == pytest.approx(estimated["uar"])
        of_keras = Predictions.concatenate(Predictions.read_csv(p) for p in sorted(run.glob("folds/*/predictions.csv")))
        assert (said.file == of_keras.file).all() and np.mean(said.predicted == of_keras.predicted) == pytest.approx(
            estimated["agreement"]
        )


def test_without_audio_the_estimate_is_null_with_a_reason(run, tmp_path):
    def gone(fold):
        raise SerKerasError("the corpus is not where it was")

    info = export_run(run, tmp_path / "bundle", fold=0, test_utterances=gone)
    assert info["uar_estimate"] == dict.fromkeys(FILES)
    assert info["uar_estimate_missing"] == "the corpus is not where it was"
    assert info["parity"]["windows"] == {"synthetic": 10, "real": 0}
    assert "not measured" in (tmp_path / "bundle" / "model_card.md").read_text()


def test_a_fold_is_measured_on_its_own_test_speakers(run, tmp_path):
    info = export_run(run, tmp_path / "bundle", fold=1, test_utterances=small_run.utterances)
    assert info["created_from"]["fold"] == 1
    assert info["uar_estimate"]["model_float32.tflite"]["n"] == 12
    assert "fold 1 alone" in (tmp_path / "bundle" / "model_card.md").read_text()
    windows = some_windows()
    found = outputs((tmp_path / "bundle" / "model_float32.tflite").read_bytes(), windows)
    assert found == pytest.approx(small_run.model(1).predict(windows, verbose=0), abs=1e-4)


def test_estimate_refuses_audio_that_was_not_tested(run, whole_model):
    settings = Settings(small_run.CLASSES, small_run.WINDOW, small_run.HOP, speech_gate_dbfs=-60.0)
    files = {0: {"model.tflite": whole_model[1]}}
    tables = {0: Predictions.read_csv(run / "folds" / "0" / "predictions.csv")}
    rows = list(small_run.utterances(0))
    for wrong in (
        rows[:-1],
        [(utterance_key("toy", "other.wav", 0), *rows[0][1:]), *rows[1:]],
        [(rows[0][0], 3, rows[0][2]), *rows[1:]],
    ):
        with pytest.raises(SerKerasError) as error:
            estimate(files, tables, lambda fold, wrong=wrong: wrong, settings=settings)
        assert "fold 0" in one_line(error)
