"""A run as Python users hold it; `finished` and `begun` are shared runs."""

import keras
import numpy as np
import pytest

import ser_keras
from ser_keras.api.run import Run
from ser_keras.common import plugins
from ser_keras.evaluation.reports.plots import png
from ser_keras.experiment.run import RunDirectory
from ser_keras.features import conditions
from tests.trained_runs import quick


@pytest.fixture
def run(finished):
    return Run(finished.path)


def test_what_a_run_holds(run, finished, corpus):
    content = finished.metrics
    assert run.finished and run.folds == [0, 1] and run.path == finished.path
    assert run.experiment.recipe == "anand2015.r2" and run.experiment.training.epochs == 4
    assert [(c.name, c.path) for c in run.corpora] == corpus
    assert run.metrics.uar == content["uar"] and list(run.metrics.uar_ci95) == content["uar_ci95"]
    assert run.metrics.leaky is False and run.metrics.confusion == content["confusion"]
    assert len(run.predictions) == run.metrics.n_utterances == 36
    assert len(run.windows) == content["segment"]["n"] == run.metrics.segment["n"]
    assert list(run.history) == ["0", "1", "final"] and len(run.history["final"]["loss"]) == 4


def test_the_model_hears_waveforms(run):
    wave = np.zeros((2, run.experiment.window_samples), np.float32)
    for model in (run.model, run.fold_model(0)):
        assert isinstance(model, keras.Model)
        probabilities = np.asarray(model(wave))
        assert probabilities.shape == (2, 3)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    with pytest.raises(ser_keras.BadInput, match="no fold 7; it has 0, 1"):
        run.fold_model(7)


def test_a_run_of_a_baseline_says_that_it_has_no_keras_model(trained):
    svm = quick("model={name: linear_svm}", "frontend.name=log_mel")
    run = Run(trained.run(svm).path)
    with pytest.raises(ser_keras.SerKerasError, match="no Keras model from waveform to probabilities: .+"):
        run.model  # noqa: B018
    assert run.history == {} and run.metrics.uar > 0
    with pytest.raises(ser_keras.SerKerasError, match="not trained in epochs"):
        run.plots.learning_curves()


@pytest.mark.parametrize("name", ["confusion", "per_class", "per_speaker", "learning_curves"])
def test_plots_are_figures_that_notebooks_show(run, name):
    figure = getattr(run.plots, name)()
    assert figure._repr_png_()[:4] == b"\x89PNG" and png(figure)[:4] == b"\x89PNG"


def test_a_run_shows_itself(run):
    head, line = repr(run).splitlines()
    assert head == f"<Run {run.path}: anand2015.r2 on manifest"
    assert line == f" {run.metrics}>" and f"UAR {run.metrics.uar:.3f}" in line
    assert "<td>anger</td><td>12</td>" in run._repr_html_() and "<caption>speaker_independent: UAR" in run._repr_html_()
    assert repr(run.predictions).splitlines()[0] == "<Predictions: 36 rows, 4 speakers, 3 classes"
    assert "<th>p_anger</th>" in run.predictions._repr_html_()


def test_a_run_that_is_not_finished_says_so(begun):
    run = Run(begun.path)
    assert not run.finished and run.folds == [0]
    assert "not finished: 1 folds are done" in repr(run) and "not finished" in run._repr_html_()
    for name in ("metrics", "predictions", "windows", "plots"):
        with pytest.raises(ser_keras.SerKerasError, match="isn't finished: train it on with `resume=True`"):
            getattr(run, name)
    with pytest.raises(ser_keras.SerKerasError, match="isn't finished"):
        run.model  # noqa: B018


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(ser_keras.SerKerasError, match="no run directory"):
        Run(tmp_path)


def test_metrics_of_another_version_are_one_line(trained, tmp_path):
    run = Run(trained.copy(tmp_path / "run", quick()).path)
    (run.path / "metrics.json").write_text('{"uar": 0.5}')
    with pytest.raises(ser_keras.Damaged, match="metrics.json is of another version: KeyError"):
        run.metrics  # noqa: B018


def test_evaluations_are_objects(trained, tmp_path):
    run = Run(trained.copy(tmp_path / "run", quick()).path)
    [as_it_is] = ser_keras.evaluate(run)
    assert as_it_is.name == "test" and as_it_is.metrics.uar == pytest.approx(run.metrics.uar)
    assert (as_it_is.folder / "predictions.csv").is_file()
    other, loud = run.evaluate(run.corpora, ["gain:-6", conditions.parse("gain:6")])
    assert other.name.endswith("gain_-6") and loud.name.endswith("gain_6") and other.metrics.leaky
    assert repr(other).startswith(f"<Evaluation {other.name}: LEAKY final model on manifest, ")
    assert f"<caption>LEAKY {other.name}: final model" in other._repr_html_()


def test_a_run_is_heard_live(trained, tmp_path):
    run = Run(trained.copy(tmp_path / "run", quick()).path)
    [live] = ser_keras.evaluate_live(run, utterances=9)
    assert live.name == "test-live" and live.content["n_utterances"] == 9 and not live.leaky
    assert repr(live).startswith("<LiveEvaluation test-live: ") and "<td>anger</td>" in live._repr_html_()
    with pytest.raises(ser_keras.BadInput, match="goes into the run; `out` is for bundles"):
        ser_keras.evaluate_live(run, out=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"utterances": 0}, "`utterances` is 0"),
        ({"seed": -1}, "`seed` is -1"),
        ({"codec": "mp3"}, "`codec` is 'mp3': there are none, telephone, opus"),
    ],
)
def test_how_a_run_cannot_be_heard_live(run, arguments, line):
    with pytest.raises(ser_keras.BadInput, match=line):
        run.evaluate_live(**arguments)


def test_a_corpus_that_a_run_names_makes_no_module_trusted(finished, monkeypatch):
    monkeypatch.setattr(plugins, "trusted_modules", {})
    run = ser_keras.Run(finished.path)
    monkeypatch.setattr(
        RunDirectory, "provenance", property(lambda _: {"corpora_paths": {"their_module:READER": "speech"}})
    )
    [corpus] = run.corpora
    assert corpus.name == "their_module:READER" and not plugins.is_trusted("their_module")
    with pytest.raises(ser_keras.SerKerasError, match="not imported"):
        _ = corpus.utterances
    ser_keras.Corpus("their_module:READER", "speech")  # a user's word
    assert plugins.is_trusted("their_module")
