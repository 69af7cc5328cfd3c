"""Rows run one after the other: going on, and failures."""

import csv
import types

import numpy as np
import pytest

from ser_keras.cli import main, texts
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.experiment.run import RunDirectory
from ser_keras.reproduction import metrics, plan, running
from ser_keras.reproduction.running import reproduce
from tests.reproduction.reproducing import reproduce_with_lines


def test_rows_that_are_done_are_not_run_again(fakes, corpus, tmp_path):
    names = ["anand2015.er1", "anand2015.r3"]
    fakes.refuse["anand2015.r3"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        reproduce(names, corpus, tmp_path)
    assert fakes.calls == [("anand2015.r1", "speaker_independent"), ("anand2015.r3", "speaker_independent")]
    assert "anand2015.r1" in (tmp_path / "reproduce.txt").read_text()
    fakes.refuse.clear()
    fakes.calls.clear()
    _, lines = reproduce_with_lines(names, corpus, tmp_path)
    assert "about 4 min for 3 rows to train; 1 done already" in lines
    assert ("anand2015.r1", "speaker_independent") not in fakes.calls
    assert len(fakes.calls) == 3
    fakes.calls.clear()
    _, lines = reproduce_with_lines(names, corpus, tmp_path)
    assert "nothing to train; 4 rows done already" in lines
    assert not fakes.calls
    # other settings: training is asked, and refuses by itself
    reproduce(["anand2015.r3"], corpus, tmp_path, protocols=["chunk_random"], changes=["training.epochs=3"])
    assert fakes.calls == [("anand2015.r3", "chunk_random")]


def test_tables_hold_what_was_done_earlier_and_survive_a_call_that_fails(fakes, corpus, tmp_path):
    reproduce(["anand2015.r1", "anand2015.er1"], corpus, tmp_path, protocols=["chunk_random"])
    text = "\n".join(reproduce(["anand2015.r7"], corpus, tmp_path, protocols=["chunk_random"]).tables)
    assert "held        anand2015.r7 > anand2015.r1: +" in text
    with open(tmp_path / "reproduce.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["anand2015.r1", "anand2015.r7", "anand2015.er1"]
    written = (tmp_path / "reproduce.txt").read_text()
    fakes.refuse["anand2015.r7"] = SerKerasError("other settings")
    result = reproduce(["anand2015.r7"], corpus, tmp_path, protocols=["chunk_random"], changes=["seed=1"])
    assert result.refused == result.rows and result.table is result.page is None
    assert (tmp_path / "reproduce.txt").read_text() == written
    del fakes.refuse["anand2015.r7"]
    text = "\n".join(reproduce(["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"]).tables)
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
    result = reproduce(["neumann2016.length"], corpus, tmp_path, changes=["snippet_s=2"])
    assert any(
        "`changes` snippet_s: the curve neumann2016.length varies it itself" in row.problem for row in result.rows
    )
    assert not fakes.calls


@pytest.mark.parametrize("name", ["segments.csv", "predictions.csv", "metrics.json", "reproduced.json"])
def test_a_damaged_row_is_made_again(fakes, corpus, tmp_path, name):
    rows_and_place = (["anand2015.r1"], corpus, tmp_path)
    reproduce(*rows_and_place, protocols=["chunk_random"])
    file = tmp_path / "anand2015.r1" / "chunk_random" / name
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: len(lines) // 2]))
    fakes.calls.clear()
    reproduce(*rows_and_place, protocols=["chunk_random"])
    assert fakes.calls == [("anand2015.r1", "chunk_random")]
    file.unlink()
    reproduce(*rows_and_place, protocols=["chunk_random"])
    assert len(fakes.calls) == 2


def test_a_failing_row_does_not_stop_the_others(fakes, corpus, tmp_path):
    fakes.refuse["anand2015.r3"] = SerKerasError("one class\nis left")
    names = ["anand2015.er2", "anand2015.s1"]
    result, said = reproduce_with_lines(names, corpus, tmp_path, protocols=["chunk_random"])
    assert [row.id for row in result.refused] == ["anand2015.r3", "anand2015.er2"] and len(result.rows) == 4
    assert texts.refused_rows(result).startswith(
        "2 of 4 rows couldn't be run: anand2015.r3 (chunk_random), anand2015.er2 (chunk_random)"
    )
    assert "anand2015.r3, chunk_random: one class is left" in said
    assert "anand2015.er2, chunk_random: anand2015.er2 is made from anand2015.r3, which couldn't be run" in said
    assert any(line.startswith("anand2015.s1, chunk_random: LEAKY WA") for line in said)
    assert "one class is left" in (tmp_path / "reproduce.html").read_text()


def test_bad_usage_is_refused_before_anything_is_run(fakes, corpus, tmp_path):
    with pytest.raises(SerKerasError, match="`protocols`"):
        reproduce(["anand2015.r1"], corpus, tmp_path, changes=["protocol.name=chunk_random"])
    with RunDirectory(tmp_path).locked(), pytest.raises(SerKerasError, match="in use by another process"):
        reproduce(["anand2015.r1"], corpus, tmp_path)
    with pytest.raises(SerKerasError, match="^unknown setting 'training.epoch'; nearest: training.epochs"):
        reproduce(["anand2015"], corpus, tmp_path, changes=["training.epoch=2"])
    assert not (tmp_path / "reproduce.txt").exists()
    assert not fakes.calls


def test_a_result_is_data_and_shows_itself(fakes, corpus, tmp_path):
    fakes.refuse["anand2015.r3"] = SerKerasError("one <class> is left")
    heard = []
    names, protocols = ["anand2015.r1", "anand2015.r3"], ["chunk_random"]
    result = reproduce(names, corpus, tmp_path, protocols=protocols, announce=heard.append)
    done, refused = result.rows
    assert heard[-2:] == [done, refused] and all(isinstance(line, str) for line in heard[:-2])
    assert (done.id, done.setup, done.leaky, done.problem) == ("anand2015.r1", "chunk_random", True, None)
    assert (done.measure, done.level, done.seconds) == ("wa", "window", 61.0)
    with open(result.table, newline="") as file:
        record = next(csv.DictReader(file))
    assert (str(done.estimate.value), str(done.estimate.low)) == (record["value"], record["ci95_low"])
    figures = [str(figure) for figure in (done.uar.value, done.reported, done.n)]
    assert figures == [record[name] for name in ("uar_utterances", "reported_test", "n")]
    assert refused.problem == "one <class> is left" and refused.estimate is None
    assert repr(result).splitlines()[1:] == [f" {done}", f" {refused}>"] and "1 could not be run" in repr(result)
    assert "one &lt;class&gt; is left" in result._repr_html_() and result._repr_html_().count("<tr>") == 3


def test_nothing_is_printed_and_the_log_has_the_rows(fakes, corpus, tmp_path, capsys, caplog):
    with caplog.at_level("INFO", logger="ser_keras"):
        [row] = reproduce(["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"]).rows
    assert str(row) in caplog.messages and "corpora: manifest" in caplog.messages
    assert capsys.readouterr().out == ""


def test_the_command_shows_each_row_and_ends_with_2_where_one_could_not_be_run(fakes, corpus, tmp_path, capsys):
    fakes.refuse["anand2015.r3"] = SerKerasError("one class is left")
    command = ["reproduce", "anand2015.r1", "anand2015.r3", "--protocol", "chunk_random", "--out", str(tmp_path)]
    assert main.main([*command, "--corpus", f"manifest={corpus[0][1]}"]) == 2
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert "corpora: manifest" in lines
    assert "about 3 min for 2 rows to train; 0 done already" in lines
    assert any(line.startswith("anand2015.r1, chunk_random: LEAKY WA by window") for line in lines)
    assert "anand2015.r3, chunk_random: one class is left" in lines
    assert lines[-1] == f"table: {tmp_path / 'reproduce.csv'}; page: {tmp_path / 'reproduce.html'}"
    assert "1 of 2 rows couldn't be run: anand2015.r3 (chunk_random); see above" in err


@pytest.mark.smoke
def test_end_to_end(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(plan.estimates, "estimate", lambda experiment, corpora, out: 1.0)  # it trains a few steps
    names = ["anand2015.er2", "anand2015.scores_lda", "anand2015.weights"]
    changes = ["training.epochs=1", "model.filters=[2, 2]", "model.hidden=4"]
    _, lines = reproduce_with_lines(names, corpus, tmp_path, protocols=["chunk_random"], changes=changes)
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
    changes = [*changes, "seed=1"]
    [row] = reproduce(["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"], changes=changes).rows
    assert "was started with other settings" in row.problem
