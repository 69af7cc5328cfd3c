"""The caches: what was stored comes back, whatever killed whom."""

import json
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import RowStore, fingerprint
from tests.waiting import kill_after


def rows(n, seed=0, shape=(3, 2)):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def test_what_was_stored_comes_back_also_in_a_new_process_view(tmp_path):
    store = RowStore(tmp_path, np.float32, (3, 2))
    store.extend((f"k{i}", rows(i, i)) for i in range(5))
    again = RowStore(tmp_path, np.float32, (3, 2))
    for i in range(5):
        assert (again.rows(f"k{i}") == rows(i, i)).all()
    assert again.span("k3") == (0 + 1 + 2, 3)
    assert (again.gather([0, 3]) == np.stack([rows(1, 1)[0], rows(3, 3)[0]])).all()
    assert "k9" not in again


def test_a_key_is_stored_once(tmp_path):
    store = RowStore(tmp_path, np.float32, (3, 2))
    store.extend([("a", rows(2, 1)), ("a", rows(2, 2))])
    store.extend([("a", rows(2, 3))])
    assert (store.rows("a") == rows(2, 2)).all() or (store.rows("a") == rows(2, 1)).all()
    assert (tmp_path / "rows.bin").stat().st_size == 2 * 6 * 4


def test_what_a_killed_writer_left_behind_is_overwritten(tmp_path):
    RowStore(tmp_path, np.float32, (3, 2)).extend([("a", rows(2, 1))])
    with open(tmp_path / "rows.bin", "ab") as file:
        file.write(b"half a row of some")
    with open(tmp_path / "index.jsonl", "ab") as file:
        file.write(b'["b", 2, ')
    store = RowStore(tmp_path, np.float32, (3, 2))
    assert "b" not in store
    store.extend([("b", rows(4, 2))])
    again = RowStore(tmp_path, np.float32, (3, 2))
    assert (again.rows("a") == rows(2, 1)).all() and (again.rows("b") == rows(4, 2)).all()


def test_rows_missing_behind_the_index_are_one_line(tmp_path):
    RowStore(tmp_path, np.float32, (3, 2)).extend([("a", rows(4, 1))])
    os.truncate(tmp_path / "rows.bin", 30)
    with pytest.raises(SerKerasError, match="damaged: delete it"):
        RowStore(tmp_path, np.float32, (3, 2)).rows("a")


WRITER = """
import sys, numpy as np
from ser_keras.common.row_store import RowStore
store = RowStore(sys.argv[1], np.int32, (1000,))
print("ready", flush=True)
start = int(sys.argv[2])
store.extend(((f"{i}", np.full((5, 1000), i)) for i in range(start, start + 400)), flush_bytes=50_000)
"""


def test_kills_at_any_moment_and_two_writers_leave_every_listed_key_whole(tmp_path):
    for attempt in range(3):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(s)], stdout=subprocess.PIPE)
            for s in (0, 300)
        ]
        for writer in writers:
            writer.stdout.readline()
        kill_after(writers[0], 0.02 * (attempt + 1))
        for writer in writers:
            writer.wait()
            writer.stdout.close()
    store = RowStore(tmp_path, np.int32, (1000,))
    listed = [json.loads(line)[0] for line in (tmp_path / "index.jsonl").read_text().splitlines()]
    assert len(listed) == len(set(listed)) >= 400
    for key in listed:
        assert (store.rows(key) == int(key)).all() and store.rows(key).shape == (5, 1000)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path):
    store = RowStore(tmp_path, np.float32, (3, 2))
    store.extend([("a", rows(100, 1))])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))  # writes beyond fail as on a full disk
    try:
        with pytest.raises(SerKerasError, match="can't be used: File too large.*SER_KERAS_CACHE"):
            store.extend([("b", rows(1000, 2))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    again = RowStore(tmp_path, np.float32, (3, 2))
    assert "b" not in again and (again.rows("a") == rows(100, 1)).all()
    again.extend([("b", rows(1000, 2))])
    assert (again.rows("b") == rows(1000, 2)).all()


def test_a_damaged_index_is_one_line(tmp_path):
    RowStore(tmp_path, np.float32, (3, 2)).extend([("a", rows(4, 1))])
    (tmp_path / "index.jsonl").write_text("garbage\n")
    with pytest.raises(SerKerasError, match="damaged: delete it"):
        RowStore(tmp_path, np.float32, (3, 2))


def test_a_place_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SerKerasError, match="can't be used"):
        RowStore(tmp_path / "file", np.int16)


def test_fingerprint_tells_parts_apart():
    array = np.arange(4, dtype=np.int16)
    prints = [fingerprint("ab", "c"), fingerprint("a", "bc"), fingerprint(array), fingerprint(array.reshape(2, 2))]
    prints += [fingerprint(array.astype(np.int32)), fingerprint({"a": 1, "b": 2}), fingerprint(b"ab")]
    assert len(set(prints)) == len(prints)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
