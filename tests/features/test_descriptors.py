"""Acoustic features: known signals give known values, librosa gives the same, bad samples give finite numbers."""

import keras
import librosa
import numpy as np
import pytest

from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors import DESCRIPTORS, Acoustic26

RATE, N = 16000, 8800
BIN = RATE / 1024
BANDS = ("energy_0_500", "energy_500_1000", "energy_1000_2000", "energy_2000_4000")


def sine(hz, amplitude=0.3, n=N):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(n) / RATE + 0.1)).astype(np.float32)


def voice(hz, n=N):
    """Harmonics up to 4 kHz that fall by 6 dB an octave."""
    return sum(sine(k * hz, 0.2 / k, n) for k in range(1, int(4000 / hz)))


def noise(n=N, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def described(*windows):
    """Name -> [n]."""
    descriptors = Acoustic26()
    return dict(zip(descriptors.names, descriptors(np.stack(windows)).T, strict=True))


def test_names_and_shape():
    descriptors = DESCRIPTORS["acoustic26"]()
    assert len(descriptors.names) == len(set(descriptors.names)) == 26
    values = descriptors(np.stack([noise(), voice(200)]))
    assert values.shape == (2, 26) and values.dtype == np.float32
    assert descriptors.compute_output_shape((None, N)) == (None, 26)
    assert descriptors(np.zeros((0, N))).shape == (0, 26)


@pytest.mark.smoke
def test_sine():
    found = described(sine(300), sine(1500), sine(3000))
    np.testing.assert_allclose(found["spectral_centroid"], [300, 1500, 3000], atol=BIN / 2)
    # Two changes of sign a period; a frame of whole periods holds one less.
    np.testing.assert_allclose(found["zero_crossing_rate"], np.array([600, 3000, 6000]) / RATE, atol=1.01 / 640)
    np.testing.assert_allclose(found["rms_energy"], 0.3 / np.sqrt(2), rtol=0.01)
    for share in (25, 50, 75, 85, 95):
        np.testing.assert_allclose(found[f"roll_off_{share}"], [300, 1500, 3000], atol=3 * BIN)
    loudest = np.argmax([found[name] for name in BANDS], axis=0)
    assert loudest.tolist() == [0, 2, 3]
    # All of the power is in that band.
    power = 10 * np.log10(0.3**2 / 2)
    for i, band in enumerate(loudest):
        assert abs(found[BANDS[band]][i] - power) < 0.1
        assert all(found[name][i] < power - 40 for j, name in enumerate(BANDS) if j != band)


def test_pitch_of_voices():
    pitches = np.array([65, 110, 180.5, 233, 320, 450, 590])
    for make in (voice, sine):
        np.testing.assert_allclose(described(*(make(hz) for hz in pitches))["pitch"], pitches, rtol=3e-3)


def test_pitch_is_the_mean_over_voiced_frames():
    half = N // 2
    found = described(
        np.concatenate([voice(150, half), np.zeros(half, np.float32)]),
        np.concatenate([voice(150, half), noise(half)]),
        np.concatenate([voice(150, half), voice(250, half)]),
    )["pitch"]
    np.testing.assert_allclose(found, [150, 150, 200], rtol=0.02)


def test_unvoiced_sounds_have_no_pitch():
    quiet_voice = 1e-3 * voice(200)  # -77 dBFS
    constant = np.full(N, 0.5, np.float32)
    assert (
        described(noise(), noise(seed=1), quiet_voice, constant, np.zeros(N, np.float32))["pitch"].tolist() == [0] * 5
    )
    assert described(10 * quiet_voice)["pitch"] > 0


def test_roll_offs_rise():
    found = described(noise(), voice(200))
    rising = np.stack([found[f"roll_off_{share}"] for share in (25, 50, 75, 85, 95)])
    assert (np.diff(rising, axis=0) > 0).all()
    np.testing.assert_allclose(rising[:, 0], np.array([0.25, 0.5, 0.75, 0.85, 0.95]) * 8000, rtol=0.05)


@pytest.mark.parametrize("make", [lambda: voice(140) + 0.05 * noise(), lambda: sine(700), noise])
def test_librosa_gives_the_same(make):
    clip = make()
    found = described(clip)
    # librosa's frames are as long as the FFT, with the window in their middle.
    spectrum = np.abs(librosa.stft(np.pad(clip, 192), n_fft=1024, hop_length=160, win_length=640, center=False))
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=RATE, n_fft=1024, n_mels=40)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13).mean(axis=1)
    np.testing.assert_allclose([found[f"mfcc_{i}"][0] for i in range(13)], mfcc, atol=1e-2)
    for share in (25, 50, 75, 85, 95):
        expected = librosa.feature.spectral_rolloff(S=spectrum, sr=RATE, roll_percent=share / 100).mean()
        np.testing.assert_allclose(found[f"roll_off_{share}"], expected, atol=1)
    centroid = librosa.feature.spectral_centroid(S=spectrum, sr=RATE).mean()
    np.testing.assert_allclose(found["spectral_centroid"], centroid, rtol=1e-4)
    frames = {"frame_length": 640, "hop_length": 160, "center": False}
    np.testing.assert_allclose(found["rms_energy"], librosa.feature.rms(y=clip, **frames).mean(), rtol=1e-5)
    crossings = librosa.feature.zero_crossing_rate(clip, **frames).mean()
    np.testing.assert_allclose(found["zero_crossing_rate"], crossings, rtol=1e-6)


