"""Trials that are stopped because they cannot win."""

import pytest

from ser_keras.tuning import objective
from ser_keras.tuning.trials import Runner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def judging(goal):
    """A runner that only judges: it has no trials."""
    return Runner(None, None, None, objective=goal, stop_behind=0.1, folder=None, watch=None)


def test_a_hopeless_trial_is_judged_by_the_folds_that_both_have_done():
    runner = judging(objective.Objective())
    rival = [0.9, 0.5, 0.6]
    assert runner.behind([0.75], rival) is None, "15 points after one fold of three: it may be noise"
    # .7 over an easy fold is 20 points behind, and would have won against .667 as it is.
    assert runner.behind([0.7], rival) == pytest.approx(sum(rival) / 3 - 0.2)
    assert runner.behind([0.9, 0.3], rival) is None
    assert runner.behind([0.9, 0.1], rival) == pytest.approx(sum(rival) / 3 - 0.2)
    assert runner.behind([0.1, 0.1, 0.1], rival) is None, "all folds are done: nothing to save"
    assert runner.behind([0.1], None) is None


def test_where_cost_is_judged_only_a_limit_out_of_reach_stops_a_trial():
    limits = (objective.parse_limit("uar>=0.6"),)
    by_cost = judging(objective.Objective("int8_kb", limits))
    rival = lambda: [0.9, 0.9, 0.9]  # noqa: E731
    assert by_cost.hopeless([0.3], 3, rival) is None, "two folds of 1 would still reach it"
    assert by_cost.hopeless([0.3, 0.4], 3, rival) == pytest.approx(0.35)
    assert judging(objective.Objective("int8_kb")).hopeless([0.1], 3, rival) is None
    by_uar = judging(objective.Objective())
    assert by_uar.hopeless([0.3], 3, rival) == pytest.approx(0.3)
