"""`ser_keras.runtime.model`: what a model says of audio, and what it says of files that are no models."""

import ast
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras.audio import reading
from ser_keras.audio.samples import level_dbfs
from ser_keras.audio.windows import TAIL_RULES, cut_windows, sliding_windows, window_starts
from ser_keras.common import child_process
from ser_keras.common.errors import SerKerasError
from ser_keras.runtime import bundle as bundles
from ser_keras.runtime import interpreter
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.model import Model, Result, load
from tests import small_run
from tests.messages import one_line


@pytest.fixture
def bundle(tmp_path_factory):
    return small_run.exported(tmp_path_factory)[1]


@pytest.fixture
def copied(bundle, tmp_path):
    """A bundle that a test may harm."""
    return shutil.copytree(bundle, tmp_path / "bundle")


def wav(path, samples, rate=16000):
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def counting_model(window=1000, hop=400, tail="pad", gate=None):
    """A model of two classes whose first probability is the window's mean: decisions can be computed by hand."""
    settings = Settings(("low", "high"), window, hop, tail_rule=tail, speech_gate_dbfs=gate)
    return Model(lambda w: np.array([1 - w.mean(), w.mean()], np.float32), settings, "hand", runtime="none")


# --- results


def test_entry_holds_what_predict_json_promises(bundle, tmp_path):
    path = wav(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(40000))
    entry = json.loads(json.dumps(load(bundle).predict(path).to_dict()))
    assert list(entry)[:5] == ["file", "emotion", "probabilities", "segments", "model"]
    assert entry["file"] == str(path) and entry["model"] == "bundle/model.tflite"
    assert list(entry["probabilities"]) == list(small_run.CLASSES)
    assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert entry["emotion"] == max(entry["probabilities"], key=entry["probabilities"].get)
    for segment in entry["segments"]:
        assert sum(segment["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert [s["start"] for s in entry["segments"]] == pytest.approx([i * 0.512 for i in range(4)])
    assert entry["segments"][0]["end"] == pytest.approx(0.55)


def test_utterance_is_the_mean_of_its_windows(bundle):
    samples = 0.1 * np.random.default_rng(1).standard_normal(50000).astype(np.float32)
    model = load(bundle)
    result = model.predict_samples(samples)
    windows = cut_windows(samples, small_run.WINDOW, small_run.HOP, tail="drop")
    expected = model.probabilities(windows).mean(axis=0)
    assert list(result.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-6)
    assert len(result.segments) == len(windows)


@pytest.mark.smoke
def test_file_and_samples_agree(bundle, tmp_path):
    samples = np.round(8000 * np.random.default_rng(2).standard_normal(30000)).clip(-32768, 32767) / 32768
    model = load(bundle)
    from_file = model.predict(wav(tmp_path / "a.wav", samples))
    assert from_file.probabilities == model.predict_samples(samples).probabilities


@pytest.mark.parametrize("tail", TAIL_RULES)
@pytest.mark.parametrize("n", [1, 399, 999, 1000, 1001, 1399, 1400, 1401, 5000, 5003])
@pytest.mark.parametrize(("window", "hop"), [(1000, 400), (1000, 1000), (300, 1000)])
def test_streamed_windows_equal_windows_of_the_whole(n, tail, window, hop):
    samples = np.random.default_rng(n).uniform(-1, 1, n).astype(np.float32)
    for size in (1, 7, 700, 10000):
        if n // size > 1500:
            continue
        blocks = [samples[i : i + size] for i in range(0, n, size)]
        cut = list(sliding_windows(blocks, window, hop, tail=tail))
        assert np.array_equal([w for _, _, w in cut], cut_windows(samples, window, hop, tail=tail))
        assert [s for s, _, _ in cut] == window_starts(n, window, hop, tail=tail).tolist()
        assert all(length == min(window, n - start) for start, length, _ in cut)


def test_streaming_holds_no_more_than_a_block_and_a_window():
    held = []

    def blocks():
        for _ in range(500):
            yield np.zeros(16000, np.float32)

    for _, _, window in sliding_windows(blocks(), 8800, 8192, tail="drop"):
        held.append(window.base.nbytes)
    assert len(held) > 900 and max(held) < 4 * (16000 + 2 * 8800)


def test_hop_can_be_chosen(bundle):
    samples = np.full(32000, 0.1, np.float32)
    segments = load(bundle).predict_samples(samples, hop_s=0.1).segments
    assert np.diff([s.start for s in segments]) == pytest.approx(0.1)


@pytest.mark.parametrize("hop", [0, -1, float("nan"), float("inf"), 1e-9])
def test_senseless_hop_is_refused(bundle, hop):
    with pytest.raises(SerKerasError) as error:
        load(bundle).predict_samples(np.zeros(100, np.float32), hop_s=hop)
    assert "hop" in one_line(error)


# --- speech gate


def test_quiet_windows_are_left_out_of_the_mean():
    model = counting_model(window=1000, hop=1000, gate=-40)
    result = model.predict_samples(np.concatenate([np.full(1000, 0.8), np.full(1000, 0.001)]))
    assert [s.speech for s in result.segments] == [True, False]
    assert result.probabilities["high"] == pytest.approx(0.8)
    assert result.speech and not result.warnings


def test_without_speech_all_windows_count_and_the_result_says_so():
    result = counting_model(window=1000, hop=1000, gate=-40).predict_samples(np.full(2000, 0.001))
    assert not result.speech and "no speech" in result.warnings[0]
    assert sum(result.probabilities.values()) == pytest.approx(1) and result.emotion == "low"


def test_level():
    assert level_dbfs(np.ones(100)) == pytest.approx(0)
    assert level_dbfs(np.full(100, 0.1)) == pytest.approx(-20)
    assert level_dbfs(np.zeros(100)) < -150


# --- bad samples


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.int16),
        np.array([0.0, np.nan]),
        np.array([0.0, np.inf]),
    ],
    ids=["empty", "stereo", "integers", "nan", "infinite"],
)
def test_unfit_samples_are_refused(bundle, samples):
    with pytest.raises(SerKerasError) as error:
        load(bundle).predict_samples(samples)
    one_line(error)


