"""The front end `statistics`: independent of level and of silence behind the end, right on signals that are known."""

import numpy as np
import pytest
import soundfile

from ser_keras.common.errors import SerKerasError
from ser_keras.features.conditions.noise import active_power, pink_noise
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.features.frontends.statistics import power_at
from ser_keras.features.streams.windows import Recording, WindowRenderer, WindowSettings
from tests.conftest import shared_data
from tests.made_corpus import vowel

N = 48000


@pytest.fixture(scope="module")
def layer():
    return FRONT_ENDS["statistics"]()


def speech(seconds, f0=150.0, seed=0):
    return vowel(f0, 0.3, seconds, np.random.default_rng(seed))


def syllables(n, f0=150.0, seed=0):
    """n syllables of .25 s that swell and fade."""
    rng = np.random.default_rng(seed)
    parts = [vowel(f0 * rng.uniform(0.8, 1.2), rng.uniform(0.1, 0.4), 0.25, rng) * np.hanning(4000) for _ in range(n)]
    return np.concatenate(parts).astype(np.float32)


def of(layer, wave):
    return np.array(layer(wave[None]))[0]


def test_gain_changes_nothing(layer):
    wave = speech(3)
    np.testing.assert_allclose(of(layer, wave * 0.1), of(layer, wave), atol=2e-3)


def test_silence_behind_the_end_changes_next_to_nothing(layer):
    wave = syllables(8)
    alone, padded = of(layer, wave), of(layer, np.pad(wave, (0, N - len(wave))))
    other = of(layer, syllables(8, seed=1))
    assert np.abs(padded - alone).mean() < 0.2 * np.abs(other - alone).mean()


@pytest.mark.smoke
@pytest.mark.parametrize("f0", [85.0, 140.0, 230.0, 400.0])
def test_the_pitch_of_a_voice_is_found(layer, f0):
    wave = speech(3, f0)
    power = layer.power(wave[None])
    semitone, strength = (np.array(x)[0, :, 0] for x in layer.pitch(power))
    hz = layer.f0_min * 2 ** (semitone / 12)
    assert np.median(np.abs(12 * np.log2(hz / f0))) < 1 and np.median(strength) > 0.6


def test_noise_has_no_voice(layer):
    noise = np.random.default_rng(0).normal(0, 0.1, (1, N)).astype(np.float32)
    _, strength = layer.pitch(layer.power(noise))
    assert np.median(np.array(strength)) < 0.5


@pytest.mark.parametrize("wave", [np.zeros(N, np.float32), np.eye(1, N, 777, dtype=np.float32)[0]])
def test_silence_and_clicks_give_finite_values(layer, wave):
    values = of(layer, wave)
    assert np.isfinite(values).all() and np.abs(values).max() < 100


@pytest.mark.parametrize("hop_ms", [12.5, 16])
def test_fewer_frames_say_much_the_same(layer, hop_ms):
    sparse = FRONT_ENDS["statistics"](hop_ms=hop_ms)
    assert sparse.get_config()["hop_ms"] == hop_ms and FRONT_ENDS["statistics"](**sparse.get_config()).hop_ms == hop_ms
    waves = [syllables(10, f0, seed) for seed, f0 in enumerate((90.0, 150.0, 230.0, 300.0))]
    dense, few = (np.stack([of(each, wave) for wave in waves]) for each in (layer, sparse))
    assert dense.shape == few.shape
    n = 54  # the descriptors' means over active frames: the same, however densely they are sampled
    assert np.abs(few - dense)[:, :n].mean() < 0.1 * dense[:, :n].std(axis=0).mean()
    # The modulation's level counts frames; what one voice does more than another stays.
    few, dense = (x[:, -28:] - x[:, -28:].mean(axis=0) for x in (few, dense))
    assert np.abs(few - dense).mean() < 0.5 * np.abs(dense).mean()


def test_tracks_follow_the_statistics(layer):
    tracked = FRONT_ENDS["statistics"](track_ms=20)
    wave = syllables(8)
    values, plain = of(tracked, wave), of(layer, wave)
    np.testing.assert_allclose(values[:528], plain, atol=1e-5)
    assert tracked.compute_output_shape((1, len(wave))) == (1, len(values))
    tracks = values[528:].reshape(-1, 56)
    assert len(tracks) == layer.n_frames(len(wave)) // 2
    # The mean over active frames is among the statistics; semitones and activity end each row.
    active = tracks[:, -1:]
    mean = (tracks[:, :54] * active).sum(axis=0) / active.sum()
    np.testing.assert_allclose(mean, plain[:54], rtol=0.05, atol=0.1)
    assert 0 <= active.min() < 0.2 and 0.9 < active.max() <= 1
    quiet = of(tracked, np.pad(wave, (0, 16000)))[528:].reshape(-1, 56)
    np.testing.assert_allclose(quiet[: len(tracks) - 2, -1], active[:-2, 0], atol=0.05)
    assert quiet[len(tracks) + 2 :, -1].max() == 0


def test_tracks_finer_than_frames_are_refused():
    with pytest.raises(SerKerasError, match=r"track_ms is 5; it must be 0, or from hop_ms \(10\) on"):
        FRONT_ENDS["statistics"](track_ms=5)


