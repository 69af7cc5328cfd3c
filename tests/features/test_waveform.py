"""Augmentation of waveforms: length, position, pitch, level and noise of what comes out, and what goes wrong."""

import concurrent.futures
import dataclasses
import math
import sys

import numpy as np
import pytest

pytest.importorskip("python_stretch", reason="needs the extra `augment`")

from ser_keras.common.errors import SerKerasError
from ser_keras.features.augmentation import draws, waveform
from ser_keras.features.augmentation.waveform import change, equalise, recorded_so, stretch

SAMPLE_RATE = 16000


def tone(hz, seconds=0.6):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def vowel(f0, seconds=0.8):
    """Harmonics under two formants, steady: float32."""
    harmonics = np.arange(1, int(7500 / f0))
    gains = sum(np.exp(-(((f0 * harmonics - formant) / 200) ** 2)) for formant in (600, 1200)) + 0.02
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = (gains[:, None] * np.sin(2 * np.pi * f0 * harmonics[:, None] * t)).sum(0)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def burst(centre, n=16000):
    """A tone of 800 Hz under a bell of 10 ms about sample `centre`."""
    i = np.arange(n)
    return (0.5 * np.exp(-(((i - centre) / 160) ** 2)) * np.sin(2 * np.pi * 800 * i / SAMPLE_RATE)).astype(np.float32)


def centre_of(samples):
    power = np.square(samples.astype(np.float64))
    return (power * np.arange(len(power))).sum() / power.sum()


def noise(n=16000, level=0.1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def pitch_of(samples, about):
    """The f0 within three semitones of `about` Hz under whose first 8 harmonics most amplitude lies."""
    middle = samples[len(samples) // 4 : -(len(samples) // 4)].astype(np.float64)
    n_fft = 1 << 18
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), n_fft))
    candidates = about * 2 ** (np.arange(-300, 301) / 1200)
    bins = np.rint(np.outer(np.arange(1, 9), candidates) * n_fft / SAMPLE_RATE).astype(int)
    return candidates[spectrum[bins].sum(0).argmax()]


def test_nothing_changed_gives_the_samples():
    samples = vowel(120)
    assert np.array_equal(stretch(samples), samples)
    assert np.array_equal(change(samples), samples)
    assert stretch(samples) is not samples


@pytest.mark.parametrize("rate", [0.25, 0.7, 0.9, 1.1, 1.5, 4.0])
@pytest.mark.parametrize("n", [1, 2, 320, 8800, 16001])
def test_length(rate, n):
    for pitch in (0, 2.5):
        changed = stretch(noise(n), pitch, rate)
        assert changed.dtype == np.float32
        assert changed.shape == (round(n / rate),)
        assert np.isfinite(changed).all()


@pytest.mark.parametrize("rate", [0.7, 0.9, 1.0, 1.1, 1.5])
@pytest.mark.parametrize("pitch", [-3, 0, 3])
def test_what_happens_at_t_comes_to_t_over_rate(rate, pitch):
    for centre in (400, 8000, 15600):
        milliseconds = (centre_of(stretch(burst(centre), pitch, rate)) - centre / rate) / 16
        assert abs(milliseconds) < 0.4


@pytest.mark.parametrize("rate", [0.8, 0.9, 1.1, 1.3])
def test_onset_and_end_are_whole(rate):
    """Steady noise has the same level in its first and last 20 ms as in its middle, averaged over several."""
    levels = []
    for seed in range(12):
        changed = stretch(noise(8000, seed=seed), 0, rate)
        levels.append([np.mean(np.square(part)) for part in (changed[:320], changed[2000:-2000], changed[-320:])])
    first, middle, last = 10 * np.log10(np.mean(levels, axis=0))
    assert abs(first - middle) < 2
    assert abs(last - middle) < 2  # the library alone loses 9 dB


@pytest.mark.smoke
@pytest.mark.parametrize("f0", [95, 140, 210])
def test_pitch_moves_by_the_semitones(f0):
    assert abs(1200 * math.log2(pitch_of(vowel(f0), f0 * 1.05) / f0)) < 2  # the measure itself
    for pitch in (-4, -1.5, 0, 2, 5):
        for rate in (0.9, 1.2):
            expected = f0 * 2 ** (pitch / 12)
            measured = pitch_of(stretch(vowel(f0), pitch, rate), expected * 1.05)
            assert abs(1200 * math.log2(measured / expected)) < 10


