"""Bundles that were shipped load for ever (`docs/versioning.md`): `fixtures/bundles`, unchanged since."""

import hashlib
import json
from pathlib import Path

import pytest
import soundfile

import ser_keras
from ser_keras.runtime.bundle import SCHEMA_VERSION

BUNDLES = Path(__file__).parents[1] / "fixtures" / "bundles"
FOLDERS = sorted(path.parent for path in BUNDLES.glob("v*/*/bundle.json"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_is_a_bundle_of_every_schema_version():
    assert {path.parent.name for path in FOLDERS} == {f"v{n + 1}" for n in range(SCHEMA_VERSION)}
    assert {path.name for path in FOLDERS if path.parent.name == "v1"} == {"emodb", "multi", "open"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_shipped_bundle_loads_and_gives_its_reference(folder):
    info, reference = read(folder / "bundle.json"), read(folder / "reference.json")
    assert info["schema_version"] == int(folder.parent.name[1:])
    content = (folder / info["default"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == info["files"][info["default"]]["sha256"], "the fixture was changed"

    model = ser_keras.load(folder)
    assert list(model.classes) == info["classes"] == (folder / "labels.txt").read_text().split()
    assert model.reach

    clip = folder.parent / reference["file"]
    result = model.predict(clip)
    expected = reference["probabilities"][info["default"]]
    assert len(result.segments) == 1  # the clip is one window
    assert result.probabilities == pytest.approx(expected, abs=1e-4)
    assert result.emotion == max(expected, key=expected.get)

    samples, rate = soundfile.read(clip, dtype="float32")
    assert model.predict_samples(samples, rate).probabilities == pytest.approx(expected, abs=1e-4)
