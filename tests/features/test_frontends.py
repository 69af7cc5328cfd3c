"""Front ends: equal to librosa, independent of the batch, robust to bad samples, savable, convertible, in JAX too."""

import keras
import librosa
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends import FRONT_ENDS, LogMel, SpectrogramPair
from ser_keras.features.frontends.log_mel import mel_matrix

# Largest differences from librosa. Of a magnitude, relative to its frame's largest (float32 itself gives 5e-7);
# of a log-mel value; of a log-magnitude averaged over 4 x 4 bins, among them bins 100 dB below their frame's largest.
PAIR_MAGNITUDE_TOLERANCE = 5e-6
LOG_MEL_TOLERANCE = 1e-4
PAIR_FEATURE_TOLERANCE = 3e-3
# Between runtimes. TensorFlow's float32 FFT leaves 1e-6 of a frame's largest bin in each: with a logarithm of single
# bins, some of them 80 dB below, that shows.
RUNTIME_TOLERANCE = {"log_spectrogram": 1e-2}


def speech(n_samples, seed):
    """Harmonics of a gliding pitch with pauses, and a little noise; [-1, 1]."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / 16000
    phase = 2 * np.pi * np.cumsum(rng.uniform(80, 300) * (1 + 0.2 * np.sin(9 * t))) / 16000
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.maximum(0, np.sin(20 * t + seed))
    return (0.1 * voice + 1e-3 * rng.standard_normal(n_samples)).astype(np.float32)


def noise(n_samples, seed):
    return (0.2 * np.random.default_rng(seed).standard_normal(n_samples)).clip(-1, 1).astype(np.float32)


def clips(n_samples):
    return np.stack([speech(n_samples, 0), speech(n_samples, 1), noise(n_samples, 2), 1e-3 * noise(n_samples, 3)])


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def pair_magnitude_by_librosa(clip):
    """[2, T, 256]; librosa's frames are as long as the FFT, with the window in their middle."""
    padded = np.pad(clip.astype(np.float64), (2048 - 640) // 2)
    stft = [librosa.stft(padded, n_fft=2048, hop_length=32, win_length=n, center=False) for n in (640, 80)]
    return np.abs(stft)[:, 1:257].transpose(0, 2, 1)


@pytest.mark.smoke
@pytest.mark.parametrize("n_samples", [8800, 736, 20011])
def test_spectrogram_pair_equals_librosa(n_samples):
    layer = SpectrogramPair()
    waves = clips(n_samples)
    expected = np.stack([pair_magnitude_by_librosa(wave) for wave in waves])
    magnitude = array(layer.spectrum(waves))
    assert magnitude.shape == expected.shape == (4, 2, (n_samples - 640) // 32 + 1, 256)
    error = np.abs(magnitude - expected) / expected.max(axis=-1, keepdims=True)
    assert error.max() < PAIR_MAGNITUDE_TOLERANCE

    n_columns = expected.shape[2] // 4
    logarithm = np.log(expected[:, :, : 4 * n_columns] + 1e-6)
    means = logarithm.reshape(4, 2, n_columns, 4, 64, 4).mean(axis=(3, 5)).transpose(0, 3, 2, 1)
    features = array(layer(waves))
    assert features.shape == means.shape == (4, 64, n_columns, 2)
    assert np.abs(features - means).max() < PAIR_FEATURE_TOLERANCE


def test_spectrogram_pair_has_the_paper_s_size_and_bins():
    layer = SpectrogramPair()
    assert layer.compute_output_shape((None, 8800)) == (None, 64, 64, 2)
    tone = np.sin(2 * np.pi * 1000 * np.arange(8800) / 16000)[None].astype(np.float32)  # bin 128 of 2048
    assert (array(layer.spectrum(tone))[0].argmax(axis=-1) == 127).all()
    assert (array(layer(tone))[0, :, :, 0].argmax(axis=0) == 31).all()


def test_both_channels_are_centred_on_the_same_instants():
    click = np.zeros((1, 8800), np.float32)
    click[0, 320 + 32 * 100] = 1
    assert (array(SpectrogramPair().spectrum(click))[0].sum(axis=-1).argmax(axis=-1) == 100).all()


@pytest.mark.smoke
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_mels": 40, "mel_scale": "htk", "f_min": 20.0, "f_max": 7600.0},
        {"n_mels": 26, "frame_ms": 20, "hop_ms": 7.5, "n_fft": 1024},
    ],
)
@pytest.mark.parametrize("n_samples", [16000, 512])
def test_log_mel_equals_librosa(settings, n_samples):
    layer = LogMel(**settings)
    waves = clips(n_samples)
    before = (layer.n_fft - layer.frame_length) // 2
    after = layer.n_fft - layer.frame_length - before
    expected = [
        librosa.feature.melspectrogram(
            y=np.pad(wave, (before, after)),
            sr=16000,
            n_fft=layer.n_fft,
            hop_length=layer.hop_length,
            win_length=layer.frame_length,
            center=False,
            n_mels=layer.n_mels,
            fmin=layer.f_min,
            fmax=layer.f_max,
            htk=layer.mel_scale == "htk",
        )
        for wave in waves
    ]
    expected = np.log(np.stack(expected).transpose(0, 2, 1)[..., None] + layer.log_offset)
    features = array(layer(waves))
    assert features.shape == expected.shape == layer.compute_output_shape(waves.shape)
    assert np.abs(features - expected).max() < LOG_MEL_TOLERANCE


