"""The reference clip of a bundle."""

import numpy as np
import pytest
import soundfile

from ser_keras.audio import reading
from ser_keras.export.reference import reference_clip
from tests import small_run


def test_reference_clip_is_one_window_of_something_like_a_voice(bundle):
    samples, rate = soundfile.read(bundle / "reference.wav", dtype="int16")
    assert rate == 16000 and len(samples) == small_run.WINDOW
    assert np.array_equal(samples, reference_clip(small_run.WINDOW))
    spectrum = np.abs(np.fft.rfft(samples / 32768)) ** 2
    low = spectrum[: len(spectrum) // 2].sum() / spectrum.sum()
    assert 0.49 < np.abs(samples / 32768).max() < 0.51 and low > 0.8
    assert not reading.load(bundle / "reference.wav").warnings


@pytest.mark.parametrize("n", [160, 8800, 48000])
def test_reference_clip_of_any_length_repeats(n):
    assert len(reference_clip(n)) == n and np.array_equal(reference_clip(n), reference_clip(n))
