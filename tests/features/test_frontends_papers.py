"""The papers' front ends: equal to librosa, right under augmentation of the spectrum, savable."""

import keras
import librosa
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.augmentation import draws
from ser_keras.features.augmentation.draws import Draws, Point
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.frontends import FRONT_ENDS, MFCC, LogMel, LogSpectrogram, SpectrogramImage
from ser_keras.features.frontends.spectrogram_image import jet
from tests.features.test_augmentation import vowel
from tests.features.test_frontends import array, clips, noise, speech

LN10 = np.log(10)
WINDOW = {"log_spectrogram": 2560, "spectrogram_image": 16000, "mfcc": 16000}
SETTINGS = [
    ("log_spectrogram", {}),
    ("log_spectrogram", {"scale": "magnitude"}),
    ("spectrogram_image", {}),
    ("spectrogram_image", {"size": 227, "colour": True}),
    ("mfcc", {}),
    ("mfcc", {"normalise": "mean_std"}),
]


def by_librosa(layer, wave):
    """[bins, T]: magnitude of frames that begin where the front end's do; librosa has the window in their middle."""
    before = (layer.n_fft - layer.frame_length) // 2
    padded = np.pad(wave.astype(np.float64), (before, layer.n_fft - layer.frame_length - before))
    settings = {"n_fft": layer.n_fft, "hop_length": layer.hop_length, "win_length": layer.frame_length}
    return np.abs(librosa.stft(padded, center=False, **settings))


@pytest.mark.smoke
@pytest.mark.parametrize("settings", [{}, {"frame_ms": 25, "hop_ms": 7.5, "n_fft": 1024, "log_offset": 1e-3}])
@pytest.mark.parametrize("n_samples", [2560, 4011])
def test_log_spectrogram_equals_librosa(settings, n_samples):
    layer = LogSpectrogram(**settings)
    waves = clips(n_samples)
    expected = np.stack([by_librosa(layer, wave).T[:, 1:, None] for wave in waves])
    features = array(layer(waves))
    assert features.shape == expected.shape == layer.compute_output_shape(waves.shape)
    if not settings and n_samples == 2560:
        assert features.shape[1:] == (15, 256, 1)
    # float32 leaves an error in each bin that follows the frame's largest.
    error = np.abs(np.exp(features) - layer.log_offset - expected) / expected.max(axis=2, keepdims=True)
    assert error.max() < 5e-6
    loud = expected > 1e-3 * expected.max(axis=2, keepdims=True)
    np.testing.assert_allclose(features[loud], np.log(expected + layer.log_offset)[loud], atol=2e-3)
    magnitude = array(LogSpectrogram(**{**settings, "scale": "magnitude"})(waves))
    np.testing.assert_allclose(magnitude, np.exp(features) - layer.log_offset, atol=1e-4)


def bilinear(image, size):
    """[rows, columns] to [size, size], pixels standing for their middles."""
    for _ in range(2):
        n = len(image)
        place = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
        image = np.stack([np.interp(place, np.arange(n), column) for column in image.T])
    return image


@pytest.mark.smoke
@pytest.mark.parametrize(("n_samples", "size", "range_db"), [(16000, 256, 80.0), (16000, 227, 60.0), (9001, 64, 40.0)])
def test_spectrogram_image_equals_librosa(n_samples, size, range_db):
    layer = SpectrogramImage(size=size, range_db=range_db)
    waves = clips(n_samples)[[0, 1, 3]]
    decibels = [librosa.amplitude_to_db(by_librosa(layer, w), ref=np.max, top_db=range_db, amin=1e-9) for w in waves]
    expected = np.stack([bilinear(1 + x / range_db, size)[..., None] for x in decibels])
    image = array(layer(waves))
    assert image.shape == expected.shape == layer.compute_output_shape(waves.shape)
    assert image.min() >= 0 and 0.9 < image.max() <= 1 + 1e-6
    assert (expected == 0).any() and (image == 0).any()  # something is cut
    np.testing.assert_allclose(image, expected, atol=1e-3)


