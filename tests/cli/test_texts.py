"""The lines that the command line makes from what the other rooms return."""

import dataclasses
from pathlib import Path

from ser_keras.cli import texts
from ser_keras.training.estimate import PlannedFold, TrainingPlan
from ser_keras.tuning.running import DryRun, SearchPlan
from ser_keras.tuning.spacefile import TwoStages


def test_a_training_plan():
    plan = TrainingPlan(
        n_utterances=30,
        n_windows=90,
        classes={"anger": 20, "neutral": 10},
        folds=[PlannedFold(0, "s0", n_train=20, n_validation=0, n_test=10), PlannedFold(1, "s1 s2", 10, 5, 15)],
        epochs=12,
        early_stopping=False,
        seconds=600.0,
    )
    assert texts.training_plan(plan) == [
        "30 utterances, 90 windows",
        "classes: anger 20, neutral 10",
        "fold 0 (s0): 20 train, 10 test",
        "fold 1 (s1 s2): 10 train, 5 validation, 15 test",
        "2 folds and the final refit, 12 epochs each: about 10 min",
    ]
    stopping = dataclasses.replace(plan, early_stopping=True)
    assert texts.training_plan(stopping)[-1].endswith("about 10 min at most (early stopping)")


def test_a_search_plan():
    plan = SearchPlan(
        space="cnn",
        recipe="anand2015.r2",
        n_axes=2,
        goal="uar",
        strategy="random",
        max_trials=20,
        n_grid=None,
        stages=None,
        test_speakers=["s0", "s1"],
        n_others=8,
        folds=3,
    )
    head = "cnn: 2 settings vary over anand2015.r2; objective: uar"
    last = "each trial: 3 folds of the other speakers, 8"
    assert texts.search_plan(plan) == [
        head,
        "strategy random, 20 trials at most",
        "test speakers, set aside: s0, s1",
        last,
    ]
    hyperband = dataclasses.replace(plan, strategy="hyperband", max_trials=None, test_speakers=None)
    assert texts.search_plan(hyperband) == [head, "strategy hyperband", last]
    stages = TwoStages(epochs=2, finalists=3, long_epochs=40)
    grid = dataclasses.replace(plan, strategy="random_grid", n_grid=6, stages=stages)
    assert (
        texts.search_plan(grid)[1]
        == "the grid has 6 points; 6 of them are trained for 2 epochs, then the best 3 for 40"
    )
    whole = dataclasses.replace(plan, strategy="grid", max_trials=None, n_grid=6)
    assert texts.search_plan(whole)[1] == "the grid has 6 points; 6 of them are trained"
    dry = texts.search_dry_run(DryRun(plan, epochs=5, seconds=90.0))
    assert dry == [*texts.search_plan(plan), "a trial of the starting recipe, 5 epochs: about 90 s"]


def test_what_a_model_comes_to_live():
    figures = {
        "classes": {"anger": 3, "fear": 2, "sadness": 3},
        **{"n": 8, "silent": 1, "uar": 0.5, "uar_ci95": [0.4, 0.6], "wa": 0.51, "changes_a_minute": 7.25},
        **{"first_right": {"median_s": None, "within_2_s": 0.25}, "worst": None},
    }
    four = {**figures, "classes": {"anger": 3, "sadness": 3}, "n": 6, "silent": 0, "uar_ci95": [None, None]}
    content = {"live": {**figures, "four_classes": four}, "leaky_reason": "LEAKY: heard before", "listeners": None}
    assert texts.live_evaluation("x-live", Path("out"), content) == [
        "x-live: two classes, half a second after the last word: UAR 0.500, WA 0.510 (6 utterances)",
        "x-live: all 3, half a second after the last word: UAR 0.500 [0.400, 0.600], WA 0.510 (8 utterances, "
        "1 without an answer)",
        "two classes: first right never (median), within 2 s in 25 %; the display changes 7.2 times a minute while "
        "somebody speaks",
        "LEAKY: heard before",
        "tables, manifest and picture: out",
    ]
    content["live"]["worst"] = {"by": "tone_dbfs", "group": "-45", "n": 60, "uar": 0.25}
    content["listeners"] = {"n_takes": 7, "share": 0.42}
    line = "people who heard 7 of these takes, the sound alone, named 42 % as the actor was asked"
    assert line in texts.live_evaluation("x", Path("out"), content)
    assert "worst group, by room tone, dBFS: -45, UAR 0.250 of 60 utterances" in texts.live_evaluation(
        "x", Path("out"), content
    )
