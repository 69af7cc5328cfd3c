"""Checks of a corpus against its published counts."""

import dataclasses
import json
import shutil
import time

import numpy as np
import pytest
import soundfile

from ser_keras import corpora
from ser_keras.cli.texts import corpus_check
from ser_keras.corpora import CORPORA
from ser_keras.corpora.checking import check
from ser_keras.corpora.corpus import Published
from ser_keras.corpora.readers import emodb
from tests.conftest import shared_data
from tests.corpora.made_folders import RATE, make_emodb, record


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
