"""Warnings of audio that is read."""

import shutil

import numpy as np
import soundfile

from ser_keras.training.data.labelled_audio import read_audio, read_corpora
from tests.made_corpus import write_corpus
from tests.trained_runs import quick


def test_warnings_and_identical_audio_are_said_again_from_the_cache(tmp_path, capsys):
    manifest = write_corpus(tmp_path / "corpus", speakers=4, takes=1)
    loud = tmp_path / "corpus" / "s0_anger_0.wav"
    soundfile.write(loud, np.sign(np.sin(np.arange(16000) / 20)), 16000, subtype="PCM_16")
    shutil.copyfile(loud, tmp_path / "corpus" / "s1_anger_0.wav")
    for _ in range(2):
        read_audio(quick(), read_corpora([("manifest", manifest)]))
        said = capsys.readouterr().err
        assert "clipping" in said and "is the same audio as" in said
