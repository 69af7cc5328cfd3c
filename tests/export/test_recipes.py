"""Every recipe that says that it can be exported converts with builtin operations alone and stays itself in LiteRT."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from ser_keras.experiment import assembly, rules
from ser_keras.experiment.recipes import recipes
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.experiment.settings import Experiment
from ser_keras.export.convert import to_tflite
from ser_keras.export.quantise import quantise
from ser_keras.export.reference import reference_clip
from ser_keras.models.layers.adaptation import adapt_model
from ser_keras.runtime.interpreter import Interpreter
from ser_keras.training.runtime_model import chunk_hop, run_settings

QUICK = ("anand2015.r2", "log_mel_cnn")


def exportable():
    found = []
    for name, recipe in recipes().items():
        if "\nderived:" in recipe.read_text(encoding="utf-8"):
            continue  # made from the run of another
        experiment = Experiment.from_recipe(name)
        if why_not_exportable(experiment) is None:
            found.append(name)
    return found


def untrained(name):
    """The recipe's model as it is exported, its weights random and its layers adapted to noise."""
    import keras

    keras.utils.set_random_seed(0)
    # The published weights of AlexNet aren't part of the project.
    changes = ["model.weights=random"] if name == "badshah2017.finetuned" else []
    experiment = rules.complete(Experiment.from_recipe(name, changes))
    extractor = assembly.build_extractor(experiment)
    shape = extractor.feature_shape(experiment.window_samples)
    net = assembly.primary(assembly.build_classifier(experiment, shape, len(experiment.classes)))
    waves = (0.1 * np.random.default_rng(0).standard_normal((24, experiment.window_samples))).clip(-1, 1)
    features = np.concatenate([np.array(extractor(w.astype(np.float32))) for w in np.split(waves, 6)])
    adapt_model(net, lambda subset=None: [features])
    return assembly.with_front_end(experiment)(net)


def test_there_are_recipes_to_export():
    names = exportable()
    assert set(QUICK) <= set(names) and len(names) > 15


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in exportable()])
def test_recipe_converts_and_keeps_its_probabilities(name):
    model = untrained(name)
    content = to_tflite(model)
    small = quantise(content)
    for file in (content, small):
        codes = schema.ModelT.InitFromPackedBuf(file, 0).operatorCodes
        assert not [c.customCode for c in codes if c.customCode]
    n = model.input_shape[1]
    rng = np.random.default_rng(1)
    voice = reference_clip(n) / 32768
    windows = [voice, 0.1 * voice, 0.05 * rng.standard_normal(n), voice + 0.01 * rng.standard_normal(n)]
    windows = np.clip(windows, -1, 1).astype(np.float32)
    expected = model.predict(windows, verbose=0)
    for file, apart in ((content, 1e-4), (small, 3e-2)):
        found = np.array([Interpreter(file, name)(w) for w in windows])
        assert np.abs(found - expected).max() < apart
    # Three bytes of four for each weight that can be quantised; the front end's tables stay what they are.
    weights = sum(int(np.prod(w.shape)) for w in model.trainable_weights if len(w.shape) > 1)
    assert len(content) - len(small) > 2 * weights


def test_a_sequence_s_windows_have_a_hop_of_their_own():
    tree = Experiment.from_recipe("he2019.exp4").model_dump()
    settings = run_settings(tree)
    assert (settings.window_samples, settings.hop_samples) == (round(2.96 * 16000), 16000)
    assert chunk_hop(tree) == 800
    tree["export"]["hop_s"] = None
    assert run_settings(tree).hop_samples == 800
