"""Finished runs, evaluated again or on other data."""

import csv

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.experiment.run import RunDirectory
from ser_keras.export import from_run
from ser_keras.training import reevaluation as finished_runs
from tests.made_corpus import write_corpus
from tests.trained_runs import probabilities, quick


@pytest.mark.smoke
def test_evaluate_again_and_on_other_data(trained, tmp_path):
    finished = trained.copy(tmp_path / "run", quick())
    [(name, folder, figures)] = finished_runs.evaluate(finished)
    assert name == "test" and figures["uar"] == pytest.approx(finished.metrics["uar"])
    again = Predictions.read_csv(folder / "predictions.csv").probabilities
    np.testing.assert_allclose(again, probabilities(finished), atol=1e-6)

    other = write_corpus(tmp_path / "other", speakers=2, seed=5)
    [(name, folder, figures)] = finished_runs.evaluate(finished, [("manifest", other)])
    assert folder.name == name == "manifest-other"
    assert figures["n_utterances"] == 18 and figures["leaky"], "speakers s0, s1 of `manifest` were in training"
    table = other.parent / "new names.csv"
    table.write_text(
        other.read_text(encoding="utf-8").replace(",s0,", ",new0,").replace(",s1,", ",new1,"), encoding="utf-8"
    )
    [(name, _, figures)] = finished_runs.evaluate(finished, [("manifest", table)])
    assert name == "manifest-new names" and not figures["leaky"]


def test_evaluation_on_training_audio_under_other_names_is_marked(trained, corpus, tmp_path):
    finished = trained.copy(tmp_path / "run", quick())
    table = tmp_path / "renamed.csv"
    rows = list(csv.DictReader(corpus[0][1].read_text(encoding="utf-8").splitlines()))
    lines = [f"{corpus[0][1].parent / row['path']},{row['emotion']},new{row['speaker']}" for row in rows[:9]]
    table.write_text("\n".join(["path,emotion,speaker", *lines]), encoding="utf-8")
    [(_, _, figures)] = finished_runs.evaluate(finished, [("manifest", table)])
    assert figures["leaky_reason"] == "LEAKY: 9 test utterances are the same audio as training ones"


def test_a_folder_whose_settings_name_no_corpora_is_no_run(finished, tmp_path):
    (tmp_path / "run").mkdir()
    for text in ("", "recipe: anand2015.r2\n"):
        (tmp_path / "run" / "experiment.yaml").write_text(text)
        for use in (finished_runs.evaluate, lambda run: from_run.export(run, tmp_path / "bundle")):
            with pytest.raises(SerKerasError, match="experiment.yaml isn't that of a run: it names no corpora"):
                use(RunDirectory(tmp_path / "run"))
