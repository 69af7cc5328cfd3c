"""What a dry run says, and how long a training will take."""

import pytest

from ser_keras.cli import texts
from ser_keras.common.errors import SerKerasError
from ser_keras.training import estimate as estimates
from ser_keras.training.estimate import dry_run, estimate
from tests.trained_runs import quick


def test_dry_run_says_folds_counts_and_time(corpus):
    lines = texts.training_plan(dry_run(quick(), corpus))
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