def test_windows_of_another_length_are_refused(bundle):
    with pytest.raises(SerKerasError, match="8800"):
        load(bundle).probabilities(np.zeros((2, 8000)))


def test_missing_audio_is_one_line(bundle):
    with pytest.raises(reading.AudioError) as error:
        load(bundle).predict("nowhere.wav")
    assert "nowhere.wav" in one_line(error)


# --- what a model's name may be


def test_run_without_bundle_tells_the_command(bundle):
    run = bundle.parent / "run"
    with pytest.raises(SerKerasError, match=f"ser-keras export {run} --out"):
        load(run)


def test_run_with_bundle(bundle, tmp_path):
    (tmp_path / "experiment.yaml").write_text("recipe: x\n")
    shutil.copytree(bundle, tmp_path / "bundle")
    assert load(tmp_path).name == "bundle/model.tflite"


@pytest.mark.smoke
def test_shipped_models_are_found_by_name(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "PRETRAINED", tmp_path)
    name = bundles.DEFAULT_MODEL
    shutil.copytree(bundle, tmp_path / name)
    assert load().name == load(name).name == f"{name}/model.tflite"
    with pytest.raises(SerKerasError, match=f"no model '{name}x': .*{name}"):
        load(f"{name}x")


def test_folder_without_model(tmp_path):
    with pytest.raises(SerKerasError, match="no bundle.json"):
        load(tmp_path)


@pytest.mark.smoke
def test_both_files_of_a_bundle_load(bundle):
    samples = 0.1 * np.random.default_rng(0).standard_normal(8800)
    int8, whole = (load(p).predict_samples(samples).probabilities for p in (bundle, bundle / "model_float32.tflite"))
    assert list(int8.values()) == pytest.approx(list(whole.values()), abs=0.01)


def test_bare_file_takes_labels_and_window_from_itself(bundle, tmp_path):
    bare = load(shutil.copy(bundle / "model.tflite", tmp_path / "alone.tflite"))
    assert bare.classes == small_run.CLASSES and bare.window_samples == small_run.WINDOW
    assert bare.settings.hop_samples == small_run.WINDOW // 2
    samples = 0.1 * np.random.default_rng(0).standard_normal(8800)
    assert bare.predict_samples(samples).probabilities == load(bundle).predict_samples(samples).probabilities


def test_bare_file_without_labels_is_refused(bundle, tmp_path):
    content = (bundle / "model.tflite").read_bytes()
    path = tmp_path / "alone.tflite"
    path.write_bytes(content[: content.index(b"PK\x03\x04")])
    with pytest.raises(SerKerasError, match="labels.txt"):
        load(path)


def test_labels_that_do_not_fit_the_outputs_are_refused(bundle, tmp_path):
    content = (bundle / "model.tflite").read_bytes()
    path = tmp_path / "alone.tflite"
    path.write_bytes(content[: content.index(b"PK\x03\x04")])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "anger\nneutral\n")
    with pytest.raises(SerKerasError, match="gives 4 probabilities"):
        load(path)


# --- damage


def test_changed_file_does_not_match_its_checksum(copied):
    content = bytearray((copied / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "model.tflite").write_bytes(content)
    with pytest.raises(SerKerasError, match="checksum"):
        load(copied)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9])
def test_truncated_file_is_one_line(bundle, tmp_path, share):
    content = (bundle / "model.tflite").read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SerKerasError) as error:
        load(path)
    assert "cut.tflite" in one_line(error)


@pytest.mark.smoke
def test_flipped_bits_never_end_the_process(bundle, tmp_path):
    """Where a flip can't be seen (in a weight) the model loads; otherwise one line names the file."""
    content = (bundle / "model.tflite").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for round_ in range(16):
        harmed = bytearray(content)
        span = 3000 if round_ % 2 else len(harmed)  # the graph lies at both ends of the file
        for position in rng.integers(8, span, size=6):
            harmed[position if round_ % 4 < 2 else -position] ^= 1 << rng.integers(8)
        path = tmp_path / "flipped.tflite"
        path.write_bytes(harmed)
        try:
            load(path).predict_samples(np.zeros(8800, np.float32))
        except SerKerasError as error:
            refused += 1
            assert "flipped.tflite" in str(error) and "\n" not in str(error)
    assert refused >= 4


