"""Objectives and limits."""

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.tuning import objective

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def test_trials_within_limits_rank_above_those_beyond():
    goal = objective.Objective("uar", (objective.parse_limit("int8_kb<=500"), objective.parse_limit("latency_ms <= 2")))
    ordered = [{"uar": 0.3, "int8_kb": 499, "latency_ms": 2}, {"uar": 0.9, "int8_kb": 510, "latency_ms": 1}]
    ordered += [{"uar": 0.9, "int8_kb": 900, "latency_ms": 1}, {"uar": 0.9, "int8_kb": 900, "latency_ms": 9}]
    scores = [goal.score(figures) for figures in ordered]
    assert scores == sorted(scores, reverse=True) and scores[0] == 0.3 and scores[1] < 0
    small = objective.Objective("int8_kb", (objective.parse_limit("uar>=0.6"),))
    assert small.score({"uar": 0.6, "int8_kb": 100}) > small.score({"uar": 0.9, "int8_kb": 200})
    assert small.score({"uar": 0.6, "int8_kb": 1e9}) > small.score({"uar": 0.59, "int8_kb": 1})
    assert small.measures_cost and not objective.Objective().measures_cost


@pytest.mark.parametrize("text", ["int8_kb=500", "size<=3", "uar>=much", "<=3"])
def test_a_wrong_limit_is_one_line(text):
    with pytest.raises(SerKerasError, match="`limits`"):
        objective.parse_limit(text)
