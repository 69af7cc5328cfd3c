"""The run directory: whole files, one process at a time, provenance without a machine's paths."""

import json
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, replacing, write_atomic
from ser_keras.common.hardware import hardware
from ser_keras.corpora.noises import read_folder
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.run import RunDirectory, sound_records
from ser_keras.experiment.settings import Experiment
from tests.audio.sound_files import write
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
    with RunDirectory(path).locked():
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
        RunDirectory(tmp_path / "run").locked(),
    ):
        pass
    other.kill()
    other.join()
    with RunDirectory(tmp_path / "run").locked():
        pass


def test_clear_removes_what_a_run_writes_and_nothing_else(tmp_path):
    run = RunDirectory(tmp_path)
    write_atomic(run.settings_file, "recipe: x\n")
    write_atomic(run.fold(0) / "fold.json", "{}")
    write_atomic(tmp_path / "notes.txt", "mine")
    run.clear()
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_folds_are_those_that_are_done_in_order(tmp_path):
    run = RunDirectory(tmp_path)
    for number in (10, 2, 1):
        write_atomic(run.fold(number) / "fold.json", "{}")
    (run.fold(3)).mkdir()
    assert [p.name for p in run.folds()] == ["1", "2", "10"]


def test_no_run_directory_is_one_line(tmp_path):
    with pytest.raises(SerKerasError, match="is no run directory"):
        RunDirectory.existing(tmp_path)


def test_damaged_json_is_one_line(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(SerKerasError, match="a.json can't be read"):
        read_json(tmp_path / "a.json")


def write_noises(folder, names, seed=0):
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        write(folder / name, np.random.default_rng(seed + i).uniform(-0.1, 0.1, 8000))
    return read_folder(folder, "noise")


def test_sounds_are_recorded_by_collection_with_a_credit_for_each_source(tmp_path):
    clips = write_noises(tmp_path / "clips", ["1-17367-A.wav", "1-17367-B.wav", "1-28135-A.wav"])
    hums = write_noises(tmp_path / "hums", ["hum.wav"])
    esc10, mine = sound_records([*hums, *clips])
    assert (esc10["name"], esc10["licence"], esc10["n_files"]) == ("ESC-10", "CC BY 3.0; clips: CC BY, CC0", 3)
    collection, first, second = esc10["attributions"]
    assert "Piczak" in collection and "https://creativecommons.org/licenses/by/3.0/" in collection
    assert first.startswith('"unlocki door') and "HerbertBoland" in second and "28135" in second
    assert (mine["name"], mine["licence"], mine["n_files"]) == ("hums", "licence not stated", 1)
    assert sound_records([]) == []


def test_equal_sounds_have_equal_fingerprints(tmp_path):
    one, same = (sound_records(write_noises(tmp_path / name / "x", ["a.wav", "b.wav"])) for name in "12")
    [other] = sound_records(write_noises(tmp_path / "3" / "x", ["a.wav", "b.wav"], seed=5))
    assert one == same and other["fingerprint"] != one[0]["fingerprint"]


def test_a_run_s_sounds_are_no_settings(tmp_path):
    run = RunDirectory(tmp_path)
    settings = Experiment.from_recipe("log_mel_cnn").model_dump()
    records = sound_records(write_noises(tmp_path / "noises", ["a.wav"]))
    run.settings_file.write_text(yaml.safe_dump({**settings, "corpora": [], "sounds": records}))
    assert run.trained_with()[0].recipe == "log_mel_cnn" and run.experiment["sounds"] == records


def test_provenance_says_where_a_result_comes_from(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "train", "--out", "r"])
    record = provenance()
    assert record["command"] == "ser-keras train --out r"
    assert record["versions"]["numpy"] and record["machine"]["cores"] == os.cpu_count()
    assert os.uname().nodename not in json.dumps(record["machine"])
    assert hardware() == record["machine"]
