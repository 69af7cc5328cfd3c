"""Huang et al. 2014: the loss in closed form equals autodiff's, labels may lack, the stages' features, JAX, TFLite."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment.settings import Experiment
from ser_keras.features.frontends import LogSpectrogram
from ser_keras.models import MODELS
from ser_keras.models.end_to_end import end_to_end
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.layers.disentangling import Disentangling
from ser_keras.models.layers.pca import Pca
from ser_keras.models.model_kind import kind_of
from ser_keras.models.papers.huang2014 import STAGES, SemiCnn, huang2014_features, huang2014_semi_cnn

FRAGMENT = (15, 20, 1)
TINY = {"n_components": 6, "n_kernels": 3, "salient": 5, "nuisance": 4, "n_patches": 200, "autoencoder_epochs": 1}
FEATURES = {k: v for k, v in TINY.items() if k not in ("salient", "nuisance")}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def fragments(n=8, seed=0):
    return np.random.default_rng(seed).normal(-3, 2, (n, *FRAGMENT)).astype(np.float32)


def build(n_classes=3, seed=0, **settings):
    """A tiny net whose weights are so large that no term of its loss is small."""
    keras.utils.set_random_seed(seed)
    model = huang2014_semi_cnn(FRAGMENT, n_classes, **{**TINY, **settings})
    adapt_model(model, lambda: [fragments(64)])
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 1, weight.shape))
    return model


def inner(model, x):
    """Inputs and outputs of the layers that the loss is made of: standardised y, phi_e, phi_o, y~, z."""
    layer, logits = model.get_layer("disentangling"), model.get_layer("logits").output
    return keras.Model(model.input, [layer.input, *layer.output, keras.ops.sigmoid(logits)])(x)


LABELS = np.array([0, 1, 2, -1, 1, -1, 0, 2])


def test_the_printed_net_has_the_papers_shapes():
    model = huang2014_semi_cnn((15, 256, 1), 7)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers if hasattr(layer.output, "shape")}
    expected = {"normalised": (15, 60), "kernels6": (10, 60), "kernels10": (6, 60), "lif": (480,)}
    assert expected | {"phi_e": (300,), "phi_o": (300,)} == {
        name: shapes[name] for name in (*expected, "phi_e", "phi_o")
    }
    assert [w.shape for w in model.trainable_weights] == [(480, 600), (600,), (480,), (300, 7), (7,)]


def test_terms_are_the_papers():
    model, x = build(), fragments()
    taken, phi_e, phi_o, reconstruction, z = (array(t).astype(np.float64) for t in inner(model, x))
    y = array(keras.Model(model.input, model.get_layer("lif").output)(x)).astype(np.float64)
    kernel, bias, offset = (array(w) for w in model.get_layer("disentangling").weights)
    a, rho = model.get_layer("logits").get_weights()
    phi = 1 / (1 + np.exp(-(taken @ kernel + bias)))
    np.testing.assert_allclose(np.concatenate([phi_e, phi_o], axis=1), phi, rtol=1e-5)
    # Equation 4 with the decoder tied, and 5.
    np.testing.assert_allclose(
        reconstruction, 1 / (1 + np.exp(-(phi_e @ kernel[:, :5].T + phi_o @ kernel[:, 5:].T + offset))), rtol=1e-5
    )
    np.testing.assert_allclose(z, 1 / (1 + np.exp(-(phi_e @ a + rho))), rtol=1e-5)
    np.testing.assert_allclose(array(model(x)), z / z.sum(axis=1, keepdims=True), rtol=1e-5)
    terms = {name: float(term) for name, term in model.loss_terms(x, LABELS).items()}
    target = np.eye(3)[np.maximum(LABELS, 0)]
    cross_entropies = -(target * np.log(z) + (1 - target) * np.log(1 - z)).sum(axis=1)
    assert terms["reconstruction"] == pytest.approx(np.square(y - reconstruction).sum() / 8, rel=1e-5)
    assert terms["discrimination"] == pytest.approx(cross_entropies[LABELS >= 0].sum() / 8, rel=1e-5)


def test_the_units_take_standardised_features():
    # Sparse codes as they are hardly move the units: that net named half of the fragments that it was trained on.
    model = build()
    taken = array(inner(model, fragments(64))[0])  # what `build` adapted to
    np.testing.assert_allclose(taken.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(taken.std(axis=0), 1, rtol=1e-3)
    offset = huang2014_semi_cnn(FRAGMENT, 3, **TINY, sparsity=0.1).get_layer("disentangling").output_bias
    np.testing.assert_allclose(1 / (1 + np.exp(-array(offset))), 0.1, rtol=1e-5)


def test_orthogonality_equals_autodiff():
    model, x = build(), fragments()
    layer = model.get_layer("disentangling")
    y = tf.convert_to_tensor(inner(model, x)[0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        phi_e, phi_o, _ = layer(y)
    sensitive, other = (array(tape.batch_jacobian(phi, y)) for phi in (phi_e, phi_o))
    expected = np.square(np.einsum("bid,bjd->bij", sensitive, other)).sum(axis=(1, 2))
    assert expected.min() > 1e-4
    np.testing.assert_allclose(array(layer.orthogonality(phi_e, phi_o)), expected, rtol=1e-4)
    term = float(model.loss_terms(x, LABELS)["orthogonality"])
    assert term == pytest.approx(expected.mean(), rel=1e-4)


def test_saliency_equals_autodiff():
    model, x = build(), fragments()
    layer, classes = model.get_layer("disentangling"), model.get_layer("logits")
    y = inner(model, x)[0]
    with tf.GradientTape(persistent=True) as tape:
        phi_e, _, reconstruction = layer(y)
        logits = classes(phi_e)
    z = 1 / (1 + np.exp(-array(logits).astype(np.float64)))
    of_error, of_classes = (array(tape.jacobian(t, layer.kernel.value)) for t in (reconstruction, logits))
    # The Gauss-Newton curvature's diagonal: squared Jacobians under the loss's own curvature in what it is a loss of.
    curvature = 2 * np.square(of_error).sum(axis=(0, 1)) / 8
    known = (LABELS >= 0)[:, np.newaxis]
    of_phi_e = np.einsum("bc,bcdk->dk", known * z * (1 - z), np.square(of_classes)) / 8
    assert not of_phi_e[:, 5:].any() and of_phi_e[:, :5].min() > 0
    expected = np.square(layer.kernel.numpy()) * (curvature + of_phi_e) / 2
    assert float(model.loss_terms(x, LABELS)["saliency"]) == pytest.approx(expected.sum(), rel=1e-4)
    # Its curvature is a constant within a step.
    with tf.GradientTape() as tape:
        term = model.loss_terms(x, LABELS)["saliency"]
    gradient = array(tape.gradient(term, layer.kernel.value))
    np.testing.assert_allclose(gradient, (curvature + of_phi_e) * layer.kernel.numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (1 / 24, 1, -1 / 24, 2 / 20)),  # 3 kernels at 5 + 3 positions; 5 x 4 pairs
        ({"saliency": 0.5, "saliency_sign": 1}, (1 / 24, 1, 0.5 / 24, 2 / 20)),
        ({"saliency": 0.0, "orthogonality": 0.0}, (1 / 24, 1, 0, 0)),
        (
            {"reconstruction_scale": "none", "saliency_scale": "pairs", "orthogonality_scale": "none"},
            (1, 1, -1 / 20, 2),
        ),
    ],
)
def test_settings_decide_the_sum(settings, expected):
    model, x = build(**settings), fragments()
    names = ("reconstruction", "discrimination", "saliency", "orthogonality")
    assert [model.loss_factors[name] for name in names] == pytest.approx(expected)
    terms = model.loss_terms(x, LABELS)
    total = sum(factor * float(terms[name]) for name, factor in zip(names, expected, strict=True))
    assert float(model.compute_loss(x, LABELS)) == pytest.approx(total, rel=1e-5)


def test_unlabelled_examples_train_the_reconstruction_alone():
    model, x = build(), fragments()
    layer, classes = model.get_layer("disentangling"), model.get_layer("logits")
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, np.full(8, -1))
    gradients = tape.gradient(loss, [layer.kernel.value, classes.kernel.value, classes.bias.value])
    assert np.abs(array(gradients[0])).max() > 1e-4
    assert all(g is None or not array(g).any() for g in gradients[1:])
    # An example's weight is that of all it adds: two of weight 1 and six of 0 are a quarter of two alone.
    weights = np.array([1, 1, 0, 0, 0, 0, 0, 0], np.float32)
    of_two = {name: float(term) for name, term in model.loss_terms(x[:2], LABELS[:2]).items()}
    for name, term in model.loss_terms(x, LABELS, weights).items():
        assert float(term) == pytest.approx(of_two[name] / 4, rel=1e-4)


@pytest.mark.smoke
def test_it_learns_from_few_labels_and_keeps_its_norms(tmp_path):
    x = fragments(96)
    y = np.arange(96) % 2
    x[y == 1, :, :10] += np.linspace(-2, 2, 10)[:, np.newaxis]
    keras.utils.set_random_seed(0)
    # Few patches and no sparsity: candidate features that vary enough to be learnt from at once.
    sizes = {**TINY, "n_kernels": 12, "salient": 30, "nuisance": 10, "sparsity_weight": 0.0}
    model = huang2014_semi_cnn(FRAGMENT, 2, **sizes, max_norm=4.0)
    assert adapt_model(model, lambda: [x]) == 4
    given = np.where(np.arange(96) < 48, y, -1)
    assert isinstance(model, SemiCnn) and kind_of(MODELS["huang2014_semi_cnn"]).semi_supervised
    model.compile(keras.optimizers.Adam(3e-2), weighted_metrics=["accuracy"], jit_compile=False)
    losses = [model.train_on_batch(x, given)[0] for _ in range(80)]
    assert losses[-1] < 0.7 * losses[0]
    right = array(model(x)).argmax(axis=1) == y
    assert right[48:].mean() > 0.9  # those whose labels it didn't get
    # The metric leaves them out.
    metrics = model.test_on_batch(x, given, return_dict=True)
    assert metrics["accuracy"] == pytest.approx(right[:48].mean())
    norms = np.linalg.norm(array(model.get_layer("disentangling").kernel), axis=0)
    assert norms.max() == pytest.approx(4.0, rel=1e-4)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is SemiCnn and again.loss_factors == model.loss_factors
    np.testing.assert_allclose(array(again(x)), array(model(x)), atol=1e-6)
    assert float(again.compute_loss(x, given)) == pytest.approx(float(model.compute_loss(x, given)), rel=1e-4)


def test_the_stages_features():
    x = fragments(64)
    results = {}
    for stage in STAGES:
        model = huang2014_features(FRAGMENT, 3, stage=stage, **FEATURES)
        assert not model.trainable_weights and model.layers[-1].name == "features"
        assert adapt_model(model, lambda: [x]) == {"raw": 1, "k1": 2, "k2": 2, "lif": 3}[stage]
        results[stage] = model, array(model(x))
    sizes = {stage: result.shape[1] for stage, (_, result) in results.items()}
    assert sizes == {"raw": 15 * 6, "k1": 2 * 3, "k2": 1 * 3, "lif": 3 * 5 + 3 * 3}
    raw = results["raw"][1]
    np.testing.assert_allclose(raw.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(raw.std(axis=1), 1, atol=1e-3)
    # k1: the first auto-encoder's code of frames 0 to 5 and 6 to 11.
    model, codes = results["k1"]
    kernel, bias = model.get_layer("kernels6").get_weights()
    patches = raw.reshape(64, 15, 6)[:, :12].reshape(64, 2, 36)
    expected = 1 / (1 + np.exp(-(patches @ kernel.reshape(36, 3) + bias)))
    np.testing.assert_allclose(codes, expected.reshape(64, 6), rtol=1e-4)
    # lif: means of two neighbouring positions of that code.
    model, features = results["lif"]
    positions = np.stack([raw.reshape(64, 15, 6)[:, t : t + 6].reshape(64, 36) for t in range(10)], axis=1)
    codes = 1 / (1 + np.exp(-(positions @ kernel.reshape(36, 3) + bias)))
    np.testing.assert_allclose(features[:, :15], codes.reshape(64, 5, 2, 3).mean(axis=2).reshape(64, 15), rtol=1e-4)


def test_loudness_and_silence():
    x = fragments(32)
    model = huang2014_features(FRAGMENT, 3, stage="raw", **FEATURES)
    adapt_model(model, lambda: [x])
    assert isinstance(model.get_layer("whitened"), Pca)
    silent = np.full((1, *FRAGMENT), np.log(1e-4), np.float32)
    assert np.isfinite(array(model(silent))).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: huang2014_semi_cnn((9, 20, 1), 3, **TINY), "kernels of 10 frames don't fit 9 frames"),
        (lambda: huang2014_semi_cnn((15, 20, 2), 3, **TINY), r"takes fragments \[T, F\] or \[T, F, 1\]"),
        (lambda: huang2014_semi_cnn((15, 20, 1), 3), "60 components of an axis of 20"),
        (lambda: huang2014_semi_cnn((15, 20, 1), 3, **TINY, saliency_sign=0), "saliency_sign 0 must be -1 or 1"),
        (lambda: huang2014_semi_cnn((15, 20, 1), 3, **TINY, saliency_scale="input"), "'input'; nearest: inputs"),
        (lambda: huang2014_features((15, 20, 1), 3, stage="lief", **FEATURES), "no stage 'lief'.*nearest: lif"),
        (lambda: Disentangling(salient=0), "must be above 0"),
        (lambda: Disentangling(max_norm=0), "must be above 0"),
        (lambda: Disentangling(mean=1.0), "must be between 0 and 1"),
    ],
)
def test_what_does_not_fit_gets_one_clear_line(build, message):
    with pytest.raises(SerKerasError, match=message) as error:
        build()
    assert "\n" not in str(error.value)


def test_it_becomes_a_tflite_file():
    from ser_keras.export.convert import to_tflite
    from ser_keras.runtime.interpreter import Interpreter

    settings = {**TINY, "n_components": 12}
    model = huang2014_semi_cnn((15, 256, 1), 3, **settings)
    adapt_model(model, lambda: [np.random.default_rng(0).normal(-3, 2, (64, 15, 256, 1)).astype(np.float32)])
    whole = end_to_end(LogSpectrogram(), model, 2560)
    wave = np.random.default_rng(1).normal(0, 0.1, 2560).astype(np.float32)
    result = Interpreter(to_tflite(whole), "huang2014")(wave)
    np.testing.assert_allclose(result, array(whole(wave[np.newaxis]))[0], atol=1e-5)


@pytest.mark.parametrize("row", ["no_or", "no_s", "semi_cnn", "nuisance"])
def test_recipes_of_the_net_differ_in_what_their_names_say(row):
    recipe = Experiment.from_recipe(f"huang2014.{row}")
    arguments = recipe.model.arguments()
    assert arguments.get("saliency") == (0.0 if row == "no_s" else 1.0)
    assert arguments.get("orthogonality") == (0.0 if row == "no_or" else 2.0)
    assert recipe.head.layer == ("phi_o" if row == "nuisance" else "phi_e")


def test_another_backend_has_the_same_loss_and_learns(jax_process, tmp_path):
    model, x = build(), fragments()
    model.save(tmp_path / "model.keras")
    expected = [float(term) for term in model.loss_terms(x, LABELS).values()]
    np.savez(tmp_path / "given.npz", x=x, y=LABELS, expected=expected)
    code = """
        import keras, numpy as np
        import ser_keras.models
        from ser_keras.models.layers.adaptation import adapt_model
        given = np.load("given.npz")
        x, y = given["x"], given["y"]
        model = keras.models.load_model("model.keras")
        terms = [float(term) for term in model.loss_terms(x, y).values()]
        np.testing.assert_allclose(terms, given["expected"], rtol=1e-4)
        assert adapt_model(model, lambda: [x]) == 4
        model.compile(keras.optimizers.Adam(1e-2), weighted_metrics=["accuracy"])
        losses = [model.train_on_batch(x, y)[0] for _ in range(5)]
        assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
    """
    jax_process.run(code, tmp_path)
