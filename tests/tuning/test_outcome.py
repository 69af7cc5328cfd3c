"""The table of trials, and the effects read from it."""

import pytest

from ser_keras.tuning import outcome, report, space
from tests.tuning.tiny_space import made

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


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
    return outcome.TrialResult(**{**plain, "score": 0.5, "figures": {}, "message": None, **changes})


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
