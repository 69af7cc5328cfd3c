"""Low-level descriptors, functionals, Teager energies: known signals give known values, anything gives finite ones."""

import importlib.util

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import kurtosis, linregress, skew

from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors import DESCRIPTORS
from ser_keras.features.descriptors.formants import burg, lpc_formants
from ser_keras.features.descriptors.functionals import STATISTICS, deltas, statistics
from ser_keras.features.descriptors.teager import autocorrelation_area, teager_energy

RATE = 16000
NAMES = ("he2019_lld", "he2019_functionals", "functionals", "teager")
FORMANTS_HZ = (700, 1200, 2600, 3500, 4500)
needs_praat = pytest.mark.skipif(
    importlib.util.find_spec("parselmouth") is None, reason="needs praat-parselmouth: pip install 'ser-keras[systems]'"
)


def vowel(hz=120, n=RATE, formants=FORMANTS_HZ, tilt=1):
    """Pulses of the glottis, whose spectrum falls by 6 or 12 dB an octave, through resonances of 80 Hz bandwidth."""
    pulses = np.zeros(n)
    pulses[np.round(np.arange(0, n, RATE / hz)).astype(int).clip(max=n - 1)] = 1
    wave = pulses
    for _ in range(tilt):
        wave = lfilter([1], [1, -0.97], wave)
    for f in formants:
        pole = np.exp(-np.pi * 80 / RATE + 2j * np.pi * f / RATE)
        wave = lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], wave)
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def noise(n=RATE, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def sine(hz, amplitude=0.5, n=RATE):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(n) / RATE + 0.3)).astype(np.float32)


def described(name, samples, **settings):
    """Name of a value -> [T]."""
    descriptors = DESCRIPTORS[name](**settings)
    return dict(zip(descriptors.names, descriptors(samples).T, strict=True))


def test_names_and_shapes():
    for name, width in zip(NAMES, (275, 2200, 304, 272), strict=True):
        descriptors = DESCRIPTORS[name]()
        values = descriptors(vowel())
        rows = descriptors.row_starts(RATE)
        assert descriptors.takes == "utterance" and values.dtype == np.float32
        assert len(descriptors.names) == len(set(descriptors.names)) == width
        assert values.shape == (len(rows), width)
        assert descriptors.compute_output_shape((None, None)) == (None if name == "he2019_lld" else 1, width)


@pytest.mark.parametrize("n", [0, 1, 319, 320, 479, 480, 481, 5000])
def test_rows_lie_within_the_utterance(n):
    starts = DESCRIPTORS["he2019_lld"]().row_starts(n)
    assert len(DESCRIPTORS["he2019_lld"]()(noise(n))) == len(starts) == (max(n, 320) - 320) // 160 + 1
    np.testing.assert_array_equal(np.diff(starts), 160)
    for name in NAMES[1:]:
        assert DESCRIPTORS[name]()(noise(n)).shape[0] == 1 and DESCRIPTORS[name]().row_starts(n).tolist() == [0]


def test_frames_are_where_row_starts_says():
    clip = np.concatenate([np.zeros(4000, np.float32), vowel(n=4000)])
    descriptors = DESCRIPTORS["he2019_lld"]()
    energy = dict(zip(descriptors.names, descriptors(clip).T, strict=True))["energy"]
    starts = descriptors.row_starts(len(clip))
    expected = [np.mean(np.square(clip[s : s + 320].astype(float))) for s in starts]
    np.testing.assert_allclose(energy, 10 * np.log10(np.maximum(expected, 1e-10)), atol=1e-3)


@pytest.mark.smoke
@pytest.mark.parametrize("hz", [90, 120, 210])
def test_vowel(hz):
    found = described("he2019_lld", vowel(hz))
    inner = slice(5, -5)
    np.testing.assert_allclose(found["f0"][inner], hz, rtol=0.01)
    for i in range(3):
        # The harmonics draw a formant towards them, so that it is off by less than half their distance.
        np.testing.assert_allclose(found[f"formant_{i + 1}"][inner], FORMANTS_HZ[i], atol=0.4 * hz)


