"""Corpus readers on folders laid out as published, on folders that aren't, and on the real ones where they are."""

import dataclasses
import json
import shutil
import time
import zlib

import numpy as np
import pytest
import soundfile

from ser_keras import corpora
from ser_keras.cli.texts import corpus_check
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA, NotThisCorpus
from ser_keras.corpora.checking import check
from ser_keras.corpora.corpus import Published
from ser_keras.corpora.emotions import EMOTION_ALIASES, EMOTIONS, canonical_emotion
from ser_keras.corpora.readers import emodb, ravdess, savee
from ser_keras.corpora.utterance import Utterance
from tests.conftest import shared_data

RATE = 16000


def record(path, seconds=0.05, seed=None):
    """A short noise in a file of its own, different for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(path.name.encode()) if seed is None else seed
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)), RATE)
    return path


def make_emodb(folder, suffix=".wav"):
    for speaker in emodb.SPEAKERS:
        for letter in emodb.EMOTION_LETTERS:
            record(folder / f"{speaker}a01{letter}a{suffix}")
    return folder


def make_ravdess(folder, actors=(1, 2, 7)):
    for actor in actors:
        for emotion in ravdess.EMOTION_CODES:
            for intensity in ("01", "02") if emotion != "01" else ("01",):
                record(folder / f"Actor_{actor:02d}" / f"03-01-{emotion}-{intensity}-01-02-{actor:02d}.wav")
    return folder


def make_nemo(folder, rows=None, suffix=".ogg"):
    rows = rows or [
        ("WR0_surprised_64.wav", "surprised", "Ucho wykrywa dźwięki.", "        WR0", "male"),
        ("EB0_neutral_13.wav", "neutral", "Interesuje mnie historia.", "        EB0", "female"),
    ]
    lines = ["file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"]
    for file, emotion, text, speaker, gender in rows:
        record((folder / "samples" / file).with_suffix(suffix))
        lines.append("\t".join((file, emotion, text, text.lower(), speaker, gender, "30")))
    (folder / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def savee_names():
    for letters in savee.EMOTION_LETTERS:
        for number in range(1, 31 if letters == "n" else 16):
            yield f"{letters}{number:02d}"


class TestEmotions:
    def test_aliases_are_canonical_and_no_canonical_name_is_an_alias(self):
        assert set(EMOTION_ALIASES.values()) <= set(EMOTIONS)
        assert not set(EMOTION_ALIASES) & set(EMOTIONS)

    @pytest.mark.parametrize(
        "written, meant",
        [("anger", "anger"), ("Angry", "anger"), (" HAPPY ", "happiness"), ("pleasant_surprise", "surprise")],
    )
    def test_words(self, written, meant):
        assert canonical_emotion(written) == meant

    def test_unknown_word_names_the_nearest(self):
        with pytest.raises(SerKerasError, match="nearest: .*sadness"):
            canonical_emotion("sadnes")


class TestEmodb:
    def test_names(self, tmp_path):
        make_emodb(tmp_path / "wav")
        utterances = corpora.read("emodb", tmp_path)
        assert len(utterances) == 70
        first = utterances[0]
        assert (first.name, first.emotion, first.speaker) == ("wav/03a01Aa.wav", "fear", "emodb/03")
        assert (first.text, first.gender, first.corpus) == ("a01", "male", "emodb")
        assert first.path == str(tmp_path / "wav" / "03a01Aa.wav")
        by_letter = {u.name[9]: u.emotion for u in utterances}
        assert by_letter == emodb.EMOTION_LETTERS
        females = {u.speaker for u in utterances if u.gender == "female"}
        assert females == {f"emodb/{s}" for s in ("08", "09", "13", "14", "16")}

    def test_the_wav_folder_itself_and_other_formats(self, tmp_path):
        make_emodb(tmp_path / "files", ".flac")
        assert len(corpora.read("emodb", tmp_path / "files")) == 70
        assert [u.name for u in corpora.read("emodb", tmp_path / "files")] == sorted(
            u.name for u in corpora.read("emodb", tmp_path / "files")
        )

    def test_strange_names_are_listed_as_bad(self, tmp_path):
        make_emodb(tmp_path)
        for name in ("readme.wav", "99a01Fa.wav", "03a01Xa.wav", "03a01Fa.flac", "._03a01Fa.wav"):
            record(tmp_path / "x.wav").rename(tmp_path / name)
        listing = corpora.scan("emodb", tmp_path)
        assert len(listing.utterances) == 70
        assert listing.bad_files.keys() == {"readme.wav", "99a01Fa.wav", "03a01Xa.wav", "03a01Fa.wav"}
        assert "same recording as 03a01Fa.flac" in listing.bad_files["03a01Fa.wav"]
        assert "no speaker 99" in listing.bad_files["99a01Fa.wav"]


class TestRavdess:
    def test_names(self, tmp_path):
        utterances = corpora.read("ravdess", make_ravdess(tmp_path))
        assert len(utterances) == 45
        by_name = {u.name: u for u in utterances}
        calm = by_name["Actor_02/03-01-02-02-01-02-02.wav"]
        assert (calm.emotion, calm.speaker, calm.gender) == ("calm", "ravdess/02", "female")
        assert (calm.text, calm.intensity) == ("01", "strong")
        assert by_name["Actor_07/03-01-06-01-01-02-07.wav"].gender == "male"

    def test_song_and_video_are_passed_over_with_a_count(self, tmp_path):
        make_ravdess(tmp_path)
        for name in ("03-02-01-01-01-01-01.wav", "03-02-03-01-01-01-01.wav", "01-01-03-01-01-01-01.mp4"):
            (tmp_path / "Actor_01" / name).write_bytes(b"")
        listing = corpora.scan("ravdess", tmp_path)
        assert len(listing.utterances) == 45 and not listing.bad_files
        assert listing.notes == ["2 song files passed over", "1 video files passed over"]

    def test_unpacked_archives_side_by_side(self, tmp_path):
        make_ravdess(tmp_path / "Audio_Speech_Actors_01-24")
        song = tmp_path / "Audio_Song_Actors_01-24" / "Actor_01"
        song.mkdir(parents=True)
        (song / "03-02-01-01-01-01-01.wav").write_bytes(b"")
        assert len(corpora.read("ravdess", tmp_path)) == 45

    def test_a_copy_that_holds_everything_twice(self, tmp_path):
        make_ravdess(tmp_path)
        make_ravdess(tmp_path / "audio_speech_actors_01-24")
        listing = corpora.scan("ravdess", tmp_path)
        assert len(listing.utterances) == 45 and not listing.bad_files

    def test_one_actor(self, tmp_path):
        make_ravdess(tmp_path)
        assert {u.speaker for u in corpora.read("ravdess", tmp_path / "Actor_07")} == {"ravdess/07"}

    def test_bad_names(self, tmp_path):
        make_ravdess(tmp_path)
        names = ("03-01-09-01-01-01-01", "03-01-03-01-01-01-02", "03-01-03-03-01-01-01", "03-01-03-01-01-01-25", "x")
        for name in names:
            record(tmp_path / "Actor_01" / f"{name}.wav")
        assert corpora.scan("ravdess", tmp_path).bad_files.keys() == {f"Actor_01/{name}.wav" for name in names}


class TestSavee:
    def test_both_layouts_give_the_published_counts(self, tmp_path):
        for speaker in savee.SPEAKERS:
            for name in savee_names():
                (tmp_path / "a" / "AudioData" / speaker).mkdir(parents=True, exist_ok=True)
                (tmp_path / "b").mkdir(exist_ok=True)
                (tmp_path / "a" / "AudioData" / speaker / f"{name}.wav").write_bytes(b"")
                (tmp_path / "b" / f"{speaker}_{name}.wav").write_bytes(b"")
        folders, flat = corpora.read("savee", tmp_path / "a"), corpora.read("savee", tmp_path / "b")
        assert len(folders) == len(flat) == savee.READER.editions[0].n_utterances == 480
        keys = [{(u.speaker, u.emotion, u.text, u.gender) for u in us} for us in (folders, flat)]
        assert keys[0] == keys[1] and len(keys[0]) == 480
        for emotion, n in savee.READER.editions[0].emotions.items():
            assert sum(u.emotion == emotion for u in flat) == n
        assert {u.speaker for u in flat} == {"savee/DC", "savee/JE", "savee/JK", "savee/KL"}
        assert corpora.read("savee", tmp_path / "a" / "AudioData")[0].name == "DC/a01.wav"
        (tmp_path / "b").rename(tmp_path / "ALL")
        assert len(corpora.read("savee", tmp_path)) == 480

    def test_bad_names(self, tmp_path):
        for name in ("DC/a01", "DC/JE_a02", "DC/a16", "DC/n31", "DC/s01", "n01", "XX_a01"):
            record(tmp_path / f"{name}.wav")
        listing = corpora.scan("savee", tmp_path)
        assert [u.name for u in listing.utterances] == ["DC/a01.wav"]
        assert len(listing.bad_files) == 6


class TestNemo:
    def test_table_and_samples_of_another_suffix(self, tmp_path):
        utterances = corpora.read("nemo", make_nemo(tmp_path))
        assert [u.name for u in utterances] == ["samples/EB0_neutral_13.ogg", "samples/WR0_surprised_64.ogg"]
        u = utterances[1]
        assert (u.emotion, u.speaker, u.gender, u.text) == ("surprise", "nemo/WR0", "male", "Ucho wykrywa dźwięki.")

    def test_missing_and_unlisted_samples_are_bad(self, tmp_path):
        make_nemo(tmp_path)
        (tmp_path / "samples" / "EB0_neutral_13.ogg").rename(tmp_path / "samples" / "other.ogg")
        listing = corpora.scan("nemo", tmp_path)
        assert len(listing.utterances) == 1
        assert listing.bad_files.keys() == {"samples/EB0_neutral_13.wav", "samples/other.ogg"}

    def test_wrong_tables(self, tmp_path):
        make_nemo(tmp_path)
        table = (tmp_path / "data.tsv").read_text(encoding="utf-8")
        for old, new, error, words in (
            ("emotion", "feeling", NotThisCorpus, "a data.tsv with the columns"),
            ("\tneutral\t", "\tneutrall\t", SerKerasError, "row 3: 'neutrall'.*neutral"),
            ("EB0_neutral_13", "WR0_surprised_64", SerKerasError, "row 3: .* row 2 already"),
        ):
            (tmp_path / "data.tsv").write_text(table.replace(old, new), encoding="utf-8")
            with pytest.raises(error, match=words):
                corpora.read("nemo", tmp_path)


class TestNotThisCorpus:
    @pytest.mark.parametrize("name", [*(name for name, reader in CORPORA.items() if reader.recognisable), "audformat"])
    def test_says_what_was_expected_and_found(self, tmp_path, name):
        (tmp_path / "empty").mkdir()
        (tmp_path / "file.txt").write_text("x")
        record(tmp_path / "other" / "speech.wav")
        for root, found in (
            ("empty", "an empty folder"),
            ("other", "1 files"),
            ("nowhere", "no such folder"),
            ("file.txt", "a file"),
        ):
            with pytest.raises(NotThisCorpus) as caught:
                corpora.read(name, tmp_path / root)
            line = str(caught.value)
            assert (
                found in line and CORPORA[name].layout in line and str(tmp_path / root) in line and line.isprintable()
            )

    def test_another_corpus_is_recognised(self, tmp_path):
        make_ravdess(tmp_path)
        with pytest.raises(NotThisCorpus, match="reads as ravdess: try ravdess="):
            corpora.read("emodb", tmp_path)
        assert len(corpora.read("ravdess", tmp_path)) == 45

    def test_unknown_corpus(self, tmp_path):
        with pytest.raises(SerKerasError, match="nearest: emodb"):
            corpora.read("emo-db", tmp_path)


class TestManifest:
    @staticmethod
    def write(folder, text, name="manifest.csv", encoding="utf-8"):
        for i in range(4):
            record(folder / "audio" / f"{i}.wav", seed=i)
        (folder / name).write_bytes(text.encode(encoding))
        return folder / name

    def test_two_columns(self, tmp_path):
        table = self.write(tmp_path, "path,emotion\naudio/1.wav,angry\naudio/0.wav,Sadness\n")
        utterances = corpora.read("manifest", table)
        assert [(u.name, u.emotion, u.speaker) for u in utterances] == [
            ("audio/0.wav", "sadness", None),
            ("audio/1.wav", "anger", None),
        ]
        assert corpora.read("manifest", tmp_path) == utterances

    def test_every_column(self, tmp_path):
        table = self.write(
            tmp_path,
            "Path, Emotion, speaker, split, text, gender, activation, valence, intensity, start, end, notes\n"
            'audio/0.wav,happy,01,dev,"yes, really",F,3.5,-1,strong,0.01,0.04,x\n'
            "audio/0.wav,neutral,emodb/03,train,no,male,,,,,0.01,y\n",
        )
        later, first = corpora.read("manifest", table)[::-1]
        assert later == Utterance(
            path=str(tmp_path / "audio" / "0.wav"),
            emotion="happiness",
            speaker="manifest/01",
            corpus="manifest",
            name="audio/0.wav",
            text="yes, really",
            gender="female",
            activation=3.5,
            valence=-1.0,
            intensity="strong",
            split="validation",
            start=0.01,
            end=0.04,
        )
        assert (first.speaker, first.start, first.end, first.activation) == ("emodb/03", None, 0.01, None)

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_dialects(self, tmp_path, delimiter, encoding, newline):
        rows = ["path,emotion,text", "audio/0.wav,fear,zażółć", "", "audio/1.wav,joy,x,,"]
        text = newline.join(rows).replace(",", delimiter)
        utterances = corpora.read("manifest", self.write(tmp_path, text, encoding=encoding))
        assert [(u.emotion, u.text) for u in utterances] == [("fear", "zażółć"), ("happiness", "x")]

    def test_absolute_and_upward_paths(self, tmp_path):
        outside = record(tmp_path / "outside.wav")
        table = self.write(tmp_path / "in", f"path,emotion\n../outside.wav,anger\n{tmp_path}/in/audio/0.wav,fear\n")
        assert {u.path for u in corpora.read("manifest", table)} == {
            str(outside),
            str(tmp_path / "in" / "audio" / "0.wav"),
        }

    @pytest.mark.parametrize(
        "text, words",
        [
            ("", "an empty table"),
            ("\n\n", "an empty table"),
            ("path,emotion\n", "header without rows"),
            ("file,emotion\naudio/0.wav,anger\n", "row 1: no column 'path'.*found: file, emotion"),
            ("path,label\naudio/0.wav,anger\n", "row 1: no column 'emotion'"),
            ("path,emotion,path\na,b,c\n", "column 'path' stands there twice"),
            ("path,emotion,speker\naudio/0.wav,anger,1\n", "row 1: column 'speker'.*'speaker'"),
            ("path,emotion\naudio/0.wav,anger\naudio/9.wav,anger\n", "row 3: no file audio/9.wav"),
            ("path,emotion\naudio,anger\n", "row 2: no file audio"),
            ("path,emotion\n,anger\n", "row 2: path is empty"),
            ("path,emotion\naudio/0.wav,angr\n", "row 2: 'angr'.*nearest: .*angry"),
            ("path,emotion\naudio/0.wav,\n", "row 2: ''"),
            ("path,emotion\naudio/0.wav,anger\n\naudio/0.wav,fear\n", "row 4: the same audio as row 2"),
            ("path,emotion\naudio/0.wav,anger,x\n", "row 2: 3 values under 2 columns"),
            ("path,emotion,text\naudio/0.wav,anger\n", "row 2: 2 values under 3 columns"),
            ("path,emotion,split\naudio/0.wav,anger,tset\n", "row 2: split 'tset'.*test"),
            ("path,emotion,gender\naudio/0.wav,anger,woman\n", "row 2: gender 'woman'"),
            ("path,emotion,valence\naudio/0.wav,anger,high\n", "row 2: valence 'high' is not a number"),
            ("path;emotion;start\naudio/0.wav;anger;0,5\n", "row 2: start '0,5' is not a number"),
            ("path,emotion,end\naudio/0.wav,anger,nan\n", "row 2: end 'nan'"),
            ("path,emotion,start,end\naudio/0.wav,anger,2,1\n", "row 2: start and end"),
            ("path,emotion,start\naudio/0.wav,anger,-1\n", "row 2: start and end"),
            ("path,emotion,speaker\naudio/0.wav,anger,1\naudio/1.wav,fear,\n", "row 3: no speaker, where 1 other"),
            ('path,emotion,text\naudio/0.wav,anger,"open\naudio/1.wav,fear,x\n', "row 2: unexpected end of data"),
            ("path,emotion\naudio/0.wav\0,anger\n", "zero bytes"),
        ],
    )
    def test_bad_tables_are_refused_with_the_row(self, tmp_path, text, words):
        table = self.write(tmp_path, text)
        with pytest.raises(SerKerasError, match=words) as caught:
            corpora.read("manifest", table)
        assert str(table) in str(caught.value) and str(caught.value).isprintable()

    @pytest.mark.parametrize("encoding, words", [("latin-1", "row 3: byte 0xfc is not UTF-8"), ("utf-16", "is UTF-16")])
    def test_other_encodings(self, tmp_path, encoding, words):
        text = "path,emotion,text\naudio/0.wav,anger,x\naudio/1.wav,anger,müde\n"
        with pytest.raises(SerKerasError, match=words):
            corpora.read("manifest", self.write(tmp_path, text, encoding=encoding))

    def test_no_table(self, tmp_path):
        with pytest.raises(NotThisCorpus, match="an empty folder"):
            corpora.read("manifest", tmp_path)
        with pytest.raises(NotThisCorpus, match="no such file"):
            corpora.read("manifest", tmp_path / "a.csv")


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


class TestCheck:
    KEYS = {
        *("corpus", "n_utterances", "n_speakers", "hours", "emotions", "speakers", "sample_rates", "bad_files"),
        *("matches_published", "duplicates", "warnings", "notes"),
    }

    def test_counts(self, tmp_path):
        make_emodb(tmp_path)
        seen = []
        result = check("emodb", tmp_path, progress=lambda *args: seen.append(args))
        assert set(result) == self.KEYS
        assert json.loads(json.dumps(result)) == result
        assert (result["n_utterances"], result["n_speakers"], result["matches_published"]) == (70, 10, False)
        assert result["emotions"] == dict.fromkeys(sorted(emodb.EMOTION_LETTERS.values()), 10)
        assert result["speakers"]["emodb/03"] == 7 and result["sample_rates"] == {"16000": 70}
        assert result["hours"] == round(70 * 0.05 / 3600, 4)
        assert seen == [(i, 70) for i in range(1, 71)]
        text = "\n".join(corpus_check(result))
        assert "anger" in text and "-117" in text and "anger 10 instead of 127" in text.splitlines()[-1]

    def test_corrupt_files_are_found_and_not_counted(self, tmp_path, monkeypatch):
        make_emodb(tmp_path)
        counts = {**dict.fromkeys(emodb.EMOTION_LETTERS.values(), 10)}
        reader = dataclasses.replace(emodb.READER, editions=(Published(70, 10, counts),))
        monkeypatch.setitem(CORPORA, "emodb", reader)
        assert check("emodb", tmp_path)["matches_published"] is True
        assert "\n".join(corpus_check(check("emodb", tmp_path))).endswith("matches the published counts")
        broken = tmp_path / "03a01Wa.wav"
        broken.write_bytes(broken.read_bytes()[:-100])
        (tmp_path / "08a01Wa.wav").write_bytes(b"")
        (tmp_path / "strange\nname.wav").write_bytes(b"")
        result = check("emodb", tmp_path)
        assert result["bad_files"].keys() == {"03a01Wa.wav", "08a01Wa.wav", "strange\nname.wav"}
        assert "truncated" in result["bad_files"]["03a01Wa.wav"] and "empty" in result["bad_files"]["08a01Wa.wav"]
        assert result["n_utterances"] == 68 and result["emotions"]["anger"] == 8
        assert result["matches_published"] is False
        assert "bad file: strange\\nname.wav" in "\n".join(corpus_check(result))

    def test_duplicates_and_warnings(self, tmp_path):
        make_emodb(tmp_path)
        shutil.copy(tmp_path / "03a01Wa.wav", tmp_path / "08a01Wa.wav")
        soundfile.write(tmp_path / "09a01Wa.wav", np.zeros(800), RATE)
        result = check("emodb", tmp_path)
        assert result["duplicates"] == [["03a01Wa.wav", "08a01Wa.wav"]]
        assert result["warnings"].keys() == {"09a01Wa.wav"} and "silence" in result["warnings"]["09a01Wa.wav"][0]

    def test_ranges_outside_their_file(self, tmp_path):
        record(tmp_path / "a.wav", 1.0)
        (tmp_path / "m.csv").write_text("path,emotion,start,end\na.wav,anger,0,0.5\na.wav,fear,0.5,2\n")
        result = check("manifest", tmp_path / "m.csv")
        assert result["n_utterances"] == 1 and "outside" in result["bad_files"]["a.wav"]
        assert result["n_speakers"] == 0 and result["speakers"] == {}
        assert "no published counts" in "\n".join(corpus_check(result))

    @pytest.mark.parametrize("name", ["emodb", "ravdess", "nemo"])
    def test_real_corpora_match_their_published_counts(self, name):
        root = shared_data(name)
        start = time.monotonic()
        result = check(name, root)
        assert result["matches_published"] is True
        assert result["bad_files"] == {} and result["warnings"] == {}
        assert result["sample_rates"] == {"16000": result["n_utterances"]}
        twins = [["Actor_07/03-01-03-01-02-01-07.flac", "Actor_07/03-01-03-01-02-02-07.flac"]]
        assert result["duplicates"] == (twins if name == "ravdess" else [])
        genders = {u.speaker: u.gender for u in corpora.read(name, root)}
        women = {"emodb": 5, "ravdess": 12, "nemo": 4}[name]
        assert sum(g == "female" for g in genders.values()) == women and None not in genders.values()
        assert time.monotonic() - start < 120


def test_every_corpus_keeps_the_contract():
    for name, reader in CORPORA.items():
        assert reader.name == name and reader.title and reader.licence and reader.layout
        assert "\n" not in reader.layout
        for published in reader.editions:
            assert sum(published.emotions.values()) == published.n_utterances
            assert set(published.emotions) <= set(EMOTIONS)
        assert callable(reader.scan)
