"""AlexNet and CaffeNet: their shapes, local response normalisation, and published weights read from a file."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.features.frontends import SpectrogramImage
from ser_keras.models.end_to_end import end_to_end
from ser_keras.models.layers.alexnet import layout, load_alexnet
from ser_keras.models.papers.alexnet import alexnet

DOCUMENT = Path(__file__).parents[3] / "docs" / "alexnet.md"
# A small one: 99x99 -> 23 -> 11 -> 5 -> maps of 2x2.
SHAPE, GRID = (99, 99, 3), 2
SMALL = {"filters": (8, 8, 12, 12, 6), "hidden": 16}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def published(path, variant="alexnet", channels="BGR", **changes):
    """A file of the documented layout with random values; an array that is None is left out."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in layout(**SMALL, grid=GRID).items()}
    arrays |= {"variant": variant, "channels": channels, **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return arrays


def images(n=2, seed=1):
    return np.random.default_rng(seed).uniform(0, 1, (n, *SHAPE)).astype(np.float32)


def caffe_net(x, arrays, variant):
    """What Caffe computes up to fc7, in plain numpy: images [B, H, W, RGB] in [0, 1] -> [B, hidden]."""
    x = 255 * x.transpose(0, 3, 1, 2)[:, ::-1].astype(np.float64)
    for i, groups in enumerate((1, 2, 1, 2, 2), start=1):
        kernel, bias = arrays[f"conv{i}_kernel"].astype(np.float64), arrays[f"conv{i}_bias"]
        if i > 1:
            reach = kernel.shape[2] // 2
            x = np.pad(x, [(0, 0), (0, 0), (reach, reach), (reach, reach)])
        stride = 4 if i == 1 else 1
        patches = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], (2, 3))[:, :, ::stride, ::stride]
        halves = zip(np.split(patches, groups, axis=1), np.split(kernel, groups, axis=0), strict=True)
        x = np.concatenate([np.einsum("bchwij,fcij->bfhw", p, k, optimize=True) for p, k in halves], axis=1)
        x = np.maximum(x + bias[:, None, None], 0)
        steps = {1: [_norm, _pool], 2: [_norm, _pool], 5: [_pool]}.get(i, [])
        for step in steps if variant == "alexnet" else steps[::-1]:
            x = step(x)
    x = x.reshape(len(x), -1)
    for name in ("fc6", "fc7"):
        x = np.maximum(x @ arrays[f"{name}_kernel"].T + arrays[f"{name}_bias"], 0)
    return x


def _norm(x):
    total = np.zeros_like(x)
    for c in range(x.shape[1]):
        total[:, c] = np.square(x[:, max(0, c - 2) : c + 3]).sum(axis=1)
    return x / (1 + 1e-4 / 5 * total) ** 0.75


def _pool(x):
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max(axis=(-2, -1))


def test_the_whole_net_has_the_published_shapes():
    model = alexnet((227, 227, 3), 7, weights="random", hidden=64)
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert [shapes[n] for n in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")] == [
        (55, 55, 96), (27, 27, 96), (27, 27, 256), (13, 13, 256), (13, 13, 384), (13, 13, 384), (13, 13, 256),
        (6, 6, 256),
    ]  # fmt: skip
    assert shapes["flatten"] == (9216,)
    # Every one of the published 60,965,224 but those of the last layer.
    assert sum(int(np.prod(shape)) for shape in layout().values()) == 60_965_224 - 4097 * 1000


@pytest.mark.parametrize("variant", ["alexnet", "caffenet"])
@pytest.mark.parametrize("channels", ["BGR", "RGB"])
def test_published_weights_compute_what_caffe_computes(tmp_path, variant, channels):
    arrays = published(tmp_path / "w.npz", variant, channels)
    model = alexnet(SHAPE, 4, weights=str(tmp_path / "w.npz"), variant=variant, **SMALL)
    x = images()
    if channels == "RGB":
        arrays["conv1_kernel"] = arrays["conv1_kernel"][:, ::-1]
    hidden = keras.Model(model.input, model.get_layer("relu7").output)
    expected = caffe_net(x, arrays, variant)
    assert expected.any()
    np.testing.assert_allclose(array(hidden(x)), expected, rtol=1e-4, atol=1e-4 * expected.max())
    np.testing.assert_allclose(array(model(x)).sum(axis=1), 1, atol=1e-5)


