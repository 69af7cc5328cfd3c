"""Runs of other kinds than windows into a Keras model: augmented, cleaned, sequences, baselines."""

import dataclasses
import json
import types

import keras
import numpy as np
import pytest

from ser_keras.api.metrics import Metrics
from ser_keras.api.run import Run
from ser_keras.audio.windows import cut_windows
from ser_keras.cli.main import main
from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import Stream
from ser_keras.corpora.utterance import Utterance
from ser_keras.evaluation import Predictions
from ser_keras.experiment import assembly, saved_model
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment
from ser_keras.export import from_run
from ser_keras.features import conditions
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.extractor import Extractor
from ser_keras.models import MODELS, baselines
from ser_keras.runtime.model import load
from ser_keras.training import crossvalidation
from ser_keras.training import reevaluation as finished_runs
from ser_keras.training.data import datasets
from ser_keras.training.data.examples import search_groups
from ser_keras.training.data.labelled_audio import read_audio, read_corpora
from ser_keras.training.data.preparation import compute_features, make_folds, prepare
from ser_keras.training.estimate import estimate
from tests.trained_runs import ONE_EPOCH, quick

CLASSES = "classes={anger: [anger], neutral: [neutral], sadness: [sadness]}"
GRID = "augmentation={mode: grid, pitch: [-2, 0], rate: [0.8, 1.0], gain_db: [0, 20]}"
COPIES = "augmentation={mode: random, copies: 5, gain_db: [15, 20], speed: [0.8, 1.2]}"
RANDOM = "augmentation={mode: random, gain_db: [15, 20], rate: [0.8, 1.2], frequency_masks: 1}"
LSTM = ("unit=utterance", "model={name: anand2015_lstm, units: 8, dropout: 0}", "export.chunks=2")
SVM = ("frontend={name: acoustic26}", "model={name: linear_svm}")


def experiment(*changes, recipe="anand2015.r2"):
    common = (CLASSES, "protocol.folds=2", "training.epochs=3", "training.batch_size=8", "training.learning_rate=0.01")
    net = ("model.filters=[4]", "model.hidden=8") if not any(c.startswith("model=") for c in changes) else ()
    return Experiment.from_recipe(recipe, [*common, *net, *changes])


def plain_windows(prepared, item):
    settings = prepared.experiment
    return cut_windows(
        prepared.material.samples(item), settings.window_samples, settings.hop_samples, tail=settings.tail_rule
    )


@pytest.mark.smoke
@pytest.mark.parametrize("augmentation", [GRID, RANDOM, COPIES])
def test_training_alone_is_augmented(corpus, tmp_path, monkeypatch, augmentation):
    """Test, validation and normalisation see the audio as it is; training sees only its own items, varied."""
    drawn = []
    original = datasets.training_dataset

    def spy(material, examples, labels, **options):
        drawn.append((examples, options["live"]))
        return original(material, examples, labels, **options)

    monkeypatch.setattr(datasets, "training_dataset", spy)
    settings = experiment(augmentation, "training.early_stopping={patience: 5}", "protocol.folds=4")
    for number in (0, 3):
        run = crossvalidation.train(settings, corpus, tmp_path / "run", resume=True, only_fold=number)
    prepared = finished_runs.reopen_prepared(run, unfinished=True)
    material = prepared.material
    for fold, (examples, live) in zip([prepared.folds[0], prepared.folds[3]], drawn, strict=True):
        assert set(examples.items) <= set(fold.train), "nothing but training items is drawn"
        assert (live is not None) == (augmentation == RANDOM)
        if live is None:
            others = np.concatenate([fold.validation, fold.test])
            every = [v.first_row[i] + np.arange(v.n_windows[i]) for v in material.variants for i in others]
            assert not set(examples.rows) & set(np.concatenate(every))
            assert len(examples) > 4 * len(material.rows(fold.train)[0])
        folder = run.fold(fold.number)
        classifier = saved_model.load_keras_model(folder)
        frontend = assembly.build_extractor(prepared.experiment)

        def plain(items, classifier=classifier, frontend=frontend):
            features = [np.asarray(frontend(plain_windows(prepared, i))) for i in items]
            return np.asarray(classifier(np.concatenate(features), training=False)), features

        expected, _ = plain(fold.test)
        np.testing.assert_allclose(Predictions.read_csv(folder / "segments.csv").probabilities, expected, atol=1e-4)
        watched, parts = plain(fold.validation)
        truth = np.repeat(material.labels[fold.validation], [len(p) for p in parts])
        rows = (folder / "history.csv").read_text().splitlines()
        column = rows[0].split(",").index("val_accuracy")
        best = json.loads((folder / "fold.json").read_text())["best_epoch"]
        assert float(rows[best].split(",")[column]) == pytest.approx(np.mean(watched.argmax(axis=1) == truth), abs=1e-6)
        mean = next(np.asarray(x.mean).squeeze() for x in classifier.layers if x.name == "minus_training_mean")
        replaced = next(x for x in classifier.layers if x.name.startswith("replace"))
        heard = np.concatenate([np.asarray(replaced(p)) for p in plain(fold.train)[1]])
        np.testing.assert_allclose(mean, heard.mean(axis=(0, 2)), atol=2e-3)


