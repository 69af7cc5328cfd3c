"""A whole experiment: folds, protocols, what is refused, and what a run directory holds."""

import csv
import json
import shutil

import keras
import numpy as np
import pytest
import yaml

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.experiment.run import RunDirectory
from ser_keras.training import crossvalidation
from ser_keras.training import reevaluation as finished_runs
from ser_keras.training.data import extraction
from tests.corpora.made_folders import make_emodb
from tests.made_corpus import write_corpus
from tests.trained_runs import ONE_EPOCH, probabilities, quick


@pytest.mark.smoke
def test_a_run_directory_holds_what_was_promised(finished):
    for name in (
        *("experiment.yaml", "provenance.json", "metrics.json", "predictions.csv", "segments.csv", "confusion.csv"),
        *("confusion.png", "learning_curves.png", "report.html", "tensorboard", "folds/0/model.keras"),
        *("folds/1/fold.json", "final/model.keras", "final/history.csv"),
    ):
        assert (finished.path / name).exists(), name
    assert not list(finished.path.rglob("checkpoint.npz"))
    metrics = finished.metrics
    assert metrics["n_utterances"] == 36 and metrics["n_speakers"] == 4 and not metrics["leaky"]
    assert metrics["uar"] > 0.6, "three pitches and levels are easily told apart"
    record = finished.provenance
    assert record["finished"] and record["seconds"] > 0 and record["versions"]["keras"] == keras.__version__


def test_each_fold_tests_speakers_that_it_never_saw(finished):
    tested = []
    for folder in finished.folds():
        fold = json.loads((folder / "fold.json").read_text())
        assert not set(fold["train"]) & set(fold["test"])
        assert set(Predictions.read_csv(folder / "predictions.csv").speaker) == set(fold["test"])
        tested += fold["test"]
    assert len(tested) == len(set(tested)) == 4


@pytest.mark.smoke
def test_an_utterance_s_probabilities_are_the_mean_of_its_windows(finished):
    utterances = Predictions.read_csv(finished.path / "predictions.csv")
    segments = Predictions.read_csv(finished.path / "segments.csv")
    assert len(segments) > len(utterances)
    np.testing.assert_allclose(segments.by_utterance().probabilities, utterances.probabilities, atol=1e-6)


def test_resume_of_a_missing_run_starts_it_and_folds_can_be_trained_apart(corpus, tmp_path):
    run = crossvalidation.train(quick(ONE_EPOCH), corpus, tmp_path / "run", resume=True, only_fold=1)
    assert [f.name for f in run.folds()] == ["1"] and not run.finished
    run = crossvalidation.train(quick(ONE_EPOCH), corpus, tmp_path / "run", resume=True, only_fold=0)
    assert run.finished and not run.final.exists()
    with pytest.raises(SerKerasError, match="no fold 2.*folds 0 to 1"):
        crossvalidation.train(quick(ONE_EPOCH), corpus, tmp_path / "run", resume=True, only_fold=2)


def test_other_settings_or_data_are_refused_with_the_difference(finished, corpus, tmp_path):
    with pytest.raises(SerKerasError, match="holds a run already; `resume=True`"):
        crossvalidation.train(quick(), corpus, finished.path)
    with pytest.raises(SerKerasError, match=r"- epochs: 4; \+ epochs: 5"):
        crossvalidation.train(quick("training.epochs=5"), corpus, finished.path, resume=True)
    other = [("manifest", write_corpus(tmp_path / "other", seed=1))]
    with pytest.raises(SerKerasError, match="other data.*fingerprint"):
        crossvalidation.train(quick(), other, finished.path, resume=True)


def test_folds_of_other_settings_are_not_taken_for_this_run_s(finished, begun, corpus, tmp_path):
    shutil.copytree(finished.path, tmp_path / "copy")
    (tmp_path / "copy" / "experiment.yaml").unlink()
    with pytest.raises(SerKerasError, match="folds without their experiment.yaml"):
        crossvalidation.train(quick("seed=5"), corpus, tmp_path / "copy")
    shutil.copytree(finished.fold(1), begun.fold(1))
    with pytest.raises(SerKerasError, match="was trained with other settings"):
        crossvalidation.train(quick(ONE_EPOCH), corpus, begun.path, resume=True)


