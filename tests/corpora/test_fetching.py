"""Fetching corpora from a server of our own that cuts connections, lies, refuses ranges and moves files."""

import contextlib
import dataclasses
import fcntl
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest
import soundfile

from ser_keras.cli.main import main
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA
from ser_keras.corpora.fetching import download, get
from ser_keras.corpora.fetching.sources import Archive, Audb, Dataverse, GitHub
from ser_keras.corpora.readers import cremad, emodb, nemo, tess

RATE = 16000


def wav(seed, seconds=0.05):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)), RATE, format="WAV")
    return file.getvalue()


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


EMODB = {
    f"wav/{speaker}a01{letter}a.wav": wav(i)
    for i, (speaker, letter) in enumerate((s, e) for s in emodb.SPEAKERS for e in emodb.EMOTION_LETTERS)
}
ARCHIVE = zipped({**EMODB, "__MACOSX/wav/._03a01Fa.wav": b"x", "erklaerung.txt": b"..."})


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` (path -> bytes).

    Attributes:
        cut: bytes after which a connection breaks, None for never.
        stop: position in a file behind which every connection breaks.
        broken: how many requests are answered with 503 first.
        ranges: whether parts are given.
        asked: (path, the Range header or None) of each request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.cut, self.stop, self.broken, self.ranges, self.sent = (
            {},
            [],
            None,
            None,
            0,
            True,
            0,
        )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, part = self.server, self.headers.get("Range")
        server.asked.append((self.path, part))
        if server.broken:
            server.broken -= 1
            return self.send_error(503)
        if self.path not in server.files:
            return self.send_error(404)
        data = server.files[self.path]
        start = int(re.fullmatch(r"bytes=(\d+)-", part)[1]) if part and server.ranges else 0
        if start >= len(data) > 0 and part:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        ends = [len(data), server.stop, None if server.cut is None else start + server.cut]
        body = data[start : min(end for end in ends if end is not None)]
        server.sent += len(body)
        self.wfile.write(body)
        if len(body) < len(data) - start:
            self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_S", 0.001)
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    opened = Server()
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield opened
    opened.shutdown()
    opened.server_close()


def md5(data):
    return hashlib.md5(data).hexdigest()


def sources_of(monkeypatch, corpus, sources):
    """Let a corpus come from other sources."""
    monkeypatch.setitem(CORPORA, corpus, dataclasses.replace(CORPORA[corpus], sources=sources))


@pytest.fixture
def archive(server, monkeypatch):
    """EMO-DB comes as a zip from the server; returns what sets its bytes and published size and checksum."""

    right = len(ARCHIVE), md5(ARCHIVE)

    def publish(data=ARCHIVE, size=right[0], checksum=right[1]):
        server.files["/emodb.zip"] = data
        sources_of(monkeypatch, "emodb", (Archive(f"{server.url}/emodb.zip", size, checksum),))

    publish()
    return publish


def refused(name, out, words):
    with pytest.raises(SerKerasError, match=words) as caught:
        get.get(name, out)
    assert str(caught.value).isprintable() and not out.exists()
    return str(caught.value)


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
        refused("emodb", tmp_path / "emodb", "make room, or name a folder on another disk with --out")
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
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not out.exists() or len(list((out / "wav").iterdir())) == 70
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        assert len(list((out / "wav").iterdir())) == 70


class TestDataverse:
    @pytest.fixture
    def files(self, server, monkeypatch):
        files = {
            f"{s}_back_{e}.wav": wav(i)
            for i, (s, e) in enumerate((s, e) for s in ("OAF", "YAF") for e in tess.EMOTIONS)
        }
        entries = []
        for number, (name, data) in enumerate(files.items(), start=7):
            server.files[f"/api/access/datafile/{number}"] = data
            stated = {"type": "MD5", "value": md5(data)} if number % 2 else {"type": "SHA-1", "value": sha1(data)}
            file = {"id": number, "filename": name, "filesize": len(data), "checksum": stated}
            entries.append({"directoryLabel": f"{name[:3]}_angry" if "angry" in name else None, "dataFile": file})
        more = zipped({"OAF_young_sad.wav": wav(99)})
        server.files["/api/access/datafile/1"] = more
        entries.append({"dataFile": {"id": 1, "filename": "../../more.zip", "filesize": len(more), "md5": md5(more)}})
        listing = json.dumps({"status": "OK", "data": {"latestVersion": {"files": entries}}}).encode()
        server.files["/api/datasets/:persistentId/?persistentId=doi:10.1/X"] = listing
        sources_of(monkeypatch, "tess", (Dataverse(server.url, "doi:10.1/X"),))
        return files

    def test_every_file_with_its_checksum(self, server, files, tmp_path):
        out, result = get.get("tess", tmp_path / "tess")
        assert {p.name for p in out.rglob("*.wav")} == {*files, "OAF_young_sad.wav"}
        assert result["bad_files"] == {} and os.listdir(tmp_path) == ["tess"]

    def test_one_damaged_file_and_then_only_that_again(self, server, files, tmp_path):
        good, server.files["/api/access/datafile/9"] = server.files["/api/access/datafile/9"], b"damaged" * 100
        refused("tess", tmp_path / "tess", "datafile/9: wrong size .700 bytes instead of")
        server.files["/api/access/datafile/9"] = good[:-1] + b"x"
        refused("tess", tmp_path / "tess", "datafile/9: wrong checksum")
        server.files["/api/access/datafile/9"], server.asked = good, []
        get.get("tess", tmp_path / "tess")
        fetched = [path for path, _ in server.asked if "datafile" in path]
        assert "/api/access/datafile/9" in fetched and len(fetched) < len(files)

    @pytest.mark.parametrize(
        "listing", [b"{}", b"<html>", b'{"data": {"latestVersion": {"files": [{"dataFile": {}}]}}}']
    )
    def test_listings_that_are_none(self, server, files, tmp_path, listing):
        server.files["/api/datasets/:persistentId/?persistentId=doi:10.1/X"] = listing
        refused("tess", tmp_path / "tess", "not a list of files as Dataverse|something else than JSON")


def sha1(data):
    return hashlib.sha1(data).hexdigest()


class TestGitHub:
    CLIPS = {f"AudioWAV/10{n:02d}_IEO_{code}_HI.wav": wav(n) for n, code in enumerate(cremad.EMOTION_CODES, start=1)}

    @pytest.fixture
    def repository(self, server, monkeypatch):
        """A repository whose clips are in Git LFS; returns what publishes it with some files changed."""

        def publish(changed=(), truncated=False):
            blobs = {"VideoDemographics.csv": b"ActorID\n1001\n", "AudioMP3/1001_IEO_ANG_HI.mp3": b"mp3", "R.R": b"r"}
            for path, data in self.CLIPS.items():
                oid = hashlib.sha256(data).hexdigest()
                blobs[path] = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
                    oid.encode(),
                    len(data),
                )
                server.files[f"/media/o/r/master/{path}"] = data
            tree = [
                {"path": path, "type": "blob", "sha": sha1(b"blob %d\0" % len(data) + data)}
                for path, data in blobs.items()
            ]
            tree.append({"path": "AudioWAV", "type": "tree", "sha": "0" * 40})
            answer = json.dumps({"tree": tree, "truncated": truncated}).encode()
            server.files["/api/repos/o/r/git/trees/master?recursive=1"] = answer
            packed = {f"r-master/{path}": data for path, data in {**blobs, **dict(changed)}.items()}
            server.files["/zip/o/r/zip/master"] = zipped(packed)

        paths = ("AudioWAV/", "VideoDemographics.csv")
        source = GitHub("o/r", "master", paths, f"{server.url}/api", f"{server.url}/zip", f"{server.url}/media")
        sources_of(monkeypatch, "cremad", (source,))
        publish()
        return publish

    def test_what_is_in_git_lfs(self, server, repository, tmp_path):
        out, result = get.get("cremad", tmp_path / "cremad")
        found = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        assert found == {**self.CLIPS, "VideoDemographics.csv": b"ActorID\n1001\n"}
        assert result["n_utterances"] == 6 and result["bad_files"] == {}

    def test_goes_on_with_the_files_that_are_missing(self, server, repository, tmp_path):
        path = "/media/o/r/master/AudioWAV/1006_IEO_SAD_HI.wav"
        data = server.files.pop(path)
        refused("cremad", tmp_path / "cremad", "1006_IEO_SAD_HI.wav: HTTP 404")
        server.files[path], server.asked = data, []
        get.get("cremad", tmp_path / "cremad")
        assert "/zip/o/r/zip/master" not in [path for path, _ in server.asked]

    def test_files_that_are_not_the_trees(self, server, repository, tmp_path):
        repository({"VideoDemographics.csv": b"ActorID\n1002\n"})
        refused("cremad", tmp_path / "cremad", "VideoDemographics.csv isn't the file of master's tree")
        repository()
        get.get("cremad", tmp_path / "cremad")

    def test_a_tree_that_is_cut_short(self, server, repository, tmp_path):
        repository(truncated=True)
        refused("cremad", tmp_path / "cremad", "a part of the tree only")


class TestAudb:
    def test_from_a_repository_of_its_own(self, tmp_path, monkeypatch):
        audb = pytest.importorskip("audb")
        import audformat

        for name, data in EMODB.items():
            (tmp_path / "db" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "db" / name).write_bytes(data)
        db = audformat.Database("emodb")
        db["files"] = audformat.Table(audformat.filewise_index(sorted(EMODB)))
        db.save(tmp_path / "db")
        (tmp_path / "host" / "data").mkdir(parents=True)
        repository = audb.Repository("data", str(tmp_path / "host"), "file-system")
        audb.publish(str(tmp_path / "db"), "1.4.1", repository, verbose=False)
        monkeypatch.setattr(audb.config, "REPOSITORIES", [repository])
        sources_of(monkeypatch, "emodb", (Audb("emodb", "1.4.1"),))
        out, result = get.get("emodb", tmp_path / "emodb")
        assert result["n_utterances"] == 70 and (out / "db.yaml").is_file()
        monkeypatch.setattr(audb.config, "REPOSITORIES", [])
        refused("emodb", tmp_path / "other", "audb can't load emodb 1.4.1")

    def test_the_zip_where_audb_is_not_installed(self, archive, server, tmp_path, monkeypatch):
        monkeypatch.setattr(Audb, "is_installed", lambda self: False)
        sources_of(monkeypatch, "emodb", (Audb("emodb", "1.4.1"), *CORPORA["emodb"].sources))
        assert get.get("emodb", tmp_path / "emodb")[1]["n_utterances"] == 70


class TestCommand:
    @staticmethod
    def called(capsys, *arguments):
        code = main([str(a) for a in arguments])
        return code, *capsys.readouterr()

    def test_says_what_came_and_how_to_use_it(self, archive, server, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, out, err = self.called(capsys, "corpora", "get", "emodb")
        assert code == 0 and "70 utterances, 10 speakers" in out
        assert out.splitlines()[-1] == f"use it as --corpus emodb={tmp_path / 'emodb'}"
        assert "fetching emodb.zip: 1 MB in" in err and "unpacking: 71 files" in err
        code, out, err = self.called(capsys, "corpora", "get", "emodb", "--out", tmp_path / "emodb")
        assert code == 0 and "holds emodb already" in out

    @pytest.mark.parametrize(
        "name, words",
        [
            ("emodbb", "nearest: emodb"),
            ("savee", "ask the University of Surrey .* corpora check savee=FOLDER"),
            ("iemocap", "isn't free to fetch: ask .*sail.usc.edu"),
            ("casia", "chineseldc"),
            ("des", "Aalborg"),
            ("mes", "no public source is known"),
            ("synthetic", "isn't fetched from anywhere.*free to fetch: cremad, emodb"),
            ("manifest", "isn't fetched from anywhere"),
        ],
    )
    def test_what_cannot_be_fetched_is_one_line(self, name, words, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, out, err = self.called(capsys, "corpora", "get", name)
        assert code == 2 and not out and len(err.strip().splitlines()) == 1 and re.search(words, err)
        assert os.listdir(tmp_path) == []

    def test_a_folder_that_holds_something_else(self, server, archive, tmp_path, capsys):
        (tmp_path / "emodb").mkdir()
        (tmp_path / "emodb" / "thesis.doc").write_text("x")
        code, out, err = self.called(capsys, "corpora", "get", "emodb", "--out", tmp_path / "emodb")
        assert code == 2 and "holds something else" in err and not server.asked
        assert os.listdir(tmp_path / "emodb") == ["thesis.doc"]


def test_the_sources_of_the_registry():
    """What is free is fetched without a form; archives that state a checksum state a whole one."""
    free = {name for name, reader in CORPORA.items() if reader.free_sources}
    assert free == {"emodb", "ravdess", "nemo", "cremad", "tess", "enterface"}
    for source in (s for reader in CORPORA.values() for s in reader.sources):
        if isinstance(source, Archive) and source.md5:
            assert re.fullmatch("[0-9a-f]{32}", source.md5) and source.size > 0
    assert nemo.READER.sources[0].paths == ("data.tsv", "samples/")
    with contextlib.suppress(ImportError):
        import audb

        assert audb.load_to
