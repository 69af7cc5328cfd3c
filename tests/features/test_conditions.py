"""Conditions: how they are written, and what each does to level, band, code, decay, time and length."""

import dataclasses
import itertools
import pickle

import numpy as np
import pytest
import soundfile
from scipy import signal

from ser_keras.common.errors import SerKerasError
from ser_keras.features.conditions import CONDITIONS, Condition, Step, folder_name, parse
from ser_keras.features.conditions.g711 import mu_law_decode, mu_law_encode
from ser_keras.features.conditions.noise import active_power

SAMPLE_RATE = 16000
QUIET = ["noise:20", "noise:0:pink", "rate:5000", "rate:8000", "telephone", "microphone:3", "reverb:0.5", "gain:-6"]
QUIET += ["snippet:0.5"]  # these add nothing to silence
ALL = [*QUIET, "opus:16", "pause:0.5:-60", "pause:0:-60:white"]


def tone(hz, n=SAMPLE_RATE, level=0.3):
    return (level * np.sin(2 * np.pi * hz * np.arange(n) / SAMPLE_RATE)).astype(np.float32)


def syllables(n=4 * SAMPLE_RATE, seed=0):
    """Noise in the band of speech whose envelope goes up and down four times a second; as loud throughout."""
    noise = np.random.default_rng(seed).standard_normal(n)
    band = signal.sosfilt(signal.butter(2, (200, 3000), "bandpass", fs=SAMPLE_RATE, output="sos"), noise)
    envelope = 0.55 - 0.45 * np.cos(2 * np.pi * 4 * np.arange(n) / SAMPLE_RATE)
    return (0.1 * envelope * band / band.std()).astype(np.float32)


def power_db(samples):
    return 10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-20)


def band_db(samples, low, high):
    hz, power = signal.welch(samples, SAMPLE_RATE, nperseg=2048)
    return 10 * np.log10(power[(hz >= low) & (hz < high)].mean())


# Names


@pytest.mark.parametrize(
    ("text", "name", "title", "folder"),
    [
        ("noise:20", "noise:20", "white noise at 20 dB SNR", "noise_20"),
        (" Noise:20.0:WHITE", "noise:20", "white noise at 20 dB SNR", "noise_20"),
        ("noise:-2.5:pink", "noise:-2.5:pink", "pink noise at -2.5 dB SNR", "noise_-2.5_pink"),
        ("rate:8e3", "rate:8000", "sampled at 8 kHz", "rate_8000"),
        ("telephone", "telephone", "telephone line (300-3400 Hz, mu-law)", "telephone"),
        ("reverb:.5", "reverb:0.5", "reverberation of 0.5 s", "reverb_0.5"),
        ("gain:+6", "gain:6", "gain of +6 dB", "gain_6"),
        ("gain:-0", "gain:0", "gain of +0 dB", "gain_0"),
        ("snippet:1.50", "snippet:1.5", "first 1.5 s", "snippet_1.5"),
        ("pause:2:-65", "pause:2:-65", "pauses of 2 s, pink room tone at -65 dBFS", "pause_2_-65"),
        ("Pause:.5:-65.0:PINK", "pause:0.5:-65", "pauses of 0.5 s, pink room tone at -65 dBFS", "pause_0.5_-65"),
        ("pause:0:-65:white", "pause:0:-65:white", "white room tone at -65 dBFS", "pause_0_-65_white"),
        ("microphone:8", "microphone:8", "small microphone 8", "microphone_8"),
        ("opus:16", "opus:16", "Opus at 16 kbit/s", "opus_16"),
        (
            "gain:+6 + telephone+noise:10",
            "gain:6+telephone+noise:10",
            "gain of +6 dB, then telephone line (300-3400 Hz, mu-law), then white noise at 10 dB SNR",
            "gain_6+telephone+noise_10",
        ),
    ],
)
def test_a_condition_has_one_name(text, name, title, folder):
    condition = parse(text)
    assert (condition.name, condition.title, folder_name(condition)) == (name, title, folder)
    assert parse(condition.name) == condition == pickle.loads(pickle.dumps(condition))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("noize:20", "'noize' is not known; nearest: noise"),
        ("noise", "it is written noise:SNR[:COLOUR], e.g. noise:20"),
        ("noise:20:pink:loud", "it is written noise:SNR[:COLOUR]"),
        ("noise::pink", "it is written noise:SNR[:COLOUR]"),
        ("noise:20:pinc", "colour 'pinc' is not known; nearest: pink"),
        ("noise:loud", "SNR is 'loud'; it must be a number from -10 to 100 dB"),
        ("noise:nan", "SNR is nan; it must be a number from -10 to 100 dB"),
        ("noise:101", "SNR is 101; it must be a number from -10 to 100 dB"),
        ("rate:8000.5", "rate is 8000.5; it must be an integer from 4000 to 16000 Hz"),
        ("rate:44100", "rate is 44100; it must be an integer from 4000 to 16000 Hz"),
        ("telephone:8000", "it is written telephone, e.g. telephone"),
        ("reverb:0", "RT60 is 0; it must be a number from 0.1 to 5 s"),
        ("snippet:0", "length is 0; it must be a number from 0.01 to 3600 s"),
        ("pause:1", "it is written pause:LEAD:LEVEL[:COLOUR], e.g. pause:2:-65"),
        ("pause:31:-65", "lead is 31; it must be a number from 0 to 30 s"),
        ("pause:1:65", "level is 65; it must be a number from -120 to -20 dBFS"),
        ("pause:1:-65:blue", "colour 'blue' is not known; nearest:"),
        ("microphone:9", "microphone is 9; it must be an integer from 1 to 8"),
        ("microphone:1.5", "microphone is 1.5; it must be an integer from 1 to 8"),
        ("opus:5", "bit rate is 5; it must be a number from 6 to 64 kbit/s"),
        (
            "",
            "a distortion's name is missing; known: noise, rate, telephone, opus, microphone, reverb, pause, gain, sni",
        ),
        ("telephone+", "a distortion's name is missing"),
        ("telephone+noise:20+nose:3", "'nose' is not known; nearest: noise"),
    ],
)
def test_a_wrong_name_is_one_line_that_mends_it(text, part):
    with pytest.raises(SerKerasError) as error:
        parse(text)
    message = str(error.value)
    assert message.startswith(f"condition '{text}': ") and part in message and "\n" not in message


