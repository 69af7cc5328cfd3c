"""The reader of tables."""

import pytest

from ser_keras import corpora
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import NotThisCorpus
from ser_keras.corpora.utterance import Utterance
from tests.corpora.made_folders import record


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
