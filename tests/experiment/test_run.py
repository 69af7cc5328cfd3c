"""The run directory: whole files, one process at a time, provenance without a machine's paths."""

import json
import multiprocessing
import os
import subprocess
import sys

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, replacing, write_atomic
from ser_keras.common.hardware import hardware
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.run import Run
from tests.waiting import kill_after


def test_a_failing_writer_leaves_the_old_file_and_no_litter(tmp_path):
    write_atomic(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SerKerasError, match="cannot write"):
        write_atomic(tmp_path / "file" / "below.txt", "x")


WRITER = """
import sys
from ser_keras.common.files import write_atomic
print("ready", flush=True)
i = 0
while True:
    i += 1
    write_atomic(sys.argv[1], f"{i % 10}" * 200_000)
"""


def test_kill_9_while_writing_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    for attempt in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            assert kill_after(writer, 0.05 + 0.013 * attempt)
        text = path.read_text()
        assert len(text) == 200_000 and len(set(text)) == 1


def _hold(path, held, leave):
    with Run(path).locked():
        held.set()
        leave.wait(20)


def test_two_processes_in_one_run_directory(tmp_path):
    context = multiprocessing.get_context("fork")
    held, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "run", held, leave))
    other.start()
    assert held.wait(20)
    with (
        pytest.raises(SerKerasError, match=f"in use by another process \\(pid {other.pid}\\)"),
        Run(tmp_path / "run").locked(),
    ):
        pass
    other.kill()
    other.join()
    with Run(tmp_path / "run").locked():
        pass


def test_clear_removes_what_a_run_writes_and_nothing_else(tmp_path):
    run = Run(tmp_path)
    write_atomic(run.settings_file, "recipe: x\n")
    write_atomic(run.fold(0) / "fold.json", "{}")
    write_atomic(tmp_path / "notes.txt", "mine")
    run.clear()
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_folds_are_those_that_are_done_in_order(tmp_path):
    run = Run(tmp_path)
    for number in (10, 2, 1):
        write_atomic(run.fold(number) / "fold.json", "{}")
    (run.fold(3)).mkdir()
    assert [p.name for p in run.folds()] == ["1", "2", "10"]


def test_no_run_directory_is_one_line(tmp_path):
    with pytest.raises(SerKerasError, match="is no run directory"):
        Run.existing(tmp_path)


def test_damaged_json_is_one_line(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(SerKerasError, match="a.json can't be read"):
        read_json(tmp_path / "a.json")


def test_provenance_says_where_a_result_comes_from(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "train", "--out", "r"])
    record = provenance()
    assert record["command"] == "ser-keras train --out r"
    assert record["versions"]["numpy"] and record["machine"]["cores"] == os.cpu_count()
    assert os.uname().nodename not in json.dumps(record["machine"])
    assert hardware() == record["machine"]
