"""From a run to its bundle."""

import pytest

from ser_keras.api.run import Run
from ser_keras.common.errors import SerKerasError
from ser_keras.export import from_run


def test_an_unfinished_run_cannot_be_exported_whole(begun, tmp_path):
    with pytest.raises(SerKerasError, match="isn't finished"):
        from_run.export(begun, tmp_path / "other")


def test_a_fold_of_an_unfinished_run_is_exported_without_computing_features(begun, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_KERAS_CACHE", str(tmp_path / "cache"))
    lines = Run(begun.path).export(tmp_path / "bundle", fold=0).lines
    assert any("UAR" in line for line in lines), "the fold's test utterances were heard"
    assert (tmp_path / "cache" / "audio").is_dir() and not (tmp_path / "cache" / "features").exists()