def test_formants_go_along():
    """A formant of noise about 1500 Hz lies 4 semitones higher afterwards."""
    spectrum = np.fft.rfft(noise(32000))
    hz = np.fft.rfftfreq(32000, 1 / SAMPLE_RATE)
    samples = np.fft.irfft(spectrum * np.exp(-(((hz - 1500) / 150) ** 2))).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(stretch(samples, 4))))
    assert abs((power * hz).sum() / power.sum() - 1500 * 2 ** (4 / 12)) < 20


def test_noise_has_the_ratio_over_the_window():
    signal = vowel(120, 1.0)
    signal[8000:] *= 0.01  # the window's half ends here; what follows must not count
    for snr_db in (30, 10, 0):
        changed = change(signal, snr_db=snr_db, noise_seed=(3, -7), window_samples=8000)
        added = (changed - signal[:8000]).astype(np.float64)
        measured = 10 * np.log10(np.mean(np.square(signal[:8000], dtype=np.float64)) / np.mean(np.square(added)))
        assert abs(measured - snr_db) < 0.3
        power = np.abs(np.fft.rfft(added)) ** 2
        assert abs(10 * np.log10(power[:2000].mean() / power[2000:].mean())) < 0.5  # white


def test_the_ratio_counts_what_the_window_hears_at_its_rate():
    """At rate 2 a window hears twice its length: here half of that is silence, and the noise 3 dB lower."""
    signal = np.concatenate([vowel(120, 0.5), np.zeros(8000, np.float32)])
    signal[-1] = 1e-6  # the recording goes on
    changed = change(signal, rate=2.0, snr_db=20, window_samples=8000)
    assert changed.shape == (8000,)
    alone = stretch(waveform.noise(signal, 20, (0, 0), length=16000), 0, 2.0)
    expected = 10 * np.log10(np.mean(np.square(signal)) / 100)
    assert abs(10 * np.log10(np.mean(np.square(changed[5000:7500])) / np.mean(np.square(alone[5000:7500])))) < 0.3
    assert abs(10 * np.log10(np.mean(np.square(waveform.noise(signal, 20, (0, 0), length=16000)))) - expected) < 0.3


def test_noise_ends_with_the_recording():
    padded = np.pad(tone(500, 0.5), (0, 8000))
    padded[:8000] += 1e-4
    for window in (None, 16000):
        changed = change(padded, snr_db=10, window_samples=window)
        assert not changed[8000:].any()
        added = changed[:8000] - padded[:8000]
        assert 10 * np.log10(np.mean(padded[:8000] ** 2) / np.mean(added**2)) == pytest.approx(10, abs=0.3)


def test_the_seed_decides():
    values = {"pitch": 2.0, "rate": 1.1, "gain_db": -3.0, "snr_db": 15.0, "equaliser": np.linspace(-3, 3, 8)}
    first = change(vowel(120), noise_seed=(1, 2), **values)
    assert np.array_equal(first, change(vowel(120), noise_seed=(1, 2), **values))
    assert not np.array_equal(first, change(vowel(120), noise_seed=(1, 3), **values))
    assert not np.array_equal(first, change(vowel(120), noise_seed=(2, 2), **values))
    # The library draws phases where it slows to under a half.
    assert np.array_equal(stretch(noise(), 0, 0.3), stretch(noise(), 0, 0.3))


def test_level_stays():
    for f0 in (95, 140, 210):
        before = np.std(vowel(f0)[3000:-3000])
        for pitch, rate in ((-4, 1.0), (0, 0.8), (0, 1.2), (3, 1.1)):
            after = np.std(stretch(vowel(f0), pitch, rate)[3000:-3000])
            assert abs(20 * math.log10(after / before)) < 0.4


def test_gain_is_exact_and_does_not_clip():
    samples = vowel(120)
    assert np.allclose(change(samples, gain_db=20), 10 * samples, rtol=1e-6)
    assert np.abs(change(samples, gain_db=20)).max() > 1