@pytest.mark.parametrize("layer", [SpectrogramPair(), LogMel(), LogMel(hop_ms=7.5, frame_ms=20)])
def test_frames_may_begin_anywhere(layer):
    step, waves = layer.start_step, clips(9001)
    regular = array(layer.spectrum(waves))
    starts = layer.hop_length * np.arange(regular.shape[2], dtype=np.int32)
    np.testing.assert_allclose(array(layer.spectrum(waves, np.stack([starts] * 4))), regular, atol=1e-5)
    # each clip at places of its own, one of them near the end
    places = step * np.array(
        [[0, 3, 1], [7, 7, 2], [100, 0, 9], [(9001 - layer.least_samples) // step, 5, 6]], np.int32
    )
    spectrum = array(layer.spectrum(waves, places))
    for row, column in np.ndindex(4, 3):
        cut = waves[row : row + 1, places[row, column] :]
        np.testing.assert_allclose(spectrum[row, :, column], array(layer.spectrum(cut))[0, :, 0], atol=1e-5)


def test_front_ends_tell_the_frequencies_of_their_bins():
    assert SpectrogramPair().top_hz == 2000 and LogMel().top_hz == 8000 and LogMel(f_max=4000.0).top_hz == 4000
    for layer in (SpectrogramPair(), LogMel()):
        tone = np.sin(2 * np.pi * 1000 * np.arange(8800) / 16000)[None].astype(np.float32)
        loudest = array(layer.spectrum(tone))[0].argmax(axis=-1)
        assert (layer.bin_hz[loudest] == 1000).all()
        assert array(layer.spectrum(tone)).shape[-1] == len(layer.bin_hz)


@pytest.mark.smoke
@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_mel_matrix_equals_librosa(scale):
    expected = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=80, fmin=20, fmax=7000, htk=scale == "htk")
    np.testing.assert_allclose(
        mel_matrix(80, 1024, f_min=20, f_max=7000, scale=scale), expected.T, rtol=1e-4, atol=1e-8
    )


def test_normalised_log_mel_does_not_depend_on_gain():
    wave = noise(16000, 0)[None]
    plain = LogMel(log_offset=1e-10)
    assert np.abs(array(plain(wave)) - array(plain(wave / 10))).min() > 4
    for normalise in ("mean", "mean_std"):
        layer = LogMel(log_offset=1e-10, normalise=normalise)
        np.testing.assert_allclose(array(layer(wave)), array(layer(wave / 10)), atol=1e-3)
        assert abs(array(layer(wave)).mean()) < 1e-4
    assert array(layer(wave)).std() == pytest.approx(1, abs=1e-3)
    assert np.abs(array(layer(0 * wave))).max() < 0.01  # what rounding leaves of a silent window


@pytest.mark.parametrize("layer", [LogMel(), LogMel(normalise="mean_std"), SpectrogramPair()])
def test_a_clip_does_not_depend_on_its_neighbours(layer):
    quiet = 1e-3 * speech(8800, 0)
    alone = array(layer(quiet[None]))[0]
    among = array(layer(np.stack([noise(8800, 1), quiet, np.ones(8800, np.float32)])))[1]
    np.testing.assert_allclose(among, alone, atol=1e-4)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_bad_samples_become_0_and_loud_ones_are_clipped(name):
    layer = FRONT_ENDS[name]()
    good = noise(8800, 0)
    good[100:104], good[200:202] = 0, (1, -1)
    bad = good.copy()
    bad[100:104] = np.nan, np.inf, -np.inf, 0
    bad[200:202] = 3e38, -1.5
    np.testing.assert_array_equal(array(layer(bad[None])), array(layer(good[None])))


@pytest.mark.smoke
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_half_precision_elsewhere_leaves_a_front_end_alone(name):
    wave = noise(8800, 0)[None]
    expected = array(FRONT_ENDS[name]()(wave))
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        features = FRONT_ENDS[name]()(wave)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert array(features).dtype == np.float32
    np.testing.assert_array_equal(array(features), expected)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "log_mel",
            {
                "n_mels": 40,
                "frame_ms": 20,
                "hop_ms": 8,
                "n_fft": 1024,
                "f_min": 60.0,
                "f_max": 7000.0,
                "log_offset": 1e-5,
                "mel_scale": "htk",
                "normalise": "mean",
            },
        ),
        ("spectrogram_pair", {"log_offset": 1e-4}),
    ],
)
def test_settings_survive_saving(name, settings, tmp_path):
    wave = noise(8800, 0)[None]
    layer = FRONT_ENDS[name](**settings)
    inputs = keras.Input((8800,))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    again = model.get_layer("frontend")
    assert again.get_config() == layer.get_config()
    assert {key: again.get_config()[key] for key in settings} == settings
    np.testing.assert_array_equal(array(again(wave)), array(layer(wave)))
    assert np.abs(array(layer(wave)) - array(FRONT_ENDS[name]()(wave)).mean()).max() > 0.01