@pytest.mark.parametrize(("change", "only_fold"), [("model.kernel=[64, 500]", None), (ONE_EPOCH, 7)])
def test_what_cannot_be_trained_leaves_no_run_behind(corpus, tmp_path, change, only_fold):
    with pytest.raises(SerKerasError):
        crossvalidation.train(quick(change), corpus, tmp_path / "run", only_fold=only_fold)
    assert not (tmp_path / "run" / "experiment.yaml").exists()
    with pytest.raises(SerKerasError, match="there is no fold 9"):  # and not: the directory is taken
        crossvalidation.train(quick(), corpus, tmp_path / "run", only_fold=9)


@pytest.mark.parametrize("protocol", ["speaker_dependent", "single_speaker", "utterance_random", "chunk_random"])
def test_every_protocol_runs(corpus, tmp_path, protocol):
    changes = (f"protocol.name={protocol}", ONE_EPOCH, "protocol.folds=2")
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run", only_fold=0)
    assert json.loads((run.fold(0) / "fold.json").read_text())["n_test"]


def test_chunk_random_is_reported_as_leaky(trained):
    run = trained.run(quick("protocol.name=chunk_random", ONE_EPOCH))
    assert run.metrics["leaky"] and "LEAKY" in (run.path / "report.html").read_text()


@pytest.mark.parametrize("head", [(), ("head={name: linear_svm, layer: hidden}", "aggregation=geometric")])
def test_under_chunk_random_a_prediction_is_of_an_utterance_and_a_segment_of_a_chunk(trained, tmp_path, head):
    run = trained.copy(tmp_path / "run", quick("protocol.name=chunk_random", ONE_EPOCH, *head))
    segments = Predictions.read_csv(run.path / "segments.csv")
    expected = segments.by_utterance(geometric=bool(head))
    np.testing.assert_allclose(probabilities(run), expected.probabilities, atol=1e-7)
    keys = set(zip(segments.file, segments.fold.tolist(), strict=True))
    assert run.metrics["n_utterances"] == len(keys) < run.metrics["segment"]["n"] == len(segments)
    [(_, folder, figures)] = finished_runs.evaluate(run)
    assert figures["n_utterances"] == len(keys)
    np.testing.assert_allclose(
        Predictions.read_csv(folder / "predictions.csv").probabilities, expected.probabilities, atol=1e-6
    )


def test_under_chunk_random_two_utterances_of_one_file_stay_two(corpus, tmp_path):
    rows = list(csv.DictReader(corpus[0][1].read_text(encoding="utf-8").splitlines()))
    lines, table = ["path,emotion,speaker,start,end"], tmp_path / "parts.csv"
    for row in rows:
        path = corpus[0][1].parent / row["path"]
        lines += [f"{path},{row['emotion']},{row['speaker']},{start},{start + 0.34}" for start in (0, 0.35)]
    table.write_text("\n".join(lines), encoding="utf-8")
    changes = ("protocol.name=chunk_random", "protocol.folds=2", ONE_EPOCH, "window_s=0.15", "hop_s=0.05")
    run = crossvalidation.train(quick(*changes), [("manifest", table)], tmp_path / "run", refit=False)
    judged = Predictions.read_csv(run.path / "predictions.csv")
    assert len(judged) > 1.5 * len(set(zip(judged.file, judged.fold.tolist(), strict=True)))
    assert (judged.end - judged.start).max() < 0.35


def test_classes_without_data_and_unlisted_emotions_are_dropped_with_a_line(corpus, tmp_path, capsys):
    run = crossvalidation.train(
        quick("classes={anger: [anger], fear: [fear], neutral: [neutral]}", ONE_EPOCH),
        corpus,
        tmp_path / "run",
        only_fold=0,
    )
    assert list(run.experiment["classes"]) == ["anger", "neutral"]
    said = capsys.readouterr().err
    for line in ("class 'fear' has no data", "emotion 'sadness' is in no class: 12 utterances dropped"):
        assert line in said and any(line in dropped for dropped in run.provenance["dropped"])


