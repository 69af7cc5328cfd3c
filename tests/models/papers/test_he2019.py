"""The nets of He, Ren & He (2019): shapes, padding, attention, export, another backend."""

import keras
import numpy as np
import pytest

from ser_keras.audio.windows import cut_windows
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation.reports.attention import attention_figure, write_attention
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.models import MODELS, baselines
from ser_keras.models.end_to_end import end_to_end, split
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.attention import attention_weights
from ser_keras.models.layers.mean_and_variance import MeanAndVariance
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.models.papers.he2019 import he2019_cnn_blstm, he2019_lld_blstm

BLOCK = (15, 40, 1)
SMALL = {"units": 6, "n_components": 10, "n_kernels": 4, "kernel_epochs": 2}
CASES = {
    "exp2": ("he2019_lld_blstm", (12,), {"units": 6, "hidden": 16}),
    "exp3": ("he2019_cnn_blstm", BLOCK, SMALL),
    "exp4": ("he2019_cnn_blstm", BLOCK, SMALL | {"layers": 2, "pooling": "attention"}),
}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def build(case, adapted=True, **changes):
    """A small net, adapted, with recurrent weights large enough for all to matter."""
    keras.utils.set_random_seed(0)
    name, shape, sizes = CASES[case]
    model = MODELS[name](shape, 5, **{**sizes, **changes})
    if adapted:
        x = sequences(case, 40, 1)[:, 0]
        adapt_model(model, lambda subset=None: np.split(x, [7]))
    for weight in model.trainable_weights:
        weight.assign(3 * weight)
    return model


def sequences(case, n, length, seed=0):
    shape = CASES[case][1]
    return np.random.default_rng(seed).normal(-3, 2, (n, length, *shape)).astype(np.float32)


def whole(model, x):
    return array(model([x, np.ones(x.shape[:2], bool)]))


@pytest.mark.parametrize("case", ["exp2", "exp4"])
def test_padding_changes_nothing(case):
    model = build(case)
    lengths = [1, 3, 4]
    x = sequences(case, 3, 4)
    present = np.arange(4) < np.array(lengths)[:, np.newaxis]
    expected = np.concatenate([whole(model, x[i : i + 1, :n]) for i, n in enumerate(lengths)])
    backwards = whole(model, x[2:, ::-1])
    x[~present] = 50
    np.testing.assert_allclose(model.predict([x, present], verbose=0), expected, atol=1e-5)
    assert np.abs(whole(model, x)[:2] - expected[:2]).max() > 1e-3  # what isn't masked does count
    assert np.abs(backwards - expected[2]).max() > 1e-5


def test_one_direction_hears_the_future_of_no_step():
    model = build("exp4", bidirectional=False)
    states = keras.Model(model.inputs, model.get_layer("lstm2").output)
    x = sequences("exp4", 1, 4)
    np.testing.assert_allclose(whole(states, x[:, :2]), whole(states, x)[:, :2], atol=1e-6)


