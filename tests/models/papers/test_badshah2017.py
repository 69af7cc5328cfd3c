"""The net of Badshah et al. (2017): its shapes, that it learns, and its recipes."""

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment.settings import Experiment
from ser_keras.features.frontends import SpectrogramImage
from ser_keras.models import MODELS
from ser_keras.models.end_to_end import end_to_end
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.models.papers.badshah2017 import badshah2017_cnn

SMALL = {"filters": (16, 16, 24), "hidden": (64, 64)}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def trained(initializer, x, labels, steps=15):
    """Losses of each step as the recipe trains, without dropout; of the labels alone."""
    keras.utils.set_random_seed(0)
    model = badshah2017_cnn(x.shape[1:], 3, **SMALL, dropout=0, l2=0, initializer=initializer)
    adapt_model(model, lambda: [x])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    return [float(model.train_on_batch(x, labels)) for _ in range(steps)]


def images(n=12, size=67):
    """Three kinds of pictures in [0, 1]: a bright band low, in the middle, or high."""
    x = np.random.default_rng(0).uniform(0, 0.3, (n, size, size, 1)).astype(np.float32)
    labels = np.arange(n) % 3
    for i, label in enumerate(labels):
        x[i, 10 + 20 * label : 18 + 20 * label] += 0.4
    return x, labels


def test_the_net_has_the_shapes_of_the_paper():
    model = badshah2017_cnn((256, 256, 1), 7, hidden=(8, 8))
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert [shapes[f"{kind}{i}"] for i in (1, 2, 3) for kind in ("conv", "pool")] == [
        (62, 62, 120), (30, 30, 120), (30, 30, 256), (14, 14, 256), (14, 14, 384), (6, 6, 384),
    ]  # fmt: skip
    assert shapes["flatten"] == (13824,)
    convolutions = 121 * 120 + 120 + 25 * 120 * 256 + 256 + 9 * 256 * 384 + 384
    dense = 13824 * 8 + 8 + 8 * 8 + 8 + 8 * 7 + 7
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == convolutions + dense
    # With the 2048 units of the defaults.
    assert convolutions + 13824 * 2048 + 2048 + 2048 * 2048 + 2048 + 2048 * 7 + 7 == 34_192_311
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.5, 0.5]
    assert len(model.losses) == 6


def test_weight_decay_is_that_of_caffe():
    model = badshah2017_cnn((67, 67, 1), 3, **SMALL)
    squares = sum(float((array(w) ** 2).sum()) for w in model.trainable_weights if w.path.endswith("kernel"))
    # Caffe adds decay * w to the gradient: the gradient of decay / 2 * w ** 2.
    assert float(sum(model.losses)) == pytest.approx(5e-4 / 2 * squares, rel=1e-4)


def test_the_mean_image_is_subtracted():
    x, _ = images()
    model = badshah2017_cnn(x.shape[1:], 3, **SMALL)
    assert adapt_model(model, lambda: np.split(x, 3)) == 1
    reached = array(keras.Model(model.input, model.get_layer("minus_training_mean").output)(x))
    np.testing.assert_allclose(reached, x - x.mean(axis=0), atol=1e-6)


def test_it_learns_as_the_recipe_trains_it_where_caffes_default_does_not():
    x, labels = images()
    losses = trained("he_normal", x, labels)
    assert losses[-1] < 0.5 * losses[0]
    flat = trained(keras.initializers.RandomNormal(stddev=0.01), x, labels)
    assert flat[-1] > 0.99 * flat[0]


def test_it_converts_with_builtin_operations_alone():
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    waves = np.random.default_rng(0).normal(0, 0.1, (2, 4000)).astype(np.float32)
    model = end_to_end(SpectrogramImage(size=67), badshah2017_cnn((67, 67, 1), 3, **SMALL), waves.shape[1])
    run = interpreter_module.Interpreter(model_content=to_tflite(model), num_threads=1).get_signature_runner()
    result = np.concatenate([run(audio=wave[None])["probabilities"] for wave in waves])
    np.testing.assert_allclose(result, array(model(waves)), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((66, 67, 1), {}, "an image of 66x67 is too small .* give at least 67x67"),
        ((5, 5, 1), {}, "an image of 5x5 is too small"),
        ((67, 67, 1), {"filters": (8, 8)}, r"filters \[8, 8\]: give one number for each of the 3"),
        ((67, 67, 1), {"initializer": "he_norml"}, "initializer 'he_norml' is no Keras initializer"),
    ],
)
def test_what_does_not_fit_gets_one_line(shape, settings, message):
    with pytest.raises(SerKerasError, match=message):
        badshah2017_cnn(shape, 3, **{**SMALL, **settings})


@pytest.mark.parametrize(("name", "shape"), [("fresh", (256, 256, 1)), ("finetuned", (227, 227, 3))])
def test_the_recipes_are_those_of_the_paper(name, shape):
    experiment = Experiment.from_recipe(f"badshah2017.{name}")
    assert (experiment.window_samples, experiment.hop_samples, experiment.tail_rule) == (16000, 6400, "pad")
    assert len(experiment.classes) == 7
    training = experiment.training
    assert (training.epochs, training.batch_size, training.optimizer, training.momentum) == (30, 100, "sgd", 0.9)
    assert (training.schedule, training.step_epochs, training.step_factor) == ("step", 10, 0.1)
    assert training.learning_rate == (0.01 if name == "fresh" else 0.001)
    front_end = SpectrogramImage(**experiment.frontend.arguments())
    assert front_end.compute_output_shape((None, 16000))[1:] == shape
    assert experiment.model.name in MODELS
    if name == "finetuned":
        with pytest.raises(SerKerasError, match="`model.weights=FILE.npz`"):
            MODELS["alexnet"](shape, 7, **experiment.model.arguments())