def test_an_image_has_low_frequencies_first_and_time_across():
    wave = np.zeros(16000, np.float32)
    wave[12000:] = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(4000) / 16000)
    image = array(SpectrogramImage()(wave[None]))[0, :, :, 0]
    assert abs(image[:, 230].argmax() - 64) <= 1
    assert not image[:, :180].any() and image[64, 200:].min() > 0.9


def test_each_window_s_maximum_is_its_own_and_silence_is_0():
    layer = SpectrogramImage()
    wave = speech(16000, 0)
    waves = np.stack([wave, wave / 100, noise(16000, 1), 0 * wave, 1e-9 * wave])
    image = array(layer(waves))
    np.testing.assert_allclose(image[1], image[0], atol=1e-4)
    np.testing.assert_allclose(image[0], array(layer(wave[None]))[0], atol=1e-6)
    assert not image[3:].any()
    # Fainter than 16 bit's least step: darker, not blown up.
    assert array(layer(1e-5 * wave[None])).max() < 0.9


def test_colours_go_from_dark_blue_to_dark_red():
    # MATLAB's jet: blue, cyan, yellow and red at odd eighths.
    corners = np.array([0, 1, 3, 5, 7, 8]) / 8
    colours = np.array([[0, 0, 0.5], [0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0], [0.5, 0, 0]])
    x = np.linspace(0, 1, 101)
    expected = np.stack([np.interp(x, corners, channel) for channel in colours.T], axis=-1)
    np.testing.assert_allclose(array(jet(x.reshape(1, 1, -1, 1).astype(np.float32)))[0, 0], expected, atol=1e-6)
    wave = speech(16000, 0)[None]
    image = array(SpectrogramImage(227, colour=True)(wave))
    assert image.shape == (1, 227, 227, 3)
    np.testing.assert_allclose(image, array(jet(SpectrogramImage(227)(wave))), atol=1e-6)


@pytest.mark.smoke
@pytest.mark.parametrize("settings", [{}, {"n_mfcc": 20, "n_mels": 40, "n_fft": 1024, "mel_scale": "htk"}])
def test_mfcc_and_26_bands_equal_librosa(settings):
    layer = MFCC(**settings)
    waves = clips(16000)
    scale = {"sr": 16000, "n_fft": layer.n_fft, "htk": layer.mel_scale == "htk"}
    bank = librosa.filters.mel(n_mels=layer.n_mels, fmin=50, fmax=8000, **scale)
    logs = np.stack([np.log(bank @ by_librosa(layer, wave) ** 2 + 1e-6) for wave in waves])
    expected = np.stack([librosa.feature.mfcc(S=x, n_mfcc=layer.n_mfcc).T[..., None] for x in logs])
    features = array(layer(waves))
    assert features.shape == expected.shape == layer.compute_output_shape(waves.shape) == (4, 98, layer.n_mfcc, 1)
    np.testing.assert_allclose(features, expected, atol=3e-4)
    bands = LogMel(n_mels=layer.n_mels, n_fft=layer.n_fft, mel_scale=layer.mel_scale, frame_ms=25, hop_ms=10)
    np.testing.assert_allclose(array(bands(waves))[..., 0].transpose(0, 2, 1), logs, atol=1e-4)


def test_the_mean_of_a_window_changes_coefficient_0_alone():
    wave = noise(8000, 0)[None]
    plain, centred = (array(MFCC(normalise=how)(wave)) for how in ("none", "mean"))
    np.testing.assert_allclose(plain[:, :, 1:], centred[:, :, 1:], atol=1e-4)
    assert abs(centred[:, :, 0].mean()) < 1e-3 < plain[:, :, 0].std()


