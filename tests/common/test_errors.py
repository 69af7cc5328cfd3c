"""Errors say of what kind they are, so that nobody has to read their text."""

import errno
import json
import os
import pickle
import resource
import subprocess
import sys

import pytest

from ser_keras.audio import reading
from ser_keras.audio.containers import AudioError, DamagedAudio, FileError, MissingAudio
from ser_keras.common import errors, files
from ser_keras.common.errors import (
    BadInput,
    BadSetting,
    Damaged,
    DamagedFile,
    DiskFull,
    MissingFile,
    NotFound,
    NotWritable,
    SerKerasError,
    Unavailable,
    write_error,
)
from ser_keras.common.row_store import RowStore
from ser_keras.corpora.corpus import NotThisCorpus
from ser_keras.features.faces.video import NoPictures, VideoError
from ser_keras.runtime import bundle, interpreter


def test_every_kind_is_one_that_the_command_line_shows():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert len(kinds) > 8 and all(issubclass(kind, SerKerasError) for kind in kinds)
    assert issubclass(DiskFull, NotWritable) and issubclass(NotWritable, Unavailable)


def test_special_errors_are_of_their_kinds():
    assert issubclass(MissingAudio, NotFound) and issubclass(DamagedAudio, Damaged)
    for kind in (AudioError, VideoError, NoPictures, NotThisCorpus, BadSetting):
        assert issubclass(kind, BadInput)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EACCES, NotWritable), (errno.EROFS, NotWritable)],
)
def test_a_full_disk_is_told_from_a_folder_that_cannot_be_written(tmp_path, monkeypatch, number, kind):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    assert type(write_error("line", OSError(number, "x"))) is kind
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind, match=os.strerror(number)) as error:
        files.write_atomic(tmp_path / "a.txt", "text")
    assert type(error.value) is kind and not list(tmp_path.iterdir())
    with pytest.raises(kind, match="SER_KERAS_CACHE names another place"):
        RowStore(tmp_path / "store", "f4").extend([("key", [1.0])])


def test_a_file_larger_than_allowed_is_not_writable(tmp_path):
    code = (
        "import signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from ser_keras.common import errors, files\n"
        "try: files.write_atomic(sys.argv[1], bytes(10**6))\n"
        "except errors.NotWritable: print('refused')"
    )
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    # -B: a module that was not compiled yet would leave a .pyc of 1000 bytes, which no later import can read.
    command = [sys.executable, "-B", "-c", code, str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_missing_and_damaged_json_are_apart_and_named_as_the_caller_likes(tmp_path):
    with pytest.raises(MissingFile) as missing:
        files.read_json(tmp_path / "a.json")
    assert str(missing.value) == f"{tmp_path / 'a.json'} is missing"
    assert missing.value.line("a.json") == "a.json is missing" and missing.value.path == tmp_path / "a.json"
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DamagedFile, match="can't be read"):
        files.read_json(tmp_path / "a.json")
    assert DamagedFile("t.csv", ", row 3: no").line("x.csv") == "x.csv, row 3: no"


def test_audio_errors_say_whether_the_file_is_missing_or_broken(tmp_path):
    with pytest.raises(MissingAudio):
        reading.load(tmp_path / "none.wav")
    path = tmp_path / "cut.wav"
    path.write_bytes(b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0data\xd0\0\0\0" + bytes(20))
    with pytest.raises(DamagedAudio, match="truncated"):
        reading.load(path)
    path.write_bytes(b"")
    with pytest.raises(AudioError) as error:
        reading.load(path)
    assert not isinstance(error.value, NotFound | Damaged)


@pytest.mark.parametrize(
    "error", [FileError("a.wav", "empty"), DamagedFile("a.json", "is broken"), BadSetting("recipe", "no")]
)
def test_errors_with_parts_cross_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and str(copy) == str(error) and copy.reason == error.reason


def test_models_and_runtimes(tmp_path):
    with pytest.raises(NotFound):
        bundle.find("no such model")
    (tmp_path / "bundle.json").write_text(json.dumps([]))
    with pytest.raises(Damaged):
        bundle.find(tmp_path)
    with pytest.raises(BadInput, match="nearest: litert"):
        interpreter.choose("litrt")
