"""Room tone and pauses, small microphones, Opus: level, place, response, bit rate."""

import numpy as np
import pytest
from scipy import signal

from ser_keras.audio.samples import SAMPLE_RATE, level_dbfs
from ser_keras.features.conditions import parse
from ser_keras.features.conditions.microphone import MICROPHONES, response
from ser_keras.features.conditions.noise import pink_noise
from ser_keras.features.conditions.opus import encode
from ser_keras.features.conditions.pause import add_pause, pause_samples, room_tone
from tests.features.test_conditions import band_db, power_db, syllables, tone

# Pauses and room tone


@pytest.mark.parametrize("level", [-120, -65, -20])
@pytest.mark.parametrize("colour", ["pink", "white"])
def test_room_tone_has_its_level_whatever_the_speech_has(level, colour):
    """Against a full-scale square wave, exactly, and the speech on top of it as loud as it was."""
    generator = np.random.default_rng(0)
    assert level_dbfs(room_tone(12345, generator, level, colour=colour)) == pytest.approx(level, abs=1e-9)
    samples, n = syllables(16000) / 8, pause_samples(0.7)
    paused = add_pause(samples, np.random.default_rng(5), 0.7, level, colour=colour)
    same_tone = add_pause(0 * samples, np.random.default_rng(5), 0.7, level, colour=colour)
    assert level_dbfs(same_tone) == pytest.approx(level, abs=1e-9)
    assert np.array_equal(paused[:n], same_tone[:n]) and np.array_equal(paused[-n:], same_tone[-n:])
    np.testing.assert_allclose(paused[n:-n] - same_tone[n:-n], samples, atol=1e-12)


def test_the_tone_before_under_and_after_is_one_level():
    heard = parse("pause:2:-50")(np.zeros(2 * SAMPLE_RATE, np.float32), 1)
    assert all(abs(power_db(part) + 50) < 2 for part in np.split(heard, 3))
    # A pause of no length is the tone alone.
    assert level_dbfs(parse("pause:0:-50")(np.zeros(16000, np.float32), 1)) == pytest.approx(-50, abs=1e-3)


def test_pink_noise_is_pink_and_of_rms_1():
    for n in (0, 1, 100, 40000):
        noise = pink_noise(n, np.random.default_rng(n))
        assert noise.shape == (n,) and (not n or np.square(noise).mean() == pytest.approx(1, rel=1e-12))
    levels = [band_db(pink_noise(8 * SAMPLE_RATE, np.random.default_rng(0)), hz, 2 * hz) for hz in (100, 1000, 4000)]
    assert np.allclose(np.diff(levels), [-10, -6.02], atol=0.7)
    assert {parse(f"pause:1:-65{colour}").name for colour in ("", ":pink")} == {"pause:1:-65"}


# Microphones


@pytest.mark.parametrize("number", range(1, 9))
def test_a_microphone_has_its_response(number):
    for hz in (100, 300, 1000, 3000, 6000):
        samples = tone(hz, 2 * SAMPLE_RATE, 0.05) + tone(1000, 2 * SAMPLE_RATE, 0.05)
        heard = parse(f"microphone:{number}")(samples, 0)[4000:-4000]

        def level_at(hz, wave):
            return 20 * np.log10(abs(wave @ np.exp(-2j * np.pi * hz * np.arange(len(wave)) / SAMPLE_RATE)))

        expected = response(number, np.array([float(hz)]))[0]
        assert level_at(hz, heard) - level_at(1000, heard) == pytest.approx(expected, abs=0.1)


def test_microphones_are_small_ones_and_all_different():
    hz = np.geomspace(10, 8000, 400)
    responses = [response(number, hz) for number in range(1, len(MICROPHONES) + 1)]
    assert len(responses) == 8
    for i, first in enumerate(responses):
        assert np.isfinite(first).all() and np.interp(1000, hz, first) == pytest.approx(0, abs=0.05)
        assert first[hz < 40].max() < -6 and first[-1] < first[(hz > 2000) & (hz < 7500)].max() - 1
        assert all(np.abs(first - second)[hz > 100].max() > 2 for second in responses[:i])
    for microphone in MICROPHONES:
        assert 80 <= microphone.highpass[0] <= 300 and microphone.highpass[1] in (1, 2)
        assert 2500 <= microphone.resonance[0] <= 6500 and 3 <= microphone.resonance[1] <= 9
    assert np.isfinite(response(1, np.zeros(1))).all()


@pytest.mark.parametrize("number", range(1, 9))
def test_a_microphone_keeps_level_and_time(number):
    samples = syllables() / 8
    heard = parse(f"microphone:{number}")(samples, 0)
    assert power_db(heard) == pytest.approx(power_db(samples), abs=0.01)
    assert signal.correlate(heard, samples, method="fft").argmax() == len(samples) - 1
    click = np.zeros(4001, np.float32)
    click[2000] = 0.1
    response_to_click = parse(f"microphone:{number}")(click, 0)
    assert np.abs(response_to_click).argmax() == 2000
    np.testing.assert_allclose(response_to_click, response_to_click[::-1], atol=1e-7)  # no phase


# Opus


def test_opus_is_nearer_to_the_speech_at_more_bits():
    samples = syllables()
    errors = [power_db(parse(f"opus:{kbps}")(samples, 0) - samples) for kbps in (6, 12, 24, 64)]
    assert (np.diff(errors) < -1.5).all() and errors[-1] < power_db(samples) - 15


@pytest.mark.parametrize("kbps", [6, 12, 24, 64])
def test_opus_has_its_bit_rate(kbps):
    """That of the file, with under 1 kbit/s around the code."""
    seconds = 20
    file = encode(syllables(seconds * SAMPLE_RATE), kbps)
    assert len(file) * 8 / seconds / 1000 == pytest.approx(kbps, rel=0.1, abs=1)


def test_opus_of_silence_is_a_step_of_16_bits_at_most():
    assert np.abs(parse("opus:16")(np.zeros(16000, np.float32), 0)).max() <= 1 / 32768
