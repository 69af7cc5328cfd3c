"""Spaces and oracles of searches, without training: what is refused, what is drawn, what survives a kill."""

import json
import random
import threading
import time
import types

import keras_tuner
import pytest
import yaml

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import rules
from ser_keras.tuning import accounting, holdout, objective, outcome, report, space
from ser_keras.tuning.durable_oracle import FAILURES, LOSSES
from ser_keras.tuning.keras_tuner_private import OpenOracle
from ser_keras.tuning.oracles import make_oracle
from ser_keras.tuning.trials import Runner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")

TINY = {
    "recipe": "anand2015.r2",
    "set": {"training.epochs": 2},
    "vary": {
        "shape": {"choices": {"high": {"model.kernel": [64, 5]}, "square": {"model.kernel": [3, 3]}}},
        "filters of high": {"setting": "model.filters", "values": [[2], [4], [2, 3]], "when": {"shape": ["high"]}},
        "model.dropout": [0, 0.5],
        "training.learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "log", "steps": 3},
    },
    "random_grid": {"epochs": 1, "finalists": 2, "long_epochs": 4},
}


def made(tmp_path, changes=None, without=()):
    tree = {**json.loads(json.dumps(TINY)), **(changes or {})}
    tree["vary"] = {k: v for k, v in tree["vary"].items() if k not in without}
    tmp_path.mkdir(exist_ok=True)
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file


def oracle_in(folder, strategy="grid", tiny=None, max_trials=None, keep_ongoing=False, **kwargs):
    """An oracle that goes on with what is in a folder, as a search does."""
    tiny = tiny or space.load_space(made(folder))
    oracle = make_oracle(strategy, tiny, max_trials=max_trials, max_epochs=9, seed=0, **kwargs)
    oracle.set_project_folder(folder / "oracle")
    oracle.reload(keep_ongoing=keep_ongoing)
    return oracle


