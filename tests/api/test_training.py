"""Training through the public functions: what it leaves, says and reports."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ser_keras
from tests.trained_runs import ONE_EPOCH, quick

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
LISTEN = """
import json, logging, sys

class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

lines, steps = [], []
logging.getLogger("ser_keras").addHandler(Lines())
logging.getLogger("ser_keras").setLevel(logging.INFO)
"""
SAY = """
shown = [x._repr_html_() for x in (corpus, experiment, run, run.metrics, run.predictions, bundle)]
shown += map(repr, (corpus, experiment, run, run.metrics, run.predictions, run.model, bundle, model))
said = {"steps": [str(s) for s in steps], "lines": lines, "shown": shown, "uar": run.metrics.uar}
json.dump(said, open("said.json", "w"))
"""


def test_the_way_of_the_page_prints_nothing_and_reports_all(corpus, tmp_path):
    """`docs/python.md` as it is written, but for the data, the length of the training and who hears of its progress."""
    [page] = re.findall(r"```python\n(import ser_keras\n.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    places = {
        '"emodb", "/data/emodb"': f'"manifest", "{corpus[0][1]}"',
        '{"ravdess": "/data/ravdess"}': f'{{"manifest": "{corpus[0][1]}"}}',
        '"speech.wav"': f'"{next(corpus[0][1].parent.glob("*.wav"))}"',
        'training={"epochs": 12}': 'training={"epochs": 1}, protocol={"folds": 2}',
        "ser_keras.Bars()": "steps.append",
    }
    for written, here in places.items():
        assert page.count(written) == 1
        page = page.replace(written, here)
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", LISTEN + page + SAY],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said = json.loads((tmp_path / "said.json").read_text())
    for stage in ("decoding", "features", "fold 1/2", "final refit"):
        assert any(step.startswith(stage) for step in said["steps"]), (stage, said["steps"])
    for stage in ("fold 2/2", "conversion to TFLite"):
        assert any(line.startswith(stage) for line in said["lines"]), (stage, said["lines"])
    assert all(said["shown"]) and 0 <= said["uar"] <= 1
    assert (tmp_path / "runs/first/evaluations").is_dir() and (tmp_path / "bundles/first/bundle.json").is_file()


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
