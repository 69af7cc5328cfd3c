"""A fold, resumable at every epoch, and the whole experiment behind it."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
import yaml

from ser_keras.cli import texts
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_json
from ser_keras.evaluation import Predictions
from ser_keras.experiment import saved_model
from ser_keras.experiment.recipes import load_experiment
from ser_keras.experiment.run import Run
from ser_keras.export import from_run
from ser_keras.training import checkpoints, crossvalidation
from ser_keras.training import estimate as estimates
from ser_keras.training import fold as fold_training
from ser_keras.training import reevaluation as finished_runs
from ser_keras.training.data import extraction
from ser_keras.training.estimate import dry_run, estimate
from tests.made_corpus import write_corpus

pytestmark = pytest.mark.smoke

QUICK = (
    *("classes={anger: [anger], neutral: [neutral], sadness: [sadness]}", "protocol.folds=2", "training.epochs=4"),
    *("training.batch_size=16", "training.learning_rate=0.01", "model.filters=[4]", "model.hidden=8"),
    *("model.replace_anomalous=null", "cleaning.drop_mislabelled=0"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return [("manifest", write_corpus(tmp_path_factory.mktemp("corpus")))]


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return crossvalidation.train(load_experiment("anand2015.r2", QUICK), corpus, out)


def quick(*changes):
    return load_experiment("anand2015.r2", [*QUICK, *changes])


def probabilities(run):
    return Predictions.read_csv(run.path / "predictions.csv").probabilities


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


def test_an_utterance_s_probabilities_are_the_mean_of_its_windows(finished):
    utterances = Predictions.read_csv(finished.path / "predictions.csv")
    segments = Predictions.read_csv(finished.path / "segments.csv")
    assert len(segments) > len(utterances)
    np.testing.assert_allclose(segments.by_utterance().probabilities, utterances.probabilities, atol=1e-6)


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


def test_the_normalisation_is_of_training_material_alone(finished):
    prepared = finished_runs.reopen_prepared(finished)
    for fold in prepared.folds:
        classifier = saved_model.load_keras_model(finished.fold(fold.number))
        means = [np.asarray(w) for layer in classifier.layers if hasattr(layer, "adapt") for w in layer.weights]
        mean = next(w for w in means if w.size > 1).squeeze()
        every = np.arange(len(prepared.material.items))
        training_mean, pooled_mean = (
            np.concatenate(list(prepared.material.batches(items))).mean(axis=(0, 2)) for items in (fold.train, every)
        )
        np.testing.assert_allclose(mean, training_mean, atol=1e-3)
        assert np.abs(mean - pooled_mean).max() > 1e-2


class Cut(Exception):
    pass


def _cut_after(monkeypatch, epochs):
    """Stop with an exception once so many checkpoints have been written."""
    written = []
    save = checkpoints.save_checkpoint

    def counting(*arguments, **named):
        save(*arguments, **named)
        written.append(1)
        if len(written) == epochs:
            raise Cut

    monkeypatch.setattr(checkpoints, "save_checkpoint", counting)


@pytest.mark.parametrize(
    ("cut_after", "changes"),
    [
        (2, ("model.dropout=0.5",)),
        (5, ("training.optimizer=adamw", "training.schedule=cosine", "training.class_weights=balanced")),
        (4, ("training.early_stopping={patience: 1}", "training.epochs=8", "protocol.folds=4")),
        (3, ("augmentation={mode: random, pitch: [-2, 2], rate: [0.9, 1.1], snr_db: [10, 30], mixup: 0.3}",)),
        (6, ("training.calibration_groups=2",)),
        (3, ("unit=utterance", "model={name: anand2015_lstm, units: 8, dropout: 0.5}")),
    ],
)
def test_a_cut_run_resumed_predicts_what_an_uncut_one_does(corpus, tmp_path, monkeypatch, cut_after, changes):
    whole = crossvalidation.train(quick(*changes), corpus, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Cut):
        _cut_after(patch, cut_after)
        crossvalidation.train(quick(*changes), corpus, tmp_path / "cut")
    resumed = crossvalidation.train(quick(*changes), corpus, tmp_path / "cut", resume=True)
    np.testing.assert_allclose(probabilities(resumed), probabilities(whole), atol=1e-6)
    finals = [saved_model.load_keras_model(r.final).get_weights() for r in (whole, resumed)]
    for a, b in zip(*finals, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    histories = [(r.fold(0) / "history.csv").read_text() for r in (whole, resumed)]
    assert histories[0].count("\n") == histories[1].count("\n")
    assert resumed.provenance["resumed"]


def test_resuming_a_finished_run_trains_nothing(finished, corpus, monkeypatch):
    before = probabilities(finished)
    monkeypatch.setattr(fold_training.FoldTrainer, "prepare", None)
    again = crossvalidation.train(quick(), corpus, finished.path, resume=True)
    assert (probabilities(again) == before).all()


def test_resume_of_a_missing_run_starts_it_and_folds_can_be_trained_apart(corpus, tmp_path):
    run = crossvalidation.train(quick(), corpus, tmp_path / "run", resume=True, only_fold=1)
    assert [f.name for f in run.folds()] == ["1"] and not run.finished
    run = crossvalidation.train(quick(), corpus, tmp_path / "run", resume=True, only_fold=0)
    assert run.finished and not run.final.exists()
    with pytest.raises(SerKerasError, match="no fold 2.*folds 0 to 1"):
        crossvalidation.train(quick(), corpus, tmp_path / "run", resume=True, only_fold=2)


def test_other_settings_or_data_are_refused_with_the_difference(finished, corpus, tmp_path):
    with pytest.raises(SerKerasError, match="holds a run already; --resume"):
        crossvalidation.train(quick(), corpus, finished.path)
    with pytest.raises(SerKerasError, match=r"- epochs: 4; \+ epochs: 5"):
        crossvalidation.train(quick("training.epochs=5"), corpus, finished.path, resume=True)
    other = [("manifest", write_corpus(tmp_path / "other", seed=1))]
    with pytest.raises(SerKerasError, match="other data.*fingerprint"):
        crossvalidation.train(quick(), other, finished.path, resume=True)


def test_a_damaged_checkpoint_is_one_line(corpus, tmp_path):
    run = crossvalidation.train(quick("training.epochs=1"), corpus, tmp_path / "run", only_fold=1)
    run.fold(0).mkdir()
    (run.fold(0) / "checkpoint.npz").write_bytes(b"PK no")
    with pytest.raises(SerKerasError, match="no checkpoint of this model"):
        crossvalidation.train(quick("training.epochs=1"), corpus, tmp_path / "run", resume=True)


def test_folds_of_other_settings_are_not_taken_for_this_run_s(finished, corpus, tmp_path):
    shutil.copytree(finished.path, tmp_path / "copy")
    (tmp_path / "copy" / "experiment.yaml").unlink()
    with pytest.raises(SerKerasError, match="folds without their experiment.yaml"):
        crossvalidation.train(quick("seed=5"), corpus, tmp_path / "copy")
    run = crossvalidation.train(quick("seed=5", "training.epochs=1"), corpus, tmp_path / "run", only_fold=0)
    shutil.copytree(finished.fold(1), run.fold(1))
    with pytest.raises(SerKerasError, match="was trained with other settings"):
        crossvalidation.train(quick("seed=5", "training.epochs=1"), corpus, run.path, resume=True)


@pytest.mark.parametrize(("change", "only_fold"), [("model.kernel=[64, 500]", None), ("training.epochs=1", 7)])
def test_what_cannot_be_trained_leaves_no_run_behind(corpus, tmp_path, change, only_fold):
    with pytest.raises(SerKerasError):
        crossvalidation.train(quick(change), corpus, tmp_path / "run", only_fold=only_fold)
    assert not (tmp_path / "run" / "experiment.yaml").exists()
    crossvalidation.train(quick("training.epochs=1"), corpus, tmp_path / "run", only_fold=0)


def test_a_loss_that_is_not_finite_is_one_line(corpus, tmp_path):
    with pytest.raises(SerKerasError, match="lower training.learning_rate"):
        crossvalidation.train(quick("training.optimizer=sgd", "training.learning_rate=1e30"), corpus, tmp_path / "run")


def test_a_fold_of_an_unfinished_run_can_be_exported(corpus, tmp_path):
    run = crossvalidation.train(quick("training.epochs=1"), corpus, tmp_path / "run", only_fold=0)
    lines = texts.bundle(from_run.export(run, tmp_path / "bundle", fold=0))
    assert any("UAR" in line for line in lines)
    with pytest.raises(SerKerasError, match="isn't finished"):
        from_run.export(run, tmp_path / "other")


def test_warnings_and_identical_audio_are_said_again_from_the_cache(tmp_path, capsys):
    manifest = write_corpus(tmp_path / "corpus", speakers=4, takes=1)
    loud = tmp_path / "corpus" / "s0_anger_0.wav"
    soundfile.write(loud, np.sign(np.sin(np.arange(16000) / 20)), 16000, subtype="PCM_16")
    shutil.copyfile(loud, tmp_path / "corpus" / "s1_anger_0.wav")
    for _ in range(2):
        dry_run(quick(), [("manifest", manifest)])
        said = capsys.readouterr().err
        assert "clipping" in said and "is the same audio as" in said


def test_mixed_precision_trains_and_leaves_a_float32_model(corpus, tmp_path):
    run = crossvalidation.train(quick("training.mixed_precision=true", "training.epochs=1"), corpus, tmp_path / "run")
    classifier = saved_model.load_keras_model(run.final)
    assert {layer.compute_dtype for layer in classifier.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_xla_is_a_setting(corpus, tmp_path):
    run = crossvalidation.train(quick("training.xla=true", "training.epochs=1"), corpus, tmp_path / "run")
    assert run.finished


@pytest.mark.parametrize("protocol", ["speaker_dependent", "single_speaker", "utterance_random", "chunk_random"])
def test_every_protocol_runs(corpus, tmp_path, protocol):
    changes = (f"protocol.name={protocol}", "training.epochs=1", "protocol.folds=2")
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run", only_fold=0)
    assert json.loads((run.fold(0) / "fold.json").read_text())["n_test"]


def test_chunk_random_is_reported_as_leaky(corpus, tmp_path):
    changes = ("protocol.name=chunk_random", "protocol.folds=null", "training.epochs=1")
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run")
    assert run.metrics["leaky"] and "LEAKY" in (run.path / "report.html").read_text()


@pytest.mark.parametrize("head", [(), ("head={name: linear_svm, layer: hidden}", "aggregation=geometric")])
def test_under_chunk_random_a_prediction_is_of_an_utterance_and_a_segment_of_a_chunk(corpus, tmp_path, head):
    changes = ("protocol.name=chunk_random", "protocol.folds=2", "training.epochs=1", *head)
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run")
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
    changes = ("protocol.name=chunk_random", "protocol.folds=2", "training.epochs=1", "window_s=0.15", "hop_s=0.05")
    run = crossvalidation.train(quick(*changes), [("manifest", table)], tmp_path / "run", refit=False)
    judged = Predictions.read_csv(run.path / "predictions.csv")
    assert len(judged) > 1.5 * len(set(zip(judged.file, judged.fold.tolist(), strict=True)))
    assert (judged.end - judged.start).max() < 0.35


def test_evaluate_again_and_on_other_data(finished, tmp_path):
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


def test_evaluation_on_training_audio_under_other_names_is_marked(finished, corpus, tmp_path):
    table = tmp_path / "renamed.csv"
    rows = list(csv.DictReader(corpus[0][1].read_text(encoding="utf-8").splitlines()))
    lines = [f"{corpus[0][1].parent / row['path']},{row['emotion']},new{row['speaker']}" for row in rows[:9]]
    table.write_text("\n".join(["path,emotion,speaker", *lines]), encoding="utf-8")
    [(_, _, figures)] = finished_runs.evaluate(finished, [("manifest", table)])
    assert figures["leaky_reason"] == "LEAKY: 9 test utterances are the same audio as training ones"


def test_classes_without_data_and_unlisted_emotions_are_dropped_with_a_line(corpus, tmp_path, capsys):
    run = crossvalidation.train(
        quick("classes={anger: [anger], fear: [fear], neutral: [neutral]}", "training.epochs=1"), corpus, tmp_path / "r"
    )
    assert list(run.experiment["classes"]) == ["anger", "neutral"]
    said = capsys.readouterr().err
    for line in ("class 'fear' has no data", "emotion 'sadness' is in no class: 12 utterances dropped"):
        assert line in said and any(line in dropped for dropped in run.provenance["dropped"])


def test_dry_run_says_folds_counts_and_time(corpus):
    lines = texts.training_plan(dry_run(quick(), corpus))
    text = "\n".join(lines)
    assert "36 utterances" in text and "anger 12" in text and "fold 1" in text and "about" in lines[-1]


def test_an_estimate_counts_the_trainings_for_a_temperature(corpus, monkeypatch):
    monkeypatch.setattr(estimates, "estimate_seconds", lambda *_: 60.0)
    plain, calibrated = (estimate(quick(*c), corpus) for c in ((), ("training.calibration_groups=3",)))
    assert calibrated == pytest.approx(3 * plain)  # three trainings more, of all but one group each


def test_a_dry_run_refuses_what_training_would(corpus, tmp_path):
    with pytest.raises(SerKerasError, match="there is no fold 99"):
        dry_run(quick(), corpus, only_fold=99)
    with pytest.raises(SerKerasError, match="--init .*neither a finished run"):
        dry_run(quick(), corpus, init=tmp_path / "nothing")


def test_a_model_that_makes_no_classes_of_the_features_is_refused(corpus, tmp_path):
    changes = ("frontend={name: log_mel}", "model={name: statistics_head}")
    with pytest.raises(SerKerasError, match="makes .* of log_mel's features .*, and not 3 classes: they don't go"):
        crossvalidation.train(quick(*changes), corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "experiment.yaml").exists()


def test_a_folder_whose_settings_name_no_corpora_is_no_run(finished, tmp_path):
    (tmp_path / "run").mkdir()
    for text in ("", "recipe: anand2015.r2\n"):
        (tmp_path / "run" / "experiment.yaml").write_text(text)
        for use in (finished_runs.evaluate, lambda run: from_run.export(run, tmp_path / "bundle")):
            with pytest.raises(SerKerasError, match="experiment.yaml isn't that of a run: it names no corpora"):
                use(Run(tmp_path / "run"))


def test_the_only_group_can_t_be_left_out():
    with pytest.raises(SerKerasError, match="leaves nobody to train on; give 0, or 2 and more"):
        quick("training.calibration_groups=1")


def test_a_resumed_run_keeps_the_order_of_its_corpora(tmp_path):
    run = Run(tmp_path)
    given = [("a", 1), ("b", 2), ("c", 3)]
    assert crossvalidation._as_started(run, given) == given
    write_json(tmp_path / "provenance.json", {"corpora_paths": {"b": "/b", "a": "/a"}})
    assert crossvalidation._as_started(run, given) == [("b", 2), ("a", 1), ("c", 3)]


def test_the_same_audio_on_both_sides_is_a_leak_that_the_figures_name(tmp_path):
    manifest = write_corpus(tmp_path / "corpus")
    rows = manifest.read_text().splitlines()
    first = rows[1].split(",")[0]
    shutil.copyfile(manifest.parent / first, manifest.parent / "again.wav")
    manifest.write_text("\n".join([*rows, "again.wav,anger,s9,male"]) + "\n")
    run = crossvalidation.train(quick(), [("manifest", manifest)], tmp_path / "run", refit=False)
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
    assert Run.existing(finished.path).experiment == tree


def test_init_starts_from_a_run_s_weights_and_marks_seen_speakers(finished, corpus, tmp_path):
    changes = ("training.learning_rate=1e-9", "training.epochs=1")
    run = crossvalidation.train(quick(*changes), corpus, tmp_path / "run", init=finished.path)
    start, kept = (saved_model.load_keras_model(r.final).get_weights() for r in (finished, run))
    np.testing.assert_allclose(kept[-1], start[-1], atol=1e-6)
    assert run.metrics["leaky"] and "initial weights" in run.metrics["leaky_reason"]
    other = [("manifest", write_corpus(tmp_path / "others", speakers=6, seed=3))]
    hop = crossvalidation.train(quick(*changes), other, tmp_path / "hop", init=finished.path)
    assert saved_model.load_initial(hop.path).speakers == {f"manifest/s{i}" for i in range(6)}, (
        "two hops are remembered"
    )
    bundle = tmp_path / "bundle"
    from_run.export(finished, bundle)
    from_bundle = saved_model.load_initial(bundle)
    assert from_bundle.speakers == {f"manifest/s{i}" for i in range(4)}
    np.testing.assert_array_equal(from_bundle.weights[-1], start[-1])
    with pytest.raises(SerKerasError, match="another architecture"):
        other = ("model.filters=[5]", "model.hidden=9", "training.epochs=1")
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
    rows = [line.split(",")[:2] for line in corpus[0][1].read_text(encoding="utf-8").splitlines()]
    nameless = folder / "nameless.csv"
    nameless.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    changes = ("protocol.name=utterance_random", "protocol.folds=null", "training.epochs=1")
    first = crossvalidation.train(quick(*changes), [("manifest", nameless)], tmp_path / "first")
    again = crossvalidation.train(quick(*changes), [("manifest", nameless)], tmp_path / "again", init=first.path)
    assert not first.metrics["leaky"]
    assert again.metrics["leaky"] and "on a corpus of this run" in again.metrics["leaky_reason"]
    [(_, _, figures)] = finished_runs.evaluate(first, [("manifest", nameless)])
    assert figures["leaky"]
    with pytest.raises(SerKerasError, match="manifest-nameless is given twice"):
        finished_runs.evaluate(first, [("manifest", nameless)] * 2)


def test_other_speakers_are_another_corpus(corpus, tmp_path):
    """Folds follow from speakers: a run isn't gone on with, nor judged again, once these were corrected."""
    folder = corpus[0][1].parent
    table = folder / "corrected.csv"
    table.write_text(corpus[0][1].read_text(encoding="utf-8"), encoding="utf-8")
    run = crossvalidation.train(quick("training.epochs=1"), [("manifest", table)], tmp_path / "run", only_fold=0)
    swapped = table.read_text(encoding="utf-8").replace(",s0,", ",s9,").replace(",s1,", ",s0,").replace(",s9,", ",s1,")
    table.write_text(swapped, encoding="utf-8")
    with pytest.raises(SerKerasError, match="other settings or other data"):
        crossvalidation.train(quick("training.epochs=1"), [("manifest", table)], run.path, resume=True)
    with pytest.raises(SerKerasError, match="is not what it was"):
        finished_runs.reopen(run, unfinished=True)


TWO_DEVICES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from ser_keras.training import crossvalidation, fold
from tests.training.test_crossvalidation import quick
fold.strategy = lambda: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
seen = []
build = fold.build_classifier
def counted(*arguments):
    seen.append(tf.distribute.get_strategy().num_replicas_in_sync)
    return build(*arguments)
fold.build_classifier = counted
run = crossvalidation.train(quick(), [("manifest", sys.argv[1])], sys.argv[2])
assert 2 in seen, seen
print(run.metrics["uar"])
"""


def test_several_devices_train_by_mirrored_strategy(corpus, tmp_path):
    """Two logical CPUs stand for two GPUs."""
    code = [sys.executable, "-c", TWO_DEVICES, str(corpus[0][1]), str(tmp_path / "run")]
    done = subprocess.run(code, capture_output=True, text=True, timeout=280, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.strip().splitlines()[-1]) > 0.6
