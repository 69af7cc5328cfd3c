"""Sources of corpora: Dataverse, GitHub, audb, and those of the registry."""

import contextlib
import hashlib
import json
import os
import re

import pytest

from ser_keras.corpora import CORPORA
from ser_keras.corpora.fetching import get
from ser_keras.corpora.fetching.sources import Archive, Audb, Dataverse, GitHub
from ser_keras.corpora.readers import cremad, nemo, tess
from tests.corpora.fetching.server import EMODB, md5, refused, sources_of, wav, zipped


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