def test_equaliser_is_what_was_drawn():
    decibels = np.array([0, 6, -6, 3, 0, -3, 9, 2.0])
    # Slaney's mel: linear to 1 kHz, which is 15, then 27 to a factor of 6.4.
    knots = np.linspace(0, 15 + 27 * math.log(8) / math.log(6.4), 8)
    for hz in (100, 450, 1000, 2222, 3500, 6000):
        samples = tone(hz, 1.0)
        changed = equalise(samples, decibels)[2000:-2000]
        measured = 20 * np.log10(np.std(changed) / np.std(samples[2000:-2000]))
        mel = hz * 15 / 1000 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)
        assert abs(measured - np.interp(mel, knots, decibels)) < 0.1
    assert abs(centre_of(equalise(burst(8000), decibels)) - 8000) < 4  # no delay
    click = np.zeros(16384, np.float32)
    click[-1] = 1
    assert np.abs(equalise(click, decibels)[:8000]).max() < 1e-6  # nothing of the end comes out at the beginning
    assert np.allclose(equalise(noise(5000), np.full(8, 6.0)), noise(5000) * 10 ** (6 / 20), atol=1e-6)


def test_band_is_what_was_drawn():
    for hz, expected in ((100, -60), (300, -30), (1000, 0), (3000, 0), (4000, -60)):
        samples = tone(hz, 1.0)
        kept = change(samples, band=(300.0, 3400.0))[2000:-2000]
        assert abs(20 * np.log10(np.std(kept) / np.std(samples[2000:-2000])) - expected) < 1
    assert np.array_equal(change(tone(100), band=(-np.inf, np.inf)), tone(100))


def drawn_rooms(rt60_s, direct_db=0.0, rate=1.0, seed=5):
    unchanged = draws.Draws.unchanged(len(rt60_s))
    room = np.stack([rt60_s, np.full(len(rt60_s), direct_db)], axis=1).astype(np.float32)
    seeds = np.tile(np.int32([seed, -7]), (len(rt60_s), 1))
    return dataclasses.replace(unchanged, room=room, rate=unchanged.rate * np.float32(rate), noise_seed=seeds)


def test_a_room_rings_for_as_long_as_drawn():
    click = np.zeros((3, 16000), np.float32)
    click[:, 4000], click[:, -1] = 0.5, 1e-6  # the recording goes on to the end
    dry, short, long = recorded_so(click, drawn_rooms([0, 0.2, 0.6]))
    assert np.array_equal(dry, click[0])

    def fall(wave):  # dB from one tenth of a second to the next
        parts = [np.square(wave[k : k + 800]).sum() for k in (4100, 5700)]
        return 10 * np.log10(parts[0] / parts[1])

    assert fall(short) == pytest.approx(30, abs=1.5) and fall(long) == pytest.approx(10, abs=1.5)
    sounding = np.flatnonzero(np.abs(short[:-1]) > 1e-9)
    assert sounding[0] == 4000 and sounding[-1] == pytest.approx(4000 + 0.2 * 16000, abs=2)
    ended = click.copy()
    ended[:, 5000], ended[:, 5001:] = 0.1, 0
    assert not recorded_so(ended, drawn_rooms([0.6] * 3))[:, 5001:].any(), "the zeros behind its end stay zeros"
    fast = recorded_so(click, drawn_rooms([0.2] * 3, rate=2.0))[0]
    assert fall(fast) == pytest.approx(15, abs=1.5), "it is played twice as fast afterwards"
    for direct_db in (-3.0, 12.0):
        wet = recorded_so(click, drawn_rooms([0.5] * 3, direct_db))[0]
        ratio = wet[4000] ** 2 / np.square(np.delete(wet, 4000)).sum()
        assert 10 * np.log10(ratio) == pytest.approx(direct_db, abs=0.1)
    speech = np.stack([vowel(120)] * 2)
    one, same = recorded_so(speech, drawn_rooms([0.4, 0.4]))
    assert np.array_equal(one, same) and np.square(one).sum() == pytest.approx(np.square(speech[0]).sum(), rel=1e-3)
    assert not np.array_equal(one, recorded_so(speech, drawn_rooms([0.4, 0.4], seed=6))[0])


