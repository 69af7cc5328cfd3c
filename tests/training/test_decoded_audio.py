"""Decoding into the cache, and what can't be decoded."""

import numpy as np
import pytest
import soundfile

from ser_keras import corpora
from ser_keras.common.errors import SerKerasError
from ser_keras.training.data import decoded_audio
from tests.made_corpus import write_corpus


@pytest.mark.smoke
def test_bad_files_are_skipped_and_listed_or_fatal_as_chosen(tmp_path):
    manifest = write_corpus(tmp_path, speakers=2, takes=1)
    broken = corpora.read("manifest", manifest)[0]
    with open(broken.path, "wb") as file:
        file.write(b"no audio")
    utterances = corpora.read("manifest", manifest)
    decoded = decoded_audio.decode(utterances)
    assert list(decoded.bad_files) == [broken.name] and len(decoded.utterances) == len(utterances) - 1
    with pytest.raises(SerKerasError, match="bad_files=skip"):
        decoded_audio.decode(utterances, bad_files="fail")
    with pytest.raises(SerKerasError, match="none of the 1 audio files can be used"):
        decoded_audio.decode([broken])


def test_silence_and_clipping_are_said_every_time(tmp_path):
    manifest = write_corpus(tmp_path, speakers=1, takes=1)
    utterances = corpora.read("manifest", manifest)
    soundfile.write(utterances[0].path, np.zeros(16000), 16000)
    assert any(utterances[0].name in line for line in decoded_audio.decode(utterances).warnings)
