"""The lines that the command line makes from what the other rooms return."""

import dataclasses

from ser_keras.cli import texts
from ser_keras.tuning.running import DryRun, SearchPlan
from ser_keras.tuning.spacefile import TwoStages


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
