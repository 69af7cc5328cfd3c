"""Streams: each utterance once, pauses and levels within their ranges, room tone exact, equal seeds equal samples."""

import dataclasses

import numpy as np
import pytest

from ser_keras.audio.samples import level_dbfs
from ser_keras.common.errors import SerKerasError
from ser_keras.features.streams.plan import LiveSettings, from_json, plan_streams, speech_span, to_json
from ser_keras.features.streams.render import Renderer
from ser_keras.features.streams.sounds import filtered, sloping_noise, tone_of_pauses
from ser_keras.features.streams.windows import Recording, WindowRenderer, WindowSettings
from tests.made_corpus import vowel

RATE = 16000
SPEAKERS = [f"s{i % 4}" for i in range(20)]


@pytest.fixture(scope="module")
def utterances():
    rng = np.random.default_rng(0)
    made = [vowel(rng.uniform(90, 250), 0.3, rng.uniform(0.6, 1.2), rng) for _ in SPEAKERS]
    return [np.pad(wave, (800, 1600)) + rng.normal(0, 1e-3, len(wave) + 2400).astype(np.float32) for wave in made]


def planned(utterances, **settings):
    return plan_streams(SPEAKERS, [len(u) for u in utterances], LiveSettings(**settings), seed=3)


def test_every_utterance_comes_once_with_pauses_and_levels_within_their_ranges(utterances):
    streams = planned(utterances)
    placed = [p for stream in streams for p in stream.utterances]
    assert sorted(p.utterance for p in placed) == list(range(20))
    for stream in streams:
        for one, other in zip(stream.utterances, stream.utterances[1:], strict=False):
            pause = (other.first - one.first - one.n_samples) / RATE
            assert 0.5 - 1e-4 <= pause <= 4 + 1e-4
        levels = {SPEAKERS[p.utterance]: p.level_dbfs for p in stream.utterances}
        assert all(levels[SPEAKERS[p.utterance]] == p.level_dbfs for p in stream.utterances)
        assert all(-40 <= level <= -12 for level in levels.values())
        last = stream.utterances[-1]
        assert last.first + last.n_samples + RATE <= stream.n_samples


def test_streams_hold_several_speakers_and_room_tones_come_equally_often(utterances):
    streams = plan_streams([f"s{i % 4}" for i in range(96)], [RATE] * 96, LiveSettings(), seed=0)
    assert all(len({i.utterance % 4 for i in stream.utterances}) > 1 for stream in streams)
    assert {stream.tone_dbfs for stream in streams} == {-75, -65, -55, -45}
    counts = [sum(stream.tone == tone for stream in streams) for tone in ("pink", "room", "recorded")]
    assert counts == [4, 4, 4]


def test_a_limit_is_spread_over_the_speakers():
    speakers = ["a"] * 50 + ["b"] * 50
    streams = plan_streams(speakers, [RATE] * 100, LiveSettings(), seed=0, limit=20)
    heard = [speakers[p.utterance] for stream in streams for p in stream.utterances]
    assert heard.count("a") == heard.count("b") == 10


def test_no_utterances_are_refused():
    with pytest.raises(SerKerasError, match="needs utterances"):
        plan_streams([], [], LiveSettings(), seed=0)


def test_a_manifest_rebuilds_the_stream_to_the_sample(utterances):
    files = [f"{i}.wav" for i in range(20)]
    stream = planned(utterances)[1]
    again = from_json(to_json(stream, files), {name: i for i, name in enumerate(files)})
    assert again == stream
    samples = Renderer(lambda i: utterances[i]).render(stream)
    np.testing.assert_array_equal(Renderer(lambda i: utterances[i]).render(again), samples)
    with pytest.raises(SerKerasError, match="not in the corpus"):
        from_json(to_json(stream, files), {})


@pytest.mark.parametrize("tone", ["pink", "room", "recorded"])
def test_room_tone_has_its_level_where_nothing_is_said(utterances, tone):
    stream = planned(utterances, tones=(tone,), tone_dbfs=(-50.0,), room_share=0, microphone_share=0)[0]
    samples = Renderer(lambda i: utterances[i]).render(stream)
    assert len(samples) == stream.n_samples and np.abs(samples).max() <= 1
    lead = samples[: stream.utterances[0].first]
    assert level_dbfs(lead) == pytest.approx(-50, abs=2.5)


def test_speech_has_its_level(utterances):
    stream = planned(utterances, tone_dbfs=(-75.0,), room_share=0, microphone_share=0)[0]
    samples = Renderer(lambda i: utterances[i]).render(stream)
    for placed in stream.utterances:
        power, start, end = speech_span(utterances[placed.utterance])
        assert power > 0
        heard = samples[placed.first + start : placed.first + end]
        assert level_dbfs(heard) == pytest.approx(placed.level_dbfs, abs=1.5)


