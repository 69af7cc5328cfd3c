"""Reading: what comes in as 16 kHz mono, whole, in part or in blocks, and what is refused in one line."""

import tracemalloc

import numpy as np
import pytest

from ser_keras.audio import decoders, reading
from ser_keras.audio.reading import AudioError, load, stream
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from tests.audio.sound_files import write
from tests.broken_audio import encode, speech, wav


class TestBrokenFiles:
    def test_each_is_used_refused_or_warned_of(self, broken):
        folder, expected = broken
        got = {}
        for name in expected:
            try:
                result = load(folder / name)
            except AudioError:
                got[name] = "error"
            else:
                got[name] = "warning" if result.warnings else "ok"
                assert result.samples.dtype == np.float32 and result.samples.ndim == 1
                assert SAMPLE_RATE <= len(result.samples) <= 1.02 * SAMPLE_RATE
                assert np.abs(result.samples).max() <= 1
        assert got == expected
        assert len(expected) >= 36

    def test_each_refusal_is_one_line_that_names_the_file(self, broken):
        folder, expected = broken
        for name in (n for n, what in expected.items() if what == "error"):
            with pytest.raises(AudioError) as caught:
                load(folder / name)
            line = str(caught.value)
            assert line.isprintable() and len(line) < 300 + len(str(folder))
            assert str(folder) in line and line.endswith(caught.value.reason)

    @pytest.mark.parametrize(
        "name, words",
        [
            ("folder.wav", "a folder"),
            ("pipe.wav", "not a regular file"),
            ("dangling.wav", "a link to nowhere"),
            ("missing.wav", "no such file"),
            ("zero_bytes.wav", "empty: 0 bytes"),
            ("no_frames.wav", "no samples"),
            ("half.wav", "truncated"),
            ("half.flac", "truncated"),
            ("half.ogg", "truncated"),
            ("half.mp3", "truncated"),
            ("text.wav", "Format not recognised"),
            ("html.mp3", "Format not recognised"),
        ],
    )
    def test_reasons(self, broken, name, words):
        with pytest.raises(AudioError, match=words):
            load(broken[0] / name)

    def test_a_header_of_terabytes_allocates_nothing(self, broken):
        folder, _ = broken
        names = ("claims_4_tb_rf64.wav", "claims_a_month.flac", "claims_4_gb.wav", "channels_65535.wav")
        tracemalloc.start()
        for name in names:
            with pytest.raises(AudioError):
                load(folder / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20e6

    def test_position_of_a_bad_sample_counts_from_the_files_start(self, tmp_path):
        x = speech(2.0)
        x[24000] = np.nan
        path = write(tmp_path / "a.wav", x, subtype="FLOAT")
        with pytest.raises(AudioError, match=r"NaN at 1\.500 s"):
            load(path, start=1.0)
        assert len(load(path, end=1.4).samples) == 22400

    def test_an_ogg_stream_without_an_end_is_warned_of(self, tmp_path):
        whole = encode(speech(20.0), format="OGG")
        (tmp_path / "a.ogg").write_bytes(whole[: whole.rindex(b"OggS")])
        result = load(tmp_path / "a.ogg")
        assert "cut short" in result.warnings[0]

    def test_too_long_for_one_array_streams_all_the_same(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reading, "MAX_LOAD_S", 2)
        path = write(tmp_path / "a.wav", speech(3.0))
        with pytest.raises(AudioError, match="too long to hold"):
            load(path)
        assert len(load(path, start=0.5, end=2.0).samples) == 24000
        assert sum(len(block) for block in stream(path)) == 48000


class TestDecoding:
    def test_16_bit_16_khz_mono_is_exact(self, tmp_path):
        integers = np.arange(-32768, 32768).astype("<i2")
        (tmp_path / "a.wav").write_bytes(wav(integers.tobytes()))
        result = load(tmp_path / "a.wav")
        assert np.array_equal(result.samples, integers / 32768)
        assert (result.file_rate, result.channels) == (16000, 1)

    @pytest.mark.parametrize(
        "subtype, tolerance", [("PCM_U8", 2**-7), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("DOUBLE", 2**-24)]
    )
    def test_bit_depths(self, tmp_path, subtype, tolerance):
        x = speech()
        assert np.abs(load(write(tmp_path / "a.wav", x, subtype=subtype)).samples - x).max() <= tolerance

    @pytest.mark.parametrize("format", ["FLAC", "OGG", "MP3"])
    def test_formats(self, tmp_path, format):
        # speech() is harmonic with weak noise: a lossy codec keeps its waveform
        x = speech(2.0)
        y = load(write(tmp_path / "misnamed.wav", x, format=format)).samples
        assert len(y) == len(x)
        assert np.corrcoef(x, y)[0, 1] > 0.98

    @pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
    def test_rates(self, tmp_path, rate):
        t = np.arange(rate) / rate
        result = load(write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * t), rate, subtype="FLOAT"))
        expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
        assert len(result.samples) == SAMPLE_RATE and result.file_rate == rate
        assert np.abs(result.samples - expected)[400:-400].max() < 1e-4

    def test_no_aliasing(self, tmp_path):
        t = np.arange(48000) / 48000
        result = load(write(tmp_path / "a.wav", 0.9 * np.sin(2 * np.pi * 11000 * t), 48000, subtype="FLOAT"))
        assert np.abs(result.samples[400:-400]).max() < 1e-4

    def test_channels_are_averaged(self, tmp_path):
        x = np.random.default_rng(0).uniform(-0.9, 0.9, (SAMPLE_RATE, 6)).astype(np.float32)
        result = load(write(tmp_path / "a.wav", x, subtype="FLOAT"))
        assert result.channels == 6
        np.testing.assert_allclose(result.samples, x.mean(axis=1), atol=1e-6)

    def test_resampling_does_not_leave_the_range(self, tmp_path):
        square = np.sign(np.sin(2 * np.pi * 100 * np.arange(48000) / 48000) + 1e-9) * 0.98
        samples = load(write(tmp_path / "a.wav", square, 48000)).samples
        assert np.abs(samples).max() == 1

    def test_warnings(self, broken):
        folder, _ = broken
        for name, words in (
            ("silence.wav", "silence"),
            ("constant.wav", "silence"),
            ("clipped.wav", "clipping"),
            ("opposed_stereo.wav", "cancel"),
            ("float_above_1.wav", "1.50"),
        ):
            assert any(words in line for line in load(folder / name).warnings), name

    def test_no_warning_for_loud_or_one_sided_audio(self, tmp_path):
        x = speech()
        one_sided = np.stack([x] + [np.zeros_like(x)] * 5, axis=1)
        assert load(write(tmp_path / "a.wav", one_sided)).warnings == ()
        low_and_loud = np.sin(2 * np.pi * 80 * np.arange(48000) / 48000)
        assert load(write(tmp_path / "b.wav", low_and_loud, 48000)).warnings == ()