def test_pitch_and_formants_follow_the_vowel():
    clip = np.concatenate([vowel(110, 8000), vowel(160, 8000, (300, 2300, 3000, 3700, 4600))])
    found = described("he2019_lld", clip)
    # Row 49 has its middle at the change.
    for name, before, after in (("f0", 110, 160), ("formant_1", 700, 300), ("formant_2", 1200, 2300)):
        nearer = np.abs(found[name] - before) < np.abs(found[name] - after)
        assert nearer[2:47].all() and not nearer[52:-2].any(), name


def test_formants_of_a_steep_spectrum():
    np.testing.assert_allclose(lpc_formants(vowel(tilt=2), RATE, [0.5])[0], FORMANTS_HZ[:3], atol=40)


def test_burg_finds_the_filter():
    coefficients = np.array([-1.2, 0.8, -0.3])
    frame = lfilter([1], [1, *coefficients], noise(20000).astype(float))
    found = burg(np.stack([frame, np.zeros_like(frame)]), 3)
    np.testing.assert_allclose(found[0], coefficients, atol=0.02)
    np.testing.assert_array_equal(found[1], 0)


def test_magnitudes_mfcc_and_zero_crossings_of_a_sine():
    found = described("he2019_lld", sine(1000))
    magnitudes = np.stack([found[f"fft_{i}"] for i in range(1, 257)])
    assert (magnitudes.argmax(axis=0) + 1 == 1000 / (RATE / 512)).all()
    # The peak is half the amplitude times the window's sum.
    np.testing.assert_allclose(magnitudes.max(axis=0), 0.25 * 160, rtol=0.01)
    np.testing.assert_allclose(found["zero_crossing_rate"], 2000 / RATE, atol=1.01 / 319)
    np.testing.assert_allclose(found["energy"], 10 * np.log10(0.125), atol=0.05)
    decibels = described("he2019_lld", sine(1000), magnitudes="db")
    np.testing.assert_allclose(decibels["fft_32"], 20 * np.log10(magnitudes[31]), rtol=1e-4)
    np.testing.assert_array_equal(decibels["mfcc_1"], found["mfcc_1"])
    louder = described("he2019_lld", 2 * noise())
    quieter = described("he2019_lld", noise())
    # Twice the amplitude adds 6 dB to each of 40 bands: all of it in the 0th coefficient.
    np.testing.assert_allclose(louder["mfcc_0"] - quieter["mfcc_0"], np.sqrt(40) * 20 * np.log10(2), rtol=1e-4)
    np.testing.assert_allclose(louder["mfcc_5"], quieter["mfcc_5"], atol=1e-3)


def test_unvoiced_sounds_have_neither_pitch_nor_formants():
    constant = np.full(RATE, 0.5, np.float32)
    for clip in (noise(), constant, np.zeros(RATE, np.float32), 1e-4 * vowel()):
        found = described("he2019_lld", clip)
        for name in ("f0", "formant_1", "formant_2", "formant_3"):
            assert not found[name].any()


@pytest.mark.smoke
def test_statistics_are_scipys():
    values = np.random.default_rng(0).gamma(2, size=(50, 3))
    valid = np.ones_like(values, bool)
    valid[::3, 1], valid[:, 2] = False, False
    found = dict(zip(STATISTICS, statistics(values, valid, 0.01), strict=True))
    for i in range(2):
        x, times = values[valid[:, i], i], 0.01 * np.flatnonzero(valid[:, i])
        expected = (x.mean(), x.std(), x.min(), x.max(), np.ptp(x), skew(x), kurtosis(x), linregress(times, x).slope)
        np.testing.assert_allclose([found[name][i] for name in STATISTICS], expected)
    assert all(found[name][2] == 0 for name in STATISTICS)


