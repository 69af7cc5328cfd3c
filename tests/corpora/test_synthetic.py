"""The synthetic corpus: whole or not there, the same every time, and with the published acoustic correlates."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.corpus import NotThisCorpus
from ser_keras.corpora.synthetic import espeak, reader, voices

pytest.importorskip("espeakng_loader", reason="needs eSpeak NG: pip install 'ser-keras[demo]'")
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.getbasetemp() / "cache" / "synthetic-v1"


@pytest.fixture(scope="module")
def corpus(root):
    return reader.read(root)


def hashes(root):
    return {f["file"]: f["sha256"] for f in json.loads((root / reader.INDEX).read_text())["files"]}


def start(root):
    """Synthesise into `root` in a process of its own."""
    code = "import sys; from ser_keras.corpora.synthetic import reader; reader.read(sys.argv[1])"
    return subprocess.Popen([sys.executable, "-c", code, str(root)], stderr=subprocess.PIPE, text=True)


def partials(root):
    return list(root.parent.glob(f".{root.name}.*.partial"))


def test_counts_are_the_published_ones(corpus):
    published = reader.READER.editions[0]
    assert len(corpus) == published.n_utterances == len({u.path for u in corpus}) == 560
    assert len({u.speaker for u in corpus}) == published.n_speakers == 8
    for emotion, count in published.emotions.items():
        assert sum(u.emotion == emotion for u in corpus) == count
    assert len({(u.speaker, u.emotion, u.text) for u in corpus}) == 560
    women = {u.speaker for u in corpus if u.gender == "female"}
    men = {u.speaker for u in corpus if u.gender == "male"}
    assert len(women) == len(men) == 4 and not women & men
    assert [u.name for u in corpus] == sorted(u.name for u in corpus)
    assert all(u.speaker.startswith("synthetic/") and u.corpus == "synthetic" for u in corpus)
    assert "synthetic" in reader.READER.title


def test_audio_is_plain_16_khz_speech(corpus):
    for utterance in corpus:
        info = soundfile.info(utterance.path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "WAV")
        assert 1.0 < info.duration < 7.0, utterance.name
        wave, _ = soundfile.read(utterance.path)
        assert 0.03 < np.abs(wave).max() < 0.99, utterance.name


def test_another_seed_makes_other_voices():
    jobs = [voices.job(seed, "s01", "anger", 0, "Hello.") for seed in (0, 0, 1)]
    assert jobs[0] == jobs[1] != jobs[2]


def test_killed_processes_leave_nothing_and_two_at_once_make_one(corpus, root, tmp_path):
    """And what they make has the samples that this process made."""
    other = tmp_path / "corpus"
    child = start(other)
    assert wait_until(lambda: any(len(list(p.rglob("*.wav"))) > 20 for p in partials(other)), child)
    child.kill()
    child.wait()
    assert not other.exists()
    (left,) = partials(other)
    os.utime(left, (0, 0))

    children = [start(other), start(other)]
    assert [c.wait(200) for c in children] == [0, 0], [c.stderr.read() for c in children]
    assert not partials(other)
    assert len(reader.read(other)) == 560
    assert hashes(other) == hashes(root)
    for name, digest in hashes(other).items():
        assert hashlib.sha256((other / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("kind", ["folder", "file", "other index"])
def test_what_is_not_the_corpus_is_left_alone(tmp_path, kind):
    root = tmp_path / "mine"
    if kind == "file":
        root.write_text("text")
    else:
        root.mkdir()
        (root / ("thesis.txt" if kind == "folder" else reader.INDEX)).write_text("text")
    with pytest.raises(NotThisCorpus, match="synthetic") as caught:
        reader.read(root)
    assert "\n" not in str(caught.value) and str(root) in str(caught.value)
    assert [p.name for p in tmp_path.rglob("*.*")] in (["thesis.txt"], [reader.INDEX], [])


def test_missing_files_and_other_versions_are_told(corpus, root, tmp_path):
    copy = tmp_path / "corpus"
    shutil.copytree(root, copy)
    (copy / corpus[3].name).unlink()
    listing = reader.scan(copy)
    assert listing.bad_files == {corpus[3].name: "missing"} and len(listing.utterances) == 559
    index = json.loads((copy / reader.INDEX).read_text())
    (copy / reader.INDEX).write_text(json.dumps({**index, "version": 99}))
    with pytest.raises(SerKerasError, match="version 99"):
        reader.read(copy)


def test_without_espeak_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(espeak, "find_spec", lambda name: None)
    with pytest.raises(SerKerasError, match=r"pip install 'ser-keras\[demo\]'"):
        reader.read(tmp_path / "corpus")
    assert not list(tmp_path.iterdir())


def test_a_failing_espeak_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    real = reader.job

    def job(seed, name, emotion, number, text):
        return real(seed, name, emotion, number, text) | ({"voice": "language zz\n"} if number == 4 else {})

    monkeypatch.setattr(reader, "job", job)
    with pytest.raises(SerKerasError, match="eSpeak NG failed at text 5 of 560") as caught:
        reader.read(tmp_path / "corpus")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line_and_leaves_nothing_running(tmp_path, monkeypatch):
    def record(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(reader, "record", record)
    with pytest.raises(SerKerasError, match="can't be written to .*: No space left on device") as caught:
        reader.read(tmp_path / "corpus")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    assert not [line for _, line in _children() if "serve()" in line]


def test_a_dying_espeak_is_one_line(monkeypatch):
    job = voices.job(0, "s01", "anger", 0, "Hello.")
    spoken = espeak.speak([job] * 3000)
    next(spoken)
    child = next(p for p in _children() if "serve()" in p[1])
    os.kill(child[0], 9)
    with pytest.raises(SerKerasError, match="eSpeak NG failed at text .*SIGKILL"):
        list(spoken)


def _children():
    """(process id, command line) of this process's children."""
    task = f"/proc/{os.getpid()}/task"
    if not os.path.isdir(task):
        pytest.skip("needs /proc")
    for thread in os.listdir(task):
        with open(f"{task}/{thread}/children") as f:
            for pid in f.read().split():
                with open(f"/proc/{pid}/cmdline") as g:
                    yield int(pid), g.read()


