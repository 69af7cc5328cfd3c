"""The table of rules: an experiment breaks each; the reasons against export stand at one place."""

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import assembly, rules
from ser_keras.experiment.recipes import parse_recipe, recipes
from ser_keras.experiment.settings import Experiment
from ser_keras.models import MODELS

TRAINED = [n for n, file in recipes().items() if "derived" not in parse_recipe(file.read_text("utf-8"), n)]
SVM = ("frontend={name: acoustic26}", "model={name: linear_svm}")
HEAD = "head={name: linear_svm}"
LSTM = ("unit=utterance", "model={name: anand2015_lstm}")
RANDOM = "augmentation={mode: random, gain_db: [0, 10]}"
COPIES = "augmentation={mode: random, gain_db: [0, 10], copies: 2}"
STREAM = "augmentation={mode: stream, level_dbfs: [-26], tone_dbfs: [-65]}"
MIXUP = "augmentation={mode: grid, pitch: [1], mixup: 0.2}"
FACES = ("frontend={name: face_frames}", "model={name: anand2015_face_dense}")
OWN = f"augmentation={{mode: random, copies: 2, functions: [{{name: '{__name__}:breath'}}]}}"


def breath(samples, rng):
    return samples


BROKEN = [
    ((*SVM, "corpus_heads=separate"), "corpus_heads=separate is for Keras models"),
    ((HEAD, "corpus_heads=separate"), "corpus_heads=separate is for Keras models"),
    ((*SVM, HEAD), "head: it needs a Keras model of single windows"),
    ((*LSTM, HEAD), "head: it needs a Keras model of single windows"),
    (("aggregation=geometric",), "aggregation=geometric is for baselines and heads"),
    ((*SVM, "training.calibration_groups=2"), "training.calibration_groups chooses"),
    ((HEAD, "training.calibration_groups=2"), "training.calibration_groups chooses"),
    (("protocol.name=chunk_random", "training.calibration_groups=2"), "training.calibration_groups chooses"),
    ((*FACES, RANDOM), r"augmentation varies sound, and not pictures \(face_frames\): set mode=none"),
    ((*LSTM, RANDOM), "recipe's unit can't take; use augmentation.mode=grid"),
    (("frontend={name: acoustic26}", RANDOM), "recipe's frontend can't take; use augmentation.mode=grid"),
    (("model={name: linear_svm}", RANDOM), "recipe's model can't take; set augmentation.copies or use"),
    ((OWN,), "augmentation.functions change windows as they are drawn: set augmentation.copies=0"),
    (("protocol.name=chunk_random", COPIES), "augmentation.copies: protocol chunk_random splits windows"),
    ((*LSTM, STREAM), "augmentation.mode=stream draws single windows anew each epoch, which this recipe's unit can't"),
    (("model={name: linear_svm}", STREAM), "recipe's model can't take; use augmentation.mode=grid"),
    (("protocol.name=chunk_random", STREAM), "augmentation.mode=stream: protocol chunk_random splits windows"),
    ((*SVM, MIXUP), "augmentation.mixup blends single windows"),
    ((*LSTM, MIXUP), "augmentation.mixup blends single windows"),
    ((*LSTM, "protocol.name=chunk_random"), "protocol chunk_random splits windows, and unit=utterance"),
    (LSTM[1:], "model anand2015_lstm takes sequences of windows: set unit=utterance"),
    (("unit=utterance",), "model anand2015_cnn takes single windows: set unit=window"),
]


def experiment(*changes):
    return Experiment.from_recipe("anand2015.r2", changes)


@pytest.mark.parametrize(("changes", "line"), BROKEN)
def test_what_does_not_go_together_is_refused_in_one_line(changes, line):
    with pytest.raises(SerKerasError, match=line) as error:
        rules.complete(experiment(*changes))
    assert "\n" not in str(error.value)


def test_every_rule_is_broken_by_one_of_these_experiments():
    first = set()
    for changes, _ in BROKEN:
        parts = rules.Parts.of(experiment(*changes))
        first.add(next(i for i, rule in enumerate(rules.RULES) if rule.broken(parts)))
    assert first == set(range(len(rules.RULES)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ((), None),
        (LSTM, None),
        (("frontend={name: acoustic26}",), "its features (acoustic26) are computed outside the graph"),
        (SVM, "its features (acoustic26) are computed outside the graph"),
        (FACES, "it looks at pictures of faces (face_frames), and a bundle hears sound alone"),
        (("model={name: linear_svm}",), "its model (linear_svm) is no Keras model"),
        ((HEAD,), "its classifier (linear_svm) is no Keras model"),
    ],
)
def test_why_an_experiment_cannot_be_exported(changes, reason):
    assert rules.why_not_exportable(experiment(*changes)) == reason


def test_unknown_names_are_refused_with_the_nearest_also_where_nothing_was_completed():
    for change, line in (
        ("model={name: linear_svn}", "no model 'linear_svn'; nearest: linear_svm"),
        ("frontend={name: log_mal}", "no frontend 'log_mal'; nearest: log_mel"),
    ):
        for ask in (rules.why_not_exportable, rules.complete):
            with pytest.raises(SerKerasError, match=line):
                ask(experiment(change))


@pytest.mark.parametrize("name", TRAINED)
def test_every_recipe_keeps_the_rules(name):
    rules.complete(Experiment.from_recipe(name))


def test_plain_builders_may_be_added_without_a_declaration(monkeypatch):
    monkeypatch.setitem(MODELS, "mine", lambda input_shape, n_classes, *, units=4: None)
    kind = assembly.model_kind(experiment("model={name: mine}"))
    assert kind.keras and kind.takes is None and not kind.semi_supervised
    assert rules.complete(experiment("model={name: mine}", "unit=utterance")).model.arguments() == {"units": 4}
