"""Folders of background noises and of rooms' impulse responses."""

import numpy as np
import pytest

from ser_keras.common.errors import BadInput, NotFound
from ser_keras.corpora.noises import impulse_response, noise_samples, part_of, read_folder
from tests.audio.sound_files import write

RATE = 16000


def noise(seconds=0.5, level=0.1, seed=0):
    return np.random.default_rng(seed).uniform(-level, level, round(seconds * RATE))


def response(delay=0.02, seconds=0.3, echo=0.5):
    """A direct sound after `delay`, an echo, and a tail."""
    samples = np.zeros(round(seconds * RATE))
    first = round(delay * RATE)
    tail = np.random.default_rng(1).standard_normal(len(samples) - first)
    samples[first:] = 0.02 * tail * np.exp(-np.arange(len(tail)) / 1000)
    samples[first] = 0.9
    samples[first + 800] = echo
    return samples


@pytest.fixture
def folder(tmp_path):
    for name in ("rain/1-17367-A.wav", "rain/1-17367-B.wav", "rain/2-72970-A.wav", "fan/1-9-A.wav", "fan/hum.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, noise())
    return tmp_path


def test_a_folder_is_read_with_kinds_sources_and_credits(folder):
    files = read_folder(folder, "noise")
    names = ["1-9-A.wav", "hum.wav", "1-17367-A.wav", "1-17367-B.wav", "2-72970-A.wav"]
    assert [f.path.name for f in files] == names, "by path"
    by_name = {f.path.name: f for f in files}
    assert {f.kind for f in files} == {"rain", "fan"} and by_name["hum.wav"].source == "hum"
    assert by_name["1-17367-A.wav"].source == by_name["1-17367-B.wav"].source == "freesound/17367"
    assert "by cognito perceptu" in by_name["1-17367-A.wav"].attribution
    assert by_name["1-9-A.wav"].licence == "CC BY-NC 3.0" and by_name["hum.wav"].licence == "licence not stated"
    assert {f.collection for f in files} == {folder.name} and all(f.path.is_absolute() for f in files)


def test_a_folder_of_esc10_s_clips_alone_is_esc10(folder):
    assert {f.collection for f in read_folder(folder / "rain", "noise")} == {"ESC-10"}


def test_a_source_is_on_one_side_whatever_else_there_is(folder):
    before = {f.path: f.part for f in read_folder(folder, "noise")}
    for i in range(4):
        write(folder / "fan" / f"more{i}.wav", noise())
    after = {f.path: f.part for f in read_folder(folder, "noise")}
    assert before.items() <= after.items()
    for file in read_folder(folder, "noise"):
        assert file.part == part_of(file.source)


def test_the_split_is_four_to_one_and_the_same_everywhere():
    parts = [part_of(f"freesound/{i}") for i in range(5000)]
    assert 0.18 < parts.count("test") / len(parts) < 0.22
    assert [i for i in range(30) if part_of(f"freesound/{i}") == "test"] == [1, 3, 12, 15, 25, 27]


def test_equal_audio_has_equal_digests(folder):
    write(folder / "fan" / "other.wav", noise(seed=1))
    digests = {f.path.name: f.digest for f in read_folder(folder, "noise")}
    assert digests["hum.wav"] == digests["1-9-A.wav"] != digests["other.wav"]


def test_what_cannot_be_used_is_skipped_with_a_line_each(folder, capsys):
    write(folder / "fan" / "silent.wav", np.zeros(RATE))
    write(folder / "fan" / "quiet.wav", noise(level=5e-5))
    write(folder / "fan" / "loud.wav", np.sign(noise(level=1)) * np.repeat([1.0, 0.9], 4000))
    write(folder / "fan" / "over.wav", noise(level=3), subtype="FLOAT")
    write(folder / "fan" / "short.wav", noise(0.1))
    write(folder / "fan" / "padded.wav", np.concatenate([np.zeros(RATE), noise(0.1), np.zeros(RATE)]))
    (folder / "fan" / "cut.flac").write_bytes(b"fLaC" + bytes(100))
    (folder / "fan" / "._hum.wav").write_bytes(b"no audio")
    assert len(read_folder(folder, "noise")) == 5
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("skipped")]
    reasons = {line.split(": ")[0].removeprefix("skipped fan/"): line for line in lines}
    assert set(reasons) == {f"{n}.wav" for n in ("silent", "quiet", "loud", "over", "short", "padded")} | {"cut.flac"}
    assert "silence" in reasons["silent.wav"] and "silence" in reasons["quiet.wav"] and "clip" in reasons["loud.wav"]
    assert "0.10 s above -80 dBFS" in reasons["padded.wav"] and "too short" in reasons["short.wav"]
    assert len(lines) == len(reasons)