def test_mislabelled_windows_are_left_out_of_training_alone(corpus, tmp_path):
    run = crossvalidation.train(
        experiment("cleaning.drop_mislabelled=0.1", ONE_EPOCH), corpus, tmp_path / "run", refit=False
    )
    prepared = finished_runs.reopen_prepared(run, unfinished=True)
    for fold in prepared.folds:
        record = json.loads((run.fold(fold.number) / "fold.json").read_text())
        n = len(prepared.material.rows(fold.train)[0])
        assert record["n_mislabelled"] == round(0.1 * n) and record["n_examples"] == n - record["n_mislabelled"]
        tested = Predictions.read_csv(run.fold(fold.number) / "segments.csv")
        assert len(tested) == len(prepared.material.rows(fold.test)[0])
    assert not run.final.exists() and run.finished, "refit=False leaves the final model out"


@pytest.mark.smoke
def test_sequences_are_judged_by_utterance(trained, tmp_path):
    run = trained.copy(tmp_path / "run", experiment(*LSTM))
    assert run.metrics["segment"] is None and not (run.path / "segments.csv").exists()
    assert run.metrics["n_utterances"] == 36 and run.metrics["uar"] > 0.5
    headline = str(Metrics.read(run.path))
    assert "36 utterances" in headline and "windows" not in headline
    prepared = finished_runs.reopen_prepared(run)
    fold = prepared.folds[0]
    classifier = saved_model.load_keras_model(run.fold(0))
    written = Predictions.read_csv(run.fold(0) / "predictions.csv").probabilities
    for row, item in zip(written[:4], fold.test[:4], strict=True):
        features = prepared.material.store.gather(prepared.material.rows([item])[0])[None]
        alone = np.asarray(classifier([features, np.ones(features.shape[:2], bool)], training=False))[0]
        np.testing.assert_allclose(row, alone, atol=1e-5)
    [(_, folder, figures)] = finished_runs.evaluate(run)
    assert figures["uar"] == pytest.approx(run.metrics["uar"]) and not (folder / "segments.csv").exists()


def test_a_sequence_model_is_exported_with_its_chunks(trained, tmp_path):
    run = trained.copy(tmp_path / "run", experiment(*LSTM))
    lines = Run(run.path).export(tmp_path / "bundle", default="auto").lines
    assert "on 36 utterances" in lines[0]
    model = load(tmp_path / "bundle")
    assert model.window_samples == 8800 + 8192
    prepared = finished_runs.reopen_prepared(run)
    item = int(np.flatnonzero(prepared.material.n_windows == 2)[0])
    features = prepared.material.store.gather(prepared.material.rows([item])[0])[None]
    final = saved_model.load_keras_model(run.final)
    expected = np.asarray(final([features, np.ones((1, 2), bool)], training=False))[0]
    got = model.predict_samples(prepared.material.samples(item)).probabilities
    np.testing.assert_allclose(list(got.values()), expected, atol=2e-2)


@pytest.mark.smoke
def test_baselines_go_the_same_way_and_say_that_they_can_t_be_exported(corpus, tmp_path):
    run = crossvalidation.train(experiment(*SVM), corpus, tmp_path / "run")
    assert run.metrics["uar"] > 0.6 and run.metrics["segment"]["uar"] > 0.5
    assert (run.fold(0) / "baseline.skops").is_file() and (run.path / "report.html").is_file()
    [(_, _, figures)] = finished_runs.evaluate(run)
    assert figures["uar"] == pytest.approx(run.metrics["uar"])
    with pytest.raises(SerKerasError, match="can't be exported: its features .acoustic26. are computed outside"):
        from_run.export(run, tmp_path / "bundle")
    again = crossvalidation.train(experiment(*SVM), corpus, tmp_path / "run", resume=True)
    assert again.metrics == run.metrics