def test_statistics_of_a_constant_and_of_one_row():
    constant = statistics(np.full((10, 1), 0.1), np.ones((10, 1), bool), 0.01)[:, 0]
    one = statistics(np.full((1, 1), 3.0), np.ones((1, 1), bool), 0.01)[:, 0]
    np.testing.assert_allclose(constant, [0.1, 0, 0.1, 0.1, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(one, [3, 0, 3, 3, 0, 0, 0, 0])


def test_deltas_are_slopes_of_valid_runs():
    values = np.stack([3.0 * np.arange(10), np.ones(10)], axis=1)
    valid = np.ones_like(values, bool)
    valid[4, 0] = False
    slope, slope_valid = deltas(values, valid)
    np.testing.assert_allclose(slope[2:-2], np.tile([3, 0], (6, 1)), atol=1e-12)
    assert np.flatnonzero(~slope_valid[:, 0]).tolist() == [2, 3, 4, 5, 6] and slope_valid[:, 1].all()


@pytest.mark.parametrize("name", ["functionals", "he2019_functionals"])
def test_functionals_of_pitch_are_those_of_voiced_frames(name):
    clip = np.concatenate([vowel(120, 8000), np.zeros(8000, np.float32)])
    found = described(name, clip)
    np.testing.assert_allclose([found["f0_mean"], found["f0_min"]], 120, rtol=0.02)
    assert found["formant_1_min"] > 500
    frames = described("he2019_lld", clip)
    np.testing.assert_allclose(found["energy_mean"], frames["energy"].mean(), rtol=1e-4)
    np.testing.assert_allclose(found["mfcc_3_sd"], frames["mfcc_3"].std(), rtol=1e-4)
    # Silence in the second half: energy falls.
    assert found["energy_slope"] < -50


def test_teager_energy_of_a_sine():
    for hz in (150, 1000, 3000):
        expected = np.square(0.5 * np.sin(2 * np.pi * hz / RATE))
        np.testing.assert_allclose(teager_energy(sine(hz).astype(float)), expected, rtol=1e-4)


def test_autocorrelation_area():
    pulse = np.zeros(400)
    pulse[7] = 1
    wave = np.sin(2 * np.pi * np.arange(400) / 20)
    found = autocorrelation_area(np.stack([np.full(400, 3e-4), pulse, np.zeros(400), wave, noise(400)]))
    np.testing.assert_allclose(found[:3], [1, 1 / 400, 0], rtol=1e-6)
    # The peaks of a periodic frame's autocorrelation fall as a constant's do.
    np.testing.assert_allclose(found[3], 1, atol=0.05)
    assert found[1] < found[4] < 0.3


def test_teager_bands():
    found = described("teager", sine(1175, n=2 * RATE))  # the middle of 1080 to 1270 Hz
    level = 10 * np.log10(np.square(0.5 * np.sin(2 * np.pi * 1175 / RATE)))
    for band in ("teo_1080_1270", "teo_full"):
        np.testing.assert_allclose(found[f"{band}_energy_max"], level, atol=0.1)
    np.testing.assert_allclose(found["teo_1080_1270_area_mean"], 1, atol=0.02)
    # Half power at the edge, in both bands that meet there.
    edge = described("teager", sine(1270, n=2 * RATE))
    for band in ("teo_1080_1270", "teo_1270_1480"):
        expected = 10 * np.log10(np.square(0.5 * np.sin(2 * np.pi * 1270 / RATE))) - 10 * np.log10(2)
        np.testing.assert_allclose(edge[f"{band}_energy_mean"], expected, atol=0.3)
    assert edge["teo_300_400_energy_mean"] < expected - 40
    # A beat within a band makes its energy vary.
    beat = described("teager", sine(1100, n=2 * RATE) + sine(1250, 0.4, n=2 * RATE))
    assert beat["teo_1080_1270_area_mean"] < 0.9


def test_teager_of_silence():
    silent = described("teager", np.zeros(RATE, np.float32))
    constant = described("teager", np.full(RATE, 0.7, np.float32))
    for found in (silent, constant):
        assert all(
            v == (-120 if n.endswith(("energy_mean", "energy_min", "energy_max")) else 0) for n, v in found.items()
        )


@pytest.mark.parametrize("name", NAMES)
def test_anything_gives_finite_values(name):
    descriptors = DESCRIPTORS[name]()
    bad = vowel()
    bad[::50] = np.nan
    bad[7], bad[8], bad[9] = np.inf, -np.inf, 3e38
    clean = bad.copy()
    clean[::50], clean[7], clean[8], clean[9] = 0, 0, 0, 1
    np.testing.assert_array_equal(descriptors(bad), descriptors(clean))
    impulse = np.zeros(3000, np.float32)
    impulse[1500] = 1
    square = np.clip(1e9 * sine(200, n=3000), -1, 1)
    for clip in (
        bad,
        noise(0),
        noise(1),
        vowel(n=200),
        np.ones(100),
        square,
        impulse,
        sine(8000, n=3000),
        1e-30 * noise(3000),
    ):
        assert np.isfinite(descriptors(clip)).all()
    short = vowel(n=200)
    np.testing.assert_array_equal(descriptors(short), descriptors(short))


@pytest.mark.parametrize("name", NAMES)
def test_settings_make_the_same_set_again(name):
    descriptors = DESCRIPTORS[name](hop_ms=20)
    again = DESCRIPTORS[name](**descriptors.get_config())
    np.testing.assert_array_equal(descriptors(vowel(n=4000)), again(vowel(n=4000)))
    assert complete_arguments(name, {}, DESCRIPTORS, kind="frontend") == DESCRIPTORS[name]().get_config()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("he2019_lld", {"n_fft": 256}, "n_fft is 256; it must be at least the frame of 320"),
        ("functionals", {"pitch": "swipe"}, "pitch is swipe; it must be one of own, praat"),
        ("functionals", {"formants": "own"}, "formants is own; it must be one of lpc, praat"),
        ("he2019_functionals", {"f0_min": 30.0}, "f0_min is 30.0; it must be at least 51"),
        ("he2019_lld", {"formant_ceiling": 9000.0}, "formant_ceiling is 9000.0; it must be 3000 to 8000 Hz"),
        ("he2019_lld", {"magnitudes": "log"}, "magnitudes is log; it must be one of linear, db"),
        ("teager", {"n_bands": 21}, "n_bands is 21; it must be 1 to 20"),
        ("teager", {"hop_ms": 0}, "hop_ms is 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name, settings, message):
    with pytest.raises(SerKerasError, match=message) as error:
        DESCRIPTORS[name](**settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_one_utterance_at_a_time(name):
    with pytest.raises(SerKerasError, match=r"give one utterance, \[samples\]"):
        DESCRIPTORS[name]()(np.zeros((2, 4000)))


def test_missing_praat_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "parselmouth", None)
    for settings in ({"pitch": "praat"}, {"formants": "praat"}):
        with pytest.raises(SerKerasError, match=r"pip install 'ser-keras\[systems\]'"):
            DESCRIPTORS["he2019_lld"](**settings)


@needs_praat
def test_praat_finds_the_same():
    clip = np.concatenate([vowel(110, 8000), noise(8000), vowel(190, 8000)])
    own = DESCRIPTORS["he2019_lld"]()
    praat = DESCRIPTORS["he2019_lld"](pitch="praat", formants="praat")
    columns = slice(256, 260)
    a, b = own(clip)[:, columns], praat(clip)[:, columns]
    assert ((a[:, 0] > 0) == (b[:, 0] > 0)).mean() > 0.9
    both = (a[:, 0] > 0) & (b[:, 0] > 0)
    assert both.mean() > 0.55
    assert (np.median(np.abs(a[both] / b[both] - 1), axis=0) < 0.02).all()
    assert np.quantile(np.abs(a[both] / b[both] - 1), 0.9) < 0.1


@needs_praat
@pytest.mark.parametrize("n", [0, 1, 319, 1000])
def test_praat_takes_short_clips(n):
    for name in NAMES[:3]:
        assert np.isfinite(DESCRIPTORS[name](pitch="praat", formants="praat")(vowel(n=max(n, 1))[:n])).all()
