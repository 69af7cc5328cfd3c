"""Training through the public functions: what it leaves, says and reports."""

import json
import os
import subprocess
import sys

import pytest

import ser_keras
from tests.trained_runs import ONE_EPOCH, quick

WORK = """
import json, logging, sys
import ser_keras

class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

lines, steps = [], []
logging.getLogger("ser_keras").addHandler(Lines())
logging.getLogger("ser_keras").setLevel(logging.INFO)
settings, corpus, out = sys.argv[1:]
experiment = ser_keras.Experiment.from_yaml(open(settings).read())
run = ser_keras.train(experiment, {"manifest": corpus}, out + "/run", progress=steps.append)
ser_keras.evaluate(run, conditions=["gain:-6"], progress=steps.append)
[heard] = ser_keras.predict([run.corpora[0].utterances[0].path], run.export(out + "/bundle", progress=steps.append))
repr(run), run._repr_html_(), run.model
json.dump({"steps": [str(s) for s in steps], "lines": lines, "heard": heard.to_dict()}, open(out + "/said.json", "w"))
"""


def test_the_way_from_python_prints_nothing_and_reports_all(corpus, tmp_path):
    (tmp_path / "settings.yaml").write_text(quick(ONE_EPOCH).to_yaml())
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(tmp_path / "settings.yaml"), str(corpus[0][1]), str(tmp_path)],
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said = json.loads((tmp_path / "said.json").read_text())
    for stage in ("decoding", "features", "fold 1/2", "final refit", "conversion to TFLite"):
        assert any(step.startswith(stage) for step in said["steps"]), (stage, said["steps"])
    assert any(line.startswith("fold 2/2 ") for line in said["lines"])
    assert sum(said["heard"]["probabilities"].values()) == pytest.approx(1)


def test_a_training_goes_on_and_starts_from_another(corpus, tmp_path, finished):
    experiment = quick(ONE_EPOCH)
    out, start = tmp_path / "run", ser_keras.Run(finished.path)
    begun = ser_keras.train(experiment, corpus, out, fold=1, init=start)
    assert not begun.finished and begun.folds == [1]
    with pytest.raises(ser_keras.SerKerasError, match="holds a run already"):
        ser_keras.train(experiment, corpus, out, init=start)
    run = ser_keras.train(experiment, corpus, out, resume=True, init=start, refit=False)
    assert run.finished and run.metrics.leaky and "initial weights" in run.metrics.leaky_reason
    assert not (run.path / "final").exists() and run.report.is_file()


def test_a_recipe_s_name_or_file_will_do(corpus, tmp_path):
    with pytest.raises(ser_keras.SerKerasError, match="nearest: anand2015.r2"):
        ser_keras.train("anand2015.r22", corpus, tmp_path / "run")
    (tmp_path / "mine.yaml").write_text(quick(ONE_EPOCH).to_yaml())
    plan = ser_keras.estimate(tmp_path / "mine.yaml", corpus)
    assert plan.n_utterances == 36 and plan.epochs == 1 and len(plan.folds) == 2


def test_a_missing_package_names_its_extra(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ser_keras.training", None)
    with pytest.raises(ModuleNotFoundError):  # our own module: no extra brings it
        ser_keras.train(quick(), corpus, tmp_path / "run")
    monkeypatch.setitem(sys.modules, "ser_keras.tuning.running", None)
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    monkeypatch.delitem(sys.modules, "ser_keras.tuning.running")
    for name in [name for name in sys.modules if name.startswith("ser_keras.tuning")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ser_keras.Unavailable, match=r"'keras_tuner.*pip install 'ser-keras\[tune\]'"):
        ser_keras.tune("log_mel_cnn", corpus, tmp_path / "search")


def test_rows_and_spaces_that_there_are_not(corpus, tmp_path):
    with pytest.raises(ser_keras.SerKerasError, match="anand2015.r99"):
        ser_keras.reproduce("anand2015.r99", corpus, tmp_path / "rows")
    with pytest.raises(ser_keras.SerKerasError, match="no space 'none'"):
        ser_keras.tune("none", corpus, tmp_path / "search")
    assert not list(tmp_path.iterdir())


def test_a_bundle_is_an_object_that_can_be_loaded(trained, tmp_path):
    run = ser_keras.Run(trained.copy(tmp_path / "run", quick()).path)
    bundle = run.export(tmp_path / "bundle", fold=0)
    assert bundle.path == tmp_path / "bundle" and all(file.is_file() for file in bundle.files)
    assert bundle.sizes["model.tflite"] == (bundle.path / "model.tflite").stat().st_size
    assert set(bundle.latencies) == set(bundle.uar) == {"model.tflite", "model_float32.tflite"}
    assert ser_keras.load(bundle).classes == bundle.classes == tuple(run.metrics.classes)
    assert repr(bundle).startswith(f"<Bundle {bundle.path}: anger, neutral, sadness\n model.tflite (default): ")
    assert "<td>model.tflite</td>" in bundle._repr_html_()
    with pytest.raises(ser_keras.BadInput, match="is no run: a bundle needs `corpora` and `out`"):
        ser_keras.evaluate_live(bundle)
    [live] = ser_keras.evaluate_live(bundle, run.corpora, utterances=6, out=tmp_path / "live")
    assert live.folder.parent == tmp_path / "live" and live.leaky and live.content["n_utterances"] == 6
    with pytest.raises(ser_keras.NotFound, match="holds no bundle.json"):
        ser_keras.Bundle(run.path)