@pytest.mark.parametrize("n", [1, 3, 10, 198, 1500])
def test_modulation_is_the_fourier_transform_at_its_frequencies(n):
    x = np.random.default_rng(n).normal(size=(2, n, 4)).astype(np.float32)
    steps = np.array([0.0, 0.1, 0.731, 2.5])
    turns = np.exp(1j * np.outer(steps, np.arange(n)))
    expected = np.abs(np.einsum("kt,btc->bck", turns, x)) ** 2
    np.testing.assert_allclose(np.asarray(power_at(steps, x)), expected, rtol=1e-4, atol=1e-4 * n)


@pytest.fixture(scope="module")
def masked():
    settings = {"masked": True, "active_db": 25.0, "floor_db": 40.0, "track_ms": 20}
    return FRONT_ENDS["statistics"](**settings), FRONT_ENDS["statistics"](**{**settings, "masked": False})


@pytest.fixture(scope="module")
def spoken():
    """24 windows of 4 s in which different voices say some syllables at -26 dBFS, anywhere; zeros around them."""
    rng = np.random.default_rng(5)
    windows = np.zeros((24, 64000), np.float32)
    for k, window in enumerate(windows):
        said = syllables(int(rng.integers(5, 10)), f0=rng.uniform(90, 260), seed=k)
        said *= 10 ** (-26 / 20) / np.sqrt(active_power(said))
        first = int(rng.integers(0, len(window) - len(said)))
        window[first : first + len(said)] = said
    return windows


@pytest.fixture(scope="module")
def training(spoken):
    """Training windows of these voices."""
    rng = np.random.default_rng(2)
    renderer = WindowRenderer(WindowSettings(), 64000)
    recordings = [Recording.of(window) for window in spoken]
    return np.stack([renderer.render(recordings[i % 24], recordings[i % 7], rng) for i in range(96)])


def training_deviations(layer, training, windows, *, changed):
    """[D] by how many deviations over the training windows each feature moves, on average over some windows."""
    moved = np.abs(np.array(layer(changed)) - np.array(layer(windows))).mean(axis=0)
    return moved / (np.array(layer(training)).std(axis=0) + 1e-4)


@pytest.mark.parametrize("tone_dbfs", [-90, -75, -65])
def test_room_tone_around_speech_reaches_no_feature(masked, spoken, training, tone_dbfs):
    layer, unmasked = masked
    rng = np.random.default_rng(1)
    tone = np.stack([pink_noise(64000, rng) for _ in spoken]) * 10 ** (tone_dbfs / 20)
    changed = (np.round((spoken + tone) * 32767) / 32768).astype(np.float32)
    moved = training_deviations(layer, training, spoken, changed=changed)
    # Made voices have next to nothing in some bands; on real ones no feature moves by more than .3.
    assert np.quantile(moved, 0.95) <= 0.1 and moved.max() <= 0.5
    before = training_deviations(unmasked, training, spoken, changed=changed)
    assert before.max() > 3  # what it mends


def test_room_tone_around_real_speech_reaches_no_feature(masked):
    layer, unmasked = masked
    files = sorted((shared_data("emodb") / "wav").glob("*.wav"))[::11]
    rng = np.random.default_rng(4)
    recordings = [Recording.of(soundfile.read(file, dtype="float32")[0]) for file in files]
    renderer = WindowRenderer(WindowSettings(), 64000)
    training = np.stack([renderer.render(r, recordings[i - 1], rng) for i, r in enumerate(recordings)])
    windows = np.zeros((len(files), 64000), np.float32)
    for window, recording in zip(windows, recordings, strict=True):
        samples = recording.samples[:48000]
        first = int(rng.integers(0, 64000 - len(samples)))
        window[first : first + len(samples)] = samples * 10 ** (-26 / 20) / np.sqrt(active_power(samples))
    for tone_dbfs in (-90, -65):
        tone = np.stack([pink_noise(64000, rng) for _ in files]) * 10 ** (tone_dbfs / 20)
        changed = (np.round((windows + tone) * 32767) / 32768).astype(np.float32)
        moved = training_deviations(layer, training, windows, changed=changed)
        assert np.quantile(moved, 0.95) <= 0.1 and moved.max() <= 0.3
        assert training_deviations(unmasked, training, windows, changed=changed).max() > 1


def test_a_constant_offset_reaches_no_feature(masked, spoken, training):
    layer, unmasked = masked
    changed = spoken + np.float32(0.02)
    assert training_deviations(layer, training, spoken, changed=changed).max() < 0.02
    assert training_deviations(unmasked, training, spoken, changed=changed).max() > 3


def test_the_share_that_is_speech_may_lie_anywhere_in_the_window(masked, spoken):
    layer, _ = masked
    statistics = np.array(layer(spoken))[:, :528]
    moved = np.abs(np.array(layer(np.roll(spoken, -160 * 30, axis=1)))[:, :528] - statistics)
    inside = [k for k, window in enumerate(spoken) if not np.abs(window[: 160 * 30 + 512]).any()]
    assert len(inside) > 5
    assert (moved[inside].mean(axis=0) / (statistics.std(axis=0) + 1e-3)).max() < 0.1


def test_without_rhythm_six_statistics_fewer(layer, spoken):
    without = FRONT_ENDS["statistics"](rhythm=False)
    whole, fewer = np.array(layer(spoken[:3])), np.array(without(spoken[:3]))
    assert fewer.shape[1] == whole.shape[1] - 6 == without.compute_output_shape((None, 64000))[1]
    np.testing.assert_allclose(fewer, np.delete(whole, np.arange(494, 500), axis=1), atol=1e-5)
