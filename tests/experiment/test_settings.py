"""Settings: one validated tree, YAML in and out, and one clear line for what doesn't fit."""

import pytest
import yaml

from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.experiment.complaints import setting_names
from ser_keras.experiment.recipes import parse_recipe, recipes
from ser_keras.experiment.settings import Experiment

DERIVED = {n for n, file in recipes().items() if "derived" in parse_recipe(file.read_text(encoding="utf-8"), n)}


@pytest.mark.parametrize("name", [n for n in recipes() if n not in DERIVED])
def test_every_recipe_is_valid_and_survives_yaml(name):
    experiment = Experiment.from_recipe(name)
    assert experiment.recipe == name and experiment.title and experiment.source
    assert Experiment.from_tree(yaml.safe_load(experiment.to_yaml())) == experiment


def test_rows_that_are_made_from_others_can_t_be_trained():
    assert DERIVED
    with pytest.raises(
        SerKerasError, match="anand2015.er2 is made from the run of anand2015.r1 and anand2015.r3: .*re"
    ):
        Experiment.from_recipe("anand2015.er2")


def test_the_order_of_classes_survives():
    experiment = Experiment.from_recipe("anand2015.r2", ["classes={sadness: [sadness], anger: [anger]}"])
    assert list(yaml.safe_load(experiment.to_yaml())["classes"]) == ["sadness", "anger"]


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("training.epochs=7", ("training", "epochs"), 7),
        ("training.learning_rate=1e-4", ("training", "learning_rate"), 1e-4),
        ("training.early_stopping={patience: 3}", ("training", "early_stopping", "patience"), 3),
        ("training.early_stopping.patience=4", ("training", "early_stopping", "patience"), 4),
        ("training.early_stopping=null", ("training", "early_stopping"), None),
        ("protocol.folds=5", ("protocol", "folds"), 5),
        ("seed=3", ("seed",), 3),
    ],
)
def test_set(change, path, value):
    node = Experiment.from_recipe("anand2015.r2", [change])
    for name in path:
        node = getattr(node, name)
    assert node == value


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("training.epoch=7", "unknown setting 'training.epoch'; nearest: training.epochs"),
        ("trainin.epochs=7", "unknown setting 'trainin'; nearest: training"),
        ("training.epochs=0", "training.epochs: Input should be greater than or equal to 1"),
        ("training.epochs=many", "training.epochs: .*'many'"),
        ("training.epochs", "write name=value"),
        ("seed.x=1", "'seed' is a value|seed: "),
        ("augmentation.pitch=[1]", "'pitch' is set, but it needs mode: grid or random"),
        ("augmentation={mode: grid, pitch: [1], snr_db: [10]}", "'snr_db' is set, but it needs mode: random"),
        ("augmentation={mode: random}", "mode is random, but nothing is varied"),
        ("augmentation={mode: random, room_probability: 0.5}", "mode is random, but nothing is varied"),
        ("augmentation={mode: grid, pitch: [1], copies: 3}", "'copies' is set, but it needs mode: random"),
        ("augmentation={mode: grid, pitch: [1], speed: [0.8, 1.2]}", "'speed' is set, but it needs mode: random"),
        ("augmentation.rt60_s=[0.5]", "'rt60_s' is set, but it needs mode: grid or random"),
        ("augmentation={mode: random, rt60_s: [9]}", "augmentation.rt60_s.0: .*less than or equal to 5"),
        ("augmentation={mode: random, path: waveform, time_masks: 2}", "masks are made on spectra"),
        ("augmentation={mode: grid, rate: [0]}", "augmentation.rate.0: .*greater than or equal to 0.5"),
        ("augmentation.mode=gird", "augmentation.mode: .*'grid'"),
        ("augmentation.pich=[1]", "unknown setting 'augmentation.pich'; nearest: augmentation.pitch"),
        ("cleaning.drop_mislabelled=2", "cleaning.drop_mislabelled: "),
        ("tail_rule=keep", "tail_rule: .*drop"),
        ("hop_s=9", "hop_s 9.0 is longer than window_s"),
        ("export.hop_s=9", "export.hop_s 9.0 is longer than the .* s that the model hears"),
        ("classes={anger: [angry]}", "'angry' is no emotion.*anger"),
        ("classes={a: [anger], b: [anger]}", "emotion 'anger' stands in two classes"),
        ("training.epochs={", "no YAML"),
        ("training.epochs=true", "training.epochs: .*valid integer"),
        ("training.learning_rate=.inf", "training.learning_rate: .*finite"),
        ("window_s=100000", "window_s: .*600"),
        ("augmentation.foo=3", "unknown setting 'augmentation.foo'"),
    ],
)
def test_what_does_not_fit_is_one_line(change, line):
    with pytest.raises(SerKerasError, match=line) as error:
        Experiment.from_recipe("anand2015.r2", [change])
    assert "\n" not in str(error.value)


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(SerKerasError, match="no recipe 'anand2015.r22'; nearest: anand2015.r2"):
        Experiment.from_recipe("anand2015.r22")


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", ""])
def test_a_file_that_is_no_recipe(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(SerKerasError, match="mine.yaml"):
        Experiment.from_recipe(str(tmp_path / "mine.yaml"))


def test_a_recipe_from_a_file(tmp_path):
    tree = Experiment.from_recipe("anand2015.r2").model_dump() | {"recipe": "mine"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    assert Experiment.from_recipe(str(tmp_path / "mine.yaml")).recipe == "mine"


def test_complete_fills_defaults_and_names_the_nearest():
    def builder(input_shape, n_classes, width=8, depth=2):
        pass

    registry = {"net": builder}
    given = ("input_shape", "n_classes")
    assert complete_arguments("net", {"width": 4}, registry, kind="model", supplied=given) == {"width": 4, "depth": 2}
    with pytest.raises(SerKerasError, match="unknown setting 'model.widht'; nearest: model.width"):
        complete_arguments("net", {"widht": 4}, registry, kind="model", supplied=given)
    with pytest.raises(SerKerasError, match="no model 'nett'; nearest: net"):
        complete_arguments("nett", {}, registry, kind="model", supplied=given)


def test_the_contract_s_settings_exist():
    names = set(setting_names(Experiment))
    wanted = "seed classes window_s hop_s frontend augmentation model training.epochs training.batch_size"
    wanted += " training.learning_rate training.early_stopping protocol.name protocol.folds"
    assert set(wanted.split()) <= names