def test_a_keras_model_on_descriptors_is_kept_without_a_front_end(corpus, tmp_path):
    settings = experiment("frontend={name: acoustic26}", "model={name: anand2015_dense, hidden: [], scale: true}")
    run = crossvalidation.train(settings, corpus, tmp_path / "run", only_fold=0)
    assert (run.fold(0) / "classifier.keras").is_file()
    assert saved_model.load_keras_model(run.fold(0)).input_shape == (None, 26)


def test_a_multi_task_run_says_whose_ratings_were_derived(corpus, tmp_path):
    changes = ("frontend={name: log_mel}", "model={name: neumann2016_cnn, n_kernels: 4, multitask: true}", ONE_EPOCH)
    run = crossvalidation.train(experiment(*changes), corpus, tmp_path / "run", refit=False)
    assert run.provenance["derived_from_class"] == ["manifest"]
    report = (run.path / "report.html").read_text()
    assert "Activation and valence of manifest, which this model was trained with, are derived from the class" in report


@pytest.mark.parametrize("protocol", ["speaker_independent", "cross_corpus"])
def test_searches_inside_the_training_part_keep_speakers_together(protocol):
    people = [Utterance(f"/x/{i}.wav", "anger", f"{c}/{s}", c) for c in "ab" for s in range(3) for i in range(2)]
    material = types.SimpleNamespace(items=people)
    settings = types.SimpleNamespace(protocol=types.SimpleNamespace(name=protocol))
    found = search_groups(settings, material, np.arange(12))
    assert [len(set(found[i : i + 2])) for i in range(0, 12, 2)] == [1] * 6 and len(set(found)) == 6


def test_what_a_run_will_take_is_estimated_for_every_kind(corpus):
    for changes in ((), LSTM, SVM, (GRID,), (RANDOM,)):
        assert 0 < estimate(experiment(*changes), corpus) < 600


HEAD = ("head={name: linear_svm, layer: hidden, C: 0.5}", "aggregation=geometric", "cleaning.drop_mislabelled=0")


def test_a_head_is_fitted_to_what_the_net_makes_of_training_windows(corpus, tmp_path):
    run = crossvalidation.train(experiment(*HEAD), corpus, tmp_path / "run", refit=False)
    prepared = finished_runs.reopen_prepared(run, unfinished=True)
    material, fold = prepared.material, prepared.folds[0]
    headed = saved_model.load_classifier(run.fold(0))
    rows, owner = material.rows(fold.train)
    hidden = headed.net.predict(material.store.gather(rows), verbose=0)
    assert hidden.shape == (len(rows), 8)
    seed = seeds.integer(0, Stream.CLASSIFIER, 0, 0)
    alone = baselines.fit("linear_svm", hidden, material.labels[owner], n_classes=3, seed=seed, C=0.5)
    windows, _ = material.rows(fold.test)
    expected = alone.probabilities(headed.net.predict(material.store.gather(windows), verbose=0))
    written = Predictions.read_csv(run.fold(0) / "segments.csv")
    np.testing.assert_allclose(written.probabilities, expected, atol=1e-3)
    # The geometric mean of softmaxed decision values is the softmax of their sum over windows, but for its scale.
    decisions = np.log(written.probabilities)
    sums = Predictions.by_utterance(dataclasses.replace(written, probabilities=decisions)).probabilities
    judged = Predictions.read_csv(run.fold(0) / "predictions.csv")
    np.testing.assert_array_equal(sums.argmax(axis=1), judged.predicted)
    with pytest.raises(SerKerasError, match="can't be exported: its classifier .linear_svm. is no Keras model"):
        from_run.export(run, tmp_path / "bundle")