@pytest.mark.parametrize("name", WINDOW)
def test_bins_have_their_frequencies_and_frames_begin_anywhere(name):
    layer = FRONT_ENDS[name]()
    tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 16000)[None].astype(np.float32)
    spectrum = array(layer.spectrum(tone))
    assert spectrum.shape == (1, 1, layer.n_frames(4000), len(layer.bin_hz)) and layer.top_hz == 8000
    assert (layer.bin_hz[spectrum.argmax(axis=-1)] == 1000).all()
    # Power or magnitude, as SPECTRUM_POWER says.
    np.testing.assert_allclose(array(layer.spectrum(tone / 2)), spectrum / 2**layer.SPECTRUM_POWER, atol=1e-3)
    waves, step = clips(4000), layer.start_step
    starts = step * np.array([[0, 7, 3], [1, 100, 9], [5, 5, 2], [0, 1, 60]], np.int32)
    placed = array(layer.spectrum(waves, starts))
    for row, column in np.ndindex(4, 3):
        cut = array(layer.spectrum(waves[row : row + 1, starts[row, column] :]))
        np.testing.assert_allclose(placed[row, :, column], cut[0, :, 0], atol=1e-4)


def augmented(layer, source, drawn, window):
    augment = SpectralAugmentation(layer, window, (0.8, 1.25), pitches=(-4.0, 4.0))
    return array(augment(source[:, : augment.source_samples], drawn))


def sources(n=4):
    waves = np.stack([vowel(24000, f0=f0) for f0 in np.linspace(100, 250, n)])
    return waves + 1e-3 * np.random.default_rng(0).standard_normal(waves.shape).astype(np.float32)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_unchanged_draws_give_the_front_end_s_own_values(name, settings):
    layer, window, source = FRONT_ENDS[name](**settings), WINDOW[name], sources()
    expected = array(layer(source[:, :window]))
    mixed = draws.of_points([Point(2.0, 1.1, 6.0), Point(), Point(-2.0, 0.9, -6.0), Point()])
    for drawn, rows in ((Draws.unchanged(4), slice(None)), (mixed, slice(1, None, 2))):
        features = augmented(layer, source, drawn.as_dict(), window)
        np.testing.assert_allclose(features[rows], expected[rows], atol=1e-4)
    assert (np.abs(features - expected)[::2].mean(axis=(1, 2, 3)) > 0.01).all()


@pytest.mark.parametrize("gain", [-12.0, 9.0])
def test_gain_does_to_features_what_it_must(gain):
    source, drawn = sources(), {"gain_db": np.full(4, gain, np.float32)}

    def change(layer, window):
        return augmented(layer, source, drawn, window) - array(layer(source[:, :window]))

    shift = change(LogSpectrogram(log_offset=1e-12), 2560)
    np.testing.assert_allclose(shift, gain * LN10 / 20, atol=1e-3)
    ratio = augmented(LogSpectrogram(scale="magnitude"), source, drawn, 2560) / array(
        LogSpectrogram(scale="magnitude")(source[:, :2560])
    )
    np.testing.assert_allclose(ratio, 10 ** (gain / 20), rtol=1e-3)
    shift = change(MFCC(log_offset=1e-12), 16000)
    np.testing.assert_allclose(shift[:, :, 0], gain * LN10 / 10 * np.sqrt(26), atol=1e-3)
    np.testing.assert_allclose(shift[:, :, 1:], 0, atol=1e-3)
    # A picture is relative to its own maximum.
    for colour in (False, True):
        np.testing.assert_allclose(change(SpectrogramImage(colour=colour), 16000), 0, atol=1e-4)


@pytest.mark.parametrize("point", [Point(2, 1), Point(-2, 1), Point(0, 0.8), Point(0, 1.25)], ids=str)
def test_pitch_and_tempo_come_near_a_vowel_made_anew(point):
    drawn = draws.of_points([point]).as_dict(("pitch", "rate"))
    faint = 1e-3 * noise(24000, 3)
    source = (vowel(24000) + faint)[None]
    truth = (vowel(24000, point.pitch, point.rate) + faint)[None]
    # Cells within 45 dB of the loudest: the faint noise isn't changed.
    for layer, depth in ((LogSpectrogram(), 45 * LN10 / 20), (SpectrogramImage(), 45 / 80)):
        features = augmented(layer, source, drawn, 16000)
        goal, before = (array(layer(wave[:, :16000])) for wave in (truth, source))
        heard = goal > goal.max() - depth
        assert np.abs(features - goal)[heard].mean() < 0.4 * np.abs(before - goal)[heard].mean()


