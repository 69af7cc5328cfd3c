"""Augmentation of spectra: equal to vowels made anew with other pitch and tempo, exact where it can be, stateless."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ser_keras.experiment.settings import Augmentation
from ser_keras.features.augmentation import draws
from ser_keras.features.augmentation.draws import Draws, Point
from ser_keras.features.augmentation.spectra import SpectralAugmentation, white_noise
from ser_keras.features.frontends import FRONT_ENDS, LogMel, SpectrogramPair

# The papers' other front ends: tests/features/test_frontends_papers.py.
WINDOW = {"log_mel": 16000, "spectrogram_pair": 8800}
RATES, PITCHES = (0.8, 1.25), (-4.0, 4.0)
# Mean absolute difference in dB from a vowel made anew, over features within 45 dB of the largest; un-augmented
# features are 5 to 12 dB off. A pitch raised by bins widens the harmonics of a high voice.
VOWEL_TOLERANCE_DB = {"log_mel": 1.2, "spectrogram_pair": 1.4}
TEMPO_TOLERANCE_DB = {"log_mel": 0.4, "spectrogram_pair": 1.4}
BIAS_TOLERANCE_DB = {"log_mel": 0.9, "spectrogram_pair": 0.6}
EVERYTHING = {
    "mode": "random",
    "pitch": [-2.0, 0.0, 2.0],
    "rate": [0.9, 1.1],
    "gain_db": [-6.0, 6.0],
    "snr_db": [10.0, 40.0],
    "equalise_db": 3.0,
    "low_cut_hz": [50.0, 400.0],
    "high_cut_hz": [1000.0, 4000.0],
    "rt60_s": [0.1, 0.8],
    "overdrive_db": [-6.0, 12.0],
    "snippet_s": [0.2, 0.9],
    "time_masks": 2,
    "time_mask_s": 0.1,
    "frequency_masks": 1,
    "frequency_mask_hz": 500.0,
}


def given_settings(**changes):
    return Augmentation(**{**EVERYTHING, **changes})


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def vowel(n_samples, pitch=0.0, rate=1.0, f0=120.0):
    """A gliding, swelling vowel, made at any pitch (formants along) and tempo; [-1, 1]."""
    t = np.arange(n_samples) / 16000 * rate
    f = f0 * (1 + 0.1 * np.sin(2 * np.pi * 3 * t))
    phase = 2 * np.pi * (f0 * t - 0.1 * f0 / (2 * np.pi * 3) * np.cos(2 * np.pi * 3 * t)) / rate * 2 ** (pitch / 12)
    formants = ((600, 80, 1), (1200, 100, 0.5), (2500, 150, 0.3), (3500, 250, 0.2), (5000, 600, 0.1))
    voice = sum(
        sum(gain / (1 + ((k * f - centre) / width) ** 2) for centre, width, gain in formants) * np.cos(k * phase)
        for k in range(1, int(5900 / f0))
    )
    return (0.1 * voice * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t + 1))).astype(np.float32)


def sources(augmentation, n=4):
    """Vowels of several voices over a little noise, [n, source_samples]."""
    rng = np.random.default_rng(0)
    waves = [vowel(augmentation.source_samples, f0=f0) for f0 in np.linspace(100, 250, n)]
    return (np.stack(waves) + 1e-3 * rng.standard_normal((n, augmentation.source_samples))).astype(np.float32)


def made(name, **settings):
    frontend = FRONT_ENDS[name](**settings)
    return frontend, SpectralAugmentation(frontend, WINDOW[name], RATES, pitches=PITCHES)


def decibels(frontend):
    return 20 / np.log(10) / frontend.SPECTRUM_POWER


@pytest.fixture(params=WINDOW)
def name(request):
    return request.param


@pytest.mark.smoke
def test_unchanged_windows_are_what_the_front_end_gives(name):
    frontend, augment = made(name)
    source = sources(augment)
    source[0, 50:53] = np.nan, np.inf, 7
    expected = array(frontend(source[:, : WINDOW[name]]))
    np.testing.assert_allclose(array(augment(source, {})), expected, atol=1e-4)
    np.testing.assert_allclose(array(augment(source, Draws.unchanged(4).as_dict())), expected, atol=1e-4)
    # and among changed ones
    mixed = draws.of_points([Point(2.0, 1.1, 6.0), Point(), Point(-2.0, 0.9, -6.0), Point()])
    features = array(augment(source, mixed.as_dict()))
    np.testing.assert_allclose(features[1::2], expected[1::2], atol=1e-4)
    assert (np.abs(features - expected)[::2].mean(axis=(1, 2, 3)) > 0.2).all()


def test_nothing_that_is_varied_needs_no_more_than_the_window(name):
    settings = Augmentation()
    assert draws.varied(settings) == ()
    assert SpectralAugmentation.from_settings(FRONT_ENDS[name](), WINDOW[name], settings).source_samples == WINDOW[name]


@pytest.mark.parametrize("f0", [110.0, 210.0])
@pytest.mark.parametrize(
    "point",
    [Point(0, 0.8), Point(0, 1.1), Point(0, 1.25), Point(2, 1), Point(-2, 1), Point(2, 0.9), Point(-2, 1.1)],
    ids=lambda p: f"{p.pitch:+g}x{p.rate:g}",
)
def test_pitch_and_tempo_equal_a_vowel_made_anew(name, point, f0):
    frontend, augment = made(name)
    source = vowel(augment.source_samples, f0=f0)[None]
    features = array(augment(source, draws.of_points([point]).as_dict(("pitch", "rate"))))
    truth = array(frontend(vowel(WINDOW[name], point.pitch, point.rate, f0)[None]))
    heard = truth > truth.max() - 45 / decibels(frontend)
    difference = (features - truth)[heard] * decibels(frontend)
    tolerance = TEMPO_TOLERANCE_DB if point.pitch == 0 else VOWEL_TOLERANCE_DB
    assert np.abs(difference).mean() < tolerance[name]
    assert abs(difference.mean()) < BIAS_TOLERANCE_DB[name]


def test_an_instant_comes_where_the_tempo_puts_it(name):
    frontend, augment = made(name)
    rates = np.array([0.8, 0.9, 1.0, 1.1, 1.25], np.float32)
    source = np.zeros((5, augment.source_samples), np.float32)
    source[:, 6000] = 1  # a click
    energy = np.exp(array(augment(source, {"rate": rates}))).sum(axis=(2, 3) if name == "log_mel" else (1, 3))
    frame_s = frontend.hop_length / 16000 * (1 if name == "log_mel" else 4)
    # A feature of the pair stands for four frames.
    middle_s = frontend.frame_length / 32000 + (0 if name == "log_mel" else 1.5 * frontend.hop_length / 16000)
    seconds = (energy * np.arange(energy.shape[1])).sum(axis=1) / energy.sum(axis=1) * frame_s + middle_s
    np.testing.assert_allclose(seconds, 0.375 / rates, atol=0.75 * frame_s)


@hypothesis_settings(max_examples=15, deadline=None)
@given(gain=st.floats(-20, 10), name=st.sampled_from(sorted(WINDOW)))
def test_gain_moves_log_features_by_exactly_so_much(gain, name):
    frontend, augment = made(name, log_offset=1e-8)
    source = sources(augment, 1)
    plain = array(augment(source, {}))
    louder = array(augment(source, {"gain_db": np.array([gain], np.float32)}))
    loud = np.minimum(plain, louder) > np.log(1e-8) + 12
    assert loud.mean() > 0.05
    np.testing.assert_allclose((louder - plain)[loud] * decibels(frontend), gain, atol=1e-3)


def test_the_equaliser_does_what_is_drawn():
    gains = np.array([[0, 10, -5, 3, 8, -7, 2, 6]], np.float32)
    assert draws.equaliser_matrix([0, 4000, 8000]).sum(axis=0) == pytest.approx(1)
    for frontend in (LogMel(log_offset=1e-12), SpectrogramPair(log_offset=1e-8)):
        augment = SpectralAugmentation(frontend, 8800)
        source = sources(augment, 1)
        seen = augment.scaled(array(frontend.spectrum(source)), {"equaliser": gains})
        ratio = array(seen) / array(frontend.spectrum(source))
        shown = 20 / frontend.SPECTRUM_POWER * np.log10(ratio)[0].mean(axis=(0, 1))
        hz = np.array([0, 200 / 3 * 15, frontend.bin_hz[-1]])  # Slaney's mel: 3 a 200 Hz up to 1 kHz
        step = (15 + 27 * np.log(8) / np.log(6.4)) / 7
        mel = np.array([0, 15, 15 + 27 * np.log(hz[2] / 1000) / np.log(6.4)])
        expected = np.interp(mel, step * np.arange(8), gains[0])
        np.testing.assert_allclose(np.interp(hz, frontend.bin_hz, shown)[1:], expected[1:], atol=0.1)


def test_noise_has_its_level_over_the_window_alone():
    augment = SpectralAugmentation(LogMel(), 16000, (1.0, 1.25))
    source = sources(augment, 3)
    source[0, 16000:] = 0.5  # beyond the window of a row at rate 1
    drawn = {
        "rate": np.array([1, 1.25, 1], np.float32),
        "snr_db": np.array([5, 20, np.inf], np.float32),
        "noise_seed": np.array([[1, 2], [3, 4], [5, 6]], np.int32),
    }
    noise = array(augment.with_noise(source, drawn)) - source
    for row, length in ((0, 16000), (1, 20000)):
        power = np.square(source[row, :length]).mean()
        snr = 10 * np.log10(power / np.square(noise[row]).mean())
        assert snr == pytest.approx(drawn["snr_db"][row], abs=0.3)
    assert not noise[2].any()
    assert not array(augment.with_noise(0 * source, drawn)).any()


def test_noise_ends_with_the_recording(name):
    frontend, augment = made(name)
    source = sources(augment, 2)
    source[1, augment.window_samples // 2 :] = 0
    draws_ = {"snr_db": np.float32([10, 10]), "noise_seed": np.int32([[1, 2], [3, 4]])}
    noisy = array(augment.with_noise(source, draws_))
    assert not noisy[1, augment.window_samples // 2 :].any() and (noisy[0] != source[0]).mean() > 0.99
    for wave, plain, n in zip(noisy, source, (augment.window_samples, augment.window_samples // 2), strict=True):
        added = (wave - plain)[:n]
        assert 10 * np.log10(np.mean(plain[:n] ** 2) / np.mean(added**2)) == pytest.approx(10, abs=0.4)


def test_noise_is_white_and_each_seed_has_its_own():
    seeds = np.array([[1, 2], [1, 3], [2, 2], [1, 2], [2**31 - 1, 2**31 - 1]], np.int32)
    noise = array(white_noise(seeds, 48000))
    np.testing.assert_array_equal(noise[0], noise[3])
    np.testing.assert_array_equal(noise[1], array(white_noise(seeds[1:2], 48000))[0])
    different = noise[[0, 1, 2, 4]]
    assert np.abs(different.mean(axis=1)).max() < 0.02
    np.testing.assert_allclose(different.std(axis=1), 1, atol=0.02)
    assert np.abs(np.corrcoef(different) - np.eye(4)).max() < 0.025
    spectrum = np.square(np.abs(np.fft.rfft(different)[:, 1:24001])).reshape(4, 24, 1000).mean(axis=2) / 48000
    np.testing.assert_allclose(spectrum, 1, atol=0.2)


def masked_features(name, drawn):
    """Which frames and bins of a spectrum are changed: [B, T], [B, F]; and the spectra."""
    frontend, augment = made(name)
    spectrum = array(frontend.spectrum(sources(augment, len(drawn))[:, : WINDOW[name]]))
    masked = array(augment.masked(spectrum, drawn.as_dict(("time_masks", "frequency_masks"))))
    changed = masked != spectrum
    return changed.mean(axis=(1, 3)) > 0.99, changed.mean(axis=(1, 2)) > 0.99, changed, spectrum, masked


def test_masks_hide_blocks_and_nothing_else(name):
    frontend, augment = made(name)
    drawn = draws.draw(given_settings(), 6, WINDOW[name] / 16000, seed=[3], top_hz=augment.top_hz)
    times, frequencies, changed, spectrum, masked = masked_features(name, drawn)
    hop = frontend.hop_length
    middle = (np.arange(times.shape[1]) * hop + frontend.frame_length / 2) / 16000
    for row in range(6):
        for places, hidden, masks in (
            (middle, times[row], drawn.time_masks[row]),
            (frontend.bin_hz, frequencies[row], drawn.frequency_masks[row]),
        ):
            expected = np.zeros(len(places), bool)
            for start, width in masks:
                expected |= (places >= start) & (places < start + width)
            np.testing.assert_array_equal(hidden, expected)
        outside = ~(times[row][:, None] | frequencies[row][None, :])
        assert not changed[row][:, outside].any()
        mean = np.exp(np.log(spectrum[row] + frontend.log_offset).mean(axis=(1, 2))) - frontend.log_offset
        for channel, value in enumerate(mean):
            np.testing.assert_allclose(masked[row, channel][~outside], value, rtol=1e-3)


def test_masks_have_the_form_of_tensorflow_io():
    tfio = pytest.importorskip("tensorflow_io", reason="needs tensorflow-io (the extra tfio)")
    settings = given_settings(time_masks=1, frequency_masks=1)
    _, augment = made("log_mel")
    drawn = draws.draw(settings, 60, 1.0, seed=[4], top_hz=augment.top_hz)
    times, frequencies, *_ = masked_features("log_mel", drawn)
    n_frames, n_bins = times.shape[1], frequencies.shape[1]
    longest = {"time": round(0.1 / 0.01), "frequency": round(500 / 31.25)}
    ones = np.ones((n_frames, n_bins), np.float32)
    theirs = {
        "time": [tfio.audio.time_mask(ones, param=longest["time"] + 1).numpy().max(axis=1) == 0 for _ in range(60)],
        "frequency": [
            tfio.audio.freq_mask(ones, param=longest["frequency"] + 1).numpy().max(axis=0) == 0 for _ in range(60)
        ],
    }
    for axis, ours in (("time", times), ("frequency", frequencies)):
        for masks in (ours, theirs[axis]):
            widths = np.sum(masks, axis=1)
            assert (np.abs(np.diff(np.pad(masks, ((0, 0), (1, 1))).astype(int))).sum(axis=1) <= 2).all()  # one block
            assert widths.max() <= longest[axis] + 1
            assert widths.max() > 0.7 * longest[axis] and widths.min() < 0.3 * longest[axis]


def test_a_window_does_not_depend_on_its_neighbours(name):
    _, augment = made(name)
    source = sources(augment, 5)
    drawn = draws.draw(given_settings(), 5, WINDOW[name] / 16000, seed=[5], top_hz=augment.top_hz)
    together = array(augment(source, drawn.as_dict()))
    assert np.isfinite(together).all()
    for row in range(5):
        alone = array(augment(source[row : row + 1], drawn.take([row]).as_dict()))[0]
        np.testing.assert_allclose(together[row], alone, atol=2e-4)


def test_the_same_seed_gives_the_same_and_another_another(name):
    _, augment = made(name)
    source = sources(augment, 3)

    def features(seed):
        drawn = draws.draw(given_settings(), 3, WINDOW[name] / 16000, seed=seed, top_hz=augment.top_hz)
        return array(augment(source, drawn.as_dict()))

    np.testing.assert_array_equal(features([1, 2]), features([1, 2]))
    assert (np.abs(features([1, 2]) - features([1, 3])).mean(axis=(1, 2, 3)) > 0.1).all()


def test_a_window_s_draw_follows_from_the_seed_and_its_place():
    few, many = (draws.draw(given_settings(), n, 1.0, seed=[7, 1]) for n in (5, 2000))
    for field, values in few.as_dict().items():
        np.testing.assert_array_equal(values, many.as_dict()[field][:5])
        expected = np.int32 if field == "noise_seed" else np.float32
        assert values.dtype == expected
        assert len(np.unique(many.as_dict()[field].reshape(2000, -1), axis=0)) > 1900, field
    assert len(many) == 2000 and len(many.take([3, 4])) == 2


def test_speed_moves_tempo_and_pitch_together():
    alone = Augmentation(mode="random", speed=[0.8, 1.25])
    drawn = draws.draw(alone, 500, 1.0, seed=[7])
    np.testing.assert_allclose(drawn.pitch, 12 * np.log2(drawn.rate), atol=1e-4)
    assert 0.8 <= drawn.rate.min() < 0.81 and 1.24 < drawn.rate.max() <= 1.2501
    assert draws.varied(alone) == ("pitch", "rate")
    settings = given_settings(speed=[0.8, 1.25])
    drawn, ((slowest, fastest), (lowest, highest)) = draws.draw(settings, 2000, 1.0, seed=[7]), draws.ranges(settings)
    assert slowest <= drawn.rate.min() < 1.05 * slowest and 0.95 * fastest < drawn.rate.max() <= fastest * (1 + 1e-6)
    assert lowest - 1e-5 <= drawn.pitch.min() < 0.9 * lowest and 0.9 * highest < drawn.pitch.max() <= highest + 1e-5
    assert np.std(drawn.pitch - 12 * np.log2(drawn.rate)) > 0.5, "the settings of their own vary beside it"


def test_draws_fill_their_ranges():
    drawn = draws.draw(given_settings(rate=[0.5, 2.0]), 4000, 2.0, seed=[0], top_hz=2000.0)
    for values, low, high in (
        (drawn.pitch, -2, 2),
        (np.log(drawn.rate), np.log(0.5), np.log(2)),
        (drawn.gain_db, -6, 6),
        (drawn.snr_db, 10, 40),
        (drawn.band[:, 0], 50, 400),
        (drawn.band[:, 1], 1000, 4000),
        (drawn.room[:, 0], 0.1, 0.8),
        (drawn.room[:, 1], *draws.DIRECT_DB),
        (drawn.overdrive_db, -6, 12),
        (drawn.snippet[:, 0], 0.2, 0.9),
        (drawn.snippet[:, 1], 0, 1),
        (drawn.time_masks[..., 1], 0, 0.1),
        (drawn.frequency_masks[..., 1], 0, 500),
    ):
        share = (values - low) / (high - low)
        assert -1e-5 <= share.min() < 0.01 and 0.99 < share.max() <= 1 + 1e-5
        assert abs(np.median(share) - 0.5) < 0.03
    for masks, extent in ((drawn.time_masks, 2.0), (drawn.frequency_masks, 2000.0)):
        ends = masks.sum(axis=-1)
        assert masks[..., 0].min() >= 0 and 0.98 * extent < ends.max() <= extent * (1 + 1e-6)
    assert drawn.equaliser.std() == pytest.approx(3, rel=0.03)
    assert np.abs(np.corrcoef(drawn.equaliser.T) - np.eye(draws.EQUALISER_POINTS)).max() < 0.08


def test_a_share_of_the_windows_is_left_alone():
    drawn = draws.draw(given_settings(probability=0.3), 4000, 1.0, seed=[0])
    plain = Draws.unchanged(4000).as_dict()
    still = drawn.pitch == 0
    assert still.mean() == pytest.approx(0.7, abs=0.03)
    for field in ("rate", "gain_db", "snr_db", "equaliser", "band", "room", "overdrive_db", "snippet"):
        np.testing.assert_array_equal(getattr(drawn, field)[still], plain[field][still])
        assert (getattr(drawn, field)[~still] != plain[field][~still]).all()
    for masks in (drawn.time_masks, drawn.frequency_masks):
        assert not masks[still, :, 1].any() and masks[~still, :, 1].all()


def test_bands_and_rooms_have_shares_of_their_own():
    settings = given_settings(band_probability=0.2, room_probability=0.6)
    drawn = draws.draw(settings, 4000, 1.0, seed=[0])
    narrow, inside = np.isfinite(drawn.band).any(axis=1), drawn.room[:, 0] > 0
    assert narrow.mean() == pytest.approx(0.2, abs=0.03) and inside.mean() == pytest.approx(0.6, abs=0.03)
    assert (narrow & inside).mean() == pytest.approx(0.12, abs=0.02), "neither follows from the other"
    half = draws.draw(Augmentation(mode="random", high_cut_hz=[4000]), 10, 1.0, seed=[0])
    np.testing.assert_array_equal(half.band, np.tile(np.float32([-np.inf, 4000]), (10, 1)))


def test_a_setting_that_is_not_used_leaves_the_other_draws_as_they_were():
    without = given_settings(low_cut_hz=[], high_cut_hz=[], rt60_s=[], overdrive_db=[], snippet_s=[])
    few, all_ = (draws.draw(settings, 50, 1.0, seed=[3]).as_dict() for settings in (without, given_settings()))
    small = np.random.default_rng([3]).random((50, 7 + draws.EQUALISER_POINTS + 4 + 2))
    np.testing.assert_allclose(few["pitch"], -2 + 4 * small[:, 1], atol=1e-6)
    assert not few["room"].any() and np.isinf(few["band"]).all() and all_["room"].all()


def test_a_band_keeps_what_lies_within():
    frontend = LogMel(log_offset=1e-12)
    augment = SpectralAugmentation(frontend, 8800)
    spectrum = array(frontend.spectrum(sources(augment, 2)))
    bands = np.float32([[300, 3400], [-np.inf, np.inf]])
    seen = array(augment.scaled(spectrum, {"band": bands}))
    np.testing.assert_allclose(seen[1], spectrum[1], rtol=1e-6)
    decibels = 20 / frontend.SPECTRUM_POWER * np.log10(seen[0] / spectrum[0]).mean(axis=(0, 1))
    hz = frontend.bin_hz
    np.testing.assert_allclose(decibels[(hz > 350) & (hz < 3350)], 0, atol=1e-3)
    np.testing.assert_allclose(decibels[(hz < 250) | (hz > 3450)], -60, atol=1e-3)
    np.testing.assert_allclose(draws.band_decibels(np.array([300, 3400]), bands[0]), -30, atol=1e-3)


def test_a_grid_has_every_combination_once_the_unchanged_first():
    settings = Augmentation(mode="grid", pitch=[-2, 0, 2], rate=[0.9, 1, 1.1])
    points = draws.grid(settings)
    assert len(points) == len(set(points)) == 9 and points[0] == Point()
    assert draws.grid(Augmentation(mode="grid", pitch=[2, 2], gain_db=[3])) == [Point(2.0, 1.0, 3.0)]
    drawn = draws.of_points(points)
    for field in ("pitch", "rate", "gain_db"):
        np.testing.assert_array_equal(getattr(drawn, field), np.float32([getattr(p, field) for p in points]))
    assert draws.varied(Augmentation(mode="grid", pitch=[1.0])) == ("pitch",)
    assert {*draws.varied(given_settings()), "room", "overdrive_db", "snippet"} == set(drawn.as_dict()), (
        "these come before the spectrum"
    )


def test_another_backend_gives_the_same(jax_process, tmp_path):
    for name in WINDOW:
        _, augment = made(name)
        drawn = draws.draw(given_settings(), 3, WINDOW[name] / 16000, seed=[9], top_hz=augment.top_hz)
        np.savez(tmp_path / f"{name}.npz", source=sources(augment, 3), **drawn.as_dict())
    code = f"""
        import jax, keras, numpy as np
        from ser_keras.features.augmentation.spectra import SpectralAugmentation
        from ser_keras.features.frontends import FRONT_ENDS
        for name, window in {WINDOW}.items():
            drawn = dict(np.load(name + ".npz"))
            augment = SpectralAugmentation(FRONT_ENDS[name](), window, {RATES}, pitches={PITCHES})
            np.save(name + ".npy", np.asarray(jax.jit(augment)(drawn.pop("source"), drawn)))
    """
    jax_process.run(code, tmp_path)
    for name in WINDOW:
        drawn = dict(np.load(tmp_path / f"{name}.npz"))
        _, augment = made(name)
        expected = array(augment(drawn.pop("source"), drawn))
        difference = np.abs(np.load(tmp_path / f"{name}.npy") - expected)
        # Where a frame's begin lies between two places, the last bit of a division decides for one of them.
        assert np.quantile(difference, 0.98) < 5e-3 and difference.max() < 0.3
