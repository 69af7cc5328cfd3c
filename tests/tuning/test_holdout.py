"""Test speakers of a search."""

import types

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.tuning import holdout

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


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
