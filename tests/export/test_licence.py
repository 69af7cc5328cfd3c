"""The terms of weights made from share-alike speech, and a shipped model that no wheel holds."""

import json
import shutil

import pytest
import yaml

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA, title_of
from ser_keras.export import licence
from ser_keras.export.bundle import CARD, LICENCE, NOTICE, check_out, export_run
from ser_keras.export.card import render
from ser_keras.export.provenance import metadata_of
from ser_keras.runtime import bundle
from tests import small_run

EMODB = {"name": "emodb", "title": "EMO-DB", "licence": "CC0-1.0"}
CREMAD = {"name": "cremad", "title": title_of("cremad"), "licence": CORPORA["cremad"].licence}
ESC10 = {
    "name": "ESC-10",
    "licence": "CC BY 3.0; clips: CC BY, CC0",
    "n_files": 2,
    "attributions": [
        '"sea.aif" by ariat, Freesound clip 91359, CC BY',
        '"rain.wav" by aumguy, Freesound clip 180380, CC0',
    ],
    "fingerprint": "1",
}
UNKNOWN = {
    **ESC10,
    "name": "mine",
    "licence": "licence not stated",
    "attributions": ["hum.wav of mine"],
    "fingerprint": "2",
}
RAVDESS = {"name": "ravdess", "title": "RAVDESS", "licence": "CC BY-NC-SA 4.0"}


def test_share_alike_corpora_pass_their_licence_on():
    text = licence.share_alike_terms({"corpora": [EMODB, RAVDESS]})
    assert text.startswith("# Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International\n")
    assert "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode" in text
    assert "- RAVDESS (CC BY-NC-SA 4.0): Livingstone" in text and "- EMO-DB (CC0-1.0): Burkhardt" in text
    assert licence.share_alike_terms({"corpora": [EMODB]}) is None
    own = {"name": "own", "title": "", "licence": None}
    assert "- own (licence not stated)" in licence.share_alike_terms({"corpora": [RAVDESS, own]})


def test_weights_that_started_from_others_stay_under_their_terms():
    init = {"name": "multi", "corpora": ["emodb", "nemo", "elsewhere"]}
    text = licence.share_alike_terms({"corpora": [EMODB], "init": init})
    assert "- nEMO (Polish emotional speech) (CC BY-NC-SA 4.0): Christop" in text
    assert text.count("EMO-DB (CC0") == 1 and "- elsewhere (licence not stated)" in text


def test_a_corpus_under_the_odbl_asks_for_its_notice():
    text = licence.notice({"corpora": [EMODB, CREMAD], "sounds": []})
    assert (
        "Contains information from CREMA-D, which is made available under the Open Database License (ODbL): "
        "<https://opendatacommons.org/licenses/odbl/1-0/>." in text
    )
    assert "(DbCL): <https://opendatacommons.org/licenses/dbcl/1-0/>" in text
    assert CORPORA["cremad"].citation in text and "Apache-2.0" in text and "EMO-DB" not in text
    older = licence.notice({"corpora": [{**CREMAD, "licence": "Open Database License 1.0"}]})
    assert "Open Database License (ODbL): <" in older
    assert licence.share_alike_terms({"corpora": [EMODB, CREMAD]}) is None
    assert licence.notice({"corpora": [EMODB, RAVDESS]}) is None, "LICENSE.md credits them"


def test_every_sound_that_was_used_is_credited():
    text = licence.notice({"corpora": [EMODB], "sounds": [ESC10]})
    assert "## Sounds of ESC-10 (CC BY 3.0; clips: CC BY, CC0)" in text
    for line in ESC10["attributions"]:
        assert f"- {line}\n" in text
    assert "ODbL" not in text and "**" not in text
    assert licence.unsettled({"corpora": [EMODB], "sounds": [ESC10]}) == []


def test_weights_that_started_from_others_credit_their_sounds():
    init = {"name": "open", "corpora": ["cremad"], "sounds": [ESC10]}
    for own in ([UNKNOWN], [UNKNOWN, ESC10]):
        text = licence.notice({"corpora": [RAVDESS], "sounds": own, "init": init})
        assert text.count("## Sounds of ESC-10") == 1 and "## Sounds of mine" in text and "## CREMA-D" in text
    assert "Their licence is in `LICENSE.md`" in text and "Apache-2.0" not in text


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ("licence not stated", "licence not stated; find out before you pass these weights on"),
        ("CC BY, CC BY-NC 3.0", "not for commercial use"),
        ("CC BY-SA 4.0", "terms for what is made of them"),
    ],
)
def test_sounds_whose_terms_are_not_settled_are_named_wherever_a_person_reads(terms, said):
    origin = {"corpora": [EMODB], "sounds": [{**UNKNOWN, "licence": terms}]}
    [line] = licence.unsettled(origin)
    assert line.startswith("sounds of mine: ") and said in line
    for text in (licence.notice(origin), licence.terms_line(origin)):
        assert said.lower() in text.lower() and "**" in text