def test_the_registry_says_how_each_is_written():
    for name, kind in CONDITIONS.items():
        assert kind.usage.split(":")[0] == name and parse(kind.example).name == kind.example and kind.summary
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse("telephone").steps = ()


# What all have in common


@pytest.mark.parametrize("text", [*ALL, "reverb:0.3+telephone+noise:10", "snippet:0.2+noise:5", "pause:.1:-40+opus:9"])
@pytest.mark.parametrize("n", [0, 1, 160, 1601, 15999, 48001])
def test_length_range_and_seed(text, n):
    condition, samples = parse(text), 3 * syllables(48001)[:n]
    before = samples.copy()
    distorted = condition(samples, 7)
    assert distorted.dtype == np.float32 and distorted.shape == (condition.length(n),)
    assert np.isfinite(distorted).all() and (np.abs(distorted) <= 1).all()
    assert np.array_equal(distorted, condition(samples, 7)) and np.array_equal(samples, before)
    assert not np.shares_memory(distorted, samples)


@pytest.mark.parametrize("text", QUIET)
def test_silence_stays_silence(text):
    assert not parse(text)(np.zeros(4000, np.float32), 0).any()


@pytest.mark.parametrize("text", ALL)
def test_what_is_no_sample_becomes_0(text):
    condition = parse(text)
    samples = syllables(16000)
    broken = samples.copy()
    broken[[10, 3000, 3001, 7999]] = [np.nan, np.inf, -np.inf, 5]
    samples[[10, 3000, 3001, 7999]] = [0, 0, 0, 1]
    assert np.array_equal(condition(broken, 1), condition(samples, 1))


def test_only_what_is_drawn_follows_the_seed():
    samples = syllables(16000)
    for text in ALL:
        same = np.array_equal(parse(text)(samples, 1), parse(text)(samples, -2))
        assert same == (text.split(":")[0] not in {"noise", "reverb", "pause"}), text
    first, second = parse("noise:20")(samples, 0) - samples, parse("noise:20+noise:20")(samples, 0) - samples
    assert abs(np.corrcoef(first, second - first)[0, 1]) < 0.05  # the second step draws other noise


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.permutations(["telephone", "gain:20", "rate:5000", "snippet:.3", "microphone:6", "opus:24"], 2)),
)
def test_a_chain_is_its_steps_in_order(first, second):
    samples = syllables(8000)
    assert np.array_equal(parse(f"{first}+{second}")(samples, 0), parse(second)(parse(first)(samples, 0), 0))


