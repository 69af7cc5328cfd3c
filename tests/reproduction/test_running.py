"""Rows run one after the other: going on, and failures."""

import csv
import types

import numpy as np
import pytest

from ser_keras import reproduction
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.experiment.run import RunDirectory
from ser_keras.reproduction import metrics, plan, running


def test_rows_that_are_done_are_not_run_again(fakes, corpus, tmp_path):
    names = ["anand2015.er1", "anand2015.r3"]
    fakes.refuse["anand2015.r3"] = KeyboardInterrupt()
    said = []
    with pytest.raises(KeyboardInterrupt):
        said.extend(reproduction.reproduce(names, corpus, tmp_path))
    assert fakes.calls == [("anand2015.r1", "speaker_independent"), ("anand2015.r3", "speaker_independent")]
    assert "anand2015.r1" in (tmp_path / "reproduce.txt").read_text()
    fakes.refuse.clear()
    fakes.calls.clear()
    lines = list(reproduction.reproduce(names, corpus, tmp_path))
    assert "about 4 min for 3 rows to train; 1 done already" in lines
    assert ("anand2015.r1", "speaker_independent") not in fakes.calls
    assert len(fakes.calls) == 3
    fakes.calls.clear()
    lines = list(reproduction.reproduce(names, corpus, tmp_path))
    assert "nothing to train; 4 rows done already" in lines
    assert not fakes.calls
    # other settings: training is asked, and refuses by itself
    list(
        reproduction.reproduce(
            ["anand2015.r3"], corpus, tmp_path, protocols=["chunk_random"], changes=["training.epochs=3"]
        )
    )
    assert fakes.calls == [("anand2015.r3", "chunk_random")]


