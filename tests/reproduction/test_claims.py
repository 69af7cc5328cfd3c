"""Claims of papers, judged on what both rows judged."""

import types

import pytest

from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.reproduction import claims, metrics, rows
from tests.reproduction.made_rows import made_table


def outcome(row_id, table, protocol="speaker_independent", problem=None):
    return types.SimpleNamespace(
        row=rows.table()[row_id],
        protocol=protocol,
        condition=None,
        setup=protocol,
        corpora=("manifest",),
        leaky=PROTOCOLS[protocol].leaky,
        by_speaker=protocol == "single_speaker",
        has_metrics=problem is None,
        judged=metrics.Judged(table, table.by_utterance()),
    )


def test_claims():
    good, fair, alike = made_table(0.9, 0), made_table(0.5, 1), made_table(0.5, 4)
    found = [
        *(outcome("anand2015.r1", fair), outcome("anand2015.svm", good), outcome("anand2015.s2", alike)),
        *(outcome("anand2015.r7", good), outcome("anand2015.r5", good, problem="no data")),
    ]
    verdicts = {v.claim.id: v for v in claims.judge(found)}
    assert verdicts["learned_above_features_svm"].verdict == claims.REVERSED
    assert verdicts["augmentation"].verdict == claims.HELD
    assert verdicts["augmentation"].reported is None  # R7's figure is of another corpus than R1's
    assert verdicts["learned_above_features_svm"].reported == pytest.approx(0.16)
    unresolved = verdicts["rectangular_above_square"]
    assert unresolved.verdict == claims.UNRESOLVED
    assert unresolved.difference.value > 0 > unresolved.difference.low
    assert verdicts["wide_filters"].verdict == claims.NOT_RUN
    assert verdicts["wide_filters"].reason == "anand2015.r5 wasn't run"
    assert "dense_shallow_above_deep" not in verdicts  # neither of its rows was asked for
    text = "\n".join(claims.text(list(verdicts.values())))
    assert "held        anand2015.r7 > anand2015.r1: +" in text
    assert "(WA, 360 windows)" in text
    assert "reported +16.0; WA, 360 windows" in text