def test_librosa_finds_the_same_pitch():
    glide = np.linspace(120, 260, N)
    clip = sum(np.sin(k * 2 * np.pi * np.cumsum(glide) / RATE) / k for k in range(1, 12)).astype(np.float32) * 0.1
    expected = librosa.yin(clip, fmin=60, fmax=600, sr=RATE, frame_length=1024, hop_length=160, center=False).mean()
    np.testing.assert_allclose(described(clip)["pitch"], expected, rtol=0.01)


@pytest.mark.parametrize("n", [640, 641, 1000, 16001])
def test_any_length_from_a_frame_on(n):
    values = Acoustic26()(np.stack([voice(200, n), noise(n)]))
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[:, -1], [200, 0], rtol=0.01)


def test_bad_samples_give_finite_numbers():
    bad = voice(200)
    bad[::50] = np.nan
    bad[7], bad[8], bad[9] = np.inf, -np.inf, 3e38
    every = np.full(N, np.nan, np.float32)
    clean = bad.copy()
    clean[::50], clean[7], clean[8], clean[9] = 0, 0, 0, 1
    descriptors = Acoustic26()
    values = descriptors(np.stack([bad, every, np.zeros(N, np.float32), 100 * voice(200), sine(200, 1e-30)]))
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[0], descriptors(clean[None])[0])
    np.testing.assert_array_equal(values[1], values[2])
    np.testing.assert_array_equal(values[3], descriptors(np.clip(100 * voice(200), -1, 1)[None])[0])
    silent = dict(zip(descriptors.names, values[2], strict=True))
    np.testing.assert_allclose([silent[name] for name in BANDS], -100, rtol=1e-5)
    assert silent["pitch"] == silent["roll_off_95"] == silent["spectral_centroid"] == silent["rms_energy"] == 0


def test_windows_do_not_touch_each_other():
    descriptors = Acoustic26()
    windows = np.stack([voice(100 + 10 * i) * 10 ** (-i / 10) + 0.01 * noise(seed=i) for i in range(20)])
    one_by_one = np.concatenate([descriptors(window[None]) for window in windows])
    np.testing.assert_allclose(descriptors(windows), one_by_one, rtol=1e-5, atol=1e-4)


def test_settings_make_the_same_set_again():
    descriptors = Acoustic26(frame_ms=50, n_mels=32, f0_max=400.0)
    again = Acoustic26(**descriptors.get_config())
    window = voice(210)[None]
    np.testing.assert_array_equal(descriptors(window), again(window))
    assert not np.array_equal(descriptors(window), Acoustic26()(window))
    settings = complete_arguments("acoustic26", {}, DESCRIPTORS, kind="frontend")
    assert settings == Acoustic26().get_config()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Acoustic26(frame_ms=30), "f0_min is 60.0; it must be such that two periods fit"),
        (lambda: Acoustic26(n_fft=512), "n_fft is 512; it must be at least the frame of 640"),
        (lambda: Acoustic26(n_mels=12), "n_mels is 12; it must be at least 13"),
        (lambda: Acoustic26(f0_max=50.0), "f0_max is 50.0; it must be above f0_min"),
        (lambda: Acoustic26(voicing_threshold=0), "voicing_threshold is 0"),
        (lambda: Acoustic26(hop_ms=0), "hop_ms is 0"),
        (lambda: Acoustic26()(np.zeros((2, 639))), "639 samples is too short, it needs at least 640"),
        (lambda: Acoustic26()(np.zeros(8800)), r"give \[windows, samples\]"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, message):
    with pytest.raises(SerKerasError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_samples_are_cleaned_as_by_front_ends():
    from ser_keras.features.frontends import FRONT_ENDS

    wave = np.array([[np.nan, np.inf, -np.inf, 3e38, -7, 0.5]], np.float32)
    wave = np.concatenate([wave, noise()[None, :1000]], axis=1)
    cleaned = keras.ops.convert_to_numpy(FRONT_ENDS["log_mel"]().sanitise(wave))
    np.testing.assert_array_equal(Acoustic26()(wave), Acoustic26()(cleaned))
