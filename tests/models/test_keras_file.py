"""`.keras` files of strangers: what they name is looked at before Keras imports it."""

import json
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from ser_keras import BadInput, Damaged, NotFound, SerKerasError
from ser_keras.common import plugins
from ser_keras.models import keras_file
from ser_keras.models.classifier import load_keras
from tests.messages import one_line
from tests.test_layout import REPOSITORY


@pytest.fixture
def plain(tmp_path):
    """A model of Keras's own layers, functions and operations."""
    inputs = keras.Input((8, 3))
    x = keras.layers.Dense(4, activation="relu", kernel_regularizer="l2", kernel_constraint="max_norm")(inputs)
    x = keras.layers.Activation(keras.activations.gelu)(x[:, 2:])
    x = keras.layers.Dropout(0.1)(keras.ops.clip(x, 0, 1))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    model.compile("adam", loss=lambda true, predicted: keras.ops.mean(predicted))  # not loaded: nothing is compiled
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def with_object(path, **named):
    """The same file, its first dense layer described as something else."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    [dense] = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense"]
    dense.update(named)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def function(module, name):
    return {"class_name": "function", "module": module, "config": name, "registered_name": name}


@pytest.fixture
def others(tmp_path, monkeypatch):
    """A module of somebody else: importing it leaves a mark, and registers a layer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugins, "trusted_modules", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("others_nets.py").write_text(
        "import keras\nfrom pathlib import Path\nPath('imported').touch()\n"
        "@keras.saving.register_keras_serializable('others')\nclass Same(keras.layers.Dense):\n    pass\n"
    )
    yield tmp_path / "imported"
    sys.modules.pop("others_nets", None)
    keras.saving.get_custom_objects().pop("others>Same", None)


def made_by_others(path, module="others_nets"):
    """A file with the layer of a module that is not imported here."""
    same = type("Same", (keras.layers.Dense,), {"__module__": module})
    keras.saving.register_keras_serializable("others")(same)
    inputs = keras.Input((3,))
    keras.Model(inputs, same(2, name="theirs")(inputs)).save(path)
    del keras.saving.get_custom_objects()["others>Same"]
    return path


def test_what_keras_writes_of_its_own_parts_passes(plain):
    x = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    assert load_keras(plain)(x).shape == (2, 4)


def test_every_file_that_this_project_saves_passes():
    files = [*REPOSITORY.glob("ser_keras/pretrained/*/model.keras"), *REPOSITORY.glob("tests/fixtures/**/*.keras")]
    assert len(files) > 10
    for file in files:
        keras_file.check(file)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("keras.utils", "get_file"),
        ("keras.src.utils.file_utils", "get_file"),
        ("keras.saving", "load_model"),
        ("keras.models", "load_model"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras", "device"),
        ("keras.layersx", "Dense"),
        ("kerasx.layers", "Dense"),
        ("ser_keras.cli.main", "main"),
        ("tests.waiting", "wait"),
    ],
)
@pytest.mark.parametrize("kind", ["class", "activation"])
def test_what_is_no_part_of_a_model_is_refused_in_one_line(plain, module, name, kind):
    if kind == "class":
        with_object(plain, class_name=name, module=module, registered_name=None)
    else:
        with_object(plain, config={"units": 4, "activation": function(module, name)})
    before = set(sys.modules)
    with pytest.raises(BadInput, match=rf"model.keras .*it names {module}:{name}") as error:
        load_keras(plain)
    one_line(error)
    assert set(sys.modules) == before


@pytest.mark.parametrize("name", keras_file.CODE)
def test_layers_that_carry_code_are_refused_in_one_line(plain, name):
    with_object(plain, class_name=name, config={"function": {"class_name": "__lambda__", "config": {"code": "4wAA"}}})
    with pytest.raises(BadInput, match="model.keras is not opened: it holds a .* which carries code") as error:
        load_keras(plain)
    one_line(error)


def test_a_real_lambda_is_refused(tmp_path):
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(tmp_path / "model.keras")
    with pytest.raises(BadInput, match="it holds a (Lambda|__lambda__) layer") as error:
        load_keras(tmp_path / "model.keras")
    one_line(error)


def test_a_strange_module_is_imported_only_if_the_user_named_it(tmp_path, others):
    path = made_by_others(tmp_path / "model.keras")
    with pytest.raises(BadInput, match="names others_nets:Same.*name it yourself: `plugins` others_nets$") as error:
        load_keras(path)
    one_line(error)
    assert not others.exists()
    plugins.trust("others_nets")
    assert type(load_keras(path).get_layer("theirs")).__module__ == "others_nets"
    assert others.exists()


def test_a_trusted_module_that_is_not_there_gives_one_line(tmp_path, others):
    plugins.trust("others_nets")
    path = made_by_others(tmp_path / "model.keras", "others_nets.gone")
    with pytest.raises(SerKerasError, match="model.keras cannot be loaded: .*others_nets") as error:
        load_keras(path)
    one_line(error)


def test_a_class_that_is_registered_already_needs_no_module(tmp_path, others):
    """Keras takes it by its registered name and imports nothing: a notebook's own layers."""
    path = made_by_others(tmp_path / "model.keras", "somewhere.that.moved")

    @keras.saving.register_keras_serializable("others")
    class Same(keras.layers.Dense):
        pass

    assert type(load_keras(path).get_layer("theirs")) is Same


def test_no_depth_hides_a_name(plain):
    deep = function("os", "system")
    for _ in range(150):
        deep = {"a": [deep]}
    with pytest.raises(BadInput, match="names os:system"):
        load_keras(with_object(plain, config={"units": 4, "extra": deep}))


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (None, NotFound, "there is no such file"),
        (b"", Damaged, "no Keras model"),
        (b"PK nothing", Damaged, "no Keras model"),
        ({"other.json": "{}"}, Damaged, "damaged .*config.json"),
        ({"config.json": "{"}, Damaged, "damaged"),
        ({"config.json": "[1, 2]"}, Damaged, "cannot be loaded"),
        ({"config.json": '{"class_name": "Gone", "config": {}}'}, Damaged, "cannot be loaded: .*Gone"),
        ({"config.json": "{}", "model.weights.h5": ""}, Damaged, "cannot be loaded"),
        ({"config.json": '{"class_name": ["a"], "module": {"b": 1}, "config": 3}'}, SerKerasError, "model.keras"),
        ({"config.json": "[" * 100_000}, Damaged, "damaged"),
    ],
)
def test_files_that_are_no_models_give_one_line(tmp_path, content, kind, text):
    path = tmp_path / "model.keras"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as file:
            for name, data in content.items():
                file.writestr(name, data)
    with pytest.raises(kind, match=text) as error:
        load_keras(path)
    one_line(error)
    assert len(str(error.value)) < 600