@pytest.mark.parametrize("text", ["noise:30", "rate:8000", "telephone", "reverb:1", "gain:-6", "opus:6", "opus:24"])
def test_nothing_moves_in_time(text):
    samples = syllables(16000)
    distorted = parse(text)(samples, 0)
    lag = signal.correlate(distorted, samples, method="fft").argmax() - (len(samples) - 1)
    assert lag == parse(text).lead == 0


@pytest.mark.parametrize(
    ("text", "lead"),
    [("pause:0.5:-60", 8000), ("reverb:1+pause:.1:-60+gain:-3", 1600), ("pause:1:-70+pause:1:-70", 32000)],
)
def test_a_pause_moves_everything_by_its_lead(text, lead):
    samples = syllables(16000)
    condition = parse(text)
    distorted = condition(samples, 0)
    lag = signal.correlate(distorted, samples, method="fft").argmax() - (len(samples) - 1)
    assert lag == condition.lead == lead and len(distorted) == condition.length(16000) == 16000 + 2 * lead


def test_more_than_one_channel_is_refused():
    with pytest.raises(SerKerasError, match=r"one channel \[n\], not \[2, 160\]"):
        parse("telephone")(np.zeros((2, 160), np.float32), 0)


# Noise


@pytest.mark.parametrize("snr", [-5, 0, 10, 20, 40])
@pytest.mark.parametrize("colour", ["white", "pink"])
def test_snr(snr, colour):
    samples = syllables() / 4
    noise = parse(f"noise:{snr}:{colour}")(samples, 3).astype(np.float64) - samples
    # Speech without pauses: its active level is its mean level.
    assert power_db(samples) - power_db(noise) == pytest.approx(snr, abs=0.1)


def test_snr_does_not_depend_on_pauses_or_gain():
    samples = syllables() / 4
    padded = np.concatenate([np.zeros(5 * SAMPLE_RATE, np.float32), samples, np.zeros(5 * SAMPLE_RATE, np.float32)])
    noise = parse("noise:20")(padded, 0).astype(np.float64) - padded
    # The hangover counts .2 s of the pause after 4 s of speech.
    assert power_db(samples) - power_db(noise) == pytest.approx(20, abs=0.3)
    assert active_power(samples / 16) == pytest.approx(active_power(samples) / 256, rel=1e-6)


def test_active_level_is_that_of_p56():
    """Against the recommendation's own steps: counters at thresholds 6 dB apart, sample by sample."""
    samples = np.concatenate([np.zeros(3000), syllables(12000), np.zeros(9000), 0.5 * syllables(8000, 1)])
    pole, hangover = np.exp(-1 / (SAMPLE_RATE * 0.03)), round(0.2 * SAMPLE_RATE)
    thresholds = 2.0 ** np.arange(-15, 0)
    counts, since = np.zeros(15), np.full(15, hangover + 1)
    p = q = 0.0
    for x in np.abs(samples):
        p = pole * p + (1 - pole) * x
        q = pole * q + (1 - pole) * p
        since = np.where(q >= thresholds, 0, since + 1)
        counts += since <= hangover
    levels = 10 * np.log10(np.square(samples).sum() / np.maximum(counts, 1e-9))
    margins = levels - 20 * np.log10(thresholds)
    i = np.flatnonzero(margins <= 15.9)[0]
    share = (margins[i - 1] - 15.9) / (margins[i - 1] - margins[i])
    expected = levels[i - 1] + share * (levels[i] - levels[i - 1])
    assert 10 * np.log10(active_power(samples)) == pytest.approx(expected, abs=0.1)


def test_colours():
    noise = {c: parse(f"noise:0:{c}")(tone(1000, 4 * SAMPLE_RATE, 0.1), 0) for c in ("white", "pink")}
    octaves = [(100, 200), (200, 400), (2000, 4000), (4000, 8000)]
    white, pink = ([band_db(noise[c], *o) for o in octaves] for c in ("white", "pink"))
    assert np.ptp(white) < 1
    # density falls 3.01 dB an octave
    assert np.allclose(np.subtract(pink, pink[0]), -3.01 * np.array([0, 1, 4.32, 5.32]), atol=1)


