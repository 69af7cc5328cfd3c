"""What holds for every corpus reader."""

import pytest

from ser_keras import corpora
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA, NotThisCorpus
from ser_keras.corpora.emotions import EMOTIONS
from tests.corpora.made_folders import make_ravdess, record

LANGUAGES = ("da", "de", "en", "pl", "zh")


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


def test_every_corpus_keeps_the_contract():
    for name, reader in CORPORA.items():
        assert reader.name == name and reader.title and reader.licence and reader.layout
        assert "\n" not in reader.layout
        assert (reader.language is None) == reader.is_collection and reader.language in {None, *LANGUAGES}
        for published in reader.editions:
            assert sum(published.emotions.values()) == published.n_utterances
            assert set(published.emotions) <= set(EMOTIONS)
        assert callable(reader.scan)