def finish(oracle, trial, score):
    oracle.update_trial(trial.trial_id, {"score": score, "uar": score, "folds_done": 1, "fold_0": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def run_all(oracle, score=lambda values: 0.5, worker="w", most=500):
    """Run an oracle to its end; returns the values of the trials in order."""
    done = []
    for _ in range(most):
        trial = oracle.create_trial(worker)
        if trial.status == "STOPPED":
            return done
        done.append(dict(trial.hyperparameters.values))
        finish(oracle, trial, score(done[-1]))
    raise AssertionError("it doesn't end")


# Spaces.


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
    with pytest.raises(SerKerasError, match="--set model.dropout: the space"):
        space.load_space(made(tmp_path), ["model.dropout=0.1"])
    with pytest.raises(SerKerasError, match="nearest: anand2015_cnn"):
        space.load_space("anand_cnn")
    with pytest.raises(SerKerasError, match="`steps`"):
        space.load_space(made(tmp_path, {"vary": {"model.l2": {"min": 0.0, "max": 1.0}}})).grid()


# Strategies.


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


# Kills.


@pytest.mark.smoke
@pytest.mark.parametrize("strategy", ["grid", "random_grid", "random", "hyperband", "bayesian"])
def test_killed_at_every_write_a_search_runs_every_trial_once(tmp_path, strategy, monkeypatch):
    """The process dies before or after a file is written, at every third; what is left must always go on."""
    import ser_keras.tuning.durable_oracle as module

    class Killed(BaseException):
        pass

    write, draw = module.write_atomic, random.Random(3)

    def dying(path, data):
        moment = draw.randrange(6)
        if moment == 0:
            raise Killed  # before this file is replaced
        write(path, data)
        if moment == 1:
            raise Killed  # after it

    def score(values):
        return 1 - abs(values["training.learning_rate"] - 3e-3)

    tiny, most = space.load_space(made(tmp_path)), 12
    expected = run_all(oracle_in(tmp_path / "whole", strategy, tiny, max_trials=most), score)
    monkeypatch.setattr(module, "write_atomic", dying)
    completed, kills = {}, 0
    for _ in range(400):
        oracle = oracle_in(tmp_path / "killed", strategy, tiny, max_trials=most)
        # What was finished before the kill is finished after it.
        assert {t.trial_id for t in oracle.completed()} >= set(completed)
        try:
            while (trial := oracle.create_trial("w")).status != "STOPPED":
                assert trial.trial_id not in completed
                finish(oracle, trial, score(trial.hyperparameters.values))
                completed[trial.trial_id] = dict(trial.hyperparameters.values)
            break
        except Killed:
            kills += 1
    monkeypatch.setattr(module, "write_atomic", write)
    oracle = oracle_in(tmp_path / "killed", strategy, tiny, max_trials=most)
    assert kills >= 10 and oracle.is_over
    assert not oracle.ongoing_trials and not oracle.retry_queue
    assert sorted(oracle.end_order) == sorted(oracle.trials) and {t.status for t in oracle.trials.values()} == {
        "COMPLETED"
    }
    assert all(len(t.metrics.get_history("score")[0].value) == 1 for t in oracle.trials.values())
    values = [dict(t.hyperparameters.values) for _, t in sorted(oracle.trials.items())]
    if strategy in ("grid", "random_grid", "random"):
        assert values == expected
    else:  # their later draws depend on random states that KerasTuner doesn't keep
        assert len(values) == len(expected)


class TheirGrid(OpenOracle, keras_tuner.oracles.GridSearchOracle):
    """KerasTuner's grid, its folder settable."""


def test_keras_tuners_own_grid_cant_do_that(tmp_path):
    """Why there is an oracle of ours; when this fails, KerasTuner has mended its open issue 1055."""

    def theirs():
        oracle = TheirGrid(
            objective=keras_tuner.Objective("score", "max"),
            hyperparameters=space.load_space(made(tmp_path)).hyperparameters(),
        )
        oracle.verbose = 0
        oracle.set_project_folder(tmp_path / "theirs")
        return oracle

    oracle = theirs()
    finish(oracle, oracle.create_trial("w"), 0.5)
    oracle.create_trial("w")  # killed in this one
    again = theirs()
    again.reload()
    finish(again, again.create_trial("w"), 0.5)
    with pytest.raises((KeyError, AssertionError)):
        assert len(run_all(again)) == 22


def test_a_longer_search_goes_on_with_a_shorter_one(tmp_path):
    first = run_all(oracle_in(tmp_path, "random", max_trials=4))
    oracle = oracle_in(tmp_path, "random", max_trials=4)
    assert oracle.is_over and run_all(oracle) == []
    longer = oracle_in(tmp_path, "random", max_trials=9)
    assert not longer.is_over and len(run_all(longer)) == 5
    assert [dict(t.hyperparameters.values) for _, t in sorted(longer.trials.items())][:4] == first


@pytest.mark.parametrize("ends_with", ["failures", "success"])
def test_after_five_failures_the_same_command_goes_on(tmp_path, ends_with):
    def fail(oracle, n):
        for _ in range(n):
            trial = oracle.create_trial("w")
            trial.status, trial.message = "FAILED", "no space left"
            oracle.end_trial(trial)

    oracle = oracle_in(tmp_path)
    finish(oracle, oracle.create_trial("w"), 0.5)
    fail(oracle, FAILURES)
    assert oracle.create_trial("w").status == "STOPPED" and oracle.trouble and not oracle.is_over
    again = oracle_in(tmp_path)
    assert not again.is_over and not again.trouble
    if ends_with == "success":
        assert len(run_all(again)) == len(again.points) - 1 - FAILURES and again.is_over
    else:
        fail(again, FAILURES)
        assert again.create_trial("w").status == "STOPPED" and again.trouble and not again.is_over


def test_the_randomised_grid_can_be_made_longer(tmp_path):
    first = run_all(oracle_in(tmp_path, "random_grid", max_trials=4), lambda v: v["training.learning_rate"])
    assert oracle_in(tmp_path, "random_grid", max_trials=4).is_over
    longer = oracle_in(tmp_path, "random_grid", max_trials=7)
    assert not longer.is_over
    more = run_all(longer, lambda v: v["training.learning_rate"] + 1)
    assert len(first) == 4 + 2 and [v["tuner/epochs"] for v in more] == [1] * 3 + [4] * 2 and longer.is_over


def test_hyperband_refuses_what_is_smaller_than_its_first_round(tmp_path):
    with pytest.raises(SerKerasError, match="--max-trials 8: .* begins with 9 trials of 1"):
        oracle_in(tmp_path, "hyperband", max_trials=8)
    small = space.load_space(made(tmp_path, {"vary": {"model.hidden": [8, 16]}}))
    with pytest.raises(SerKerasError, match="has 2 points: .* 9 trials of 1"):
        oracle_in(tmp_path, "hyperband", small)
    enough = space.load_space(made(tmp_path, {"vary": {"model.hidden": list(range(8, 18))}}))
    done = run_all(oracle_in(tmp_path / "enough", "hyperband", enough))
    assert 9 in {v["tuner/epochs"] for v in done}


# Leases.


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_vanished_worker_gives_its_trial_back_and_counts_for_nothing_when_it_returns(tmp_path):
    clock = Clock()
    oracle = oracle_in(tmp_path, max_trials=2, lease_s=10, clock=clock)
    lost, other = oracle.create_trial("lost"), oracle.create_trial("other")
    clock.now = 8
    oracle.heard("other")
    assert oracle.create_trial("idle").status == "IDLE", "stopped while a trial may return to the queue"
    clock.now = 15
    oracle.heard("other")
    retried = oracle.create_trial("idle")
    assert retried.trial_id == lost.trial_id != other.trial_id
    finish(oracle, retried, 0.7)
    late = keras_tuner.engine.trial.Trial(lost.hyperparameters.copy(), lost.trial_id, "COMPLETED")
    finish(oracle, late, 0.1)
    assert oracle.trials[lost.trial_id].score == 0.7 and oracle.end_order.count(lost.trial_id) == 1
    finish(oracle, other, 0.2)
    assert oracle.create_trial("other").status == "STOPPED" and oracle.is_over


def test_a_restarted_chief_leaves_trials_with_the_workers_that_live_on(tmp_path):
    clock = Clock()
    oracle_in(tmp_path, lease_s=10, clock=clock).create_trial("alive")
    chief = oracle_in(tmp_path, keep_ongoing=True, lease_s=10, clock=clock)
    assert chief.ongoing_trials["alive"].trial_id == "0000" and chief.create_trial("new").trial_id == "0001"
    clock.now = 11
    assert sorted(chief.expire()) == ["alive", "new"] and not chief.ongoing_trials
    assert {chief.create_trial("a").trial_id, chief.create_trial("b").trial_id} == {"0000", "0001"}


def test_a_trial_that_kills_every_worker_fails_in_the_end_and_so_does_a_search_of_failures(tmp_path):
    oracle = oracle_in(tmp_path)
    for _ in range(LOSSES):
        trial = oracle.create_trial("w")
        oracle.give_back("w")
    assert oracle.trials[trial.trial_id].status == "FAILED" and oracle.create_trial("w").trial_id != trial.trial_id
    oracle.give_back("w")
    for _ in range(FAILURES - 1):  # the lost one is the first
        trial = oracle.create_trial("w")
        trial.status, trial.message = "FAILED", "the loss isn't finite"
        oracle.end_trial(trial)
    assert oracle.create_trial("w").status == "STOPPED" and "the loss isn't finite" in oracle.trouble


def test_reports_of_another_search_are_ignored(tmp_path):
    oracle = oracle_in(tmp_path)
    mine = oracle.create_trial("w")
    oracle.update_trial("0077", {"score": 1.0})
    assert oracle.get_trial("0077").status == "STOPPED"
    strange = mine.hyperparameters.copy()
    for trial_id in (mine.trial_id, "0077"):
        strange.values["training.learning_rate"] = 0.5
        oracle.end_trial(keras_tuner.engine.trial.Trial(strange, trial_id, "COMPLETED"))
    assert oracle.fault is None and list(oracle.trials) == [mine.trial_id] and not oracle.end_order
    finish(oracle, mine, 0.5)
    assert oracle.end_order == [mine.trial_id]


def test_how_a_search_stands_is_read_under_its_guard(tmp_path):
    oracle = oracle_in(tmp_path)
    held, said = threading.Event(), []

    def hold():
        with oracle.guard:
            held.set()
            said.append("held")
            time.sleep(0.3)
            said.append("released")

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    assert not oracle.is_over
    assert said == ["held", "released"]
    other.join()


# Objectives, and trials that are stopped.


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
    with pytest.raises(SerKerasError, match="--limit"):
        objective.parse_limit(text)


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


# Test speakers.


def listed(*speakers):
    utterances = [types.SimpleNamespace(speaker=name) for name in speakers]
    material = types.SimpleNamespace(items=utterances, labels=[0] * len(utterances))
    return types.SimpleNamespace(material=material)


def test_a_short_name_of_two_speakers_is_refused(monkeypatch):
    prepared = listed("a/01", "a/02", "b/01")
    with pytest.raises(SerKerasError, match="'01' may be any of a/01, b/01"):
        holdout.splits(prepared, ["01"])
    [split] = holdout.splits(prepared, ["a/01", "02"])
    assert split.test == ("a/01", "a/02") and split.others == ("b/01",)


# Tables and times.


def row(**changes):
    plain = {
        "id": "0000",
        "status": "completed",
        "values": {},
        "epochs": None,
        "folds": [0.5],
        "uar": 0.5,
        "uar_sd": None,
    }
    return outcome.Row(**{**plain, "score": 0.5, "costs": {}, "message": None, **changes})


def test_trials_csv_and_effects(tmp_path):
    tiny = space.load_space(made(tmp_path))
    by_rate = [row(id=f"{i:04}", uar=0.2 + 0.2 * (i % 3), values={"model.dropout": [0.0, 0.5][i % 2],
               "training.learning_rate": 10.0 ** (-4 + i % 3)}) for i in range(12)]  # fmt: skip
    outcome.write_csv(
        tmp_path / "t.csv", [*by_rate, row(id="0012", status="failed", score=None, uar=None, message="a\nb")], tiny.axes
    )
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert (
        len(lines) == 14 and lines[0].startswith("trial,status,shape,filters of high,") and lines[-1].endswith(",a b")
    )
    dropout, rate = (report.effect_of(a, by_rate) for a in tiny.axes[2:])
    assert rate["share"] == pytest.approx(1) and dropout["share"] < 0.01
    assert [r[2] for r in rate["rows"]] == pytest.approx([0.2, 0.4, 0.6])
    mixed = [*by_rate, row(id="0013", epochs=4), row(id="0014", epochs=4)]
    assert report.same_budget(mixed) == by_rate


def test_the_time_of_all_processes_is_added_up(tmp_path):
    watch = accounting.Stopwatch()
    watch.seconds["steps"] = 3.0
    for name in "ab":
        accounting.Session(tmp_path / f"{name}.json", watch, started=-1e6).note()
    total = accounting.summary(tmp_path)
    assert total["seconds"]["steps"] == 6 and total["wall"] > 2e6
    assert sum(total["seconds"].values()) == pytest.approx(total["wall"], abs=0.1)
