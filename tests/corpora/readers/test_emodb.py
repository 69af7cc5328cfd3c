"""The reader of EMO-DB."""

from ser_keras import corpora
from ser_keras.corpora.readers import emodb
from tests.corpora.made_folders import make_emodb, record


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
