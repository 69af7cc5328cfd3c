"""Spaces: what is refused, and what becomes of a point."""

import json

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import rules
from ser_keras.tuning import space
from tests.tuning.tiny_space import made

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


@pytest.mark.smoke
@pytest.mark.parametrize("name", space.spaces())
def test_every_value_of_every_shipped_space_is_a_setting(name):
    loaded = space.load_space(name)
    assert loaded.title and len(loaded.grid()) >= 50
    for axis, label, values in loaded.samples():
        assert values[axis.name] == label
        rules.complete(loaded.experiment(values))


@pytest.mark.slow
@pytest.mark.parametrize("name", space.spaces())
def test_every_shipped_space_builds_at_every_value(name):
    space.check(space.load_space(name))


def test_a_grid_has_each_active_combination_once(tmp_path):
    points = space.load_space(made(tmp_path)).grid()
    assert len(points) == (3 + 1) * 2 * 3 == len({json.dumps(p) for p in points})
    assert all(("filters of high" in p) == (p["shape"] == "high") for p in points)
    assert {p["training.learning_rate"] for p in points} == {1e-4, 1e-3, 1e-2}


def test_a_point_becomes_the_settings_that_it_stands_for(tmp_path):
    tiny = space.load_space(made(tmp_path), ["model.hidden=8"])
    values = {"shape": "high", "filters of high": "[2, 3]", "model.dropout": 0.5, "training.learning_rate": 0.001}
    made_of = tiny.experiment({**values, "tuner/epochs": 7}, selected_on=["a/1", "a/0"])
    assert made_of.model.arguments() | {"replace_anomalous": 0} == {
        **{"filters": [2, 3], "kernel": [64, 5], "hidden": 8, "l2": 0.0001, "dropout": 0.5, "replace_anomalous": 0}
    }
    assert made_of.training.learning_rate == 0.001 and made_of.training.epochs == 7
    assert made_of.selected_on == ["a/0", "a/1"]
    # A value whose parent says otherwise doesn't count.
    assert tiny.experiment({**values, "shape": "square"}).model.arguments()["filters"] == [32]


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ({"model.filtres": [[2]]}, "model.filters"),
        ({"model.kernel": [[64, 5], [64, 500]]}, "don't fit"),
        ({"trainin.epochs": [1]}, "training.epochs"),
        ({"training.optimizer": ["adam", "adma"]}, "training.optimizer = adma"),
        ({"classes": [1]}, "can't vary"),
        ({"seed": [1, 2]}, "can't vary"),
        ({"a": {"values": [1], "wehn": {}}}, "when"),
        ({"a": {"setting": "model.hidden", "values": [8], "when": {"b": [1]}}}, "isn't above it"),
        ({"a": {"setting": "model.hidden", "min": 3, "max": 2}}, "min below max"),
        ({"a": {"setting": "model.hidden", "min": 0, "max": 2, "scale": "log"}}, "above 0"),
        ({"a": {"values": [1], "min": 1}}, "one of values"),
        ({"model.hidden": [8, 8]}, "twice"),
        ({"model.hidden": []}, "no values"),
        ({}, "nothing varies"),
    ],
)
def test_a_wrong_space_is_one_line_before_anything_runs(tmp_path, vary, said):
    with pytest.raises(SerKerasError, match=said) as caught:
        space.check(space.load_space(made(tmp_path, {"vary": vary})))
    assert "\n" not in str(caught.value)


def test_values_of_mixed_kinds_are_text_to_keras_tuner(tmp_path):
    vary = {
        "model.filters": [[2], "auto", 64, None],
        "training.batch_size": {"values": [16, 32], "when": {"model.filters": [64, None]}},
    }
    axis, child = space.load_space(made(tmp_path, {"vary": vary})).axes
    assert axis.labels == ("[2]", "auto", "64", "null") and not axis.numeric
    assert axis.changes("64") == {"model.filters": 64} and axis.changes("null") == {"model.filters": None}
    assert child.when == {"model.filters": ["64", "null"]} and child.labels == (16, 32)
    space.load_space(made(tmp_path, {"vary": vary})).hyperparameters()


def test_a_recipe_that_was_chosen_keeps_on_whom(tmp_path):
    tiny = space.load_space(made(tmp_path), ["selected_on=[a/2, a/1]"])
    assert tiny.experiment({}, selected_on=["a/0", "a/1"]).selected_on == ["a/0", "a/1", "a/2"]


def test_what_a_space_varies_cant_be_set_and_names_are_suggested(tmp_path):
    with pytest.raises(SerKerasError, match="`changes` model.dropout: the space"):
        space.load_space(made(tmp_path), ["model.dropout=0.1"])
    with pytest.raises(SerKerasError, match="nearest: anand2015_cnn"):
        space.load_space("anand_cnn")
    with pytest.raises(SerKerasError, match="`steps`"):
        space.load_space(made(tmp_path, {"vary": {"model.l2": {"min": 0.0, "max": 1.0}}})).grid()