def test_tables_hold_what_was_done_earlier_and_survive_a_call_that_fails(fakes, corpus, tmp_path):
    list(reproduction.reproduce(["anand2015.r1", "anand2015.er1"], corpus, tmp_path, protocols=["chunk_random"]))
    text = "\n".join(reproduction.reproduce(["anand2015.r7"], corpus, tmp_path, protocols=["chunk_random"]))
    assert "held        anand2015.r7 > anand2015.r1: +" in text
    with open(tmp_path / "reproduce.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["anand2015.r1", "anand2015.r7", "anand2015.er1"]
    written = (tmp_path / "reproduce.txt").read_text()
    fakes.refuse["anand2015.r7"] = SerKerasError("other settings")
    with pytest.raises(SerKerasError):
        list(reproduction.reproduce(["anand2015.r7"], corpus, tmp_path, protocols=["chunk_random"], changes=["seed=1"]))
    assert (tmp_path / "reproduce.txt").read_text() == written
    del fakes.refuse["anand2015.r7"]
    text = "\n".join(reproduction.reproduce(["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"]))
    assert "held        anand2015.r7 > anand2015.r1: +" in text, "a refused call takes nothing away"


def test_the_order_of_corpora_changes_nothing(monkeypatch):
    monkeypatch.setattr(running, "read_corpora", lambda corpora: types.SimpleNamespace(utterances=[]))
    given = [("emodb", "a"), ("ravdess", "b")]
    assert (
        running.fingerprint_of_corpora(given)
        == running.fingerprint_of_corpora(given[::-1])
        != running.fingerprint_of_corpora(given[:1])
    )


def test_what_a_curve_varies_cannot_be_set(fakes, corpus, tmp_path):
    lines = []
    with pytest.raises(SerKerasError):
        for line in reproduction.reproduce(["neumann2016.length"], corpus, tmp_path, changes=["snippet_s=2"]):
            lines.append(line)
    assert any("--set snippet_s: the curve neumann2016.length varies it itself" in line for line in lines)
    assert not fakes.calls


@pytest.mark.parametrize("name", ["segments.csv", "predictions.csv", "metrics.json", "reproduced.json"])
def test_a_damaged_row_is_made_again(fakes, corpus, tmp_path, name):
    rows_and_place = (["anand2015.r1"], corpus, tmp_path)
    list(reproduction.reproduce(*rows_and_place, protocols=["chunk_random"]))
    file = tmp_path / "anand2015.r1" / "chunk_random" / name
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: len(lines) // 2]))
    fakes.calls.clear()
    list(reproduction.reproduce(*rows_and_place, protocols=["chunk_random"]))
    assert fakes.calls == [("anand2015.r1", "chunk_random")]
    file.unlink()
    list(reproduction.reproduce(*rows_and_place, protocols=["chunk_random"]))
    assert len(fakes.calls) == 2


def test_a_failing_row_does_not_stop_the_others(fakes, corpus, tmp_path):
    fakes.refuse["anand2015.r3"] = SerKerasError("one class\nis left")
    said = []
    with pytest.raises(SerKerasError, match=r"2 of 4 rows couldn't be run: anand2015.r3 \(chunk_random\), anand2015"):
        for line in reproduction.reproduce(
            ["anand2015.er2", "anand2015.s1"], corpus, tmp_path, protocols=["chunk_random"]
        ):
            said.append(line)
    assert "anand2015.r3, chunk_random: one class is left" in said
    assert "anand2015.er2, chunk_random: anand2015.er2 is made from anand2015.r3, which couldn't be run" in said
    assert any(line.startswith("anand2015.s1, chunk_random: LEAKY WA") for line in said)
    assert "one class is left" in (tmp_path / "reproduce.html").read_text()


def test_bad_usage_is_refused_before_anything_is_run(fakes, corpus, tmp_path):
    with pytest.raises(SerKerasError, match="--protocol"):
        list(reproduction.reproduce(["anand2015.r1"], corpus, tmp_path, changes=["protocol.name=chunk_random"]))
    with RunDirectory(tmp_path).locked(), pytest.raises(SerKerasError, match="in use by another process"):
        list(reproduction.reproduce(["anand2015.r1"], corpus, tmp_path))
    with pytest.raises(SerKerasError, match="^unknown setting 'training.epoch'; nearest: training.epochs"):
        list(reproduction.reproduce(["anand2015"], corpus, tmp_path, changes=["training.epoch=2"]))
    assert not (tmp_path / "reproduce.txt").exists()
    assert not fakes.calls


@pytest.mark.smoke
def test_end_to_end(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(plan.estimates, "estimate", lambda experiment, corpora, out: 1.0)  # it trains a few steps
    names = ["anand2015.er2", "anand2015.scores_lda", "anand2015.weights"]
    changes = ["training.epochs=1", "model.filters=[2, 2]", "model.hidden=4"]
    lines = list(reproduction.reproduce(names, corpus, tmp_path, protocols=["chunk_random"], changes=changes))
    assert "disgust" not in "\n".join(lines)
    for name in ("r1", "r3", "er2", "scores_lda"):
        folder = tmp_path / f"anand2015.{name}" / "chunk_random"
        present = {path.name for path in folder.iterdir()}
        assert {"predictions.csv", "segments.csv", "metrics.json", "confusion.csv", "confusion.png"} <= present
        assert not (folder / "final").exists()
        assert np.allclose(Predictions.read_csv(folder / "segments.csv").probabilities.sum(axis=1), 1, atol=1e-5)
    judged = [metrics.read(tmp_path / f"anand2015.{name}" / "chunk_random") for name in ("r1", "scores_lda")]
    assert (judged[0].windows.file == judged[1].windows.file).all()
    assert (judged[0].windows.start == judged[1].windows.start).all()
    assert (tmp_path / "anand2015.weights" / "chunk_random" / "filters.png").is_file()
    # changed settings are refused, and the row that is there stays
    said = []
    with pytest.raises(SerKerasError, match="1 of 1 rows"):
        for line in reproduction.reproduce(
            ["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"], changes=[*changes, "seed=1"]
        ):
            said.append(line)
    assert any("was started with other settings" in line for line in said)
