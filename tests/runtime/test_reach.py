"""How often a model is right, as a bundle says it: in a room first, and nothing that was not measured."""

import json
import shutil

import pytest

from ser_keras.cli.main import main
from ser_keras.runtime.model import load
from ser_keras.runtime.reach import CHOSEN_ON, NOT_LIVE, NOT_ON_FILES, reach_in_words
from tests import small_run

FOUR = ["anger", "happiness", "neutral", "sadness"]
HEARD = {
    "protocol": "final model on casia, heard live",
    "leaky": False,
    "chosen_on": False,
    "classes": FOUR,
    "uar": 0.45,
    "wa": 0.9,
}
SENTENCE = (
    "On people that it never heard, in a room, it names the right one of four emotions in about five of ten cases."
)
ON_FILES = (
    "On recordings like those that it learned from, of speakers that it never heard: the right one of three in about "
    "eight of ten."
)


def described(live=None, protocol="speaker_independent", leaky=False, wa=0.849, classes=("a", "b", "c")):
    """The parts of a bundle.json that say how often its model is right."""
    info = {
        "default": "model.tflite",
        "classes": list(classes),
        "uar_estimate": {"model.tflite": {"uar": 0.9, "wa": wa}},
        "created_from": {"protocol": protocol, "leaky": leaky},
    }
    return info if live is None else {**info, "live": live}


def test_people_in_a_room_come_first_and_files_second():
    assert reach_in_words(described([HEARD, {**HEARD, "uar": 1.0}])) == f"{SENTENCE} {ON_FILES}"
    own = {**HEARD, "protocol": "speaker_independent, heard live"}
    assert reach_in_words(described([own])).startswith(SENTENCE)
    assert reach_in_words(described([{**HEARD, "uar": 0.449}])).startswith(SENTENCE.replace("five", "four"))
    assert reach_in_words(described([{**HEARD, "chosen_on": True}])) == f"{SENTENCE} {CHOSEN_ON} {ON_FILES}"


@pytest.mark.parametrize(
    "live",
    [
        None,  # a bundle from before it was measured
        [],
        [{}],
        ["x"],
        {"uar": 1},
        *([{**HEARD, "uar": uar}] for uar in (None, True, "1", float("nan"), 1.5, -1)),
        [{**HEARD, "leaky": True}],
        [{**HEARD, "classes": None}],
    ],
)
def test_what_was_not_measured_live_is_said_to_be_so(live):
    assert reach_in_words(described(live)) == f"{NOT_LIVE} {ON_FILES}"


def test_speakers_whom_it_has_heard_are_no_strangers():
    own = {**HEARD, "protocol": "speaker_dependent, heard live"}
    assert reach_in_words(described([own], protocol="speaker_dependent")) == f"{NOT_LIVE} {NOT_ON_FILES}"
    assert reach_in_words(described([HEARD], leaky=True)) == f"{SENTENCE} {NOT_ON_FILES}"
    assert reach_in_words(described([HEARD], wa=None)) == f"{SENTENCE} {NOT_ON_FILES}"
    assert reach_in_words({}) == f"{NOT_LIVE} {NOT_ON_FILES}"


@pytest.fixture
def bundle(tmp_path_factory, tmp_path):
    """A bundle that was heard live."""
    folder = shutil.copytree(small_run.exported(tmp_path_factory)[1], tmp_path / "bundle")
    info = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**info, "live": [HEARD]}))
    return folder


def test_the_commands_say_it_and_json_stays_json(bundle, capsys):
    clip = str(bundle / "reference.wav")
    assert main(["predict", clip, "--model", str(bundle)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(SENTENCE)
    assert main(["listen", clip, "--model", str(bundle)]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(SENTENCE) and SENTENCE not in out
    for command in ("predict", "listen"):
        assert main([command, clip, "--model", str(bundle), "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out) and not err


def test_a_file_without_its_bundle_was_measured_by_nobody(bundle, tmp_path):
    assert load(bundle).reach.startswith(SENTENCE)
    assert load(bundle / "model_float32.tflite").reach.startswith(SENTENCE)
    bare = shutil.copy(bundle / "model.tflite", tmp_path / "alone.tflite")
    assert load(bare).reach.startswith(NOT_LIVE)
