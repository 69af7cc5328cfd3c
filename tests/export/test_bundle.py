"""`ser_keras.export`: from a run directory to a bundle that says nothing but what is so."""

import hashlib
import json
import shutil

import pytest

from ser_keras.api.bundle import Bundle
from ser_keras.common.errors import SerKerasError
from ser_keras.export.bundle import export_run
from ser_keras.runtime.interpreter import installed
from tests import small_run
from tests.export.converted import FILES, index, outputs, some_windows


@pytest.mark.smoke
def test_bundle_holds_every_file_and_its_checksum(bundle):
    expected = {*FILES, "features.tflite", "model.keras", "labels.txt", "model_card.md", "bundle.json"}
    expected |= {"reference.wav", "reference.json", "vectors.json", "LICENSE.md"}
    assert {p.name for p in bundle.iterdir()} == expected
    info = index(bundle)
    assert set(info["files"]) == expected - {"bundle.json"}
    for name, entry in info["files"].items():
        content = (bundle / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert info["default"] == "model.tflite"


def test_index_holds_what_runtimes_read(bundle):
    info = index(bundle)
    wanted = {
        "schema_version": 1,
        "classes": list(small_run.CLASSES),
        "window_samples": 8800,
        "hop_samples": 8192,
        "sample_rate": 16000,
        "tail_rule": "drop",
        "smoothing_s": 2.0,
        "speech_gate_dbfs": -60.0,
        "input": "audio",
        "output": "probabilities",
    }
    assert {k: info[k] for k in wanted} == wanted
    assert (bundle / "labels.txt").read_text().split() == info["classes"]
    for name in FILES:
        assert info["latency"][name].keys() >= {"median_ms", "p95_ms", "threads", "machine", "real_time_factor"}
        assert info["latency"][name]["two_threads"].keys() == {"median_ms", "p95_ms"}
        assert info["latency"][name]["memory_mb"] > 0.5
        assert 0 <= info["difference"][name]["mean"] <= info["difference"][name]["largest"]
        assert set(info["parity"][name]) == set(installed())
    assert info["features"]["inputs"] == {"audio": [1, 8800]} and info["step"] is None
    assert "no state to carry" in info["step_missing"]
    origin = info["created_from"]
    assert (origin["recipe"], origin["commit"], origin["seed"]) == ("toy", "abc", 0)
    assert origin["corpora"][0]["licence"] == "CC0-1.0"


def test_there_is_a_line_a_file_and_one_for_what_is_missing(bundle, tmp_path):
    info, lines = index(bundle), Bundle(bundle).lines
    assert [line.partition(":")[0].partition(" ")[0] for line in lines] == list(FILES)
    assert f"UAR {info['uar_estimate']['model.tflite']['uar']:.3f}" in lines[0]
    assert "(default)" in lines[0] and "(default)" not in lines[1]
    info |= {"uar_estimate": dict.fromkeys(FILES), "uar_estimate_missing": "no audio"}
    (tmp_path / "bundle.json").write_text(json.dumps(info))
    lines = Bundle(tmp_path).lines
    assert len(lines) == 3 and "no audio" in lines[2]


def test_nothing_in_the_bundle_names_a_path_of_this_machine(bundle):
    for path in bundle.iterdir():
        content = path.read_bytes()
        assert b"/home/me" not in content and str(bundle.parent).encode() not in content, path.name


@pytest.mark.smoke
def test_parity_with_keras(bundle):
    info = index(bundle)
    assert info["parity"]["windows"] == {"synthetic": 10, "real": 43}
    assert info["difference"]["model_float32.tflite"]["largest"] < 1e-4
    assert info["difference"]["model.tflite"]["largest"] < 0.02


def test_the_shipped_model_is_the_final_one(bundle):
    windows = some_windows()
    expected = small_run.model(7).predict(windows, verbose=0)
    found = outputs((bundle / "model_float32.tflite").read_bytes(), windows)
    assert found == pytest.approx(expected, abs=1e-4)


def test_run_without_a_final_model(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("final"))
    with pytest.raises(SerKerasError, match="--resume"):
        export_run(copy, tmp_path / "bundle")
    with pytest.raises(SerKerasError, match="trained folds: 0, 1"):
        export_run(copy, tmp_path / "bundle", fold=5)
    with pytest.raises(SerKerasError, match="no run directory"):
        export_run(tmp_path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
