"""The reader of audformat databases."""

import shutil

import pytest

from ser_keras import corpora
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import NotThisCorpus
from ser_keras.corpora.checking import check
from tests.corpora.made_folders import record


class TestAudformat:
    @staticmethod
    def make(root, **save):
        audformat = pytest.importorskip("audformat")
        import pandas as pd

        files = [record(root / "audio" / f"{i}.wav", 0.2).relative_to(root).as_posix() for i in range(4)]
        db = audformat.Database("db")
        db.splits["test"] = audformat.Split("test")
        db.splits["dev"] = audformat.Split("dev")
        db.schemes["emotion"] = audformat.Scheme(labels=["anger", "happy", "neutral", "no_agreement"])
        db["people"] = audformat.MiscTable(pd.Index(["a", "b"], name="speaker", dtype="string"))
        db["people"]["gender"] = audformat.Column()
        db["people"]["gender"].set(["female", "male"])
        db.schemes["speaker"] = audformat.Scheme(labels="people", dtype="str")
        db.schemes["transcription"] = audformat.Scheme("str")
        db.schemes["arousal"] = audformat.Scheme("float")
        db["files"] = audformat.Table(audformat.filewise_index(files))
        db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
        db["files"]["speaker"].set(["a", "a", "b", "b"])
        db["files"]["said"] = audformat.Column(scheme_id="transcription")
        db["files"]["said"].set(["one", "two", "three", None])
        db["test"] = audformat.Table(audformat.filewise_index(files[:3]), split_id="test")
        db["test"]["emotion"] = audformat.Column(scheme_id="emotion")
        db["test"]["emotion"].set(["anger", "happy", "no_agreement"])
        db["parts"] = audformat.Table(
            audformat.segmented_index([files[3], files[3]], [0, "0.1s"], ["0.1s", pd.NaT]), split_id="dev"
        )
        db["parts"]["emotion"] = audformat.Column(scheme_id="emotion")
        db["parts"]["emotion"].set(["neutral", "anger"])
        db["parts"]["arousal"] = audformat.Column(scheme_id="arousal")
        db["parts"]["arousal"].set([0.25, None])
        return db, root

    @pytest.mark.smoke
    @pytest.mark.parametrize("storage", ["csv", "parquet"])
    def test_files_segments_speakers_and_splits(self, tmp_path, storage):
        db, root = self.make(tmp_path)
        db.save(root, storage_format=storage)
        listing = corpora.scan("audformat", root)
        rows = [
            (u.name, u.emotion, u.speaker, u.gender, u.text, u.split, u.start, u.end, u.activation)
            for u in listing.utterances
        ]
        assert rows == [
            ("audio/0.wav", "anger", "audformat/a", "female", "one", "test", None, None, None),
            ("audio/1.wav", "happiness", "audformat/a", "female", "two", "test", None, None, None),
            ("audio/3.wav", "neutral", "audformat/b", "male", None, "validation", None, 0.1, 0.25),
            ("audio/3.wav", "anger", "audformat/b", "male", None, "validation", 0.1, None, None),
        ]
        assert listing.notes == ["label 'no_agreement' of scheme 'emotion' is no emotion: 1 passed over"]
        result = check("audformat", root)
        assert (result["n_utterances"], result["n_speakers"], result["matches_published"]) == (4, 2, None)
        assert result["hours"] == round(0.6 / 3600, 4)

    def test_a_scheme_of_another_name_whose_labels_are_emotions(self, tmp_path):
        audformat = pytest.importorskip("audformat")
        record(tmp_path / "a.wav")
        db = audformat.Database("db")
        db.schemes["quality"] = audformat.Scheme(labels=["good", "bad"])
        db.schemes["mood"] = audformat.Scheme(labels={"angry": {"de": "Wut"}, "bored": {"de": "Langeweile"}})
        db["t"] = audformat.Table(audformat.filewise_index(["a.wav"]))
        db["t"]["label"] = audformat.Column(scheme_id="mood")
        db["t"]["label"].set(["bored"])
        db.save(tmp_path, storage_format="csv")
        (utterance,) = corpora.read("audformat", tmp_path)
        assert (utterance.emotion, utterance.speaker) == ("boredom", None)

    def test_gold_standard_counts_first(self, tmp_path):
        audformat = pytest.importorskip("audformat")
        record(tmp_path / "a.wav")
        db = audformat.Database("db")
        db.schemes["emotion"] = audformat.Scheme(labels=["anger", "fear"])
        for table, label in (("emotion", "anger"), ("emotion.gold_standard", "fear")):
            db[table] = audformat.Table(audformat.filewise_index(["a.wav"]))
            db[table]["emotion"] = audformat.Column(scheme_id="emotion")
            db[table]["emotion"].set([label])
        db.save(tmp_path, storage_format="csv")
        listing = corpora.scan("audformat", tmp_path)
        assert [u.emotion for u in listing.utterances] == ["fear"]
        assert listing.notes == ["1 segments have other emotions in further tables: the first table counts"]

    def test_missing_media_are_bad(self, tmp_path):
        db, root = self.make(tmp_path)
        db.save(root, storage_format="csv")
        (root / "audio" / "1.wav").unlink()
        listing = corpora.scan("audformat", root)
        assert len(listing.utterances) == 3 and listing.bad_files.keys() == {"audio/1.wav"}
        shutil.rmtree(root / "audio")
        with pytest.raises(NotThisCorpus, match="3 labelled files aren't there"):
            corpora.scan("audformat", root)

    def test_pickles_are_not_opened(self, tmp_path):
        db, root = self.make(tmp_path)
        db.save(root, storage_format="csv")
        # a pickle beside the table, newer than it: audformat itself would load it
        for table in ("files", "test", "parts", "people"):
            (root / f"db.{table}.pkl").write_bytes(b"cos\nabort\n(tR.")
        assert len(corpora.read("audformat", root)) == 4
        (root / "db.test.csv").unlink()
        with pytest.raises(SerKerasError, match="'test' is not there as .csv or .parquet"):
            corpora.read("audformat", root)

    def test_headers_that_are_not_databases(self, tmp_path):
        pytest.importorskip("audformat")
        danger = "name: !!python/object/apply:os.abort []\n"
        for text in ("", "a: [", "- 1\n", "just text", "name: x\nschemes: 3\n", danger):
            (tmp_path / "db.yaml").write_text(text)
            with pytest.raises(SerKerasError) as caught:
                corpora.read("audformat", tmp_path)
            assert str(tmp_path) in str(caught.value) and str(caught.value).isprintable()

    def test_a_database_without_emotions(self, tmp_path):
        audformat = pytest.importorskip("audformat")
        db = audformat.Database("db")
        db.schemes["colour"] = audformat.Scheme(labels=["red", "blue"])
        db.save(tmp_path)
        with pytest.raises(NotThisCorpus, match="without emotions .schemes: colour"):
            corpora.read("audformat", tmp_path)

    def test_not_installed(self, tmp_path, monkeypatch):
        import sys

        (tmp_path / "db.yaml").write_text("name: x\n")
        monkeypatch.setitem(sys.modules, "audformat", None)
        with pytest.raises(SerKerasError, match="pip install"):
            corpora.read("audformat", tmp_path)
