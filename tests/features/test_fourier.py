"""Power spectra by matrix products: the same as NumPy's transform, and the ones that converted graphs have."""

import keras
import numpy as np
import pytest

from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.features.frontends.fourier import by_products, cut_length, power_spectrum
from tests.tflite_graph import operations


@pytest.mark.parametrize(("n_fft", "frame_length"), [(4, 4), (8, 5), (256, 256), (512, 320), (512, 512), (2048, 640)])
@pytest.mark.parametrize("products", [False, True])
def test_power_is_that_of_numpy(n_fft, frame_length, products):
    framed = np.random.default_rng(0).standard_normal((2, 3, frame_length)).astype(np.float32)
    expected = np.square(np.abs(np.fft.rfft(framed.astype(np.float64), n_fft)))

    def power():
        length = cut_length(frame_length, n_fft)
        return np.asarray(power_spectrum(np.pad(framed, ((0, 0), (0, 0), (0, length - frame_length))), n_fft))

    if products:
        with by_products():
            assert cut_length(frame_length, n_fft) < frame_length + n_fft**0.5
            found = power()
    else:
        found = power()
    assert found.shape == (2, 3, n_fft // 2 + 1)
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())


def test_products_leave_quiet_bins_quiet():
    """Beside a loud tone the other bins stay 140 dB below it, as with a transform in float32."""
    n = np.arange(512)
    tone = np.sin(2 * np.pi * 37 * n / 512) * (0.5 - 0.5 * np.cos(2 * np.pi * n / 512))
    with by_products():
        power = np.asarray(power_spectrum(tone.astype(np.float32)[None, None], 512))[0, 0]
    assert power.argmax() == 37
    assert 10 * np.log10(power[60:].max() / power.max()) < -140


@pytest.mark.parametrize("name", ["log_mel", "log_spectrogram", "statistics"])
def test_converted_graphs_have_no_fourier_transform(name):
    from ser_keras.export.convert import to_tflite

    inputs = keras.Input((8000,))
    model = keras.Model(inputs, keras.layers.Flatten()(FRONT_ENDS[name]()(inputs)))
    used = {kind for kind, _ in operations(to_tflite(model))}
    assert "FULLY_CONNECTED" in used
    assert "RFFT2D" not in used
