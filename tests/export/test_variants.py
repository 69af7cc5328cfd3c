"""Further ways to store a classifier, the choice among them, and the graphs beside the whole one."""

import json
import shutil

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from ser_keras.audio.windows import cut_windows
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.export import bundle as making
from ser_keras.export import card, convert, parity, run_models, signatures
from ser_keras.export.convert import graph_to_tflite, to_tflite
from ser_keras.export.estimate import compare_windows, estimate, sample_windows, utterance_key
from ser_keras.export.quantise import frontend_operations, quantise
from ser_keras.export.variants import AUTO, VARIANTS, choose_default
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.interpreter import Interpreter, Stepper, installed
from tests import small_run

STORED = [name for name in VARIANTS if name != "float32"]
SETTINGS = Settings(small_run.CLASSES, small_run.WINDOW, small_run.HOP, speech_gate_dbfs=-60.0)


def some_windows(n, seed=5):
    rng = np.random.default_rng(seed)
    levels = 10 ** rng.uniform(-3, -0.5, (n, 1))
    return (levels * rng.standard_normal((n, small_run.WINDOW))).clip(-1, 1).astype(np.float32)


def outputs(content, windows, runtime="litert"):
    model = Interpreter(content, "test", runtime)
    return np.array([model(w) for w in windows])


@pytest.fixture(scope="module")
def stored():
    """(Keras model, variant -> bytes) of `log_mel` and its net."""
    model = small_run.model(3)
    content = to_tflite(model)
    files = {name: quantise(content, name, some_windows(20, seed=9)) for name in STORED}
    return model, {"float32": content, **files}


def test_a_variant_that_litert_cannot_run_is_left_out(tmp_path, monkeypatch):
    """Some operations have no int8 kernel, which shows when the file is run; the other files stay."""
    small_run.model(3).save(tmp_path / "model.keras")
    monkeypatch.setattr(convert, "quantise", lambda content, name="", windows=None: content[: 80 if name else None])
    job = convert.Conversion(tmp_path / "model.keras", tmp_path / "f.tflite", tmp_path / "w.tflite", further=("int8",))
    left_out = convert.convert_one(job)
    assert list(left_out) == ["model_int8.tflite"]
    assert "can't be run by litert" in left_out["model_int8.tflite"]
    assert sorted(p.name for p in tmp_path.glob("*.tflite")) == ["f.tflite", "w.tflite"]


# --- how they are stored


@pytest.mark.parametrize("name", STORED)
def test_the_front_end_is_never_quantised(stored, name):
    """No front-end operation reads or writes anything but float32, whatever becomes of the classifier."""
    frontend = frontend_operations(stored[1]["float32"])
    graph = schema.ModelT.InitFromPackedBuf(stored[1][name], 0).subgraphs[0]
    seen, smaller = 0, set()
    for operator in graph.operators:
        tensors = [graph.tensors[int(t)] for t in (*operator.inputs, *operator.outputs) if t >= 0]
        if graph.tensors[int(operator.outputs[0])].name.decode() in frontend:
            seen += 1
            kinds = {t.type for t in tensors}
            assert kinds <= {schema.TensorType.FLOAT32, *ODD}, kinds
        else:
            smaller |= {t.type for t in tensors}
    assert seen > 10
    assert smaller & {schema.TensorType.INT8, schema.TensorType.FLOAT16}


ODD = (schema.TensorType.INT32, schema.TensorType.BOOL, schema.TensorType.COMPLEX64)  # shapes, conditions, FFT


def boundary(content):
    """Name of the tensor that the front end hands to the classifier."""
    graph, frontend = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0], frontend_operations(content)
    names = [tensor.name.decode() for tensor in graph.tensors]
    users = [o for o in graph.operators if names[int(o.outputs[0])] not in frontend]
    [name] = {names[int(t)] for o in users for t in o.inputs if t >= 0 and names[int(t)] in frontend}
    return name


