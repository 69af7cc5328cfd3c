"""MP3 files that do not state their length."""

import numpy as np
import pytest

from ser_keras.audio.reading import AudioError, load
from ser_keras.audio.samples import SAMPLE_RATE
from tests.broken_audio import encode, speech


class TestMp3WithoutLength:
    """A second MP3 frame on: what a stream recorder or an old encoder writes."""

    @staticmethod
    def strip(whole):
        first = whole.index(b"\xff")
        tag = max(whole[:1000].find(b"Xing"), whole[:1000].find(b"Info"))
        assert tag > 0
        second = whole.index(whole[first : first + 2], first + 4)
        return whole[second:]

    @pytest.mark.parametrize("rate, channels", [(16000, 1), (44100, 1), (44100, 2), (8000, 1), (48000, 2)])
    def test_is_read_whole(self, tmp_path, rate, channels):
        x = np.concatenate([np.zeros(rate), speech(3.0, rate)])  # quiet first frames mislead an estimate
        x = x if channels == 1 else np.stack([x, 0.5 * x], axis=1)
        whole = encode(x, rate, format="MP3")
        stripped = self.strip(whole)
        (tmp_path / "a.mp3").write_bytes(stripped)
        (tmp_path / "b.mp3").write_bytes(b"ID3\x03\0\0\0\0\x0f\x00" + bytes(15 << 7) + stripped)
        a, b = load(tmp_path / "a.mp3"), load(tmp_path / "b.mp3")
        assert np.array_equal(a.samples, b.samples)
        assert a.channels == channels
        assert 4.0 <= len(a.samples) / SAMPLE_RATE <= 4.0 + 3 * 1152 / rate  # encoder delay and padding stay
        part = load(tmp_path / "a.mp3", start=3.0)
        assert len(part.samples) == pytest.approx(len(a.samples) - 48000, abs=1)

    def test_damage_that_stops_the_decoder_is_not_a_shorter_file(self, tmp_path):
        stripped = self.strip(encode(speech(4.0), format="MP3"))
        frame = stripped.index(stripped[:2], len(stripped) // 2)
        (tmp_path / "a.mp3").write_bytes(stripped[:frame] + b"\xff\x00\xff" * 30 + stripped[frame:])
        with pytest.raises(AudioError, match="its data end at 2"):
            load(tmp_path / "a.mp3")

    def test_bytes_that_only_look_like_mp3(self, tmp_path):
        for content in (b"\xff", b"\xff\xfb", b"ID3", b"ID3" + b"\x7f" * 40, b"\xff\xfb\x90\x00" * 3, b"\xff" * 5000):
            (tmp_path / "a.mp3").write_bytes(content)
            with pytest.raises(AudioError):
                load(tmp_path / "a.mp3")
