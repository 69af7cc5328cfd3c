"""Where the time of a search went."""

import pytest

from ser_keras.tuning import accounting

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def test_the_time_of_all_processes_is_added_up(tmp_path):
    watch = accounting.Stopwatch()
    watch.seconds["steps"] = 3.0
    for name in "ab":
        accounting.Session(tmp_path / f"{name}.json", watch, started=-1e6).note()
    total = accounting.summary(tmp_path)
    assert total["seconds"]["steps"] == 6 and total["wall"] > 2e6
    assert sum(total["seconds"].values()) == pytest.approx(total["wall"], abs=0.1)
