"""Decoding: what comes in as 16 kHz mono, what is refused in one line, and how windows are cut."""

import struct
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile

from ser_keras.audio import decoders, reading
from ser_keras.audio.reading import AudioError, load, stream
from ser_keras.audio.samples import SAMPLE_RATE, from_int16, to_int16
from ser_keras.audio.windows import TAIL_RULES, cut_windows, window_starts
from ser_keras.common.errors import SerKerasError
from tests.broken_audio import encode, speech, wav, write_broken_audio


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    return folder, write_broken_audio(folder)


def write(path, samples, rate=SAMPLE_RATE, **kind):
    path.write_bytes(encode(samples, rate, **kind))
    return path


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


class TestIntegers:
    def test_round_trip_is_exact(self):
        integers = np.arange(-32768, 32768).astype(np.int16)
        assert np.array_equal(to_int16(from_int16(integers)), integers)
        assert from_int16(integers).dtype == np.float32

    def test_ends_and_rounding(self):
        assert to_int16([-1.5, -1, 0, 0.4 / 32768, 0.6 / 32768, 1, 2]).tolist() == [
            -32768,
            -32768,
            0,
            0,
            1,
            32767,
            32767,
        ]


class TestWindows:
    @pytest.mark.parametrize(
        "n, window, hop, tail, starts",
        [
            (10, 4, 2, "drop", [0, 2, 4, 6]),
            (11, 4, 2, "drop", [0, 2, 4, 6]),
            (11, 4, 2, "pad", [0, 2, 4, 6, 8]),
            (10, 4, 2, "pad", [0, 2, 4, 6]),
            (4, 4, 4, "drop", [0]),
            (4, 4, 4, "pad", [0]),
            (5, 4, 4, "pad", [0, 4]),
            (3, 4, 4, "drop", [0]),
            (1, 4, 1, "pad", [0]),
            (8, 4, 10, "pad", [0]),  # the hop steps over the remainder
            (11, 4, 10, "pad", [0, 10]),
            (14, 4, 10, "drop", [0, 10]),
            (8800, 8800, 8192, "drop", [0]),
            (16992, 8800, 8192, "drop", [0, 8192]),
        ],
    )
    def test_starts(self, n, window, hop, tail, starts):
        assert window_starts(n, window, hop, tail=tail).tolist() == starts

    @pytest.mark.parametrize("tail", TAIL_RULES)
    @pytest.mark.parametrize("window, hop", [(1, 1), (4, 1), (4, 4), (5, 3), (3, 7)])
    def test_contents(self, window, hop, tail):
        for n in range(1, 40):
            samples = np.arange(1, n + 1, dtype=np.int16)
            result = cut_windows(samples, window, hop, tail=tail)
            starts = window_starts(n, window, hop, tail=tail)
            padded = np.concatenate([samples, np.zeros(window, np.int16)])
            assert result.dtype == np.int16 and result.shape == (len(starts), window)
            for row, start in zip(result, starts, strict=True):
                assert row.tolist() == padded[start : start + window].tolist()
            whole = starts + window <= n
            assert whole.all() or (n < window and len(starts) == 1) or (tail == "pad" and whole[:-1].all())
            if tail == "pad" and hop <= window:
                assert starts[-1] + window >= n  # every sample is seen

    def test_a_copy(self):
        samples = np.arange(8.0)
        result = cut_windows(samples, 4, 4, tail="drop")
        result[:] = 0
        assert samples.sum() == 28

    @pytest.mark.parametrize(
        "args, words",
        [
            ((np.zeros(0), 4, 4, "drop"), "signal"),
            ((np.zeros(9), 0, 4, "drop"), "window"),
            ((np.zeros(9), 4, 0, "pad"), "hop"),
            ((np.zeros(9), 4, 4, "padd"), "nearest: pad"),
            ((np.zeros((9, 2)), 4, 4, "pad"), "one dimension"),
        ],
    )
    def test_bad_input(self, args, words):
        with pytest.raises(SerKerasError, match=words):
            cut_windows(*args[:3], tail=args[3])


class TestDecoders:
    def test_unknown(self, broken):
        with pytest.raises(SerKerasError, match="nearest: tfio"):
            load(broken[0] / "plain.wav", decoder="tfoi")

    def test_tensorflow_is_not_imported(self):
        import subprocess

        code = "import sys, ser_keras.audio.reading, ser_keras.corpora.checking; sys.exit('tensorflow' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0

    def test_tfio_equals_soundfile_on_pcm(self, broken, tmp_path):
        pytest.importorskip("tensorflow_io")
        folder, _ = broken
        write(tmp_path / "24.flac", speech(channels=2), format="FLAC", subtype="PCM_24")
        names = [
            "plain.wav",
            "stereo.wav",
            "six_channels.wav",
            "8_bit.wav",
            "24_bit.wav",
            "plain.flac",
            "rate_44100.wav",
        ]
        for path in [folder / name for name in names] + [tmp_path / "24.flac"]:
            a, b = load(path), load(path, decoder="tfio")
            assert np.array_equal(a.samples, b.samples), path.name
            assert (a.file_rate, a.channels, a.warnings) == (b.file_rate, b.channels, b.warnings)
            a, b = load(path, 0.25, 0.75), load(path, 0.25, 0.75, decoder="tfio")
            assert np.array_equal(a.samples, b.samples), path.name
        for name in ("plain.ogg", "plain.mp3"):
            a, b = load(folder / name), load(folder / name, decoder="tfio")
            np.testing.assert_allclose(a.samples, b.samples, atol=1e-5)

    def test_tfio_refuses_what_it_would_read_wrongly(self, broken):
        pytest.importorskip("tensorflow_io")
        for name in ("32_bit.wav", "float64.wav", "never_closed.wav", "aiff_inside.wav", "mu_law.wav"):
            with pytest.raises(AudioError, match="use decoder 'soundfile'"):
                load(broken[0] / name, decoder="tfio")

    def test_tfio_on_broken_files(self, broken):
        pytest.importorskip("tensorflow_io")
        folder, expected = broken
        for name in (n for n, what in expected.items() if what == "error"):
            with pytest.raises(AudioError):
                load(folder / name, decoder="tfio")

    def test_tfio_not_installed(self, broken, monkeypatch):
        monkeypatch.setitem(sys.modules, "tensorflow_io", None)
        with pytest.raises(SerKerasError, match="pip install"):
            load(broken[0] / "plain.wav", decoder="tfio")

    def test_tfio_whose_operations_do_not_load(self, broken, monkeypatch):
        tensorflow = pytest.importorskip("tensorflow")

        def tensor_of(path):
            raise NotImplementedError("unable to open file: libtensorflow_io.so")

        monkeypatch.setattr(decoders, "import_tfio", lambda: (tensorflow, tensor_of))
        with pytest.raises(SerKerasError, match="native library doesn't load"):
            load(broken[0] / "plain.wav", decoder="tfio")


def test_a_wav_that_was_never_closed_keeps_its_extended_header(tmp_path):
    whole = bytearray(encode(speech(), format="WAVEX", subtype="PCM_16"))
    data = whole.index(b"data")
    whole[data + 4 : data + 8] = struct.pack("<I", 0)
    (tmp_path / "a.wav").write_bytes(whole)
    (tmp_path / "b.wav").write_bytes(encode(speech(), format="WAVEX", subtype="PCM_16"))
    assert np.array_equal(load(tmp_path / "a.wav").samples, load(tmp_path / "b.wav").samples)
    assert soundfile.info(tmp_path / "b.wav").format == "WAVEX"


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