@pytest.mark.smoke
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_litert_gives_the_same_with_builtin_operations(name):
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    layer = FRONT_ENDS[name]()
    inputs = keras.Input((8800,))
    features = layer(inputs)
    model = keras.Model(inputs, keras.layers.Flatten()(features))
    content = to_tflite(model)
    # Beside the smallest classifier that this project ships it has to fit into 800 KB.
    assert len(content) < (165_000 if name == "statistics" else 95_000)
    interpreter = interpreter_module.Interpreter(model_content=content, num_threads=1)
    run = interpreter.get_signature_runner()
    waves = clips(8800)
    waves[0, 50:53] = np.nan, np.inf, 7
    for wave in waves:
        result = run(audio=wave[None])["probabilities"]
        np.testing.assert_allclose(result, array(model(wave[None])), atol=RUNTIME_TOLERANCE.get(name, 2e-3))
        assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("log_mel", {"n_fft": 500}, "n_fft is 500; it must be a power of two"),
        ("log_mel", {"frame_ms": 40}, "at least the frame of 640 samples"),
        ("log_mel", {"f_max": 9000.0}, "f_max is 9000.0; it must be at most 8000"),
        ("log_mel", {"f_min": 8000.0}, "f_min"),
        ("log_mel", {"n_mels": 0}, "n_mels is 0"),
        ("log_mel", {"n_mels": 200}, "lower n_mels or raise n_fft"),
        ("log_mel", {"hop_ms": 0}, "hop_ms"),
        ("log_mel", {"log_offset": 0}, "log_offset"),
        ("log_mel", {"mel_scale": "slany"}, "nearest: slaney"),
        ("log_mel", {"normalise": "std"}, "nearest: mean_std"),
        ("spectrogram_pair", {"log_offset": 1e-12}, "from 1e-8 to 1"),
    ],
)
def test_a_setting_out_of_range_gets_one_clear_line(name, settings, message):
    with pytest.raises(SerKerasError, match=message):
        FRONT_ENDS[name](**settings)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_shortest_window_works_and_a_shorter_one_is_refused(name):
    layer = FRONT_ENDS[name]()
    least = layer.least_samples
    assert array(layer(noise(least, 0)[None])).shape == layer.compute_output_shape((1, least))
    with pytest.raises(SerKerasError, match=f"{least - 1} samples is too short, it needs at least {least}"):
        layer(noise(least - 1, 0)[None])
    with pytest.raises(SerKerasError, match="number of samples must be known"):
        layer(keras.Input((None,)))


def test_another_backend_runs_forward_and_backward(jax_process, tmp_path):
    np.save(tmp_path / "waves.npy", clips(8800))
    code = """
        import keras, numpy as np
        from ser_keras.features.frontends import FRONT_ENDS
        from ser_keras.models import MODELS
        from ser_keras.models.layers.adaptation import adapt_model
        from ser_keras.models.end_to_end import end_to_end
        keras.utils.set_random_seed(0)
        waves = np.load("waves.npy")
        for name, frontend in FRONT_ENDS.items():
            np.save(name, np.asarray(frontend()(waves)))
        labels = np.arange(len(waves)) % 3
        small = {"channels": 16, "dilations": (1,), "start_filters": (4, 8), "dropout": 0.0}
        for name, builder, sizes in (("log_mel", "log_mel_cnn", small), ("spectrogram_pair", "anand2015_cnn", {})):
            frontend = FRONT_ENDS[name]()
            features = np.asarray(frontend(waves))
            keras.utils.set_random_seed(1)  # some first weights don't learn within five steps
            classifier = MODELS[builder](features.shape[1:], 3, **sizes)
            assert adapt_model(classifier, lambda: [features]) == 1
            model = end_to_end(frontend, classifier, waves.shape[1])
            model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
            before = [np.asarray(w) for w in model.trainable_weights]
            losses = [model.train_on_batch(waves, labels) for _ in range(5)]
            assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
            assert all((a != np.asarray(b)).any() for a, b in zip(before, model.trainable_weights)), name
    """
    jax_process.run(code, tmp_path)
    for name, layer in FRONT_ENDS.items():
        tolerance = RUNTIME_TOLERANCE.get(name, 2e-3)
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), array(layer()(clips(8800))), atol=tolerance)
