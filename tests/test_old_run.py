"""Runs that were trained before the modules moved (`fixtures/run_ccc8509`) are used by the present code.

Everything goes by the command line: this file imports nothing else of the package, so that it stays as it is however
the modules move again.
"""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ser_keras.cli.main import main
from tests.old_run_corpus import write_corpus

FIXTURE = Path(__file__).parent / "fixtures" / "run_ccc8509"
KINDS = ("corpus_heads", "statistics", "attention", "semi_cnn", "mfcc", "alexnet", "svm")
KERAS_KINDS = tuple(kind for kind in KINDS if kind != "svm")

# A process of its own: nothing that other tests have imported has registered a layer before a file is opened.
EVALUATE_ALL = """
import contextlib, io, json, sys
from ser_keras.cli.main import main
answers = {}
for kind, arguments in json.loads(sys.argv[1]).items():
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = main(arguments)
    answers[kind] = [code, errors.getvalue()]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """A folder with the fixture's `run` and `kinds`, and their `corpus`, made again."""
    folder = tmp_path_factory.mktemp("old") / "fixture"
    shutil.copytree(FIXTURE, folder)
    corpus = write_corpus(folder / "corpus")
    for file in folder.rglob("provenance.json"):
        file.write_text(file.read_text("utf-8").replace("@CORPUS@", corpus.as_posix()), "utf-8")
    return folder


@pytest.fixture(scope="module")
def evaluated(old, tmp_path_factory) -> dict[str, tuple[int, str]]:
    """kind -> exit code and standard error of `evaluate` with its final model on the corpus."""
    commands = {}
    for kind in KINDS:
        run = old / "kinds" / kind
        corpora = json.loads((run / "provenance.json").read_text("utf-8"))["corpora_paths"]
        commands[kind] = ["evaluate", str(run), "--corpus", f"manifest={corpora['manifest']}"]
    environment = {**os.environ, "SER_KERAS_CACHE": str(tmp_path_factory.mktemp("cache"))}
    child = subprocess.run(
        [sys.executable, "-c", EVALUATE_ALL, json.dumps(commands)], env=environment, capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr
    return {kind: (code, errors) for kind, (code, errors) in json.loads(child.stdout.splitlines()[-1]).items()}


def predictions(file: Path) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """(file, speaker, fold and true class of each row; probabilities [n, classes]) of a predictions.csv."""
    with open(file, newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    columns = [name for name in rows[0] if name.startswith("p_")]
    keys = [(row["file"], row["speaker"], row["fold"], row["true"]) for row in rows]
    return keys, np.array([[float(row[name]) for name in columns] for row in rows])


def assert_same_predictions(file: Path, expected: Path) -> None:
    (keys, values), (old_keys, old_values) = predictions(file), predictions(expected)
    assert keys == old_keys
    np.testing.assert_allclose(values, old_values, atol=1e-5)


def of_then(kind: str) -> Path:
    """The stored predictions of a kind's final model, below `kinds/KIND`."""
    [file] = (FIXTURE / "kinds" / kind).glob("evaluations/*/predictions.csv")
    return file


def test_the_report_of_an_old_run_is_written(old, capsys):
    assert main(["report", str(old / "run"), "--out", str(old / "report.html")]) == 0
    metrics = json.loads((old / "run" / "metrics.json").read_text("utf-8"))
    assert f"{100 * metrics['uar']:.1f}" in (old / "report.html").read_text("utf-8")


def test_the_folds_of_an_old_run_predict_what_they_did(old, capsys):
    assert main(["evaluate", str(old / "run")]) == 0
    assert capsys.readouterr().out.startswith("test: speaker_independent: UAR ")
    folder = old / "run" / "evaluations" / "test"
    assert_same_predictions(folder / "predictions.csv", FIXTURE / "run" / "predictions.csv")
    now, then = (json.loads((f / "metrics.json").read_text("utf-8")) for f in (folder, FIXTURE / "run"))
    assert now["uar"] == then["uar"] and not now["leaky"]


@pytest.mark.skipif(importlib.util.find_spec("ai_edge_quantizer") is None, reason="needs the extra `export`")
def test_an_old_run_is_exported_and_its_bundle_predicts(old, capsys):
    run = old / "run"
    assert main(["export", str(run), "--out", str(run / "bundle"), "--default", "auto"]) == 0
    info = json.loads((run / "bundle" / "bundle.json").read_text("utf-8"))
    assert info["uar_estimate_missing"] is None, "the corpus was recognised and its test folds were heard"
    then = json.loads((FIXTURE / "run" / "metrics.json").read_text("utf-8"))
    float32 = "model_float32.tflite"
    assert info["uar_estimate"][float32]["keras_uar"] == pytest.approx(then["uar"])
    assert info["difference"][float32]["largest"] < 1e-4
    capsys.readouterr()
    audio = old / "corpus" / "s0_anger_0.wav"
    assert main(["predict", str(audio), "--model", str(run), "--json"]) == 0
    [result] = json.loads(capsys.readouterr().out)
    assert result["emotion"] == "anger" and set(result["probabilities"]) == {"anger", "neutral", "sadness"}
    assert sum(result["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_every_layer_in_an_old_file_computes_what_it_did(old, evaluated, kind):
    assert evaluated[kind][0] == 0, evaluated[kind][1]
    file = of_then(kind)
    assert_same_predictions(old / file.relative_to(FIXTURE), file)


def test_an_old_baseline_is_used_or_refused_in_one_line(old, evaluated):
    """A skops file holds module paths alone: where they are gone, the user is told to train again."""
    code, errors = evaluated["svm"]
    if code == 0:
        file = of_then("svm")
        assert_same_predictions(old / file.relative_to(FIXTURE), file)
        return
    assert code == 2, errors
    [line] = [line for line in errors.splitlines() if line.startswith("ser-keras: ")]
    assert "baseline.skops" in line and "train" in line
