"""Sequence classifiers: padding, the state carried online, the end-to-end model, export, another backend."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends import LogMel, SpectrogramPair
from ser_keras.models import MODELS
from ser_keras.models.end_to_end import end_to_end, split
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.sequence import takes_sequences
from ser_keras.models.papers.anand2015 import anand2015_cnn
from ser_keras.models.papers.anand2015_sequence import anand2015_cnn_lstm, anand2015_lstm
from ser_keras.models.step_model import step_model

CHUNK = (16, 12, 2)
WINDOW, HOP, CHUNKS = 8800, 8192, 3
CASES = {
    "lstm": ("anand2015_lstm", {"units": 8}),
    "blstm": ("anand2015_lstm", {"units": 8, "bidirectional": True}),
    "cnn_lstm": ("anand2015_cnn_lstm", {"units": 8, "filters": (8,), "hidden": 16, "kernel": (16, 5)}),
}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def build(case, shape=CHUNK, **changes):
    keras.utils.set_random_seed(0)
    name, sizes = CASES[case]
    return MODELS[name](shape, 5, **{**sizes, **changes})


def sequences(n, length, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (n, length, *CHUNK)).astype(np.float32)


def whole(model, x):
    """Probabilities of sequences without padding."""
    return array(model([x, np.ones(x.shape[:2], bool)]))


@pytest.mark.parametrize("case", CASES)
def test_padding_changes_nothing(case):
    model = build(case)
    lengths = [1, 3, 4, 6]
    x = sequences(4, 6) * 3
    present = np.arange(6) < np.array(lengths)[:, np.newaxis]
    expected = np.concatenate([whole(model, x[i : i + 1, :n]) for i, n in enumerate(lengths)])
    x[~present] = 50
    # Eagerly the steps stand one behind the other; `predict` compiles a loop over them.
    np.testing.assert_allclose(array(model([x, present])), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict([x, present], batch_size=3, verbose=0), expected, atol=1e-5)
    assert np.abs(whole(model, x) - expected).max() > 1e-3  # what isn't masked does count


@pytest.mark.parametrize("case", CASES)
def test_every_chunk_and_their_order_count(case):
    model, x = build(case), sequences(2, 4) * 3
    given = whole(model, x)
    for chunk in range(4):
        changed = x.copy()
        changed[:, chunk] += 1
        assert np.abs(whole(model, changed) - given).max() > 1e-5
    assert np.abs(whole(model, x[:, ::-1]) - given).max() > 1e-4


@pytest.mark.smoke
@pytest.mark.parametrize("case", ["lstm", "cnn_lstm"])
def test_online_each_step_is_the_whole_model_on_the_prefix(case):
    model, x = build(case, replace_anomalous=5.0), sequences(3, 5)
    adapt_model(model, lambda: [x.reshape(-1, *CHUNK)])
    step = step_model(model)
    h = c = keras.ops.zeros((3, 8))
    for t in range(5):
        probabilities, h, c = step([keras.ops.convert_to_tensor(x[:, t]), h, c])
        np.testing.assert_allclose(array(probabilities), whole(model, x[:, : t + 1]), atol=1e-5)
    assert {id(w) for w in step.trainable_weights} == {id(w) for w in model.trainable_weights}


def test_what_cannot_run_online_says_why():
    with pytest.raises(SerKerasError, match="classifier is bidirectional: its backward direction starts at the last"):
        step_model(build("blstm"))
    with pytest.raises(SerKerasError, match="only a sequence classifier with one LSTM"):
        step_model(anand2015_cnn((64, 64, 2), 3))


def test_adapting_sees_single_windows():
    x = sequences(30, 1)[:, 0] + np.linspace(0, 9, 16, dtype=np.float32)[:, np.newaxis, np.newaxis]
    model = build("cnn_lstm", replace_anomalous=5.0)
    assert adapt_model(model, lambda: np.split(x, [7, 20])) == 2
    layer = model.get_layer("per_chunk").model.get_layer("minus_training_mean")
    np.testing.assert_allclose(array(layer.mean)[:, 0], x.mean(axis=(0, 2)), atol=1e-4)


def test_anand2015_lstm_reads_8192_values_a_chunk():
    model = anand2015_lstm((64, 64, 2), 7)
    assert model.get_layer("per_chunk").output.shape == (None, None, 8192)
    cells = 4 * 128 * (8192 + 128 + 1)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == cells + 128 * 7 + 7
    model = anand2015_cnn_lstm((64, 64, 2), 7)
    r1 = anand2015_cnn((64, 64, 2), 7, filters=(1024,))
    chunk_model = model.get_layer("per_chunk").model
    assert {w.path.split("/")[0] for w in r1.trainable_weights} == {"conv1", "hidden", "logits"}
    assert [w.shape for w in chunk_model.trainable_weights] == [w.shape for w in r1.trainable_weights[:4]]
    assert takes_sequences(model) and not takes_sequences(r1)


def test_settings_reach_the_layers():
    model = build("cnn_lstm", dropout=0.25, leaky_slope=0.1, pool="global", l2=1e-3)
    chunk_model = model.get_layer("per_chunk").model
    assert [m.get_layer(n).rate for m, n in ((chunk_model, "dropout1"), (model, "dropout"))] == [0.25, 0.25]
    assert chunk_model.get_layer("relu1").negative_slope == 0.1
    assert chunk_model.get_layer("global").output.shape == (None, 8)
    assert len(model.losses) == 5  # conv1, hidden; the LSTM's two kernels; logits
    plain = build("lstm", dropout=0, l2=0)
    assert not plain.losses and not any("dropout" in layer.name for layer in plain.layers)
    with pytest.raises(SerKerasError, match="anand2015_cnn_lstm: pool is 'globel'; nearest: global"):
        build("cnn_lstm", pool="globel")


def waves(n=3):
    return np.random.default_rng(0).normal(0, 0.1, (n, WINDOW + (CHUNKS - 1) * HOP)).astype(np.float32)


def cut(waves, frontend):
    """Features of every window, cut outside the graph; [n, CHUNKS, ...]."""
    parts = np.stack([waves[:, i * HOP : i * HOP + WINDOW] for i in range(CHUNKS)], axis=1)
    features = array(frontend(parts.reshape(-1, WINDOW)))
    return features.reshape(len(waves), CHUNKS, *features.shape[1:])


def assembled(case, frontend):
    """An adapted end-to-end model, and its probabilities for `waves()` computed window by window."""
    x = cut(waves(), frontend)
    classifier = build(case, x.shape[2:], replace_anomalous=5.0)
    adapt_model(classifier, lambda: [x.reshape(-1, *x.shape[2:])])
    return end_to_end(frontend, classifier, WINDOW, chunks=CHUNKS, hop_samples=HOP), whole(classifier, x)


def test_end_to_end_cuts_windows_in_the_graph_and_splits_again(tmp_path):
    model, expected = assembled("lstm", SpectrogramPair(name="anything"))
    assert [layer.name for layer in model.layers] == ["waveform", "frontend", "classifier"]
    assert model.input_shape == (None, 8800 + 2 * 8192)
    np.testing.assert_allclose(array(model(waves())), expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(again(waves())), expected, atol=1e-6)
    frontend, classifier = split(again)
    assert isinstance(frontend, SpectrogramPair)
    np.testing.assert_allclose(whole(classifier, cut(waves(), frontend)), expected, atol=1e-6)
    # Taken apart, it takes sequences of any length again.
    longer = classifier.predict([np.repeat(cut(waves(), frontend), 2, axis=1), np.ones((3, 6), bool)], verbose=0)
    assert longer.shape == (3, 5)


def test_end_to_end_refuses_what_does_not_fit():
    with pytest.raises(SerKerasError, match=r"takes features of shape \(16, 12, 2\), but the front end gives \(53, 64"):
        end_to_end(LogMel(), build("lstm"), WINDOW, chunks=CHUNKS, hop_samples=HOP)
    classifier = build("lstm", (64, 64, 2))
    for chunks, hop in ((None, HOP), (0, HOP), (3, None), (3, 0)):
        with pytest.raises(SerKerasError, match="must be at least 1"):
            end_to_end(SpectrogramPair(), classifier, WINDOW, chunks=chunks, hop_samples=hop)
    with pytest.raises(SerKerasError, match="sees one window at a time: leave out chunks"):
        end_to_end(SpectrogramPair(), anand2015_cnn((64, 64, 2), 3), WINDOW, chunks=CHUNKS, hop_samples=HOP)


@pytest.mark.parametrize(
    ("case", "frontend"), [("lstm", SpectrogramPair), ("blstm", SpectrogramPair), ("cnn_lstm", LogMel)]
)
def test_waveform_to_probabilities_in_litert_float_and_int8(case, frontend):
    pytest.importorskip("ai_edge_litert.interpreter")
    pytest.importorskip("ai_edge_quantizer")
    from ai_edge_litert import schema_py_generated as schema

    from ser_keras.export.convert import to_tflite
    from ser_keras.export.quantise import frontend_operations, quantise
    from ser_keras.runtime.interpreter import Interpreter

    model, expected = assembled(case, frontend())
    content = to_tflite(model)
    small = quantise(content)
    for file, tolerance in ((content, 1e-5), (small, 2e-2)):
        interpreter = Interpreter(file, case)
        result = np.stack([interpreter(wave) for wave in waves()])
        np.testing.assert_allclose(result, expected, atol=tolerance)
    # Every kernel is in int8: in a loop they would have stayed float.
    n_kernels = sum(int(np.prod(w.shape)) for w in split(model)[1].trainable_weights if len(w.shape) > 1)
    assert len(content) - len(small) > 2.8 * n_kernels
    graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    names = {graph.tensors[int(o.outputs[0])].name.decode() for o in graph.operators}
    assert all("classifier" in n or "PartitionedCall" in n for n in names - frontend_operations(content))


def test_another_backend_runs_forward_and_backward(jax_process, tmp_path):
    x = sequences(6, 4)
    present = np.arange(4) < np.array([4, 2, 1, 3, 4, 4])[:, np.newaxis]
    np.savez(tmp_path / "given.npz", x=x, present=present)
    model = build("blstm", replace_anomalous=5.0, dropout=0)
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
        assert adapt_model(model, lambda: [x[present]]) == 2
        model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        before = [np.asarray(w) for w in model.trainable_weights]
        losses = [model.train_on_batch([x, present], np.arange(6) % 3) for _ in range(5)]
        assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
        assert all((a != np.asarray(b)).any() for a, b in zip(before, model.trainable_weights))
    """
    jax_process.run(code, tmp_path)
