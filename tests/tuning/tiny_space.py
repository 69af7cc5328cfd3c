"""A small space, and its oracle run without training."""

import json

import yaml

from ser_keras.tuning import space
from ser_keras.tuning.oracles import make_oracle

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