def test_what_is_turned_up_too_far_clips():
    waves = np.tile(tone(500), (3, 1))  # of .3
    turned = dataclasses.replace(draws.Draws.unchanged(3), overdrive_db=np.float32([-12, 6, 20]))
    soft, still, clipped = recorded_so(waves, turned)
    assert np.array_equal(soft, waves[0]) and np.array_equal(still, waves[0]), "twice .3 is below full scale"
    assert np.abs(clipped).max() == pytest.approx(0.1) and (np.abs(clipped) > 0.0999).mean() > 0.5
    inside = np.abs(waves[0]) < 0.099
    assert np.array_equal(clipped[inside], waves[0][inside]), "and down again by as much"


def test_a_snippet_is_a_stretch_of_the_recording():
    waves = np.tile(np.arange(1, 16001, dtype=np.float32) / 16000, (4, 1))
    waves[3, 8000:] = 0
    cut = np.float32([[0.25, 0], [0.25, 1], [np.inf, 0], [0.25, 1]])
    drawn = dataclasses.replace(draws.Draws.unchanged(4), snippet=cut)
    first, last, whole, short = recorded_so(waves, drawn)
    assert np.array_equal(first[:4000], waves[0, :4000]) and not first[4000:].any()
    assert np.array_equal(last[:4000], waves[0, 12000:]) and not last[4000:].any()
    assert np.array_equal(whole, waves[2])
    assert np.array_equal(short[:4000], waves[3, 4000:8000]), "the zeros behind an end are no part of it"
    fast = recorded_so(waves, dataclasses.replace(drawn, rate=np.full(4, 2, np.float32)))[0]
    assert np.flatnonzero(fast)[-1] + 1 == 8000, "as long as drawn once it is played twice as fast"


def test_silence_and_nothing():
    assert np.array_equal(stretch(np.zeros(1000, np.float32), 3, 1.1), np.zeros(909, np.float32))
    silent = change(np.zeros(1000, np.float32), pitch=3, rate=1.1, gain_db=6, snr_db=0, equaliser=np.ones(8))
    assert np.array_equal(silent, np.zeros(909, np.float32))
    assert stretch(np.zeros(0, np.float32), 3, 1.1).shape == (0,)
    assert change(np.zeros(0, np.float32), snr_db=10, equaliser=np.ones(8)).shape == (0,)
    assert np.array_equal(change(vowel(120)[:100], window_samples=300)[100:], np.zeros(200))


def test_samples_that_are_not_finite_become_silence_alone():
    samples = vowel(120)
    bad, mended = samples.copy(), samples.copy()
    bad[[10, 500, 501]] = np.nan, np.inf, -np.inf
    mended[[10, 500, 501]] = 0
    assert np.array_equal(stretch(bad, 2, 1.1), stretch(mended, 2, 1.1))
    assert np.array_equal(change(bad, snr_db=20), change(mended, snr_db=20))
    assert np.abs(change(np.full(100, 7.0))).max() == 1


def test_any_layout_of_samples():
    samples = vowel(120)
    assert np.array_equal(stretch(np.repeat(samples, 2)[::2], 2), stretch(samples, 2))
    assert np.array_equal(stretch(samples.astype(np.float64), 2), stretch(samples, 2))


def test_threads_do_not_disturb_each_other():
    jobs = [(vowel(f0), pitch) for f0 in (100, 150, 200) for pitch in (-2, 0.5, 3)] * 3
    alone = [stretch(*job) for job in jobs]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: stretch(*job), jobs))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0.0}, "rate is 0; it must be from 0.25 to 4"),
        ({"rate": math.nan}, "rate is nan"),
        ({"pitch": 30}, "pitch is 30; it must be from -24 to 24 semitones"),
        ({"pitch": math.inf}, "pitch is inf"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(SerKerasError, match=message):
        stretch(vowel(120), **values)


def test_one_channel_only():
    with pytest.raises(SerKerasError, match=r"one channel \[n\], not \[2, 100\]"):
        change(np.zeros((2, 100)))


def test_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    with pytest.raises(SerKerasError, match=r"pip install 'ser-keras\[augment\]'") as error:
        waveform.stretch(vowel(120), 1)
    assert "\n" not in str(error.value)
    assert change(vowel(120), gain_db=3).any()  # what needs no stretch needs no package