def test_a_model_that_makes_no_classes_of_the_features_is_refused(corpus, tmp_path):
    changes = ("frontend={name: log_mel}", "model={name: statistics_head}")
    with pytest.raises(SerKerasError, match="makes .* of log_mel's features .*, and not 3 classes: they don't go"):
        crossvalidation.train(quick(*changes), corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "experiment.yaml").exists()


def test_a_resumed_run_keeps_the_order_of_its_corpora(corpus, tmp_path):
    corpora = [*corpus, ("emodb", make_emodb(tmp_path / "emodb"))]
    run = crossvalidation.train(quick(ONE_EPOCH), corpora, tmp_path / "run", only_fold=0)
    again = crossvalidation.train(quick(ONE_EPOCH), corpora[::-1], run.path, resume=True, only_fold=1)
    assert list(again.provenance["corpora_paths"]) == ["manifest", "emodb"]
    tested = [set(json.loads((again.fold(k) / "fold.json").read_text())["test"]) for k in (0, 1)]
    assert len(tested[0] | tested[1]) == 14 and not tested[0] & tested[1], "folds follow from the order"


def test_the_same_audio_on_both_sides_is_a_leak_that_the_figures_name(tmp_path):
    manifest = write_corpus(tmp_path / "corpus")
    rows = manifest.read_text().splitlines()
    first = rows[1].split(",")[0]
    shutil.copyfile(manifest.parent / first, manifest.parent / "again.wav")
    manifest.write_text("\n".join([*rows, "again.wav,anger,s9,male"]) + "\n")
    run = crossvalidation.train(quick(ONE_EPOCH), [("manifest", manifest)], tmp_path / "run", refit=False)
    assert run.metrics["leaky"] and "2 test utterances are the same audio" in run.metrics["leaky_reason"]
    assert "the same audio as training ones" in (run.path / "report.html").read_text()


def test_unknown_arguments_of_front_end_and_model_are_refused(corpus, tmp_path):
    for change, line in (("model.filtres=[4]", "nearest: model.filters"), ("frontend.hop=3", "unknown setting")):
        with pytest.raises(SerKerasError, match=line):
            crossvalidation.train(quick(change), corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "experiment.yaml").exists()


def test_a_model_that_does_not_fit_is_refused_before_features_are_made(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "extract", lambda *_, **__: pytest.fail("features were made"))
    with pytest.raises(SerKerasError, match="anand2015"):
        crossvalidation.train(quick("model.kernel=[64, 500]"), corpus, tmp_path / "run")


def test_experiment_yaml_is_complete_and_names_no_path(finished, corpus):
    text = finished.settings_file.read_text()
    tree = yaml.safe_load(text)
    assert tree["corpora"][0]["fingerprint"] and tree["frontend"]["name"] == "spectrogram_pair"
    assert str(corpus[0][1].parent) not in text
    assert RunDirectory.existing(finished.path).experiment == tree


def test_other_speakers_are_another_corpus(corpus, tmp_path):
    """Folds follow from speakers: a run isn't gone on with, nor judged again, once these were corrected."""
    table = tmp_path / "corrected.csv"
    header, *rows = corpus[0][1].read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([header, *(f"{corpus[0][1].parent}/{row}" for row in rows)]), encoding="utf-8")
    run = crossvalidation.train(quick(ONE_EPOCH), [("manifest", table)], tmp_path / "run", only_fold=0)
    swapped = table.read_text(encoding="utf-8").replace(",s0,", ",s9,").replace(",s1,", ",s0,").replace(",s9,", ",s1,")
    table.write_text(swapped, encoding="utf-8")
    with pytest.raises(SerKerasError, match="other settings or other data"):
        crossvalidation.train(quick(ONE_EPOCH), [("manifest", table)], run.path, resume=True)
    with pytest.raises(SerKerasError, match="is not what it was"):
        finished_runs.reopen(run, unfinished=True)