class TestParts:
    @pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG"])
    def test_a_part_equals_the_slice(self, tmp_path, format):
        path = write(tmp_path / "a", speech(3.0), format=format)
        whole = load(path).samples
        assert np.array_equal(load(path, 1.0, 2.5).samples, whole[16000:40000])
        assert np.array_equal(load(path, start=2.0).samples, whole[32000:])
        assert np.array_equal(load(path, end=0.5).samples, whole[:8000])

    def test_a_part_of_an_mp3_at_another_rate(self, tmp_path):
        path = write(tmp_path / "a.mp3", speech(3.0, rate=44100), 44100, format="MP3")
        part, whole = load(path, 1.0, 2.0).samples, load(path).samples[16000:32000]
        assert len(part) == 16000
        assert np.abs(part - whole)[200:-200].max() < 1e-3

    def test_a_part_is_sought_not_decoded_up_to(self, tmp_path):
        path = tmp_path / "long.wav"
        with open(path, "wb") as file:
            file.write(wav(b"", claimed=1 << 30))
            file.truncate(44 + (1 << 30))
        reads = []
        original = decoders.SoundFileSource.read

        def read(self, n):
            reads.append(n)
            return original(self, n)

        decoders.SoundFileSource.read = read
        try:
            load(path, start=30000.0, end=30001.0)
        finally:
            decoders.SoundFileSource.read = original
        assert sum(reads) == 16000

    @pytest.mark.parametrize(
        "start, end, words",
        [
            (3.0, None, "outside"),
            (None, 3.2, "outside"),
            (2.0, 1.0, "empty part"),
            (1.0, 1.0, "empty part"),
            (-1.0, None, "at least 0"),
            (float("nan"), None, "expected seconds"),
            (None, float("inf"), "expected seconds"),
            (0.0, 0.005, "too short"),
            (1e18, None, "outside"),
        ],
    )
    def test_ranges_outside_the_file(self, tmp_path, start, end, words):
        path = write(tmp_path / "a.wav", speech(3.0))
        with pytest.raises(AudioError, match=words):
            load(path, start, end)

    def test_a_rounded_end_is_accepted(self, tmp_path):
        path = write(tmp_path / "a.wav", speech(3.0)[:47990])
        assert len(load(path, 1.0, 3.0).samples) == 31990

    def test_a_range_beyond_a_flac_of_unknown_length(self, broken):
        path = broken[0] / "unknown_length.flac"
        assert len(load(path, 0.5, 0.9).samples) == 6400
        for start, end in ((0.5, 3.0), (2.0, None), (1.0, None)):
            with pytest.raises(AudioError, match="a part that ends at|can't be read from|outside"):
                load(path, start, end)