def test_a_masked_picture_stays_a_picture():
    source = sources(2)
    masks = np.zeros((2, 1, 2), np.float32)
    masks[0, 0] = 0.3, 0.2  # seconds, of the first window alone
    second = (((np.arange(256) + 0.5) * 243 / 256 - 0.5) * 64 + 256) / 16000  # of each column's middle
    hidden = (second > 0.305) & (second < 0.495)
    rest = (second < 0.295) | (second > 0.505)
    for colour in (False, True):
        layer = SpectrogramImage(colour=colour)
        image = augmented(layer, source, {"time_masks": masks}, 16000)
        plain = array(layer(source[:, :16000]))
        np.testing.assert_allclose(image[1], plain[1], atol=1e-6)
        assert np.ptp(image[0, :, hidden], axis=(0, 1)).max() < 1e-5
        assert image.min() >= 0 and image.max() <= 1 + 1e-6
        if not colour:
            assert image[0, :, hidden].mean() == pytest.approx(plain[0].mean(), abs=0.05)
            # What isn't hidden moves by one level at most: that of the new maximum.
            moved = (image - plain)[0][:, rest][plain[0][:, rest] > 0.2]
            assert np.ptp(moved) < 1e-3


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("log_spectrogram", {"frame_ms": 16, "hop_ms": 8, "n_fft": 256, "scale": "magnitude", "log_offset": 1e-3}),
        (
            "spectrogram_image",
            {
                "size": 99,
                "colour": True,
                "frame_ms": 25,
                "hop_ms": 5,
                "n_fft": 1024,
                "range_db": 60.0,
                "log_offset": 1e-9,
            },
        ),
        ("mfcc", {"n_mfcc": 20, "n_mels": 30, "frame_ms": 20, "hop_ms": 5, "f_min": 80.0, "normalise": "mean"}),
    ],
)
def test_settings_survive_saving(name, settings, tmp_path):
    wave = noise(8800, 0)[None]
    layer = FRONT_ENDS[name](**settings)
    inputs = keras.Input((8800,))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").get_layer("frontend")
    assert again.get_config() == layer.get_config()
    assert {key: again.get_config()[key] for key in settings} == settings
    np.testing.assert_array_equal(array(again(wave)), array(layer(wave)))


def test_litert_draws_the_same_colours():
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    inputs = keras.Input((16000,))
    model = keras.Model(inputs, keras.layers.Flatten()(SpectrogramImage(227, colour=True)(inputs)))
    interpreter = interpreter_module.Interpreter(model_content=to_tflite(model), num_threads=1)
    run = interpreter.get_signature_runner()
    waves = np.concatenate([clips(16000), np.zeros((1, 16000), np.float32)])
    for wave in waves:
        np.testing.assert_allclose(run(audio=wave[None])["probabilities"], array(model(wave[None])), atol=2e-3)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("log_spectrogram", {"scale": "lgo"}, "log_spectrogram: scale is 'lgo'; nearest: log"),
        ("log_spectrogram", {"n_fft": 500}, "log_spectrogram: n_fft is 500; it must be a power of two"),
        ("log_spectrogram", {"frame_ms": 40}, "at least the frame of 640 samples"),
        ("log_spectrogram", {"hop_ms": 0}, "hop_ms is 0"),
        ("log_spectrogram", {"frame_ms": 0}, "frame_ms is 0"),
        ("log_spectrogram", {"log_offset": 0}, "log_offset is 0; it must be above 0"),
        ("spectrogram_image", {"size": 0}, "spectrogram_image: size is 0"),
        ("spectrogram_image", {"range_db": 0}, "range_db is 0"),
        ("spectrogram_image", {"log_offset": 0}, "from 1e-30 to 1"),
        ("mfcc", {"n_mfcc": 27}, r"mfcc: n_mfcc is 27; it must be from 1 to n_mels \(26\)"),
        ("mfcc", {"n_mfcc": 0}, "n_mfcc is 0"),
        ("mfcc", {"n_fft": 500}, "mfcc: n_fft is 500; it must be a power of two"),
    ],
)
def test_a_setting_out_of_range_gets_one_clear_line(name, settings, message):
    with pytest.raises(SerKerasError, match=message):
        FRONT_ENDS[name](**settings)
