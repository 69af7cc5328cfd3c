"""What a dry run says, and how long a training will take."""

import dataclasses

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.training import estimate as estimates
from ser_keras.training.estimate import PlannedFold, TrainingPlan, dry_run, estimate
from tests.trained_runs import quick


def test_dry_run_says_folds_counts_and_time(corpus):
    lines = dry_run(quick(), corpus).lines
    text = "\n".join(lines)
    assert "36 utterances" in text and "anger 12" in text and "fold 1" in text and "about" in lines[-1]


def test_an_estimate_counts_the_trainings_for_a_temperature(corpus, monkeypatch):
    monkeypatch.setattr(estimates, "estimate_seconds", lambda *_: 60.0)
    plain, calibrated = (estimate(quick(*c), corpus) for c in ((), ("training.calibration_groups=3",)))
    assert calibrated == pytest.approx(3 * plain)  # three trainings more, of all but one group each


def test_a_dry_run_refuses_what_training_would(corpus, tmp_path):
    with pytest.raises(SerKerasError, match="there is no fold 99"):
        dry_run(quick(), corpus, only_fold=99)
    with pytest.raises(SerKerasError, match="`init` .*neither a finished run"):
        dry_run(quick(), corpus, init=tmp_path / "nothing")


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
    assert plan.lines == [
        "30 utterances, 90 windows",
        "classes: anger 20, neutral 10",
        "fold 0 (s0): 20 train, 10 test",
        "fold 1 (s1 s2): 10 train, 5 validation, 15 test",
        "2 folds and the final refit, 12 epochs each: about 10 min",
    ]
    stopping = dataclasses.replace(plan, early_stopping=True)
    assert stopping.lines[-1].endswith("about 10 min at most (early stopping)")
    assert repr(plan).startswith("<TrainingPlan: 30 utterances, 90 windows\n classes: anger 20")
    assert "<td>s1 s2</td>" in plan._repr_html_()