def test_conditions_distort_the_test_audio_alone(trained, tmp_path):
    run = trained.copy(tmp_path / "run", quick())
    [(_, _, clean)] = finished_runs.evaluate(run)
    distorted = [conditions.parse(text) for text in ("gain:-40", "snippet:0.6", "gain:+0")]
    found = finished_runs.evaluate(run, conditions=distorted)
    names = [name for name, _, _ in found]
    assert names == ["test-gain_-40", "test-snippet_0.6", "test-gain_0"] and len(set(names)) == 3
    quiet, short, same = (Predictions.read_csv(folder / "segments.csv") for _, folder, _ in found)
    whole = Predictions.read_csv(run.path / "segments.csv")
    np.testing.assert_allclose(same.probabilities, whole.probabilities, atol=1e-6)
    assert np.abs(quiet.probabilities - whole.probabilities).max() > 0.05
    assert len(short) == 36 and short.end.max() <= 0.6 + 1e-6, "one window of each utterance is left"
    first = whole.take(whole.start == 0)
    assert (short.file == first.file).all()
    [(_, folder, _)] = finished_runs.evaluate(run, conditions=[conditions.parse("pause:0.5:-65")])
    paused, utterances = (Predictions.read_csv(folder / f"{n}.csv") for n in ("segments", "predictions"))
    alone = Predictions.read_csv(run.path / "predictions.csv")
    assert (utterances.file == alone.file).all() and (utterances.true == alone.true).all()
    np.testing.assert_allclose(utterances.end, alone.end + 1, atol=1e-6)  # times are of what is heard
    assert len(paused) > len(whole) and paused.start.min() == 0 and paused.end.max() <= utterances.end.max() + 1e-6
    assert found[0][2]["protocol"].startswith("speaker_independent, ")
    assert finished_runs.evaluate(run)[0][2] == clean


def test_distorted_audio_is_not_heard_at_the_points_of_a_grid(corpus):
    listing = read_corpora(corpus)
    data = make_folds(read_audio(experiment(GRID), listing, quiet=True))
    ways = ({}, {"condition": conditions.parse("gain:-6")}, {"augmented": False})
    heard = [compute_features(data, **way).material for way in ways]
    assert [len(material.variants) for material in heard] == [8, 1, 1]


def test_snippets_and_labelled_fractions_shorten_what_is_learned_from(corpus, tmp_path):
    settings = experiment("snippet_s=0.6", "labelled_fraction=0.5", ONE_EPOCH, "cleaning.drop_mislabelled=0")
    run = crossvalidation.train(settings, corpus, tmp_path / "run", only_fold=0)
    prepared = finished_runs.reopen_prepared(run, unfinished=True)
    assert prepared.material.n_windows.max() == 1 and prepared.material.spans[:, 1].max() == 9600
    record = json.loads((run.fold(0) / "fold.json").read_text())
    # nine utterances of each class, of which half (four or five) keep their labels
    assert record["n_train"] == 18 and record["n_labelled"] == record["n_examples"] == 9


def test_a_model_of_several_outputs_is_trained_on_all_and_judged_on_the_first(corpus, tmp_path, monkeypatch):
    def two_heads(input_shape, n_classes, *, units=4):
        inputs = keras.Input(input_shape)
        x = keras.layers.Dense(units, activation="relu")(keras.layers.GlobalAveragePooling2D()(inputs))
        outputs = [keras.layers.Dense(n_classes, activation="softmax", name="probabilities")(x)]
        outputs += [keras.layers.Dense(3, activation="softmax", name=name)(x) for name in ("activation", "valence")]
        model = keras.Model(inputs, outputs)
        model.loss_weights = {"probabilities": 0.6, "activation": 0.2, "valence": 0.2}
        return model

    monkeypatch.setitem(MODELS, "two_heads", two_heads)
    one_fold = ("protocol.name=utterance_random", "protocol.folds=null")
    settings = experiment("model={name: two_heads}", "training.early_stopping={patience: 3}", *one_fold)
    run = crossvalidation.train(settings, corpus, tmp_path / "run")
    assert saved_model.load_keras_model(run.final).output_shape == (None, 3)
    history = (run.fold(0) / "history.csv").read_text().splitlines()[0].split(",")
    assert {"accuracy", "val_accuracy", "activation_loss", "valence_loss"} <= set(history)
    with pytest.raises(SerKerasError, match="two_heads learns more than these"):
        crossvalidation.train(
            experiment("model={name: two_heads}", "augmentation={mode: grid, pitch: [1], mixup: 0.2}"),
            corpus,
            tmp_path / "other",
        )


class WholeLength(Extractor):
    """A descriptor set of whole utterances: their seconds and level, one row."""

    takes, names = "utterance", ("seconds", "level")

    def get_config(self):
        return {}

    def compute_output_shape(self, shape):
        return (None, 2)

    def __call__(self, samples):
        return np.array([[len(samples) / 16000, 10 * np.abs(samples).max()]], np.float32)


