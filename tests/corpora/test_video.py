"""The sound of videos: read as any audio, and refused in one line where it is damaged or there is none."""

import sys

import numpy as np
import pytest
import soundfile

from ser_keras import corpora
from ser_keras.audio import reading
from ser_keras.audio.reading import AudioError
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.checking import check
from ser_keras.training.data.decoded_audio import decode

av = pytest.importorskip("av")

RATE = 48000


def sweep(seconds, channels=2):
    """int16 [n, channels]: a rising tone, so that a shift in time is seen."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave = 9000 * np.sin(2 * np.pi * (300 + 400 * t) * t)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.int16)


def write_video(path, sound=None, codec="pcm_s16le", pictures="mjpeg", seconds=1.0, container=None):
    """A grey clip of 32x32 at 25 frames a second, with sound at 48 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container) as file:
        video = stream = None
        if pictures:
            video = file.add_stream(pictures, rate=25)
            video.width, video.height = 32, 32
            video.pix_fmt = "yuvj420p" if pictures == "mjpeg" else "yuv420p"
        if sound is not None:
            stream = file.add_stream(codec, rate=RATE)
            stream.layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
            resampler = av.AudioResampler(stream.format, stream.layout, RATE)
        for i in range(round(seconds * 25)):
            if video:
                grey = np.full((32, 32, 3), 9 * i % 256, np.uint8)
                file.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            block = sound[i * RATE // 25 : (i + 1) * RATE // 25] if stream else ()
            if len(block):
                frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout=stream.layout.name)
                frame.sample_rate, frame.pts = RATE, i * RATE // 25
                for plain in resampler.resample(frame):
                    file.mux(stream.encode(plain))
        for each in filter(None, (video, stream)):
            file.mux(each.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "s1_an_1.avi", sweep(1.0))


def test_pcm_in_a_video_is_what_it_is_in_a_wav(clip, tmp_path):
    soundfile.write(tmp_path / "same.wav", sweep(1.0), RATE)
    heard, same = reading.load(clip), reading.load(tmp_path / "same.wav")
    assert (heard.file_rate, heard.channels, heard.warnings) == (RATE, 2, ())
    assert np.array_equal(heard.samples, same.samples)
    part, same = reading.load(clip, 0.31, 0.77), reading.load(tmp_path / "same.wav", 0.31, 0.77)
    assert np.array_equal(part.samples, same.samples)
    blocks = list(reading.stream(clip, 1000))
    assert [len(b) for b in blocks] == [1000] * 16 and np.array_equal(np.concatenate(blocks), heard.samples)


@pytest.mark.parametrize(
    "name, codec, pictures, container",
    [
        ("a.mp4", "aac", "mpeg4", None),
        ("a.mov", "pcm_s16le", "mjpeg", None),
        ("a.mkv", "flac", "mpeg4", None),
        ("a.webm", "libopus", None, None),
        ("a.m4a", "aac", None, "mp4"),
        ("a.mpg", "mp2", "mpeg1video", None),
        ("wrong.wav", "pcm_s16le", "mjpeg", "avi"),
    ],
)
def test_other_containers_go_by_content(tmp_path, name, codec, pictures, container):
    path = write_video(tmp_path / name, sweep(1.0), codec, pictures, container=container)
    heard = reading.load(path)
    assert abs(len(heard.samples) - 16000) < 1600
    spectrum = np.abs(np.fft.rfft(heard.samples[4000:12000]))
    assert 450 < spectrum.argmax() * 2 < 950  # Hz: the middle of the sweep


def test_damaged_videos_are_one_line(clip, tmp_path):
    data = clip.read_bytes()
    cases = {
        "cut.avi": (data[: len(data) // 2], "truncated: it claims .* bytes of pictures and sound"),
        "head.avi": (data[:64], "truncated or damaged: an AVI without pictures and sound"),
        "zeros.avi": (data[:12] + bytes(len(data) - 12), "an AVI without pictures and sound"),
        "empty.avi": (b"", "empty"),
        "half.mp4": (None, "can't be decoded|truncated"),
    }
    whole = write_video(tmp_path / "whole.mp4", sweep(1.0), "aac", "mpeg4").read_bytes()
    cases["half.mp4"] = (whole[: len(whole) // 2], "can't be decoded|truncated|corrupt")
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AudioError, match=words) as caught:
            reading.load(tmp_path / name)
        line = str(caught.value)
        assert name in line and line.isprintable(), name
    (tmp_path / "no index.avi").write_bytes(data[: data.index(b"idx1", len(data) // 2) + 8])
    assert len(reading.load(tmp_path / "no index.avi").samples) == 16000
    silent = write_video(tmp_path / "silent.avi")
    with pytest.raises(AudioError, match=r"a video \(AVI\) without sound"):
        reading.load(silent)
    short = write_video(tmp_path / "short.mp4", sweep(1.0), "aac", "mpeg4", seconds=2.0)
    assert len(reading.load(short).samples) > 15000  # a video may outlast its sound


def test_a_movie_whose_end_is_missing_is_refused(tmp_path):
    """The index at the start of a `faststart` MP4 claims more than its data hold."""
    path = tmp_path / "fast.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        for i in range(100):
            wave = sweep(0.02, 1)[: RATE // 50].astype(np.float32).T / 32768
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, i * RATE // 50
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    assert abs(len(reading.load(path).samples) - 32000) < 1600
    data = path.read_bytes()
    with av.open(str(path)) as file:
        packets = [(p.pos, p.size) for p in file.demux(audio=0) if p.size]
    # within the last packet; and between two, where no packet is damaged
    for end, words in ((sum(packets[-1]) - 3, "corrupt: its sound is damaged"), (packets[60][0], "it claims 2.0")):
        path.write_bytes(data[:end])
        with pytest.raises(AudioError, match=words):
            reading.load(path)


class TestEnterface:
    @pytest.fixture
    def corpus(self, clip, tmp_path):
        for subject in (1, 2):
            for code, emotion in (("an", "anger"), ("sa", "sadness")):
                folder = tmp_path / f"subject {subject}" / emotion / "sentence 1"
                folder.mkdir(parents=True)
                (folder / f"s{subject}_{code}_1.avi").write_bytes(clip.read_bytes())
        return tmp_path

    def test_check_decodes_the_sound(self, corpus):
        broken = corpus / "subject 2" / "anger" / "sentence 1" / "s2_an_1.avi"
        broken.write_bytes(broken.read_bytes()[:5000])
        result = check("enterface", corpus)
        assert (result["n_utterances"], result["n_speakers"]) == (3, 2)
        assert result["sample_rates"] == {"48000": 3} and result["hours"] == round(3 / 3600, 4)
        assert "truncated" in result["bad_files"]["subject 2/anger/sentence 1/s2_an_1.avi"]

    def test_decoding_for_training_leaves_the_video_as_path(self, corpus):
        decoded = decode(corpora.read("enterface", corpus))
        assert len(decoded.utterances) == 4 and not decoded.bad_files
        assert all(u.path.endswith(".avi") for u in decoded.utterances)
        assert decoded.spans[:, 1].tolist() == [16000] * 4

    def test_without_pyav_it_is_one_line(self, corpus, monkeypatch):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(SerKerasError, match=r"is a video \(AVI\).*pip install 'ser-keras\[video\]'"):
            check("enterface", corpus)
