"""What is read of a run directory for its report."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation.reports.run_data import read_history


def test_history_that_was_cut_off_keeps_its_whole_lines(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,accuracy\n1,2.0,\n2,1.5,0.5\n3,1")
    h = read_history(path)
    assert h["epoch"] == [1, 2] and h["loss"] == [2.0, 1.5] and np.isnan(h["accuracy"][0])
    path.write_text("loss\n1\n")
    with pytest.raises(SerKerasError, match="no column 'epoch'"):
        read_history(path)


def test_a_baseline_has_no_history(tmp_path):
    (tmp_path / "history.csv").write_text("epoch\n")
    assert read_history(tmp_path / "history.csv") == {}
