"""A bundle's folder is written whole or not at all, and never over something else."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.export.bundle import check_out, export_run
from ser_keras.export.publish import replacing_folder
from tests import small_run
from tests.messages import one_line
from tests.waiting import kill_after


def fill(folder, word):
    (folder / "bundle.json").write_text(json.dumps({"files": {"a.txt": {}, "b.txt": {}}}))
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(word)


def words(folder):
    return {(folder / name).read_text() for name in ("a.txt", "b.txt")}


def test_a_bundle_is_replaced_and_nothing_stays_behind(tmp_path):
    out = tmp_path / "bundle"
    for word in ("one", "two"):
        with replacing_folder(out, check_out) as folder:
            fill(folder, word)
        assert words(out) == {word}
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_failure_leaves_the_old_bundle(tmp_path):
    out = tmp_path / "bundle"
    with replacing_folder(out, check_out) as folder:
        fill(folder, "old")
    with pytest.raises(SerKerasError, match="disk"), replacing_folder(out, check_out) as folder:
        fill(folder, "new")
        raise SerKerasError("the disk is full")
    assert words(out) == {"old"} and [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_other_folders_are_not_replaced(tmp_path_factory, tmp_path):
    run, _ = small_run.exported(tmp_path_factory)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_text("x")
    for out in (tmp_path / "photos", tmp_path / "photos" / "me.jpg", run):
        with pytest.raises(SerKerasError) as error:
            export_run(run, out)
        one_line(error)
    assert (tmp_path / "photos" / "me.jpg").read_text() == "x"


def test_a_bundle_with_a_stranger_in_it_is_not_replaced(tmp_path):
    fill(tmp_path, "x")
    check_out(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SerKerasError, match="notes.txt"):
        check_out(tmp_path)


def test_empty_folder_is_taken(tmp_path):
    (tmp_path / "bundle").mkdir()
    with replacing_folder(tmp_path / "bundle", check_out) as folder:
        fill(folder, "x")
    assert words(tmp_path / "bundle") == {"x"}


def test_two_at_once_one_wins_whole(tmp_path):
    out, inside, done = tmp_path / "bundle", threading.Event(), threading.Event()

    def first():
        with replacing_folder(out, check_out) as folder:
            inside.set()
            done.wait(10)
            fill(folder, "first")

    worker = threading.Thread(target=first)
    worker.start()
    inside.wait(10)
    with pytest.raises(SerKerasError) as error, replacing_folder(out, check_out):
        pytest.fail("both are in")
    done.set()
    worker.join()
    assert "another process" in one_line(error) and words(out) == {"first"}


REPLACER = """
import json, sys
from ser_keras.export.bundle import check_out
from ser_keras.export.publish import replacing_folder
for i in range(10**6):
    with replacing_folder(sys.argv[1], check_out) as folder:
        (folder / "bundle.json").write_text(json.dumps({"files": {"a.txt": {}, "b.txt": {}}}))
        for name in ("a.txt", "b.txt"):
            (folder / name).write_text(str(i))
    print(i, flush=True)
"""


def test_kills_at_random_moments_leave_old_or_new_never_a_mix(tmp_path):
    out, rng = tmp_path / "bundle", np.random.default_rng(0)
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", REPLACER, str(out)], stdout=subprocess.PIPE)
        child.stdout.readline()
        assert kill_after(child, rng.uniform(0.01, 0.1))
        child.stdout.close()
        assert len(words(out)) == 1 and (out / "bundle.json").is_file()
    with replacing_folder(out, check_out) as folder:
        fill(folder, "last")
    assert words(out) == {"last"} and [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_a_system_that_cannot_swap_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("ser_keras.export.publish.exchange", lambda one, other: False)
    test_a_bundle_is_replaced_and_nothing_stays_behind(tmp_path)
    # killed between its two renames: the next export finds the old bundle
    os.rename(tmp_path / "bundle", tmp_path / ".bundle.partial-1-old")
    with pytest.raises(SerKerasError), replacing_folder(tmp_path / "bundle", check_out):
        raise SerKerasError("stopped")
    assert words(tmp_path / "bundle") == {"two"}


def test_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SerKerasError) as error, replacing_folder(tmp_path / "file" / "bundle", check_out):
        pass
    assert "cannot write" in one_line(error)