def test_descriptors_of_whole_utterances_hear_all_of_each(corpus, tmp_path, monkeypatch):
    for registry in (DESCRIPTORS, assembly.EXTRACTORS):
        monkeypatch.setitem(registry, "whole_length", WholeLength)
    settings = experiment("frontend={name: whole_length}", "model={name: linear_svm}", "window_s=30", "hop_s=30")
    run = crossvalidation.train(settings, corpus, tmp_path / "run")
    prepared = finished_runs.reopen_prepared(run)
    material = prepared.material
    assert (material.n_windows == 1).all()
    seconds = material.store.gather(material.first_row)[:, 0]
    np.testing.assert_allclose(seconds, material.spans[:, 1] / 16000, rtol=1e-6)
    windows = Predictions.read_csv(run.path / "segments.csv")
    np.testing.assert_allclose(windows.end - windows.start, Predictions.read_csv(run.path / "predictions.csv").end)


def test_attention_is_drawn_for_files_and_bad_ones_are_said(corpus, tmp_path, capsys):
    sizes = ("n_components=4", "n_kernels=2", "n_patches=200", "kernel_epochs=1", "units=4", "layers=1")
    changes = (CLASSES, "protocol.folds=2", "training.epochs=1", *(f"model.{size}" for size in sizes))
    settings = Experiment.from_recipe("he2019.exp4", changes)
    crossvalidation.train(settings, corpus, tmp_path / "run", only_fold=0)
    good = corpus[0][1].parent / "s0_anger_0.wav"
    (tmp_path / "bad.wav").write_text("nothing")
    command = ["attention", str(tmp_path / "run"), str(good), str(tmp_path / "bad.wav"), "--out", str(tmp_path / "png")]
    assert main(command) == 2
    assert "--fold" in capsys.readouterr().err
    assert main([*command, "--fold", "0"]) == 2
    drawn, refused = capsys.readouterr().out.splitlines()
    assert drawn.endswith("s0_anger_0.png") and "can't be decoded" in refused
    assert (tmp_path / "png" / "s0_anger_0.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ((HEAD[0].replace("hidden", "hiden"),), "head.layer: classifier has no layer 'hiden'; nearest: hidden"),
        (("head={name: linear_svn}",), "no head 'linear_svn'; nearest: linear_svm"),
        ((*SVM, "head={name: linear_svm}"), "head: it needs a Keras model of single windows"),
        (("aggregation=geometric",), "aggregation=geometric is for baselines and heads"),
        (("unit=utterance",), "anand2015_cnn takes single windows: set unit=window"),
        (LSTM[1:], "anand2015_lstm takes sequences of windows: set unit=utterance"),
        ((*LSTM, "protocol.name=chunk_random"), "utterance_random splits these"),
        (
            (*SVM, "frontend={name: log_mel}", RANDOM),
            "recipe's model can't take; set augmentation.copies or",
        ),
        (("protocol.name=chunk_random", COPIES), "protocol chunk_random splits windows; set copies=0"),
        ((*LSTM, RANDOM), "which this recipe's unit can't take"),
        ((*LSTM, "augmentation={mode: grid, pitch: [1], mixup: 0.2}"), "mixup blends single windows"),
        ((*SVM, "augmentation={mode: grid, pitch: [1]}"), "descriptors take augmentation.path=waveform"),
        (("model={name: linear_svm, c: 1}",), "unknown setting 'model.c'; nearest: model.C"),
    ],
)
def test_parts_that_don_t_go_together_are_said_in_one_line(corpus, tmp_path, changes, line):
    with pytest.raises(SerKerasError, match=line):
        crossvalidation.train(experiment(*changes), corpus, tmp_path / "run")
    assert not RunDirectory(tmp_path / "run").settings_file.exists()


def test_the_grid_may_lie_on_the_waveform_too(corpus):
    pytest.importorskip("python_stretch")
    settings = experiment(*SVM, "augmentation={mode: grid, path: waveform, pitch: [0, 2]}")
    material = prepare(settings, read_corpora(corpus), quiet=True).material
    plain, varied = material.rows([0])[0], material.examples([0]).rows
    assert len(varied) == 2 * len(plain) and set(plain) < set(varied)