# Channels


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("hz", "low", "high"),
    [(50, -200, -45), (200, -200, -45), (300, -6.5, -5.5), (400, -0.2, 0.2), (1000, -0.2, 0.2), (3200, -0.2, 0.2)]
    + [(3400, -6.5, -5.5), (3600, -200, -45), (5000, -200, -45), (7000, -200, -45)],
)
def test_telephone_band(hz, low, high):
    samples = tone(hz)
    # Away from the ends, where a tone starts and stops.
    heard = parse("telephone")(samples, 0)[2000:-2000]
    assert low <= power_db(heard) - power_db(samples) <= high


def test_telephone_has_the_noise_of_8_bits():
    """Steps that grow with the level keep the error 34 to 40 dB below the signal, loud or soft."""
    band = signal.firwin(501, (400, 3200), pass_zero=False, fs=SAMPLE_RATE)
    samples = signal.fftconvolve(syllables(), band)[: 4 * SAMPLE_RATE].astype(np.float32)
    for level in (1, 0.2):
        error = parse("telephone")(level * samples, 0) - level * samples
        assert 34 < power_db(level * samples) - power_db(error) < 40


@pytest.mark.smoke
def test_mu_law_is_g711(tmp_path):
    linear = np.arange(-32768, 32768).astype(np.int16)
    soundfile.write(tmp_path / "ulaw.wav", linear, 8000, subtype="ULAW")
    expected, _ = soundfile.read(tmp_path / "ulaw.wav", dtype="int16")
    assert np.array_equal(mu_law_decode(mu_law_encode(linear / np.float32(32768))) * 32768, expected)
    assert mu_law_encode(0.0) == 255 and mu_law_decode(np.uint8(255)) == 0
    codes = np.delete(np.arange(256).astype(np.uint8), 127)  # 127 is the other 0
    assert np.array_equal(mu_law_encode(mu_law_decode(codes)), codes)


def test_mu_law_follows_its_formula():
    """The steps lie on ln(1 + 255 |x|) / ln(256), cut into straight lines: within 2 of 128 steps of it."""
    x = np.linspace(-0.99, 0.99, 20001)
    step = (~mu_law_encode(x) & 127) + 0.5
    assert np.abs(step - 128 * np.log1p(255 * np.abs(x)) / np.log(256)).max() < 2


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000])
def test_rate(rate):
    distorted = parse(f"rate:{rate}")
    kept, lost = tone(0.4 * rate), tone(min(0.55 * rate, 7900))
    assert power_db((distorted(kept, 0) - kept)[1000:-1000]) < power_db(kept) - 60
    if rate < SAMPLE_RATE:
        assert power_db(distorted(lost, 0)[1000:-1000]) < power_db(lost) - 60


# Rooms, level, length


@pytest.mark.parametrize("rt60", [0.1, 0.3, 0.6, 1.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reverberation_time(rt60, seed):
    click = np.zeros(2 * SAMPLE_RATE, np.float32)
    click[100] = 0.9
    response = parse(f"reverb:{rt60}")(click, seed).astype(np.float64)
    assert not np.abs(response[:100]).max() > 1e-6 and response.argmax() == 100
    energy = np.square(response)
    assert energy[100] == pytest.approx(energy[101:].sum(), rel=1e-3)  # at the critical distance
    # Schroeder: the energy that is still to come, and the slope of its decibels from -5 to -35.
    decay = 10 * np.log10(np.cumsum(energy[::-1])[::-1] / energy.sum() + 1e-12)
    span = np.flatnonzero((decay <= -5) & (decay >= -35))
    slope = np.polyfit(span / SAMPLE_RATE, decay[span], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.1)


def test_reverberation_keeps_the_energy():
    samples = syllables()
    assert power_db(parse("reverb:0.8")(samples, 0)) == pytest.approx(power_db(samples), abs=0.05)


def test_gain_and_clipping():
    samples = tone(440)
    assert np.allclose(parse("gain:-6")(samples, 0), samples * 0.501187, atol=1e-6)
    assert np.allclose(parse("gain:20")(samples, 0), np.clip(samples * 10, -1, 1), atol=1e-6)


def test_snippet_is_the_beginning():
    samples = syllables(16000)
    assert np.array_equal(parse("snippet:0.25")(samples, 0), samples[:4000])
    assert np.array_equal(parse("snippet:2")(samples, 0), samples)
    assert Condition((Step("snippet", (0.25,)),)).length(100) == 100
