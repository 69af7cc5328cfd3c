"""The reader of nEMO."""

import pytest

from ser_keras import corpora
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import NotThisCorpus
from tests.corpora.made_folders import record


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
