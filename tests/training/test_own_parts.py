"""One's own parts from `train` to the phone: in recipes, workers, evaluations and bundles."""

import json
import subprocess
import sys

import numpy as np
import pytest

from ser_keras.cli.main import main
from ser_keras.common import plugins
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA
from ser_keras.experiment import assembly, rules
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment
from ser_keras.runtime.model import load
from tests.made_corpus import write_corpus
from tests.own_parts import SOURCE

CLASSES = "classes={anger: [anger], neutral: [neutral], sadness: [sadness]}"
SETTINGS = (
    *("--set", CLASSES, "--set", "model.name=own_parts:tiny", "--set", "frontend.name=own_parts:FrameEnergy"),
    *("--set", "training.epochs=1", "--set", "training.calibration_groups=0", "--set", "protocol.folds=2"),
    *("--set", "augmentation={mode: random, functions: [{name: 'own_parts:breath', level: 0.02}]}"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with own_parts.py, speech, and a run in which every part is the user's."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_parts.py").write_text(SOURCE)
    write_corpus(folder / "speech")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(plugins, "trusted_modules", {})
        patch.setenv("SER_KERAS_CACHE", str(folder / "cache"))
        corpus = "own_parts:READER=speech"
        assert main(["train", "--corpus", corpus, "--recipe", "log_mel_cnn", *SETTINGS, "--out", "run"]) == 0
    yield folder
    CORPORA.pop("mine", None)  # other tests look at every corpus


@pytest.fixture
def stranger(place, monkeypatch):
    """The folder, in a process that trusts nothing."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(plugins, "trusted_modules", {})
    return place


def test_the_run_says_of_what_it_was_made(stranger):
    run = RunDirectory(stranger / "run")
    tree = run.experiment
    assert tree["model"] == {"name": "own_parts:tiny", "units": 8}
    assert tree["augmentation"]["functions"] == [{"name": "own_parts:breath", "level": 0.02}]
    assert tree["corpora"][0]["name"] == "mine" and tree["corpora"][0]["licence"] == "CC0"
    assert list(run.provenance["own_parts"]) == ["own_parts"] and len(run.provenance["own_parts"]["own_parts"]) == 64


def test_a_run_names_modules_that_are_not_imported_for_that(stranger, capsys):
    assert main(["evaluate", "run"]) == 2
    assert main(["export", "run", "--out", "bundle"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and all("--plugin own_parts" in line for line in lines)
    with pytest.raises(SerKerasError, match="`plugins` own_parts"):
        RunDirectory("run").trained_with()


def test_a_named_plugin_serves_evaluation_and_conditions(stranger, capsys):
    assert main(["evaluate", "run", "--plugin", "own_parts", "--condition", "own_parts:HUM:0.1"]) == 0
    assert "hum at 0.1" in capsys.readouterr().out
    assert main(["evaluate", "run", "--plugin", "own_parts", "--corpus", "own_parts:READER=speech"]) == 0
    metrics = json.loads((stranger / "run" / "evaluations" / "mine" / "metrics.json").read_text())
    assert metrics["leaky"] and "trained on mine" in metrics["leaky_reason"]


def test_own_descriptors_are_trained_resumed_and_not_exported(stranger, capsys):
    changes = ("frontend={name: 'own_parts:Loudness', parts: 3}", "model={name: softmax}", "augmentation={mode: none}")
    options = [part for change in (*changes, CLASSES, "protocol.folds=2") for part in ("--set", change)]
    options += ["--set", "training.calibration_groups=0"]
    command = [
        "train",
        "--corpus",
        "manifest=speech/manifest.csv",
        "--recipe",
        "log_mel_cnn",
        *options,
        "--out",
        "loud",
    ]
    command += options
    assert main([*command, "--fold", "0"]) == 0
    plugins.trusted_modules.clear()
    assert main([*command, "--resume"]) == 0
    assert "36 utterances, 4 speakers" in capsys.readouterr().out
    assert main(["export", "loud", "--plugin", "own_parts", "--out", "loud_bundle"]) == 2
    assert "features (own_parts:Loudness) are computed outside the graph" in capsys.readouterr().err


def test_own_layers_are_converted(stranger):
    code = "import sys; from ser_keras.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "export", "run", "--plugin", "own_parts", "--out", "bundle"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert load("bundle").predict("speech/s0_anger_0.wav").probabilities.keys() == {"anger", "neutral", "sadness"}


def test_workers_find_own_parts(stranger, capsys):
    (stranger / "space.yaml").write_text(
        "recipe: log_mel_cnn\n"
        "set: {classes: {anger: [anger], neutral: [neutral], sadness: [sadness]}, training.epochs: 1,\n"
        "      training.calibration_groups: 0, augmentation: {mode: none}}\n"
        "vary:\n  model.name: ['own_parts:tiny', log_mel_cnn]\n"
    )
    options = ["--strategy", "grid", "--workers", "2", "--folds", "2", "--out", "search"]
    assert main(["tune", "space.yaml", "--corpus", "manifest=speech/manifest.csv", *options]) == 0
    log = "".join(path.read_text() for path in (stranger / "search" / "workers").glob("*.log"))
    assert "Error" not in log and "own_parts:tiny" in (stranger / "search" / "trials.csv").read_text()


def test_another_model_comes_without_the_settings_of_the_one_before():
    changes = ["model.units=5", "model.name=statistics_mlp"]
    experiment = Experiment.from_recipe("anand2015.r2", ["model.name=log_mel_cnn"])
    cnn = Experiment.from_recipe("log_mel_cnn")
    assert set(rules.complete(experiment).model.arguments()) == set(rules.complete(cnn).model.arguments())
    assert Experiment.from_recipe("anand2015.r2", changes).model.arguments() == {"units": 5}
    same = Experiment.from_recipe("anand2015.r2", ["model.name=anand2015_cnn", "model.hidden=9"]).model
    assert same.arguments()["hidden"] == 9 and len(same.arguments()) > 1


def test_an_augmentation_of_ones_own_is_tried_before_anything_is_trained(stranger):
    functions = [{"name": "own_parts:shorter"}]
    experiment = Experiment.from_recipe("log_mel_cnn", augmentation={"mode": "random", "functions": functions})
    with pytest.raises(SerKerasError, match=r"own_parts:shorter makes float32 \[15999\] of 16000 samples"):
        assembly.own_augmentations(rules.complete(experiment))
    cached = Experiment.from_recipe(
        "log_mel_cnn", augmentation={"mode": "random", "copies": 2, "functions": [{"name": "own_parts:breath"}]}
    )
    with pytest.raises(SerKerasError, match="augmentation.functions change windows as they are drawn"):
        rules.complete(cached)


def test_a_function_that_does_not_fit_is_refused_before_features_are_computed(stranger, capsys):
    change = "augmentation={mode: random, functions: [{name: 'own_parts:shorter'}]}"
    options = ["--recipe", "log_mel_cnn", "--set", CLASSES, "--set", change, "--set", "window_s=1.5"]
    assert main(["train", "--corpus", "manifest=speech/manifest.csv", *options, "--out", "refused"]) == 2
    lines = capsys.readouterr().err
    assert "own_parts:shorter makes" in lines and "features:" not in lines


def test_an_edited_front_end_has_other_cached_features(stranger, monkeypatch):
    plugins.use(["own_parts"])
    experiment = Experiment.from_recipe("log_mel_cnn", frontend="own_parts:FrameEnergy")
    before = assembly.build_extractor(experiment).identity()
    file = stranger / "own_parts.py"
    monkeypatch.setattr(plugins, "source_digest", lambda module: "another")
    assert assembly.build_extractor(experiment).identity() != before
    assert file.is_file() and np.prod(assembly.build_extractor(experiment).feature_shape(16000)) == 62 * 32


def test_a_notebooks_model_serves_in_python(monkeypatch):
    """A class or function stands for its name; a lambda has none."""
    from ser_keras.models.own.log_mel_cnn import log_mel_cnn

    experiment = Experiment.from_recipe("anand2015.r2", model=log_mel_cnn)
    assert experiment.model.name == "ser_keras.models.own.log_mel_cnn:log_mel_cnn"
    with pytest.raises(SerKerasError, match="has no name by which a run could find it again"):
        Experiment.from_recipe("anand2015.r2", model=lambda shape, n: None)
