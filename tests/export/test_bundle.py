"""`ser_keras.export`: from a run directory to a bundle that says nothing but what is so."""

import hashlib
import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile
from ai_edge_litert import schema_py_generated as schema

from ser_keras.audio import reading
from ser_keras.cli import texts
from ser_keras.common import child_process
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions, uar
from ser_keras.export import card, convert, parity
from ser_keras.export.bundle import export_run
from ser_keras.export.convert import Conversion, to_tflite
from ser_keras.export.estimate import estimate, utterance_key
from ser_keras.export.metadata import Metadata, read_metadata, with_metadata
from ser_keras.export.quantise import frontend_operations, quantise
from ser_keras.export.reference import reference_clip
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.interpreter import Interpreter, installed
from tests import small_run
from tests.messages import one_line

pytestmark = pytest.mark.smoke

FILES = ("model.tflite", "model_float32.tflite")


@pytest.fixture
def run(tmp_path_factory):
    return small_run.exported(tmp_path_factory)[0]


@pytest.fixture
def bundle(tmp_path_factory):
    return small_run.exported(tmp_path_factory)[1]


@pytest.fixture(scope="session")
def whole_model():
    """(Keras model, its float32 .tflite) converted in this process: `log_mel` and its net."""
    model = small_run.model(3)
    return model, to_tflite(model)


@pytest.fixture(scope="session")
def pair_model():
    """The same for `spectrogram_pair` and a net of Anand & Verma."""
    model = small_run.model(3, "spectrogram_pair", "anand2015_cnn")
    return model, to_tflite(model)


def index(bundle):
    return json.loads((bundle / "bundle.json").read_text())


def some_windows(n=8):
    rng = np.random.default_rng(5)
    levels = 10 ** rng.uniform(-3, -0.5, (n, 1))
    return (levels * rng.standard_normal((n, small_run.WINDOW))).clip(-1, 1).astype(np.float32)


def outputs(content, windows, runtime="litert"):
    model = Interpreter(content, "test", runtime)
    return np.array([model(w) for w in windows])


# --- the bundle


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


def test_the_terminal_has_a_line_a_file_and_one_for_what_is_missing(bundle):
    info = index(bundle)
    assert [line.partition(":")[0].partition(" ")[0] for line in texts.bundle(info)] == list(FILES)
    assert f"UAR {info['uar_estimate']['model.tflite']['uar']:.3f}" in texts.bundle(info)[0]
    assert "(default)" in texts.bundle(info)[0] and "(default)" not in texts.bundle(info)[1]
    info |= {"uar_estimate": dict.fromkeys(FILES), "uar_estimate_missing": "no audio"}
    assert len(texts.bundle(info)) == 3 and "no audio" in texts.bundle(info)[2]


def test_nothing_in_the_bundle_names_a_path_of_this_machine(bundle):
    for path in bundle.iterdir():
        content = path.read_bytes()
        assert b"/home/me" not in content and str(bundle.parent).encode() not in content, path.name


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


def test_estimate_is_that_of_the_converted_folds(run, bundle):
    """The float32 folds decide as Keras did, so their figure is the run's own, computed from its predictions."""
    metrics = json.loads((run / "metrics.json").read_text())
    figures = index(bundle)["uar_estimate"]
    whole = figures["model_float32.tflite"]
    assert (whole["uar"], whole["wa"], whole["keras_uar"]) == (metrics["uar"], metrics["wa"], metrics["uar"])
    assert (whole["ci95"], whole["n"], whole["agreement"]) == (metrics["uar_ci95"], 24, 1)
    assert 0.8 <= figures["model.tflite"]["agreement"] <= 1
    for file, estimated in figures.items():
        said = Predictions.read_csv(run / "evaluations" / "exported" / f"{file}.csv")
        assert uar(said.true, said.predicted, len(small_run.CLASSES)) == pytest.approx(estimated["uar"])
        of_keras = Predictions.concatenate(Predictions.read_csv(p) for p in sorted(run.glob("folds/*/predictions.csv")))
        assert (said.file == of_keras.file).all() and np.mean(said.predicted == of_keras.predicted) == pytest.approx(
            estimated["agreement"]
        )