def test_default_root_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_KERAS_CACHE", str(tmp_path / "a"))
    assert reader.default_root() == tmp_path / "a" / "synthetic-v1"
    monkeypatch.delenv("SER_KERAS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert reader.default_root() == tmp_path / "b" / "ser-keras" / "synthetic-v1"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert reader.default_root() == tmp_path / ".cache" / "ser-keras" / "synthetic-v1"


F0, RANGE, SECONDS, LEVEL, TILT, PERIODICITY = range(6)


def measure(path):
    """F0 median (semitones above 1 Hz), F0 range (semitones, 10th to 90th percentile), seconds, level (dB), energy of
    1 to 5 kHz against that below (dB), periodicity of voiced frames (0 to 1)."""
    wave, rate = soundfile.read(path)
    frames = np.lib.stride_tricks.sliding_window_view(wave, 640)[::160]
    energy = np.mean(frames**2, axis=1)
    frames = frames[energy > 0.05 * np.quantile(energy, 0.95)]
    frames = (frames - frames.mean(1, keepdims=True)) * np.hanning(640)
    power = np.abs(np.fft.rfft(frames, 2048)) ** 2
    lags = np.fft.irfft(power)[:, :320]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(640), 2048)) ** 2)[:320]
    lags = lags / lags[:, :1] / (window / window[0])
    lags[:, : rate // 500] = 0
    best = lags.max(1)
    first = np.argmax(lags > 0.9 * best[:, None], axis=1)
    peak = np.array([start + np.argmax(row[start : start + 8]) for row, start in zip(lags, first, strict=True)])
    voiced = best > 0.7
    pitch = 12 * np.log2(rate / peak[voiced])
    low, high = np.quantile(pitch, [0.1, 0.9])
    spectrum = power[voiced].sum(0)
    hertz = np.fft.rfftfreq(2048, 1 / rate)
    tilt = spectrum[(hertz > 1000) & (hertz < 5000)].sum() / spectrum[hertz < 1000].sum()
    level = 10 * np.log10(energy.mean())
    return np.median(pitch), high - low, len(wave) / rate, level, 10 * np.log10(tilt), best[voiced].mean()


@pytest.fixture(scope="module")
def measures(corpus):
    return {u: np.array(measure(u.path)) for u in corpus}


@pytest.fixture(scope="module")
def departures(measures):
    """For each emotion an array [speaker, measure]: its mean against the same speaker's neutral one; F0 range and
    duration as ratios, the others as differences."""
    speakers = sorted({u.speaker for u in measures})
    mean = {
        emotion: np.array(
            [np.mean([m for u, m in measures.items() if (u.speaker, u.emotion) == (s, emotion)], 0) for s in speakers]
        )
        for emotion in reader.READER.editions[0].emotions
    }
    neutral = mean["neutral"]
    ratio = np.isin(np.arange(6), [RANGE, SECONDS])
    return {emotion: np.where(ratio, values / neutral, values - neutral) for emotion, values in mean.items()}


def test_neutral_voices_have_the_f0_that_is_asked_for(measures):
    for name, speaker in voices.SPEAKERS.items():
        of_speaker = [m[F0] for u, m in measures.items() if u.speaker.endswith(name) and u.emotion == "neutral"]
        assert abs(np.mean(of_speaker) - 12 * np.log2(speaker.f0)) < 1.5, name


@pytest.mark.parametrize(
    "measure, neutral, higher, lower",
    [
        (F0, 0, ("anger", "fear", "happiness"), ("boredom", "disgust", "sadness")),
        (RANGE, 1, ("anger", "happiness"), ("boredom", "sadness")),
        (SECONDS, 1, ("boredom", "disgust", "sadness"), ("anger", "fear", "happiness")),
        (LEVEL, 0, ("anger", "happiness"), ("boredom", "sadness")),
        (TILT, 0, ("anger",), ("boredom", "sadness")),
        (PERIODICITY, 0, (), ("sadness",)),
    ],
)
def test_emotions_depart_from_neutral_as_published(departures, measure, neutral, higher, lower):
    """In the mean over speakers, and for most of the eight: each has a manner of its own."""
    for emotions, sign in ((higher, 1), (lower, -1)):
        for emotion in emotions:
            difference = sign * (departures[emotion][:, measure] - neutral)
            assert difference.mean() > 0 and (difference > 0).sum() >= 6, (emotion, difference)


def test_emotions_stand_in_the_published_order(departures):
    mean = {emotion: values.mean(0) for emotion, values in departures.items()}
    assert max(mean, key=lambda e: mean[e][F0]) == "fear"
    assert max(mean, key=lambda e: mean[e][TILT]) == "anger"
    assert min(mean, key=lambda e: mean[e][LEVEL]) == "sadness"
    assert min(mean, key=lambda e: mean[e][RANGE]) in ("boredom", "sadness")
    assert max(mean, key=lambda e: mean[e][SECONDS]) == "sadness"


def test_emotions_overlap_and_speakers_have_a_manner_of_their_own(measures):
    """Against a speaker's neutral voice, the nearest mean of an emotion tells much and not all, and it tells more
    where the emotion's mean is the speaker's own."""
    emotion, speaker, text = (np.array([getattr(u, k) for u in measures]) for k in ("emotion", "speaker", "text"))
    x = np.array(list(measures.values()))
    for s in set(speaker):
        x[speaker == s] -= x[(speaker == s) & (emotion == "neutral")].mean(0)
    x /= x.std(0)
    names = np.unique(emotion)

    def right(train, test):
        means = np.array([x[train & (emotion == name)].mean(0) for name in names])
        return names[((x[test, None] - means) ** 2).sum(2).argmin(1)] == emotion[test]

    unknown = np.mean([right(speaker != s, speaker == s) for s in set(speaker)])
    own = np.mean(
        [right((speaker == s) & (text != t), (speaker == s) & (text == t)) for s in set(speaker) for t in set(text)]
    )
    assert 0.6 < unknown < 0.85
    assert unknown + 0.05 < own < 0.95