def test_the_paper_s_sizes():
    def trainable(model):
        return sum(int(np.prod(w.shape)) for w in model.trainable_weights)

    def lstm(inputs, units):
        return 4 * units * (inputs + units + 1)

    exp2 = he2019_lld_blstm((275,), 7)
    assert trainable(exp2) == 275 * 512 + 512 + 2 * lstm(512, 128) + 256 * 7 + 7
    exp3 = he2019_cnn_blstm((15, 256, 1), 7)
    assert trainable(exp3) == 2 * lstm(360, 128) + 256 * 7 + 7
    exp4 = he2019_cnn_blstm((15, 256, 1), 7, units=30, layers=2, pooling="attention")
    assert trainable(exp4) == 2 * lstm(360, 30) + 2 * lstm(60, 30) + 60 + 60 * 7 + 7
    blocks = {layer.name: layer.output.shape[1:] for layer in exp4.get_layer("per_chunk").model.layers}
    assert [blocks[f"kernels{h}"] for h in (3, 6, 10)] == [(13, 60), (10, 60), (6, 60)]
    assert [blocks[f"pool{h}"] for h in (3, 6, 10)] == [(6, 60), (5, 60), (3, 60)]
    assert blocks["pca"] == (15, 60) and blocks["features"] == (360,)
    frozen = sum(int(np.prod(w.shape)) for w in exp4.non_trainable_weights if "kernels" in w.path)
    assert frozen == 60 * (3 + 6 + 10) * 60 + 180
    for model in (exp2, exp3, exp4):
        rates = [m.rate for m in model.get_layer("per_chunk").model.layers + model.layers if hasattr(m, "rate")]
        assert len(rates) == len([n for n in model.layers if "lstm" in n.name or "bidir" in n.name]) + 1
        assert set(rates) == {0.5} and takes_sequences(model)
        assert model.get_layer("per_chunk").model.get_layer("noise").stddev == 0.1
    recurrent = [w for w in exp4.trainable_weights if w.path.split("/")[-1] in ("kernel", "recurrent_kernel", "theta")]
    recurrent = [w for w in recurrent if "logits" not in w.path]
    assert len(recurrent) == 9 and all(0.05 < np.abs(array(w)).max() <= 0.1 for w in recurrent)
    values = [array(w).ravel()[:50] for w in recurrent]
    assert not any(np.array_equal(a, b) for i, a in enumerate(values) for b in values[:i])


def test_a_block_becomes_mean_and_variance_of_each_kernel_s_pooled_map():
    model = build("exp3").get_layer("per_chunk").model
    x = sequences("exp3", 6, 1)[:, 0]
    parts = {n: keras.Model(model.input, model.get_layer(n).output) for n in ("kernels3", "kernels10", "features")}
    features = array(parts["features"](x))
    maps = array(parts["kernels3"](x))
    pooled = (maps[:, 0:12:2] + maps[:, 1:12:2]) / 2
    np.testing.assert_allclose(features[:, :4], pooled.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(features[:, 4:8], pooled.var(axis=1), rtol=1e-3, atol=1e-9)
    maps = array(parts["kernels10"](x))
    np.testing.assert_allclose(features[:, 16:20], (maps[:, ::2] + maps[:, 1::2]).mean(axis=1) / 2, rtol=1e-4)
    constant = MeanAndVariance()(np.full((2, 5, 3), 0.7, np.float32))
    np.testing.assert_allclose(array(constant), [[0.7] * 3 + [0] * 3] * 2, atol=1e-7)


def test_descriptors_are_standardised_on_the_subset():
    model = build("exp2", adapted=False, standardise_on="neutral")
    x, asked = sequences("exp2", 30, 1)[:, 0], []

    def batches(subset=None):
        asked.append(subset)
        return [x[:20]]

    assert adapt_model(model, batches) == 1 and asked == ["neutral"]
    layer = model.get_layer("per_chunk").model.get_layer("standardise")
    np.testing.assert_allclose(array(layer.mean).ravel(), x[:20].mean(axis=0), rtol=1e-4)


def test_attention_of_a_model_can_be_looked_at():
    model = build("exp4")
    x = sequences("exp4", 2, 6)
    present = np.arange(6) < np.array([6, 4])[:, np.newaxis]
    weights = array(attention_weights(model)([x, present]))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights[1, 4:] == 0).all() and weights[present].std() > 1e-3
    h = array(keras.Model(model.inputs, model.get_layer("bidirectional2").output)([x, present]))
    head = keras.Model(model.get_layer("attention_pooling").output, model.output)
    expected = array(head((weights[..., np.newaxis] * h).sum(axis=1)))
    np.testing.assert_allclose(array(model([x, present])), expected, atol=1e-5)
    with pytest.raises(SerKerasError, match="has no attention: train with model.pooling=attention"):
        attention_weights(build("exp3"))
    with pytest.raises(SerKerasError, match="has no attention: train with model.pooling=attention"):
        attention_weights(baselines.fit("softmax", np.eye(4), np.array([0, 0, 1, 1]), n_classes=2, seed=0))