def test_a_crash_of_the_runtime_is_one_line(bundle, tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -SEGV $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(child_process.sys, "executable", str(script))
    bare = shutil.copy(bundle / "model.tflite", tmp_path / "bare.tflite")
    with pytest.raises(SerKerasError, match="SIGSEGV"):
        load(bare)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.pop("files"),
        lambda info: info.pop("window_samples"),
        lambda info: info.pop("default"),
        lambda info: info.update(schema_version=99),
        lambda info: info.update(sample_rate=8000),
        lambda info: info.update(tail_rule="mirror"),
        lambda info: info.update(window_samples="long"),
        lambda info: info.update(hop_samples=0),
        lambda info: info.update(classes=["a", "b"]),
        lambda info: info.update(files=[]),
        lambda info: info.update(default="missing.tflite"),
    ],
)
def test_spoilt_index_is_one_line(copied, change):
    info = json.loads((copied / "bundle.json").read_text())
    change(info)
    (copied / "bundle.json").write_text(json.dumps(info))
    with pytest.raises(SerKerasError) as error:
        load(copied)
    one_line(error)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_index_that_is_no_json_object(copied, text):
    (copied / "bundle.json").write_text(text)
    with pytest.raises(SerKerasError, match="bundle.json is damaged"):
        load(copied)


def test_other_files_are_no_models(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_text("hello, I am a text")
    with pytest.raises(SerKerasError, match="no TFLite model"):
        load(path)


# --- runtimes


@pytest.mark.smoke
def test_every_installed_runtime_gives_the_reference_probabilities(bundle):
    reference = json.loads((bundle / "reference.json").read_text())
    samples, rate = soundfile.read(bundle / reference["file"], dtype="int16")
    assert (len(samples), rate) == (reference["window_samples"], reference["sample_rate"])
    for name, expected in reference["probabilities"].items():
        for runtime in interpreter.installed():
            found = load(bundle / name, runtime).probabilities([samples / 32768])[0]
            assert found.tolist() == pytest.approx(list(expected.values()), abs=reference["tolerance"])


def test_models_loaded_from_many_threads_leave_standard_error_where_it_was(bundle):
    before = os.fstat(2)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: load(bundle), range(16)))
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)


def test_unknown_runtime_and_threads():
    with pytest.raises(SerKerasError, match="nearest: litert"):
        load(runtime="litrt")
    with pytest.raises(SerKerasError, match="threads"):
        interpreter.Interpreter(b"", "x", threads=0)


@pytest.mark.smoke
def test_tflite_runtime_under_numpy_2_is_explained(monkeypatch):
    monkeypatch.setattr(interpreter, "is_present", lambda runtime: runtime == "tflite-runtime")
    monkeypatch.setattr(interpreter.np, "__version__", "2.4.6")
    for runtime in ("auto", "tflite-runtime"):
        with pytest.raises(SerKerasError, match="numpy<2"):
            interpreter.choose(runtime)


def test_no_runtime_at_all(monkeypatch):
    monkeypatch.setattr(interpreter, "is_present", lambda runtime: False)
    with pytest.raises(SerKerasError, match="pip install ai-edge-litert"):
        interpreter.choose()


@pytest.mark.smoke
def test_imports_neither_tensorflow_nor_training_packages(bundle, tmp_path):
    """And says nothing on standard error, where the C++ runtime likes to talk."""
    path = wav(tmp_path / "a.wav", np.full(16000, 0.1))
    code = (
        "import sys; from ser_keras.runtime.model import load; "
        f"print(load({str(bundle)!r}).predict({str(path)!r}).emotion); "
        "print([m for m in ('tensorflow', 'keras', 'yaml', 'pydantic', 'sklearn', 'flatbuffers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    emotion, imported = done.stdout.splitlines()
    assert emotion in small_run.CLASSES and imported == "[]" and done.stderr == ""


def test_result_is_immutable(bundle):
    result = load(bundle).predict_samples(np.full(100, 0.1))
    with pytest.raises(AttributeError):
        result.emotion = "joy"
    assert isinstance(result, Result)


def test_the_documented_snippets_run(bundle, tmp_path):
    """docs/mobile-developer.md, both Python blocks, as they stand."""
    text = (Path(__file__).parents[2] / "docs" / "mobile-developer.md").read_text()
    blocks = [part.partition("```")[0] for part in text.split("```python\n")[1:]]
    assert len(blocks) == 2
    shutil.copytree(bundle, tmp_path / "bundle")
    shutil.copytree(bundle, tmp_path / "runs" / "demo" / "bundle")
    wav(tmp_path / "speech.wav", np.full(20000, 0.1))
    reference = json.loads((bundle / "reference.json").read_text())["probabilities"]["model.tflite"]
    for block in blocks:
        done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "anger" in done.stdout
    printed = ast.literal_eval(re.sub(r"np\.float32\(([^)]*)\)", r"\1", done.stdout))
    assert printed == pytest.approx(reference, abs=1e-3)
