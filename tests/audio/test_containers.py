"""Containers whose headers lie."""

import struct

import numpy as np
import soundfile

from ser_keras.audio.reading import load
from tests.broken_audio import encode, speech


def test_a_wav_that_was_never_closed_keeps_its_extended_header(tmp_path):
    whole = bytearray(encode(speech(), format="WAVEX", subtype="PCM_16"))
    data = whole.index(b"data")
    whole[data + 4 : data + 8] = struct.pack("<I", 0)
    (tmp_path / "a.wav").write_bytes(whole)
    (tmp_path / "b.wav").write_bytes(encode(speech(), format="WAVEX", subtype="PCM_16"))
    assert np.array_equal(load(tmp_path / "a.wav").samples, load(tmp_path / "b.wav").samples)
    assert soundfile.info(tmp_path / "b.wav").format == "WAVEX"
