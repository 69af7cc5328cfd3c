"""`import ser_keras.layers`: every saved model opens with plain Keras, and its names are layers."""

import json
import subprocess
import sys

import keras
import pytest

import ser_keras.layers
from tests.test_layout import REPOSITORY, modules

PREFIX = "ser_keras>"


def in_a_new_process(code):
    """What a fresh interpreter prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_it_registers_every_class_of_the_package():
    names = sorted(modules())
    code = f"""
import importlib, json
import ser_keras.layers, keras
registered = lambda: {{name for name in keras.saving.get_custom_objects() if name.startswith({PREFIX!r})}}
before = registered()
for name in {names!r}:
    if not name.endswith(("__main__", "_main")):
        importlib.import_module(name)
print(json.dumps([sorted(before), sorted(registered() - before)]))
"""
    before, later = in_a_new_process(code)
    assert later == [] and len(before) > 20


def test_plain_keras_opens_saved_models_after_the_import():
    """Shipped models, and a run of each kind that an earlier version left."""
    files = [*REPOSITORY.glob("ser_keras/pretrained/*/model.keras"), *REPOSITORY.glob("tests/fixtures/**/*.keras")]
    code = f"""
import json, keras, ser_keras.layers
shapes = [keras.models.load_model(file, compile=False).output_shape for file in {[str(f) for f in files]!r}]
print(json.dumps(len(shapes)))
"""
    assert in_a_new_process(code) == len(files) > 10


@pytest.mark.parametrize("name", [n for n in ser_keras.layers.__all__ if n != "adapt_model"])
def test_its_names_are_registered_layers(name):
    layer = getattr(ser_keras.layers, name)
    assert issubclass(layer, keras.layers.Layer)
    if layer is not ser_keras.layers.FrontEnd:  # the base of one's own front ends
        assert keras.saving.get_registered_name(layer) == f"{PREFIX}{name}"


def test_every_front_end_is_among_them():
    from ser_keras.features.frontends import FRONT_ENDS

    assert {front_end.__name__ for front_end in FRONT_ENDS.values()} <= set(ser_keras.layers.__all__)


def test_two_front_ends_fit_into_one_model_with_plain_layers(tmp_path):
    """As somebody else's model has them: trained, saved and loaded without any other part of the package."""
    wave = keras.Input((8000,))
    levels = ser_keras.layers.LogMel(20, name="levels")(wave)
    cepstrum = ser_keras.layers.MFCC(name="cepstrum")(wave)
    pooled = [keras.layers.GlobalAveragePooling2D()(x) for x in (levels, cepstrum)]
    y = keras.layers.Dense(2, activation="softmax")(keras.layers.Concatenate()(pooled))
    model = keras.Model(wave, y)
    model.compile("adam", "sparse_categorical_crossentropy")
    waves, labels = keras.random.uniform((4, 8000), -0.5, 0.5, seed=1), keras.ops.array([0, 1, 0, 1])
    model.fit(waves, labels, epochs=1, verbose=0)
    model.save(tmp_path / "mine.keras")
    again = keras.models.load_model(tmp_path / "mine.keras")
    assert float(keras.ops.max(keras.ops.abs(again(waves) - model(waves)))) < 1e-6
