"""The reader of SAVEE."""

from ser_keras import corpora
from ser_keras.corpora.readers import savee
from tests.corpora.made_folders import record


def savee_names():
    for letters in savee.EMOTION_LETTERS:
        for number in range(1, 31 if letters == "n" else 16):
            yield f"{letters}{number:02d}"


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