def test_attention_is_drawn_below_the_waveform(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 2560 + 3 * 800 + 5).astype(np.float32)
    frontend = FRONT_ENDS["log_spectrogram"]()
    classifier = he2019_cnn_blstm((15, 256, 1), 5, **CASES["exp4"][2])
    features, starts = np.asarray(frontend(cut_windows(samples, 2560, 800, tail="drop"))), 800 * np.arange(4)
    weights = write_attention(
        classifier, features, tmp_path / "attention.png", starts=starts, window=2560, samples=samples
    )
    assert weights.shape == (4,) and weights.sum() == pytest.approx(1)
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")
    _, below = attention_figure(weights, (starts + 1280) / 16000, samples).axes
    drawn = below.lines[0]
    np.testing.assert_allclose(drawn.get_xdata(), [0.08, 0.13, 0.18, 0.23])
    np.testing.assert_allclose(drawn.get_ydata(), weights)


def test_what_does_not_fit_gets_one_clear_line():
    for sizes, message in (
        ({"pooling": "atention"}, "he2019_cnn_blstm: pooling is 'atention'; nearest: attention"),
        ({"layers": 0}, "he2019_cnn_blstm: layers is 0; it must be at least 1"),
        ({"kernel_heights": (3, 15)}, "kernels of 15 frames leave 1 positions of a block of 15 frames, and pool is 2"),
        ({"kernel_heights": (16,)}, "kernels of 16 frames don't fit 15 frames; make window_s longer"),
        ({"n_components": 41}, "41 components of an axis of 40 values"),
    ):
        with pytest.raises(SerKerasError, match=message):
            build("exp3", adapted=False, **sizes)


def test_waveform_to_probabilities_in_litert_float_and_int8():
    pytest.importorskip("ai_edge_litert.interpreter")
    pytest.importorskip("ai_edge_quantizer")
    from ser_keras.export.convert import to_tflite
    from ser_keras.export.quantise import quantise
    from ser_keras.runtime.interpreter import Interpreter

    window, hop, chunks = 2560, 800, 3
    frontend = FRONT_ENDS["log_spectrogram"]()
    keras.utils.set_random_seed(0)
    classifier = he2019_cnn_blstm((15, 256, 1), 5, **CASES["exp4"][2])
    waves = np.random.default_rng(0).normal(0, 0.1, (3, window + (chunks - 1) * hop)).astype(np.float32)
    waves *= np.geomspace(0.01, 1, waves.shape[1], dtype=np.float32)
    blocks = np.stack([waves[:, i * hop : i * hop + window] for i in range(chunks)], axis=1)
    x = array(frontend(blocks.reshape(-1, window)))
    adapt_model(classifier, lambda subset=None: [x])
    expected = whole(classifier, x.reshape(3, chunks, *x.shape[1:]))
    model = end_to_end(frontend, classifier, window, chunks=chunks, hop_samples=hop)
    content = to_tflite(model)
    for file, tolerance in ((content, 1e-5), (quantise(content), 2e-2)):
        interpreter = Interpreter(file, "exp4")
        np.testing.assert_allclose(np.stack([interpreter(wave) for wave in waves]), expected, atol=tolerance)
    assert split(model)[1] is classifier


def test_another_backend_adapts_and_learns(jax_process, tmp_path):
    x = sequences("exp4", 6, 3)
    present = np.arange(3) < np.array([3, 2, 1, 3, 3, 3])[:, np.newaxis]
    np.savez(tmp_path / "given.npz", x=x, present=present)
    model = build("exp4", dropout=0, noise=0)
    adapt_model(model, lambda: [x[present]])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "expected.npy", array(model([x, present])))
    code = """
        import keras, numpy as np
        import ser_keras.models
        from ser_keras.models.layers.adaptation import adapt_model
        given = np.load("given.npz")
        x, present = given["x"], given["present"]
        model = keras.models.load_model("model.keras")
        np.testing.assert_allclose(model.predict_on_batch([x, present]), np.load("expected.npy"), atol=1e-5)
        assert adapt_model(model, lambda: [x[present]]) == 5
        np.testing.assert_allclose(model.predict_on_batch([x, present]), np.load("expected.npy"), atol=1e-3)
        model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
        losses = [model.train_on_batch([x, present], np.arange(6) % 3) for _ in range(4)]
        assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
    """
    jax_process.run(code, tmp_path)