def test_reference_clip_is_one_window_of_something_like_a_voice(bundle):
    samples, rate = soundfile.read(bundle / "reference.wav", dtype="int16")
    assert rate == 16000 and len(samples) == small_run.WINDOW
    assert np.array_equal(samples, reference_clip(small_run.WINDOW))
    spectrum = np.abs(np.fft.rfft(samples / 32768)) ** 2
    low = spectrum[: len(spectrum) // 2].sum() / spectrum.sum()
    assert 0.49 < np.abs(samples / 32768).max() < 0.51 and low > 0.8
    assert not reading.load(bundle / "reference.wav").warnings


@pytest.mark.parametrize("n", [160, 8800, 48000])
def test_reference_clip_of_any_length_repeats(n):
    assert len(reference_clip(n)) == n and np.array_equal(reference_clip(n), reference_clip(n))


# --- the card


def test_card_says_what_a_reader_must_know(bundle):
    text = (bundle / "model_card.md").read_text()
    info = index(bundle)
    for name in FILES:
        assert info["files"][name]["sha256"] in text
    estimate_ = info["uar_estimate"]["model.tflite"]
    latency = info["latency"]["model.tflite"]
    for part in (
        "| `model.tflite` (default) | int8 weights, float arithmetic |",
        f"{latency['median_ms']:.2f} / {latency['two_threads']['median_ms']:.2f}",
        "runs on windows, not chunk by chunk",
        "In worse conditions\n\nNot measured",
        f"{estimate_['uar']:.3f}",
        f"[{estimate_['ci95'][0]:.3f}, {estimate_['ci95'][1]:.3f}]",
        "CC0-1.0",
        "speaker_independent",
        "ser-keras train --corpus toy=PATH --recipe toy --out RUN",
        "Not for decisions about people",
        *small_run.CLASSES,
    ):
        assert part in text
    assert "Leaky" not in text and "Synthetic" not in text


def test_card_names_the_median_speaker_and_what_a_class_holds(run, bundle):
    info = index(bundle)
    assert list(info["class_emotions"]) == list(small_run.CLASSES)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["per_speaker"] = {f"s{i}": {"uar": uar} for i, uar in enumerate((0.9, 0.1, 0.4, 0.2))}
    first = small_run.CLASSES[0]
    info["class_emotions"][first] = [first, "calm"]
    text = card.render(info, info["files"], {}, metrics=metrics)
    assert "from 0.100 (s1) to 0.900 (s0), median 0.300, over 4 speakers" in text
    assert f"{len(small_run.CLASSES)} classes: {first} ({first} or calm), " in text


def test_card_says_that_free_corpora_ask_for_nothing(run, bundle):
    info = index(bundle)
    for terms, asked in (("CC0-1.0", True), ("CC BY 4.0", False)):
        info["created_from"]["corpora"][0]["licence"] = terms
        info["created_from"]["corpora"][1:] = []
        found = "No corpus asks anything of the weights" in card.render(info, info["files"], {}, metrics={})
        assert found is (asked and not info["created_from"].get("init"))


def test_card_warns_of_leaks_and_of_synthetic_speech(run, bundle):
    info = index(bundle)
    info["created_from"]["corpora"].append({"name": "synthetic", "title": "", "licence": "", "n_utterances": 1})
    info["created_from"]["corpora"][-1]["n_speakers"] = 1
    metrics = {**json.loads((run / "metrics.json").read_text()), "leaky": True, "leaky_reason": "chunks on both sides"}
    text = card.render(info, info["files"], {}, metrics=metrics)
    assert "Leaky evaluation" in text and "chunks on both sides" in text and "Synthetic speech" in text
    assert "no human voice" in text


def test_card_hides_paths_of_commands():
    command = "ser-keras train --corpus emodb=/data/emo --corpus=nemo=/x --recipe a --out '/home/me/my run' --set a.b=c"
    expected = "ser-keras train --corpus emodb=PATH --corpus=nemo=PATH --recipe a --out RUN --set a.b=c"
    assert card.anonymous(command, ["emodb", "nemo"]) == expected
    assert card.anonymous("broken 'quote", []) == ""


def test_card_s_command_trains_the_whole_run_whatever_call_was_its_first():
    for part in ("--fold 3", "--fold=3", "--resume", "--fold 0 --resume"):
        command = f"ser-keras train --recipe a {part} --out /home/me/run --set seed=1"
        assert card.anonymous(command, []) == "ser-keras train --recipe a --out RUN --set seed=1"


# --- variants of an export


def test_without_audio_the_estimate_is_null_with_a_reason(run, tmp_path):
    def gone(fold):
        raise SerKerasError("the corpus is not where it was")

    info = export_run(run, tmp_path / "bundle", fold=0, test_utterances=gone)
    assert info["uar_estimate"] == dict.fromkeys(FILES)
    assert info["uar_estimate_missing"] == "the corpus is not where it was"
    assert info["parity"]["windows"] == {"synthetic": 10, "real": 0}
    assert "not measured" in (tmp_path / "bundle" / "model_card.md").read_text()


def test_a_fold_is_measured_on_its_own_test_speakers(run, tmp_path):
    info = export_run(run, tmp_path / "bundle", fold=1, test_utterances=small_run.utterances)
    assert info["created_from"]["fold"] == 1
    assert info["uar_estimate"]["model_float32.tflite"]["n"] == 12
    assert "fold 1 alone" in (tmp_path / "bundle" / "model_card.md").read_text()
    windows = some_windows()
    found = outputs((tmp_path / "bundle" / "model_float32.tflite").read_bytes(), windows)
    assert found == pytest.approx(small_run.model(1).predict(windows, verbose=0), abs=1e-4)


def test_estimate_refuses_audio_that_was_not_tested(run, whole_model):
    settings = Settings(small_run.CLASSES, small_run.WINDOW, small_run.HOP, speech_gate_dbfs=-60.0)
    files = {0: {"model.tflite": whole_model[1]}}
    tables = {0: Predictions.read_csv(run / "folds" / "0" / "predictions.csv")}
    rows = list(small_run.utterances(0))
    for wrong in (
        rows[:-1],
        [(utterance_key("toy", "other.wav", 0), *rows[0][1:]), *rows[1:]],
        [(rows[0][0], 3, rows[0][2]), *rows[1:]],
    ):
        with pytest.raises(SerKerasError) as error:
            estimate(files, tables, lambda fold, wrong=wrong: wrong, settings=settings)
        assert "fold 0" in one_line(error)


def test_run_without_a_final_model(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("final"))
    with pytest.raises(SerKerasError, match="--resume"):
        export_run(copy, tmp_path / "bundle")
    with pytest.raises(SerKerasError, match="trained folds: 0, 1"):
        export_run(copy, tmp_path / "bundle", fold=5)
    with pytest.raises(SerKerasError, match="no run directory"):
        export_run(tmp_path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


# --- conversion


def test_signature_and_builtin_operations(bundle):
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    for name in FILES:
        signatures = LiteRT(str(bundle / name)).get_signature_list()
        assert signatures == {"serving_default": {"inputs": ["audio"], "outputs": ["probabilities"]}}
        model = schema.Model.GetRootAs((bundle / name).read_bytes(), 0)
        assert model.SubgraphsLength() == 1
        assert not [code for i in range(model.OperatorCodesLength()) if (code := model.OperatorCodes(i).CustomCode())]


def test_operations_without_builtin_are_named():
    import keras

    wave = keras.Input((64,))
    x = keras.layers.Dense(3)(keras.ops.erfinv(keras.ops.tanh(wave)))
    with pytest.raises(SerKerasError) as error:
        to_tflite(keras.Model(wave, keras.ops.softmax(x)))
    assert "Erfinv" in one_line(error)


def test_input_without_fixed_length_is_refused():
    import keras

    wave = keras.Input((None,))
    with pytest.raises(SerKerasError, match="fixed N"):
        to_tflite(keras.Model(wave, keras.ops.mean(wave, axis=1, keepdims=True)))


def test_a_file_that_is_no_keras_model(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"nonsense")
    with pytest.raises(SerKerasError) as error:
        convert.convert([Conversion(tmp_path / "model.keras", tmp_path / "a", tmp_path / "b")])
    assert "model.keras" in one_line(error) and "no Keras model" in str(error.value)


@pytest.mark.parametrize(("act", "said"), [("kill -SEGV $$", "SIGSEGV"), ("echo LLVM ERROR: x >&2; exit 9", "LLVM")])
def test_a_crash_of_the_converter_is_one_line(tmp_path, monkeypatch, act, said):
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{act}\n")
    script.chmod(0o755)
    monkeypatch.setattr(child_process.sys, "executable", str(script))
    with pytest.raises(SerKerasError) as error:
        convert.convert([Conversion(tmp_path / "model.keras", tmp_path / "a", tmp_path / "b")])
    assert said in one_line(error)


# --- quantisation


def tensors_of(content):
    """Name, dtype and consumers' output names of every constant of the graph."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    produced = {int(t) for o in graph.operators for t in o.outputs} | {int(t) for t in graph.inputs}
    for number, tensor in enumerate(graph.tensors):
        if number in produced:
            continue
        users = [o for o in graph.operators if number in o.inputs]
        yield tensor, {graph.tensors[t].name.decode() for o in users for t in o.outputs}


def test_front_end_stays_float_and_the_classifier_does_not(whole_model, pair_model):
    for (_, content), largest in ((whole_model, 257 * 64), (pair_model, 32 * 15 * 8)):
        frontend = frontend_operations(content)
        constants = list(tensors_of(quantise(content)))
        int8 = [users for tensor, users in constants if tensor.type == schema.TensorType.INT8]
        assert int8 and not any(users & frontend for users in int8)
        floats = [
            np.prod(t.shape) for t, users in constants if users & frontend and t.type == schema.TensorType.FLOAT32
        ]
        assert max(floats) >= largest  # mel bank; block functions


def test_features_are_those_of_the_float_file(monkeypatch):
    """Quantised with the rest, the features of `spectrogram_pair` would be off by a tenth of their deviation."""
    import keras

    from ser_keras.features.frontends import FRONT_ENDS

    front = FRONT_ENDS["spectrogram_pair"]()
    wave = keras.Input((small_run.WINDOW,))
    content = to_tflite(keras.Model(wave, keras.layers.Flatten()(front(wave))))
    windows = some_windows(5)
    whole = outputs(content, windows)
    assert np.abs(outputs(quantise(content), windows) - whole).max() < 1e-4
    monkeypatch.setattr("ser_keras.export.quantise.frontend_operations", lambda content: {"nothing of this name"})
    monkeypatch.setattr("ser_keras.export.quantise.SMALL", 0)
    assert np.abs(outputs(quantise(content), windows) - whole).max() > 0.1 * whole.std()


def test_int8_weights_are_right_in_every_runtime(whole_model, pair_model):
    """The quantiser's dynamic files are off by up to .5 in tflite-runtime 2.14; weight-only ones are not."""
    windows = some_windows(20)
    for model, content in (whole_model, pair_model):
        expected = model.predict(windows, verbose=0)
        results = [outputs(quantise(content), windows, runtime) for runtime in installed()]
        for rows in results:
            assert np.abs(rows - results[0]).max() < 1e-4
            assert np.abs(rows - expected).max() < 1e-2


def test_a_model_without_front_end_layer_is_refused():
    import keras

    wave = keras.Input((64,))
    content = to_tflite(keras.Model(wave, keras.layers.Dense(3, activation="softmax")(wave)))
    with pytest.raises(SerKerasError, match="frontend"):
        quantise(content)


# --- metadata


def test_metadata_and_labels_can_be_read_back(bundle):
    for name in FILES:
        found = read_metadata(bundle / name)
        assert (found.labels, found.sample_rate, found.channels) == (small_run.CLASSES, 16000, 1)
        assert found.name == "ser-keras toy" and "CC0-1.0" in found.licence and found.parser_version == "1.3.0"
        with zipfile.ZipFile(bundle / name) as archive:
            assert archive.read("labels.txt").decode().split() == list(small_run.CLASSES)


def test_metadata_keeps_the_model_and_aligns_its_buffers(whole_model):
    content = whole_model[1]
    metadata = Metadata("name", "über Töne", "1", author="author", licence="licence", labels=("a b", "c", "d", "e"))
    written = with_metadata(content, metadata)
    assert written == with_metadata(content, metadata)
    windows = some_windows(3)
    assert np.array_equal(outputs(written, windows), outputs(content, windows))
    assert len(written) < len(content)  # names within the graph are longer than metadata and labels
    model = schema.Model.GetRootAs(written, 0)
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength():
            assert buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0


def test_metadata_written_twice_is_there_once(whole_model, tmp_path):
    first = Metadata("first", "", "1", author="", licence="", labels=("a", "b"))
    second = Metadata("second", "d", "2", author="a", licence="l", labels=("x y", "z"))
    path = tmp_path / "m.tflite"
    path.write_bytes(with_metadata(with_metadata(whole_model[1], first), second))
    assert read_metadata(path) == second


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(1000)])
def test_files_without_metadata(tmp_path, content):
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(SerKerasError, match="no readable TFLite metadata"):
        read_metadata(tmp_path / "m.tflite")


# --- parity


def test_parity_notices_another_model(whole_model):
    windows = some_windows()
    other = small_run.model(4).predict(windows, verbose=0)
    with pytest.raises(SerKerasError, match="conversion changed the model"):
        parity.check({"model_float32.tflite": whole_model[1]}, windows, other)


def test_parity_notices_a_graph_that_lets_nan_through():
    import keras

    wave = keras.Input((64,))
    front = keras.layers.Dense(8, name="frontend")(wave)
    model = keras.Model(wave, keras.layers.Dense(3, activation="softmax")(front))
    windows = np.zeros((2, 64), np.float32)
    with pytest.raises(SerKerasError, match="nan"):
        parity.check({"model": to_tflite(model)}, windows, model.predict(windows, verbose=0))


def test_compare():
    result = parity.compare([[0.8, 0.2], [0.4, 0.6]], [[0.7, 0.3], [0.6, 0.4]])
    assert result == {"n": 2, "mean": pytest.approx(0.15), "largest": pytest.approx(0.2), "decisions_differ": 1}
