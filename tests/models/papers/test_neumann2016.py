"""Neumann's net: its size and arithmetic, three tasks at once, and padding that nothing may hear."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.models.end_to_end import end_to_end
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.papers.neumann2016 import neumann2016_cnn

SHAPE = (40, 26, 1)
TASKS = ["probabilities", "activation", "valence"]


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def features(n=6, seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(-3, 2, (n, *shape)).astype(np.float32)


def bursts(n=4, samples=12000):
    """Noise that swells and fades, no two frames alike."""
    rng = np.random.default_rng(1)
    swell = 0.1 + 0.1 * np.sin(np.arange(samples) / 700)
    return (swell * rng.standard_normal((n, samples))).astype(np.float32)


def test_the_net_has_the_parts_and_sizes_of_the_talk():
    net = neumann2016_cnn((748, 26, 1), 4)
    count = sum(int(np.prod(w.shape)) for w in net.trainable_weights)
    assert count == 10 * 26 * 200 + 200 + 200 * 4 + 4
    assert net.output_shape == (None, 4)
    shapes = {layer.name: layer.output.shape[1:] for layer in net.layers}
    assert (shapes["conv"], shapes["pool"]) == ((739, 200), (200,))
    assert net.get_layer("dropout").rate == 0.5
    assert not any("dropout" in layer.name for layer in neumann2016_cnn(SHAPE, 4, dropout=0).layers)


def test_its_probabilities_are_those_of_the_arithmetic():
    x = features()
    net = neumann2016_cnn(SHAPE, 4, n_kernels=5, width=3)
    adapt_model(net, lambda *_: [x])
    net.get_layer("conv").bias.assign([-3.0, -1, 0, 1, 2])
    kernel, bias = (array(w) for w in net.get_layer("conv").weights)  # [3, 26, 5]
    standard = ((x - x.mean((0, 1))) / x.std((0, 1)))[..., 0]
    slid = np.stack([np.einsum("bwf,wfk->bk", standard[:, t : t + 3], kernel) + bias for t in range(38)], axis=1)
    weights, offset = (array(w) for w in net.get_layer("logits").weights)
    logits = np.maximum(slid, 0).max(axis=1) @ weights + offset
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(array(net(x)), expected, atol=1e-5)


@pytest.mark.smoke
def test_three_tasks_weigh_as_they_should_and_learn():
    keras.utils.set_random_seed(0)
    x = features(24)
    labels = np.arange(24) % 4
    x[labels == 1, :8] += 3
    x[labels == 2, 20:, :13] += 3
    x[labels == 3, :, 20:] -= 3
    net = neumann2016_cnn(SHAPE, 4, n_kernels=16, dropout=0, multitask=True, alpha=0.3, beta=0.1)
    assert net.output_names == TASKS
    assert [tuple(output.shape) for output in net.outputs] == [(None, 4), (None, 3), (None, 3)]
    assert dict(net.loss_weights) == pytest.approx({"probabilities": 0.6, "activation": 0.3, "valence": 0.1})
    adapt_model(net, lambda *_: [x])
    targets = {"probabilities": labels, "activation": labels % 3, "valence": (labels + 1) % 3}
    net.compile(
        keras.optimizers.Adam(0.01),
        loss={name: "sparse_categorical_crossentropy" for name in TASKS},
        loss_weights=net.loss_weights,
    )
    start = net.evaluate(x, targets, batch_size=24, verbose=0, return_dict=True)
    parts = [start[f"{name}_loss"] for name in TASKS]
    assert start["loss"] == pytest.approx(np.dot([0.6, 0.3, 0.1], parts), rel=1e-4)
    net.fit(x, targets, batch_size=8, epochs=6, verbose=0)
    end = net.evaluate(x, targets, batch_size=24, verbose=0, return_dict=True)
    assert all(end[f"{name}_loss"] < 0.5 * start[f"{name}_loss"] for name in TASKS)


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({}, (9, 26, 1), "a window of 9 frames is shorter than the kernels of 10; make window_s longer"),
        ({"width": 1}, (1, 26, 1), "a window of 1 frames"),
        ({"multitask": True, "alpha": 0.6, "beta": 0.4}, SHAPE, "alpha 0.6 and beta 0.4 must be at least 0 and their"),
        ({"multitask": True, "alpha": -0.1}, SHAPE, "alpha -0.1"),
    ],
)
def test_what_does_not_fit_gets_one_clear_line(settings, shape, message):
    with pytest.raises(SerKerasError, match=message):
        neumann2016_cnn(shape, 4, **settings)


@pytest.mark.parametrize("name", ["log_mel", "mfcc"])
def test_nothing_hears_how_much_padding_there_is(name):
    frontend = FRONT_ENDS[name](n_mels=26)
    waves = bursts()
    little, much = (array(frontend(np.pad(waves, ((0, 0), (0, n * 160))))) for n in (60, 200))
    assert np.ptp(little[:, -50:], axis=1).max() < 1e-4, "the padding is still"
    net = neumann2016_cnn(little.shape[1:], 4)
    same = neumann2016_cnn(much.shape[1:], 4)
    adapt_model(net, lambda *_: [little])
    adapt_model(same, lambda *_: [much])
    for weight, other in zip(net.weights[:2], same.weights[:2], strict=True):
        np.testing.assert_allclose(array(weight), array(other), rtol=1e-5)
    same.set_weights(net.get_weights())
    np.testing.assert_allclose(array(same(much)), array(net(little)), atol=1e-5)
    # Padding adds nothing to the pooled kernels but what lies across its edge: at the mean a kernel gives its bias.
    short = array(frontend(waves))
    bare = neumann2016_cnn(short.shape[1:], 4)
    bare.set_weights(net.get_weights())
    edge = short.shape[1] - 9
    conv, conv_padded = (
        array(keras.Model(m.input, m.get_layer("relu").output)(x)) for m, x in ((bare, short), (net, little))
    )
    np.testing.assert_allclose(conv_padded[:, :edge], conv, atol=1e-4)
    assert np.abs(conv_padded[:, edge + 15 :]).max() == 0  # the biases are 0


def test_the_classes_of_the_multi_task_net_run_in_litert():
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    keras.utils.set_random_seed(0)
    frontend = FRONT_ENDS["log_mel"](n_mels=26)
    waves = bursts()
    waves[1, 5000:] = 0
    net = neumann2016_cnn(frontend.compute_output_shape((None, 12000))[1:], 4, multitask=True)
    adapt_model(net, lambda *_: [array(frontend(waves))])
    model = end_to_end(frontend, keras.Model(net.input, net.outputs[0], name="classifier"), 12000)
    interpreter = interpreter_module.Interpreter(model_content=to_tflite(model), num_threads=1)
    run = interpreter.get_signature_runner()
    result = np.concatenate([run(audio=wave[None])["probabilities"] for wave in waves])
    np.testing.assert_allclose(result, array(model(waves)), atol=1e-5)


def test_the_net_learns_under_another_backend(jax_process, tmp_path):
    x = features()
    x[1, 30:] = -14
    net = neumann2016_cnn(SHAPE, 4, n_kernels=6, dropout=0, multitask=True)
    adapt_model(net, lambda *_: [x])
    np.savez(tmp_path / "given.npz", x, *net.get_weights())
    code = """
        import keras, numpy as np
        from ser_keras.models.layers.adaptation import adapt_model
        from ser_keras.models.papers.neumann2016 import neumann2016_cnn
        x, *weights = np.load("given.npz").values()
        net = neumann2016_cnn(x.shape[1:], 4, n_kernels=6, dropout=0, multitask=True)
        adapt_model(net, lambda *_: [x])
        for own, given in zip(net.get_weights()[:2], weights):
            np.testing.assert_allclose(own, given, rtol=1e-5)
        net.set_weights(weights)
        np.savez("found.npz", *map(np.asarray, net(x)))
        names = net.output_names
        net.compile("adam", {n: "sparse_categorical_crossentropy" for n in names}, loss_weights=net.loss_weights)
        y = {n: np.arange(len(x)) % 3 for n in names}
        losses = [float(net.train_on_batch(x, y)[0]) for _ in range(4)]
        assert losses[-1] < losses[0], losses
    """
    jax_process.run(code, tmp_path)
    for found, expected in zip(np.load(tmp_path / "found.npz").values(), net(x), strict=True):
        np.testing.assert_allclose(found, array(expected), atol=1e-5)
