"""Oracles of searches, without training: what is tried, in which order, and where it ends."""

import json

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.tuning import space
from tests.tuning.tiny_space import made, oracle_in, run_all

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def test_the_grid_runs_whole_and_once(tmp_path):
    oracle = oracle_in(tmp_path)
    assert run_all(oracle) == oracle.points and oracle.is_over


def test_the_randomised_grid_samples_short_and_trains_the_best_long(tmp_path):
    def score(values):
        return values["training.learning_rate"] + 0.1 * values["model.dropout"] + values["tuner/epochs"]

    done = run_all(oracle_in(tmp_path, "random_grid", max_trials=6), score)
    first, second = done[:6], done[6:]
    assert [v["tuner/epochs"] for v in done] == [1] * 6 + [4] * 2
    best = sorted(first, key=score, reverse=True)[:2]
    settings = [{k: v for k, v in values.items() if not k.startswith("tuner/")} for values in (*best, *second)]
    assert settings[:2] == settings[2:]
    assert done == run_all(oracle_in(tmp_path / "again", "random_grid", max_trials=6), score)


@pytest.mark.parametrize("strategy", ["random", pytest.param("bayesian", marks=pytest.mark.slow), "hyperband"])
def test_draws_follow_the_seed_and_none_is_drawn_twice(tmp_path, strategy):
    def score(values):
        return 1 - abs(values["training.learning_rate"] - 3e-3)

    n = 13  # one more than Bayesian search draws at random
    done = run_all(oracle_in(tmp_path, strategy, max_trials=n), score)
    assert len(done) == n
    budget = {"tuner/bracket", "tuner/round", "tuner/initial_epoch"}
    assert len({json.dumps({k: v for k, v in values.items() if k not in budget}) for values in done}) == n
    if strategy != "bayesian":  # which takes seconds
        assert done == run_all(oracle_in(tmp_path / "again", strategy, max_trials=n), score)
    if strategy == "hyperband":
        assert {v["tuner/epochs"] for v in done} >= {1, 3}


def test_bayesian_ends_where_nothing_is_left(tmp_path):
    tiny = space.load_space(made(tmp_path, {"vary": {"model.hidden": [8, 16, 32, 64, 128]}}))
    done = run_all(oracle_in(tmp_path, "bayesian", tiny, max_trials=20), lambda v: -v["model.hidden"] / 128)
    assert sorted(v["model.hidden"] for v in done) == [8, 16, 32, 64, 128]


def test_the_randomised_grid_can_be_made_longer(tmp_path):
    first = run_all(oracle_in(tmp_path, "random_grid", max_trials=4), lambda v: v["training.learning_rate"])
    assert oracle_in(tmp_path, "random_grid", max_trials=4).is_over
    longer = oracle_in(tmp_path, "random_grid", max_trials=7)
    assert not longer.is_over
    more = run_all(longer, lambda v: v["training.learning_rate"] + 1)
    assert len(first) == 4 + 2 and [v["tuner/epochs"] for v in more] == [1] * 3 + [4] * 2 and longer.is_over


def test_hyperband_refuses_what_is_smaller_than_its_first_round(tmp_path):
    with pytest.raises(SerKerasError, match="`max_trials` 8: .* begins with 9 trials of 1"):
        oracle_in(tmp_path, "hyperband", max_trials=8)
    small = space.load_space(made(tmp_path, {"vary": {"model.hidden": [8, 16]}}))
    with pytest.raises(SerKerasError, match="has 2 points: .* 9 trials of 1"):
        oracle_in(tmp_path, "hyperband", small)
    enough = space.load_space(made(tmp_path, {"vary": {"model.hidden": list(range(8, 18))}}))
    done = run_all(oracle_in(tmp_path / "enough", "hyperband", enough))
    assert 9 in {v["tuner/epochs"] for v in done}
