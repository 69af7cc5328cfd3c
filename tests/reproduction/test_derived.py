"""Rows that are made from other rows' runs."""

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.evaluation import Predictions
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.settings import Experiment
from ser_keras.reproduction import derived, metrics, rows
from tests.reproduction.made_rows import fake_run, made_table


@pytest.mark.parametrize("protocol", ["speaker_independent", "chunk_random"])
def test_averages(tmp_path, protocol):
    tables = [made_table(0.6, 0), made_table(0.5, 1)]
    runs = [
        fake_run(tmp_path / name / protocol, Experiment.from_recipe(name, [f"protocol.name={protocol}"]), table)
        for name, table in zip(("anand2015.r1", "anand2015.r3"), tables, strict=True)
    ]
    known = rows.table()
    assert derived.make(known["anand2015.er1"], tmp_path / "er1", runs[:1])
    assert derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
    er1, er2 = (metrics.read(tmp_path / name) for name in ("er1", "er2"))
    np.testing.assert_allclose(er1.utterances.probabilities, tables[0].by_utterance().probabilities, atol=1e-7)
    np.testing.assert_allclose(
        er2.windows.probabilities, (tables[0].probabilities + tables[1].probabilities) / 2, atol=1e-7
    )
    assert len(er2.utterances) == 120
    assert read_json(tmp_path / "er1" / "metrics.json")["leaky"] == PROTOCOLS[protocol].leaky
    assert len(Predictions.read_csv(tmp_path / "er1" / "predictions.csv")) == 120
    # made once, and again only when a source has changed
    assert not derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
    fake_run(runs[1].path, Experiment.from_recipe("anand2015.r3", [f"protocol.name={protocol}"]), made_table(0.5, 7))
    assert derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
    fake_run(
        runs[1].path, Experiment.from_recipe("anand2015.r3", [f"protocol.name={protocol}"]), made_table(0.5, 7, 90)
    )
    with pytest.raises(SerKerasError, match="anand2015.er2: anand2015.r1 and anand2015.r3 didn't judge the same"):
        derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