def test_reading_gives_keras_layout(tmp_path):
    arrays = published(tmp_path / "w.npz")
    found = load_alexnet(tmp_path / "w.npz", **SMALL, grid=GRID)
    assert set(found) == set(layout())
    assert all(value.dtype == np.float32 for value in found.values())
    assert found["conv2_kernel"].shape == (5, 5, 4, 8)
    np.testing.assert_array_equal(found["conv1_kernel"][3, 4, 0], arrays["conv1_kernel"][:, 2, 3, 4])
    # Row 1, column 0 of map 5 stands behind the six maps of row 0, twice, and five of its own.
    np.testing.assert_array_equal(found["fc6_kernel"][2 * 6 + 5], arrays["fc6_kernel"][:, 5 * 4 + 2])


def test_a_model_from_a_file_stays_as_it_is_when_saved(tmp_path):
    published(tmp_path / "w.npz")
    model = alexnet(SHAPE, 4, weights=str(tmp_path / "w.npz"), **SMALL)
    x = images()
    model.save(tmp_path / "model.keras")
    (tmp_path / "w.npz").unlink()
    np.testing.assert_allclose(array(keras.models.load_model(tmp_path / "model.keras")(x)), array(model(x)), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv3_bias": None, "conv3_biases": np.zeros(12)}, r"no array 'conv3_bias'; nearest: conv3_biases"),
        ({"variant": None}, "no array 'variant'; nearest"),
        ({"variant": "caffenet"}, "are of caffenet, the model is alexnet; set model.variant=caffenet"),
        ({"channels": "GRB"}, "channels is 'GRB'; it must be BGR or RGB"),
        (
            {"conv2_kernel": np.zeros((5, 5, 4, 8), np.float32)},
            r"conv2_kernel is of shape \(5, 5, 4, 8\), not \(8, 4, 5, 5\)",
        ),
        ({"fc7_bias": np.full(16, np.nan, np.float32)}, "fc7_bias holds values that aren't finite floats"),
        ({"fc7_bias": np.zeros(16, int)}, "fc7_bias holds values that aren't finite floats"),
        ({"fc7_bias": np.array([{}] * 16, object)}, "can't be read as .npz"),
    ],
)
def test_wrong_files_get_one_line(tmp_path, changes, message):
    path = tmp_path / "w.npz"
    published(path, **changes)
    with pytest.raises(SerKerasError, match=message) as error:
        load_alexnet(path, **SMALL, grid=GRID)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_what_is_no_npz_gets_one_line(tmp_path):
    path = tmp_path / "w.npz"
    with pytest.raises(SerKerasError, match="no such file; docs/alexnet.md"):
        load_alexnet(path)
    for write in (lambda: path.write_bytes(b"PK\3\4 cut off"), lambda: path.write_text("text"), path.touch):
        write()
        with pytest.raises(SerKerasError, match="can't be read as .npz") as error:
            load_alexnet(path)
        assert "\n" not in str(error.value)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(SerKerasError, match="can't be read as .npz"):
        load_alexnet(tmp_path / "one.npy")


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        (SHAPE, {"weights": None}, r"no weights; set `model.weights=FILE.npz`, .* docs/alexnet.md"),
        (SHAPE, {"variant": "cafenet"}, "variant is 'cafenet'; nearest: caffenet"),
        (SHAPE, {"filters": (8, 8, 12, 12)}, "give five even numbers"),
        (SHAPE, {"filters": (8, 8, 11, 12, 6)}, "give five even numbers"),
        ((50, 50, 3), {}, "50x50 is too small; give 227x227"),
    ],
)
def test_settings_that_do_not_fit_get_one_line(shape, settings, message):
    with pytest.raises(SerKerasError, match=message):
        alexnet(shape, 4, **{"weights": "random", **SMALL, **settings})


def test_published_weights_need_a_square_colour_image(tmp_path):
    published(tmp_path / "w.npz")
    for shape in ((99, 99, 1), (99, 131, 3)):
        with pytest.raises(SerKerasError, match="of square RGB images, not"):
            alexnet(shape, 4, weights=str(tmp_path / "w.npz"), **SMALL)


def test_it_converts_with_builtin_operations_alone():
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    from ser_keras.export.convert import to_tflite

    waves = np.random.default_rng(0).normal(0, 0.1, (2, 4000)).astype(np.float32)
    classifier = alexnet(SHAPE, 4, weights="random", **SMALL)
    model = end_to_end(SpectrogramImage(size=SHAPE[0], colour=True), classifier, waves.shape[1])
    interpreter = interpreter_module.Interpreter(model_content=to_tflite(model), num_threads=1)
    run = interpreter.get_signature_runner()
    result = np.concatenate([run(audio=wave[None])["probabilities"] for wave in waves])
    np.testing.assert_allclose(result, array(model(waves)), atol=1e-5)


def test_the_document_says_how_to_make_the_file():
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, shape in layout().items():
        if name.endswith("kernel"):
            assert re.search(rf"`{name}` \| {re.escape(str(list(shape)))}", text), name
    assert "`variant`" in text and "`channels`" in text