def test_folders_without_usable_audio_are_one_clear_line(tmp_path):
    with pytest.raises(NotFound, match="nowhere: no such folder of noises"):
        read_folder(tmp_path / "nowhere", "noise")
    with pytest.raises(BadInput, match="holds no audio files for room responses: an empty folder"):
        read_folder(tmp_path, "room")
    write(tmp_path / "silent.wav", np.zeros(RATE))
    with pytest.raises(BadInput, match="none of its 1 audio files can be used for noises"):
        read_folder(tmp_path, "noise")
    with pytest.raises(BadInput, match="silent.wav is a file; give a folder of noises"):
        read_folder(tmp_path / "silent.wav", "noise")


def test_a_noise_is_mono_at_16_khz_without_the_silence_at_its_ends(tmp_path):
    sound = noise(0.5, seed=3)
    pause = np.zeros(RATE)
    write(tmp_path / "a.wav", np.concatenate([pause, sound, pause[:100], sound, pause]), subtype="PCM_24")
    write(tmp_path / "b.wav", np.stack([np.repeat(sound, 3)] * 2, axis=1), rate=48000)
    a, b = (noise_samples(file) for file in read_folder(tmp_path, "noise"))
    assert a.dtype == np.float32 and abs(len(a) - (2 * len(sound) + 100)) < 50, "the pause within stays"
    np.testing.assert_allclose(a[:1000], sound[np.flatnonzero(np.abs(sound) >= 1e-4)[0] :][:1000], atol=1e-6)
    assert b.dtype == np.float32 and abs(len(b) - len(sound)) < 50


def test_of_a_long_noise_the_start_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("ser_keras.corpora.noises.MAX_NOISE_S", 1.0)
    write(tmp_path / "long.wav", noise(3.0))
    [file] = read_folder(tmp_path, "noise")
    assert len(noise_samples(file)) <= RATE and len(noise_samples(file)) > RATE - 100


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.02])
def test_a_response_starts_at_its_direct_sound_with_unit_energy(tmp_path, delay):
    (tmp_path / "hall").mkdir()
    write(tmp_path / "hall" / "a.wav", response(delay), subtype="PCM_24")
    [file] = read_folder(tmp_path, "room")
    heard = impulse_response(file)
    assert file.source == "hall/a" and file.kind == "hall" and heard.dtype == np.float32
    assert np.abs(heard).argmax() == 0 and np.square(heard).sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(heard[1:]).argmax() == 799, "the echo keeps its distance"


def test_the_rise_to_the_peak_stays_and_what_is_long_before_goes(tmp_path):
    samples = response(0.02)
    first = round(0.02 * RATE)
    samples[first - 10], samples[first - 100] = 0.4, 0.4  # 0.6 ms and 6 ms before the peak
    write(tmp_path / "a.wav", samples)
    heard = impulse_response(read_folder(tmp_path, "room")[0])
    assert np.abs(heard).argmax() == 10


def test_a_long_response_ends_after_two_seconds(tmp_path):
    write(tmp_path / "a.wav", np.concatenate([response(), noise(3, 0.01)]))
    heard = impulse_response(read_folder(tmp_path, "room")[0])
    assert len(heard) == 2 * RATE and np.square(heard).sum() == pytest.approx(1, abs=1e-5)


def test_rooms_are_split_by_folder_and_name(tmp_path):
    for name in ("hall/1.wav", "office/1.wav"):
        (tmp_path / name).parent.mkdir()
        write(tmp_path / name, response())
    assert [f.source for f in read_folder(tmp_path, "room")] == ["hall/1", "office/1"]