def test_a_room_rings_on_behind_an_utterance(utterances):
    dry = planned(utterances, tone_dbfs=(-75.0,), room_share=0, microphone_share=0)[0]
    wet = dataclasses.replace(dry, room=5)
    render = Renderer(lambda i: utterances[i]).render
    end = dry.utterances[0].first + dry.utterances[0].n_samples
    behind = slice(end, end + RATE // 5)
    assert level_dbfs(render(wet)[behind]) > level_dbfs(render(dry)[behind]) + 10


def test_codecs_keep_length_and_place(utterances):
    plain = planned(utterances, room_share=0, microphone_share=0)[0]
    render = Renderer(lambda i: utterances[i]).render
    expected = render(plain)
    for codec in ("telephone", "opus"):
        coded = render(dataclasses.replace(plain, codec=codec))
        assert len(coded) == len(expected)
        envelope, other = (
            np.abs(x).reshape(-1, 160).mean(1)
            for x in (expected[: len(expected) // 160 * 160], coded[: len(coded) // 160 * 160])
        )
        assert np.corrcoef(envelope, other)[0, 1] > 0.9


def test_recorded_tone_is_the_recordings_own_and_silence_has_none():
    rng = np.random.default_rng(0)
    hum = (0.01 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    tone = tone_of_pauses([hum], 3 * RATE, rng)
    spectrum = np.abs(np.fft.rfft(tone))
    assert tone.shape == (3 * RATE,) and abs(np.argmax(spectrum) / 3 - 1000) < 5
    assert tone_of_pauses([np.zeros(RATE, np.float32)], RATE, rng) is None


def test_filters_keep_the_energy():
    wave = sloping_noise(RATE, np.random.default_rng(0), 1.0)
    wet = filtered(wave, response=np.array([1.0, 0.5, 0.2]), gain_db=lambda hz: -hz / 400)
    assert np.square(wet).sum() == pytest.approx(np.square(wave).sum(), rel=1e-4)


@pytest.fixture(scope="module")
def target(utterances):
    return Recording.of(utterances[0])


def rendered(target, seed, before=None, **settings):
    plain = {"speed": (1.0, 1.0), "equalise_db": 0.0, "band_share": 0.0, "room_share": 0.0, "noise_share": 0.0}
    renderer = WindowRenderer(WindowSettings(**{**plain, **settings}), 4 * RATE)
    return renderer.render(target, before, np.random.default_rng(seed))


def test_windows_hold_enough_of_the_utterance_and_end_soon_after_it(target):
    said = (target.end - target.start) / RATE
    for seed in range(30):
        wave = rendered(target, seed, level_dbfs=(-20.0, -20.0), tone_dbfs=(-90.0, -90.0), neighbour_share=0.0)
        frames = np.flatnonzero(np.square(wave).reshape(-1, 160).mean(1) > 10**-5.5) / 100
        assert frames.max() - frames.min() >= min(0.8, said) - 0.1
        assert 4 - frames.max() <= 1.05
        assert np.isfinite(wave).all() and wave.shape == (4 * RATE,)


def test_what_came_before_is_in_the_window_where_the_pause_is_short(target, utterances):
    before = Recording.of(utterances[1])
    quiet = {"level_dbfs": (-20.0, -20.0), "tone_dbfs": (-90.0, -90.0), "pause_s": (0.5, 0.6)}
    alone = rendered(target, 5, before, neighbour_share=0.0, **quiet)
    both = rendered(target, 5, before, neighbour_share=1.0, **quiet)
    assert np.square(both).sum() > 1.2 * np.square(alone).sum()


def test_room_tone_is_at_least_so_far_under_the_speech(target):
    wave = rendered(target, 1, level_dbfs=(-40.0, -40.0), tone_dbfs=(-30.0, -30.0), least_snr_db=10.0)
    assert level_dbfs(wave[:RATE]) == pytest.approx(-50, abs=1)


def test_equal_draws_give_equal_windows_and_noises_are_used(target):
    np.testing.assert_array_equal(rendered(target, 2), rendered(target, 2))
    asked = []

    def hum(rng, n):
        asked.append(n)
        return np.ones(n, np.float32)

    renderer = WindowRenderer(WindowSettings(noise_share=1.0), 4 * RATE, hum)
    renderer.render(target, None, np.random.default_rng(0))
    assert asked == [4 * RATE]