def test_the_card_points_to_the_notice(tmp_path_factory):
    _, made = small_run.exported(tmp_path_factory)
    info = json.loads((made / "bundle.json").read_text())
    assert "NOTICE.md" not in (made / CARD).read_text() and NOTICE not in info["files"]
    info["created_from"] |= {"corpora": [{**CREMAD, "n_utterances": 1, "n_speakers": 1}], "sounds": [ESC10]}
    text = render(info, info["files"], {}, metrics={})
    [line] = [line for line in text.splitlines() if line.startswith("- Terms: ")]
    assert "pass `NOTICE.md` on" in line and "CREMA-D" in line and "sounds of ESC-10 (CC BY 3.0" in line
    assert "Apache-2.0" in line and "No corpus asks anything" not in text


def test_a_run_with_sounds_is_exported_with_their_notice(tmp_path, tmp_path_factory, capsys):
    made_run, _ = small_run.exported(tmp_path_factory)
    run = shutil.copytree(made_run, tmp_path / "run")
    settings = yaml.safe_load((run / "experiment.yaml").read_text()) | {"sounds": [ESC10, UNKNOWN]}
    settings["corpora"] = [CREMAD]
    (run / "experiment.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    info = export_run(run, tmp_path / "bundle")
    text = (tmp_path / "bundle" / NOTICE).read_text()
    assert "Contains information from CREMA-D" in text and "sea.aif" in text and NOTICE in info["files"]
    assert info["created_from"]["sounds"] == [ESC10, UNKNOWN] and LICENCE not in info["files"]
    assert "sounds of mine: licence not stated" in capsys.readouterr().err
    check_out(tmp_path / "bundle")


def test_the_files_own_metadata_names_the_terms():
    settings = bundle.Settings(("a", "b"), 16000, 8000, tail_rule="pad")
    for corpora, sounds, expected in (
        ([EMODB], [], "trained on: emodb (CC0-1.0)"),
        ([RAVDESS], [], "weights: CC BY-NC-SA 4.0; trained on: ravdess (CC BY-NC-SA 4.0)"),
        ([CREMAD], [], f"trained on: cremad ({CREMAD['licence']}); see NOTICE.md"),
        (
            [EMODB],
            [ESC10],
            f"trained on: emodb (CC0-1.0); with sounds of: ESC-10 ({ESC10['licence']}); see NOTICE.md",
        ),
    ):
        assert metadata_of({"recipe": "r", "corpora": corpora, "sounds": sounds}, settings).licence == expected
    assert metadata_of({"recipe": "r", "corpora": [EMODB]}, settings).licence == "trained on: emodb (CC0-1.0)"


def test_the_licence_lies_beside_the_weights_and_is_part_of_the_bundle(tmp_path_factory):
    _, made = small_run.exported(tmp_path_factory)
    assert "not for commercial use" in (made / LICENCE).read_text().lower()
    assert "not for commercial use" in (made / CARD).read_text()
    assert LICENCE in json.loads((made / "bundle.json").read_text())["files"]
    check_out(made)


def test_the_default_model_may_be_used_commercially_and_carries_what_its_speech_asks_for():
    folder = bundle.PRETRAINED / bundle.DEFAULT_MODEL
    assert not (folder / LICENCE).exists()
    assert "not for commercial use" not in (folder / CARD).read_text().lower()
    info = json.loads((folder / "bundle.json").read_text())
    assert (NOTICE in info["files"]) == bool(licence.notice(info["created_from"]))


def test_a_folder_of_a_shipped_model_s_name_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = bundle.DEFAULT_MODEL
    (tmp_path / name / "wav").mkdir(parents=True)
    shipped = bundle.find(name).path
    assert shipped == bundle.find().path
    with pytest.raises(SerKerasError, match=f"{name}/wav is no model"):
        bundle.find(f"{name}/wav")
    (tmp_path / name / "bundle.json").write_text("{}")
    assert bundle.find().path == shipped, "where it runs doesn't change the default model"


def test_a_model_that_no_wheel_holds_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "PRETRAINED", tmp_path)
    with pytest.raises(
        SerKerasError, match="'multi' isn't part of the package .*CC BY-NC-SA 4.0.*ser_keras/pretrained/multi"
    ):
        bundle.find("multi")