def tensor_within(content, name, windows):
    """The float32 tensor of this name for each window; None where it isn't float."""
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import OpResolverType

    inner = LiteRT(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    inner.allocate_tensors()
    [tensor] = [t for t in inner.get_tensor_details() if t["name"] == name]
    if tensor["dtype"] != np.float32:
        return None
    rows = []
    for window in windows:
        inner.set_tensor(inner.get_input_details()[0]["index"], window[None])
        inner.invoke()
        rows.append(inner.get_tensor(tensor["index"]))
    return np.array(rows)


@pytest.mark.filterwarnings("ignore:Warning. Enabling")
def test_features_are_those_of_the_float_file(stored, monkeypatch):
    """Within each file, what the classifier is fed differs by float rounding alone; quantised, it would by far more."""
    windows, name = some_windows(3), boundary(stored[1]["float32"])
    whole = tensor_within(stored[1]["float32"], name, windows)
    for variant in STORED:
        assert np.abs(tensor_within(stored[1][variant], name, windows) - whole).max() < 1e-5 * whole.std(), variant
    monkeypatch.setattr("ser_keras.export.quantise.frontend_operations", lambda content: {"nothing of this name"})
    harmed = tensor_within(quantise(stored[1]["float32"], "dynamic"), name, windows)
    assert np.abs(harmed - whole).max() > 1e-2 * whole.std()
    assert tensor_within(quantise(stored[1]["float32"], "int8", windows), name, windows) is None


@pytest.mark.parametrize(
    ("name", "apart"), [("int8_weights", 5e-3), ("float16", 1e-3), ("dynamic", 1e-2), ("int8", 0.2)]
)
def test_each_is_near_keras_and_smaller(stored, name, apart):
    model, files = stored
    windows = some_windows(12)
    found = outputs(files[name], windows)
    assert np.abs(found - model.predict(windows, verbose=0)).max() < apart
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-5  # the softmax stays float
    assert len(files[name]) < 0.7 * len(files["float32"])


def test_full_int8_needs_audio_to_calibrate_with(stored):
    for nothing in (None, np.zeros((0, small_run.WINDOW), np.float32)):
        with pytest.raises(SerKerasError, match="no training audio"):
            quantise(stored[1]["float32"], "int8", nothing)


# --- runtimes


@pytest.mark.skipif("tflite-runtime" not in installed(), reason="needs tflite-runtime beside numpy 1")
def test_what_tflite_runtime_gets_silently_wrong_is_refused_there(stored, monkeypatch):
    _, files = stored
    windows = some_windows(6)
    with pytest.raises(SerKerasError, match="wrong probabilities") as error:
        Interpreter(files["dynamic"], "dynamic.tflite", "tflite-runtime")
    assert "\n" not in str(error.value) and "litert" in str(error.value)
    for name in ("float32", "int8_weights", "float16", "int8"):
        assert np.abs(outputs(files[name], windows, "tflite-runtime") - outputs(files[name], windows)).max() < 0.2
    monkeypatch.setattr("ser_keras.runtime.interpreter.scaled_by_channel", lambda interpreter: False)
    model = dense_model()
    content = quantise(to_tflite(model), "dynamic")
    waves = np.random.default_rng(0).uniform(-1, 1, (6, 64)).astype(np.float32)
    expected = model.predict(waves, verbose=0)
    assert np.abs(outputs(content, waves) - expected).max() < 0.05
    assert np.abs(outputs(content, waves, "tflite-runtime") - expected).max() > 0.2  # wrong indeed


def dense_model():
    """A dense net whose channels differ in scale."""
    import keras

    keras.utils.set_random_seed(0)
    wave = keras.Input((64,))
    x = keras.layers.Dense(64, activation="relu")(keras.layers.Activation("tanh", name="frontend")(wave))
    x = keras.layers.Dense(64, activation="relu", name="wide")(x)
    model = keras.Model(wave, keras.layers.Dense(4, activation="softmax")(x))
    kernel = model.get_layer("wide").kernel
    kernel.assign(np.array(kernel) * np.geomspace(0.1, 20, 64))
    return model


def test_parity_notes_a_refusal_of_an_integer_file_and_raises_for_others(stored, monkeypatch):
    model, files = stored
    windows = some_windows(3)
    expected = model.predict(windows, verbose=0)
    named = {VARIANTS[name].file: content for name, content in files.items()}
    report = parity.check(named, windows, expected, n_probes=1)
    assert all(entry["litert"]["largest_on_speech"] <= entry["litert"]["largest"] for entry in report.values())
    if "tflite-runtime" in installed():
        refused = {file for file, entry in report.items() if "refused" in entry["tflite-runtime"]}
        assert refused == {"model_dynamic.tflite"}
        assert parity.worst(report["model_dynamic.tflite"])["largest"] < 0.02
    twin = iter(range(100))
    real = parity.Interpreter

    def disagree(content, file, runtime):
        model, shift = real(content, file, "litert"), next(twin) % 2
        return type("Moved", (), {"window_samples": 8800, "__call__": lambda self, w: np.roll(model(w), shift)})()

    monkeypatch.setattr(parity, "installed", lambda: ["one", "other"])
    monkeypatch.setattr(parity, "Interpreter", disagree)
    monkeypatch.setattr(parity, "RUNTIME_LIMIT", 1e-9)
    with pytest.raises(SerKerasError, match="one and other differ"):
        parity.check({"model.tflite": files["int8_weights"]}, windows, expected)


# --- the default


def figures(**losses):
    return {VARIANTS[name].file: None if loss is None else {"uar": 0.8 - loss, "keras_uar": 0.8} for name, loss in losses.items()}  # fmt: skip  # noqa: E501


def test_a_default_that_loses_more_than_a_point_is_refused():
    assert choose_default("int8_weights", figures(int8_weights=0.0099, float32=0)) == "model.tflite"
    with pytest.raises(SerKerasError) as error:
        choose_default("int8_weights", figures(int8_weights=0.02, float32=0, float16=0.001, int8=0.05))
    text = str(error.value)
    assert "loses 2.0 points" in text and "`default` float32 or float16" in text and "\n" not in text
    with pytest.raises(SerKerasError, match="no variant loses less"):
        choose_default("float32", figures(float32=0.5))
    assert choose_default("float32", figures(int8_weights=0.02, float32=0)) == "model_float32.tflite"


def test_auto_takes_int8_weights_unless_they_lose():
    assert choose_default(AUTO, figures(int8_weights=0.01, float32=0)) == "model.tflite"
    assert choose_default(AUTO, figures(int8_weights=0.02, float32=0)) == "model_float32.tflite"
    assert choose_default(AUTO, figures(int8_weights=None, float32=None)) == "model.tflite"  # nothing was measured


def test_a_default_that_was_not_made_or_is_unknown(tmp_path_factory, tmp_path):
    with pytest.raises(SerKerasError, match="`all_variants=True`"):
        choose_default("float16", figures(int8_weights=0, float32=0))
    run = small_run.exported(tmp_path_factory)[0]
    with pytest.raises(SerKerasError, match="nearest: float16"):
        making.export_run(run, tmp_path / "bundle", default="flot16")


@pytest.fixture
def quick(tmp_path_factory, monkeypatch):
    """(run directory, bundle that is there) with an export that takes the session's converted files as they are."""
    run, made = small_run.exported(tmp_path_factory)

    def convert_models(source, windows, further, *, scratch):
        files = {p.name: p.read_bytes() for p in made.glob("*.tflite")}
        expected = outputs(files["model_float32.tflite"], windows.all)
        folds = dict.fromkeys(source.judging_folds, files)
        return run_models.Converted(files, folds, left_out={"step.tflite": "no reason"}, expected=expected)

    monkeypatch.setattr(making, "convert_models", convert_models)
    return run, made


def test_export_refuses_and_the_old_bundle_stays(quick, tmp_path, monkeypatch):
    run, made = quick
    out = shutil.copytree(made, tmp_path / "bundle")
    before = (out / "bundle.json").read_bytes()
    lost = {"uar": 0.5, "keras_uar": 0.6, "windows": None}
    kept = {**lost, "uar": 0.6}
    monkeypatch.setattr(run_models, "estimate", lambda *a, **k: {"model.tflite": lost, "model_float32.tflite": kept})
    with pytest.raises(SerKerasError, match="loses 10.0 points.*`default` float32"):
        making.export_run(run, out, test_utterances=small_run.utterances)
    assert (out / "bundle.json").read_bytes() == before


def test_another_default_is_the_one_that_loads(quick, tmp_path):
    from ser_keras.runtime.model import load

    run, _ = quick
    info = making.export_run(run, tmp_path / "bundle", default="float32")
    assert info["default"] == "model_float32.tflite" and load(tmp_path / "bundle").name.endswith("_float32.tflite")
    vectors = json.loads((tmp_path / "bundle" / "vectors.json").read_text())
    assert vectors["stream"]["model"] == "model_float32.tflite"
    assert "--default float32" in (tmp_path / "bundle" / "model_card.md").read_text()


# --- figures


def test_windows_and_genders_are_compared(stored):
    model, files = stored
    keys, rows, cuts, labels = [], [], [], []
    for key, label, samples in small_run.utterances(0):
        cut = cut_windows(samples, small_run.WINDOW, small_run.HOP, tail="drop")
        probabilities = model.predict(cut, verbose=0)
        keys.append(key), rows.append(probabilities.mean(0)), cuts.append(probabilities), labels.append(label)
    corpora, names, _ = zip(*keys, strict=True)
    gender = ["female", "male"] * 6
    speakers = [f"toy/{i % 3}" for i in range(12)]
    table = Predictions(
        file=names,
        corpus=corpora,
        speaker=speakers,
        gender=gender,
        start=[0.0] * 12,
        end=[9.0] * 12,
        true=labels,
        probabilities=rows,
        classes=small_run.CLASSES,
    )
    of = np.repeat(np.arange(12), [len(c) for c in cuts])
    starts = [0.512 * i for c in cuts for i in range(len(c))]
    pick = lambda values: [values[i] for i in of]  # noqa: E731
    windows = Predictions(
        file=pick(names),
        corpus=pick(corpora),
        speaker=pick(speakers),
        gender=pick(gender),
        start=starts,
        end=[s + 0.55 for s in starts],
        true=pick(labels),
        probabilities=np.concatenate(cuts),
        classes=small_run.CLASSES,
    )
    settings = Settings(small_run.CLASSES, small_run.WINDOW, small_run.HOP)
    chosen = {0: {"whole": files["float32"], "int8": files["int8"]}}
    found = estimate(chosen, {0: table}, small_run.utterances, settings=settings, window_tables={0: windows})
    assert found["whole"]["windows"]["n"] == len(of) and found["whole"]["windows"]["largest"] < 1e-5
    assert found["whole"]["windows"]["agreement"] == 1 and found["whole"]["windows"]["largest_flip_margin"] is None
    assert found["whole"]["difference"]["largest"] < 1e-5 < found["int8"]["difference"]["largest"]
    assert {g: v["n"] for g, v in found["whole"]["by_gender"].items()} == {"female": 6, "male": 6}

    def chunks(fold):  # as a run under chunk_random is tested
        for (corpus, name, _), label, samples in small_run.utterances(fold):
            for i, cut in enumerate(cut_windows(samples, small_run.WINDOW, small_run.HOP, tail="drop")):
                yield utterance_key(corpus, name, 0.512 * i), label, cut

    kept, tables = {}, {0: windows}
    options = {"settings": settings, "window_tables": tables}
    pooled = estimate(chosen, tables, chunks, keep=kept.__setitem__, chunks=True, **options)
    for name, figures in found.items():
        assert pooled[name]["n"] == len(kept[name]) == 12 and pooled[name]["windows"]["n"] == len(of)
        assert (pooled[name]["uar"], pooled[name]["ci95"]) == (figures["uar"], figures["ci95"])
        assert pooled[name]["difference"]["mean"] == pytest.approx(figures["difference"]["mean"], abs=1e-6)
    # windows that don't fit the utterance's are not compared
    cut = windows.take(np.arange(1, len(windows)))
    found = estimate(chosen, {0: table}, small_run.utterances, settings=settings, window_tables={0: cut})
    assert found["whole"]["windows"]["n"] == len(of) - len(cuts[0])


def test_flips_have_margins():
    pairs = [([0.5, 0.3, 0.2], [0.35, 0.45, 0.2]), ([0.9, 0.1, 0], [0.8, 0.2, 0]), ([0.4, 0.3, 0.3], [0.3, 0.3, 0.4])]
    found = compare_windows(pairs)
    assert (found["n"], found["flips"]) == (3, 2) and found["agreement"] == pytest.approx(1 / 3)
    assert found["largest"] == pytest.approx(0.15) and found["largest_flip_margin"] == pytest.approx(0.2)
    assert found["largest_flip_margin"] < 2 * found["largest"]


def test_sampled_windows_are_spread_over_all_folds():
    def utterances(fold):
        for i in range(100):
            yield ("c", f"{fold}/{i}", 0.0), 0, np.full(9000, fold + i / 1000, np.float32)

    found = sample_windows(utterances, [0, 1, 2, 3], SETTINGS, limit=20, each=1)
    assert len(found) == 20 and all(4 <= (found[:, 0].astype(int) == f).sum() <= 6 for f in range(4))
    assert len(sample_windows(utterances, [0], SETTINGS, limit=500, each=1)) == 100
    assert sample_windows(None, [0], SETTINGS).shape == (0, small_run.WINDOW)


def test_card_shows_conditions_genders_steps_and_refusals(tmp_path_factory):
    run, made = small_run.exported(tmp_path_factory)
    info = json.loads((made / "bundle.json").read_text())
    info["conditions"] = [{"condition": "white noise at 20 dB SNR", "uar": 0.4, "ci95": [0.3, 0.5], "wa": 0.41, "n": 9}]
    info["uar_estimate"]["model.tflite"]["by_gender"] = {"female": {"uar": 0.625, "n": 7}}
    info["step"] = {"file": "step.tflite"}
    info["parity"]["model.tflite"]["tflite-runtime"] = {"refused": "since"}
    info["latency"]["model.tflite"]["load"] = 99.0
    info["created_from"]["temperature"] = 0.9
    of_corpora = {name: {"n": 7, "uar": 0.25, "uar_ci95": [0.1, 0.3], "wa": 0.5} for name in ("toy", "toy2")}
    metrics = json.loads((run / "metrics.json").read_text()) | {"ece": 0.04, "per_corpus": of_corpora}
    text = card.render(info, info["files"], {}, metrics=metrics)
    for part in (
        "| white noise at 20 dB SNR | **0.400** [0.300, 0.500] | 0.410 |",
        "| female | 7 | 0.625 |",
        "| toy2 | 7 | **0.250** [0.100, 0.300] | 0.500 |",
        "`step.tflite` takes audio chunk by chunk",
        "by utterance: 4.0 points",
        "a temperature of 0.9,",
        "`model.tflite` must not be run by tflite-runtime",
        "The machine was busy (load 99)",
    ):
        assert part in text, part


# --- the front end alone, and single steps


def test_features_file_gives_what_the_classifier_is_fed(stored):
    from ser_keras.models.end_to_end import split

    model, _ = stored
    content = graph_to_tflite(signatures.features(model))
    assert parity.shapes(content)["inputs"] == {"audio": [1, small_run.WINDOW]}
    runner = __import__("ai_edge_litert.interpreter", fromlist=["x"]).Interpreter(model_content=content)
    windows = some_windows(2)
    for window in windows:
        found = runner.get_signature_runner("features")(audio=window[None])["features"]
        np.testing.assert_allclose(found, np.array(split(model)[0](window[None])), atol=1e-4)


def sequence_model(name, chunks=3, **settings):
    import keras

    from ser_keras.features.frontends import FRONT_ENDS
    from ser_keras.models import MODELS
    from ser_keras.models.end_to_end import end_to_end

    keras.utils.set_random_seed(0)
    front = FRONT_ENDS["spectrogram_pair"]()
    net = MODELS[name](front.compute_output_shape((None, 8800))[1:], 4, units=8, **settings)
    return end_to_end(front, net, 8800, chunks=chunks, hop_samples=8192), net, front


@pytest.mark.parametrize(
    ("name", "given"),
    [
        pytest.param("anand2015_lstm", {}, marks=pytest.mark.slow),
        ("anand2015_cnn_lstm", {"filters": [8], "kernel": [64, 3]}),
    ],
)
def test_chunk_by_chunk_equals_the_whole_sequence(name, given, monkeypatch):
    model, net, front = sequence_model(name, **given)
    content = graph_to_tflite(signatures.step(model))
    n = 6
    wave = (0.1 * np.random.default_rng(0).standard_normal(8800 + (n - 1) * 8192)).clip(-1, 1).astype(np.float32)
    chunks = [wave[k * 8192 : k * 8192 + 8800] for k in range(n)]
    features = np.array(front(np.array(chunks)))[None]
    step = Stepper(content, "step.tflite")
    assert step.chunk_samples == 8800
    for _ in range(2):  # from the start again: nothing is left in the file's runtime
        state = step.start()
        for k, chunk in enumerate(chunks):
            found, state = step(chunk, state)
            expected = np.array(net([features[:, : k + 1], np.ones((1, k + 1), bool)]))[0]
            assert np.abs(found - expected).max() < 1e-4
    # the int8 files agree with each other, too; another state to begin with does not
    whole = to_tflite(model)
    files = {"model.tflite": quantise(whole), "model_float32.tflite": whole}
    parts = {"step.tflite": quantise(content), "step_float32.tflite": content}
    info = parity.check_steps(parts, files, 8800 + 2 * 8192, hop_samples=8192)
    assert info["difference_from_whole"] < 1e-4 and info["inputs"] == {"audio": [1, 8800], "c": [1, 8], "h": [1, 8]}
    monkeypatch.setattr(Stepper, "start", lambda self, start=Stepper.start: {k: v + 1 for k, v in start(self).items()})
    with pytest.raises(SerKerasError, match="chunk by chunk differs"):
        parity.check_steps(parts, files, 8800 + 2 * 8192, hop_samples=8192)
    with pytest.raises(SerKerasError, match="no signature 'step'"):
        Stepper(whole, "model.tflite")


def test_bidirectional_and_window_models_say_why_they_take_no_steps(stored):
    with pytest.raises(SerKerasError, match="bidirectional"):
        signatures.step(sequence_model("anand2015_lstm", bidirectional=True)[0])
    with pytest.raises(SerKerasError, match="no state to carry"):
        signatures.step(stored[0])
