"""The terms of weights made from share-alike speech, and a shipped model that no wheel holds."""

import json

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.export import licence
from ser_keras.export.bundle import CARD, LICENCE, check_out
from ser_keras.export.provenance import metadata_of
from ser_keras.runtime import bundle
from tests import small_run

EMODB = {"name": "emodb", "title": "EMO-DB", "licence": "CC0-1.0"}
RAVDESS = {"name": "ravdess", "title": "RAVDESS", "licence": "CC BY-NC-SA 4.0"}


def test_share_alike_corpora_pass_their_licence_on():
    text = licence.notice({"corpora": [EMODB, RAVDESS]})
    assert text.startswith("# Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International\n")
    assert "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode" in text
    assert "- RAVDESS (CC BY-NC-SA 4.0): Livingstone" in text and "- EMO-DB (CC0-1.0): Burkhardt" in text
    assert licence.notice({"corpora": [EMODB]}) is None
    own = {"name": "own", "title": "", "licence": None}
    assert "- own (licence not stated)" in licence.notice({"corpora": [RAVDESS, own]})


def test_weights_that_started_from_others_stay_under_their_terms():
    text = licence.notice({"corpora": [EMODB], "init": {"name": "multi", "corpora": ["emodb", "nemo", "elsewhere"]}})
    assert "- nEMO (Polish emotional speech) (CC BY-NC-SA 4.0): Christop" in text
    assert text.count("EMO-DB (CC0") == 1 and "- elsewhere (licence not stated)" in text


def test_the_files_own_metadata_names_the_terms():
    settings = bundle.Settings(("a", "b"), 16000, 8000, tail_rule="pad")
    for corpora, expected in (
        ([EMODB], "trained on: emodb (CC0-1.0)"),
        ([RAVDESS], "weights: CC BY-NC-SA 4.0; trained "),
    ):
        found = metadata_of({"recipe": "r", "corpora": corpora}, settings).licence
        assert found.startswith(expected)


def test_the_licence_lies_beside_the_weights_and_is_part_of_the_bundle(tmp_path_factory):
    _, made = small_run.exported(tmp_path_factory)
    assert "not for commercial use" in (made / LICENCE).read_text().lower()
    assert "not for commercial use" in (made / CARD).read_text()
    assert LICENCE in json.loads((made / "bundle.json").read_text())["files"]
    check_out(made)


def test_the_default_model_s_speech_asks_for_nothing():
    assert not (bundle.PRETRAINED / "emodb" / LICENCE).exists()
    assert "commercial" not in (bundle.PRETRAINED / "emodb" / CARD).read_text()


def test_a_folder_of_a_shipped_model_s_name_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emodb" / "wav").mkdir(parents=True)
    assert bundle.find("emodb").path == bundle.find().path
    with pytest.raises(SerKerasError, match="emodb/wav is no model"):
        bundle.find("emodb/wav")
    shipped = bundle.find("emodb").path
    (tmp_path / "emodb" / "bundle.json").write_text("{}")
    assert bundle.find().path == shipped, "where it runs doesn't change the default model"


def test_a_model_that_no_wheel_holds_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "PRETRAINED", tmp_path)
    with pytest.raises(
        SerKerasError, match="'multi' isn't part of the package .*CC BY-NC-SA 4.0.*ser_keras/pretrained/multi"
    ):
        bundle.find("multi")
