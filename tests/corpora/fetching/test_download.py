"""Archives from a server of our own that cuts connections, lies and stops."""

import fcntl
import os
import shutil
import subprocess
import sys

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.fetching import download, get
from ser_keras.corpora.fetching.sources import Archive
from tests.corpora.fetching.server import ARCHIVE, EMODB, md5, refused, sources_of, wav, zipped
from tests.waiting import kill_after


class TestArchive:
    @pytest.mark.smoke
    def test_fetched_checked_and_put_in_its_place(self, server, archive, tmp_path):
        out, result = get.get("emodb", tmp_path / "data" / "emodb")
        assert out == tmp_path / "data" / "emodb" and os.listdir(tmp_path / "data") == ["emodb"]
        assert {p.name: p.read_bytes() for p in (out / "wav").iterdir()} == {n[4:]: d for n, d in EMODB.items()}
        assert sorted(os.listdir(out)) == ["erklaerung.txt", "wav"]
        assert result["n_utterances"] == 70 and result["bad_files"] == {} and result["matches_published"] is False
        assert get.get("emodb", out) == (out, None) and len(server.asked) == 1

    def test_cut_connections_are_taken_up_where_they_broke(self, server, archive, tmp_path):
        server.cut, server.broken = len(ARCHIVE) // 5, 2
        get.get("emodb", tmp_path / "emodb")
        starts = [int(r[6:-1]) for _, r in server.asked if r]
        assert starts == sorted(starts) and len(starts) >= 5 and starts[0] > 0
        assert server.sent <= len(ARCHIVE) + len(starts) * download.CHUNK

    def test_what_came_is_kept_for_the_next_call(self, server, archive, tmp_path):
        server.stop = len(ARCHIVE) // 2
        line = refused("emodb", tmp_path / "emodb", "the same command goes on")
        assert "kept" in line and os.listdir(tmp_path) == [".emodb.partial"]
        server.stop, server.sent = None, 0
        get.get("emodb", tmp_path / "emodb")
        assert server.sent <= len(ARCHIVE) // 2 + 1 + download.CHUNK

    def test_a_server_without_ranges(self, server, archive, tmp_path):
        server.ranges, server.cut = False, len(ARCHIVE) // 2
        refused("emodb", tmp_path / "emodb", "the connection breaks off")
        server.cut = None
        assert get.get("emodb", tmp_path / "emodb")[1]["n_utterances"] == 70

    def test_wrong_checksum(self, server, archive, tmp_path):
        archive(ARCHIVE[:-1] + b"x")
        refused("emodb", tmp_path / "emodb", "emodb.zip: wrong checksum .* instead of .*thrown away")
        assert not list(tmp_path.rglob("*.part"))
        archive()
        get.get("emodb", tmp_path / "emodb")

    def test_a_part_of_another_file_is_fetched_anew(self, server, archive, tmp_path):
        work = tmp_path / ".emodb.partial"
        work.mkdir()
        (work / "emodb.zip.part").write_bytes(b"y" * 1000)
        assert get.get("emodb", tmp_path / "emodb")[1]["n_utterances"] == 70

    @pytest.mark.parametrize("held", [len(ARCHIVE), len(ARCHIVE) + 7])
    def test_a_part_that_is_whole_or_too_long(self, server, archive, tmp_path, held):
        archive(size=None, checksum=None)
        work = tmp_path / ".emodb.partial"
        work.mkdir()
        (work / "emodb.zip.part").write_bytes((ARCHIVE + b"garbage")[:held])
        assert get.get("emodb", tmp_path / "emodb")[1]["n_utterances"] == 70

    def test_a_damaged_archive_without_checksum(self, server, archive, tmp_path):
        middle = len(ARCHIVE) // 2
        archive(ARCHIVE[:middle] + b"damage" + ARCHIVE[middle + 6 :], None, None)
        refused("emodb", tmp_path / "emodb", "damaged archive .*thrown away")
        broken = bytearray(zipped({"wav/03a01Fa.wav": bytes(range(256)) * 200}))
        broken[60:70] = b"\xff" * 10  # within the compressed data
        archive(bytes(broken), None, None)
        refused("emodb", tmp_path / "emodb", "damaged archive .*thrown away")
        archive(b"<html>Please log in</html>", None, None)
        refused("emodb", tmp_path / "emodb", "damaged archive")
        archive(size=None, checksum=None)
        assert get.get("emodb", tmp_path / "emodb")[1]["n_utterances"] == 70

    def test_names_that_lead_out_of_the_folder(self, server, archive, tmp_path):
        archive(zipped({**EMODB, "../../escaped.txt": b"x", "/absolute.txt": b"x"}), None, None)
        get.get("emodb", tmp_path / "deep" / "emodb")
        assert os.listdir(tmp_path) == ["deep"] and os.listdir(tmp_path / "deep") == ["emodb"]

    def test_something_else_in_the_archive(self, server, archive, tmp_path):
        archive(zipped({"readme.txt": b"moved"}), None, None)
        refused("emodb", tmp_path / "emodb", "isn't emodb any more")
        assert os.listdir(tmp_path) == []

    def test_gone_or_unreachable(self, server, archive, tmp_path, monkeypatch):
        server.files.clear()
        refused("emodb", tmp_path / "emodb", "HTTP 404 Not Found")
        server.broken = 100
        refused("emodb", tmp_path / "emodb", "HTTP 503 Service Unavailable; the same command")
        sources_of(monkeypatch, "emodb", (Archive("http://127.0.0.1:9/emodb.zip"),))
        refused("emodb", tmp_path / "emodb", "127.0.0.1:9 can't be reached .ConnectionError.")

    def test_a_disk_that_is_too_small(self, server, archive, tmp_path, monkeypatch):
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
        refused("emodb", tmp_path / "emodb", "0 MB are needed, 0 MB are free")
        assert not server.asked
        archive(size=None)
        refused("emodb", tmp_path / "emodb", "MB are free; make room")
        assert not list(tmp_path.rglob("*.zip*"))
        # room for the archive, none for what is in it
        zeros = zipped({"wav/03a01Fa.wav": bytes(10**6)})
        archive(zeros, len(zeros), None)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**5))
        refused("emodb", tmp_path / "emodb", "make room, or name a folder on another disk as `out`")
        monkeypatch.undo()

    def test_a_folder_that_cannot_be_written(self, server, archive, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(SerKerasError, match="can't be written"):
            get.get("emodb", tmp_path / "file" / "emodb")

    def test_two_at_once(self, server, archive, tmp_path):
        work = tmp_path / ".emodb.partial"
        work.mkdir()
        with open(work / "lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            refused("emodb", tmp_path / "emodb", "another process is fetching")

    @pytest.mark.faults
    def test_killed_at_any_moment(self, server, archive, tmp_path):
        """The folder is never half there, and in the end it is whole."""
        data = zipped({name: wav(i, 5.0) for i, name in enumerate(EMODB)})
        archive(data, len(data), md5(data))
        code = (
            "import dataclasses, sys; from ser_keras.corpora import CORPORA; "
            "from ser_keras.corpora.fetching import get; "
            "from ser_keras.corpora.fetching.sources import Archive; "
            "archive = Archive(sys.argv[1], int(sys.argv[2]), sys.argv[3]); "
            "CORPORA['emodb'] = dataclasses.replace(CORPORA['emodb'], sources=(archive,)); "
            "get.get('emodb', sys.argv[4])"
        )
        out = tmp_path / "emodb"
        command = [sys.executable, "-c", code, f"{server.url}/emodb.zip", str(len(data)), md5(data), str(out)]
        for delay in (0.6, 0.9, 1.2, 1.5):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            kill_after(process, delay)
            assert not out.exists() or len(list((out / "wav").iterdir())) == 70
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        assert len(list((out / "wav").iterdir())) == 70
