"""The command line as its users meet it: exit codes, one clear line, JSON, nothing heavy imported."""

import json
import subprocess
import sys
from typing import get_args

import pytest

from ser_keras.cli import commands, options
from ser_keras.cli.main import main
from ser_keras.common.errors import SerKerasError
from ser_keras.features.streams import plan
from tests.broken_audio import write_broken_audio
from tests.made_corpus import write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), speakers=2, takes=1)


def called(capsys, *arguments):
    """(exit code, standard output, standard error) of a call."""
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "required"),
        (("tran",), "invalid choice"),
        (("train",), "required: --corpus, --recipe, --out"),
        (("train", "--corpus", "emodb", "--recipe", "x", "--out", "y"), "names no folder: write emodb=PATH"),
        (("corpora", "check", "emodb="), "write NAME=PATH"),
        (("corpora", "check", "emodd=."), "emodb"),
        (("corpora", "check", "emodb=no/such/folder"), "no such folder"),
        (("train", "--corpus", "emodb=x", "--recipe", "anand2015.r22", "--out", "y"), "nearest: anand2015.r2"),
        (
            ("train", "--corpus", "emodb=x", "--recipe", "anand2015.r2", "--set", "training.epoch=1", "--out", "y"),
            "nearest: training.epochs",
        ),
        (("evaluate", "no-run"), "no run directory"),
        (("evaluate", "no-run", "--seed", "1"), "--seed goes with --live alone"),
        (("evaluate", "no-run", "--live"), "no-run is no run: a bundle needs --corpus and --out"),
        (("evaluate", "no-run", "--live", "--condition", "noise:20"), "--condition goes without --live"),
        (("evaluate", "no-run", "--live", "--utterances", "0"), "a number of utterances from 1, or all"),
        (("export", "no-run", "--out", "b"), "no run directory"),
        (("report", "no-run"), "no run directory"),
        (("predict", "x.wav", "--model", "no-model"), "no-model"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(capsys, arguments, line):
    code, out, err = called(capsys, *arguments)
    assert code == 2 and not out
    assert line in err and len(err.strip().splitlines()) == 1 and err.startswith("ser-keras")


def test_debug_shows_where(capsys):
    with pytest.raises(SerKerasError):
        main(["--debug", "evaluate", "no-run"])
    with pytest.raises(SerKerasError):
        main(["evaluate", "no-run", "--debug"])


def test_an_internal_error_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr(commands, "run_corpora_list", lambda options: 1 / 0)
    code, _, err = called(capsys, "corpora", "list")
    expected = (
        "ser-keras: internal error, please report it: ZeroDivisionError: division by zero (--debug shows where)\n"
    )
    assert (code, err) == (1, expected)


def test_a_missing_package_names_its_extra(capsys, monkeypatch):
    def missing(options):
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    monkeypatch.setattr(commands, "run_corpora_list", missing)
    code, _, err = called(capsys, "corpora", "list")
    assert code == 2 and "pip install 'ser-keras[train-cpu]'" in err


@pytest.mark.parametrize("command", ["demo", "corpora", "train", "evaluate", "export", "predict", "report"])
def test_every_command_has_help(capsys, command):
    code, out, _ = called(capsys, command, "--help")
    assert code == 0 and "usage: ser-keras" in out


def test_corpora_list_names_all_with_licence(capsys):
    code, out, _ = called(capsys, "corpora", "list")
    assert code == 0
    for name in ("emodb", "ravdess", "nemo", "savee", "synthetic", "manifest", "audformat", "CC0-1.0"):
        assert name in out
    assert "EMO-DB (Berlin Database of Emotional Speech); language de; CC0-1.0" in out


def test_corpora_check_json(capsys, corpus):
    code, out, _ = called(capsys, "corpora", "check", f"manifest={corpus}", "--json")
    result = json.loads(out)
    assert code == 0 and result["n_utterances"] == 6 and result["matches_published"] is None
    wanted = "corpus n_utterances n_speakers hours emotions speakers sample_rates bad_files matches_published"
    assert set(wanted.split()) <= set(result)


def test_predict_reads_a_few_dozen_broken_files(capsys, tmp_path):
    files = write_broken_audio(tmp_path)
    paths = [str(tmp_path / name) for name in files]
    code, out, _ = called(capsys, "predict", *paths, "--json")
    assert code == 2
    results = json.loads(out)
    assert [r["file"] for r in results] == paths
    for (name, kind), result in zip(files.items(), results, strict=True):
        if kind == "error":
            assert result["error"] and "\n" not in result["error"], name
        else:
            assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-5), name
            assert set(result) >= {"file", "emotion", "probabilities", "segments", "model"}
            assert set(result["segments"][0]) >= {"start", "end", "probabilities"}


def test_predict_for_people(capsys, tmp_path, corpus):
    code, out, _ = called(capsys, "predict", corpus.parent / "s0_anger_0.wav", tmp_path / "missing.wav")
    assert code == 2
    assert "s0_anger_0.wav: " in out and "%" in out and out.count("missing.wav") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["corpora", "list"]])
def test_light_commands_import_nothing_heavy(arguments):
    code = (
        "import sys; from ser_keras.cli.main import main\n"
        f"try: main({arguments})\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'librosa', 'matplotlib', 'pydantic', 'rich', 'audformat'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_the_codecs_of_evaluate_are_those_of_streams():
    assert get_args(plan.Codec) == options.CODECS