class TestStream:
    @pytest.mark.parametrize("rate, channels", [(16000, 1), (44100, 2), (8000, 1)])
    @pytest.mark.parametrize("block", [1, 999, 16000, 10**9])
    def test_blocks_joined_equal_load(self, tmp_path, rate, channels, block):
        seconds = 0.05 if block == 1 else 20.0  # 20 s in stereo are several decoded blocks
        path = write(tmp_path / "a.wav", speech(seconds, rate, channels), rate)
        blocks = list(stream(path, block))
        whole = load(path).samples
        assert [len(b) for b in blocks[:-1]] == [block] * (len(blocks) - 1)
        assert 0 < len(blocks[-1]) <= block
        assert np.array_equal(np.concatenate(blocks), whole)

    def test_resampling_in_blocks_equals_resampling_at_once(self, tmp_path):
        import soxr

        x = speech(20.0, 44100).astype(np.float32)
        whole = load(write(tmp_path / "a.wav", x, 44100, subtype="FLOAT")).samples
        np.testing.assert_allclose(whole, soxr.resample(x, 44100, 16000, "HQ"), atol=1e-6)

    def test_memory_does_not_grow_with_the_file(self, tmp_path):
        path = tmp_path / "long.wav"
        size = 96 << 20  # 8.7 minutes of stereo at 48 kHz, sparse on disk; 33 MB at 16 kHz mono
        with open(path, "wb") as file:
            file.write(wav(b"", rate=48000, channels=2, claimed=size))
            file.truncate(44 + size)
        tracemalloc.start()
        n = sum(len(block) for block in stream(path, 16000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n == size // 4 // 3 + (size // 4 % 3 > 0)
        assert peak < 8e6

    def test_warnings_and_rate(self, broken):
        source = stream(broken[0] / "clipped.wav", 4000)
        assert (source.file_rate, source.channels, source.seconds) == (16000, 1, 1.0)
        for _ in source:
            pass
        assert "clipping" in source.warnings[0]

    def test_once_only_and_blocks_of_at_least_one(self, broken):
        source = stream(broken[0] / "plain.wav")
        list(source)
        with pytest.raises(SerKerasError, match="once"):
            list(source)
        with pytest.raises(SerKerasError, match="at least 1"):
            stream(broken[0] / "plain.wav", 0)
