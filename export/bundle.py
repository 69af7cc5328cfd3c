"""A run directory to a bundle: everything that a phone, a browser or `ser-keras predict` needs, checked."""

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from ser_keras import __version__, runs
from ser_keras.audio import SAMPLE_RATE
from ser_keras.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.export import card, parity
from ser_keras.export.convert import INPUT_NAME, OUTPUT_NAME, SIGNATURE, Conversion, convert
from ser_keras.export.estimate import estimate, sample_windows
from ser_keras.export.metadata import LABELS_FILE, Metadata, with_metadata
from ser_keras.export.publish import replacing_folder
from ser_keras.export.reference import write_reference
from ser_keras.interpreter import Interpreter, choose
from ser_keras.model_files import SCHEMA_VERSION, Settings
from ser_keras.progress import stage

DEFAULT = "model.tflite"  # int8 weights, float front end
FLOAT = "model_float32.tflite"
CARD = "model_card.md"
KERAS = "model.keras"  # for `train --init`; phones have no use for it
INDEX = "bundle.json"
LATENCY_RUNS, LATENCY_SECONDS = 200, 2.0
NO_AUDIO = "the test audio was not given to the export"


def export_run(run_dir, out, fold=None, test_utterances=None):
    """Export a run's final model, or a fold's, as a bundle.

    Args:
        run_dir: the run directory.
        out: the bundle's folder; a bundle that is there is replaced in one step.
        fold: number of a fold to export instead of the final model.
        test_utterances: fold number -> iterable of (estimate.utterance_key, true class index, float32 samples [n] at
            16 kHz): the audio that the fold was tested on. None: the bundle carries no `uar_estimate`.

    Returns:
        The content of `bundle.json`.

    Raises:
        SerKerasError: no such model, it doesn't convert, a check fails, or `out` isn't ours to replace.
    """
    run = runs.Run.existing(run_dir)
    source = run.final if fold is None else run.fold(fold)
    if not (source / KERAS).is_file():
        raise SerKerasError(_no_model(run, fold))
    settings = run_settings(run.experiment)
    with (
        replacing_folder(out, check_out) as folder,
        # Beside the bundle and named like its partial folder: the next export clears it after a kill.
        tempfile.TemporaryDirectory(prefix=f"{folder.name}-scratch-", dir=folder.parent) as scratch,
    ):
        return _fill(folder, Path(scratch), run, source, fold, settings, test_utterances)


def summary(info):
    """Lines for the person at the terminal on what `export_run` returned."""
    lines = []
    for name, figures in info["uar_estimate"].items():
        size = info["files"][name]["bytes"] / 1000
        line = f"{name}: {size:.0f} KB, {info['latency'][name]['median_ms']:.1f} ms a window on one thread"
        line += f", largest difference from Keras {info['difference'][name]['largest']:.1e}"
        if figures is not None:
            line += f", UAR {figures['uar']:.3f} (Keras {figures['keras_uar']:.3f}) on {figures['n']} utterances"
        lines.append(line)
    if info["uar_estimate_missing"]:
        lines.append(f"the converted files were not measured on test audio: {info['uar_estimate_missing']}")
    return lines


def _no_model(run, fold):
    if fold is not None:
        done = ", ".join(f.name for f in run.folds()) or "none"
        return f"{run.path} holds no trained fold {fold} (trained folds: {done})"
    return (
        f"{run.path} holds no final model: finish it with `ser-keras train ... --out {run.path} --resume`, "
        "or export a fold with --fold K"
    )


def run_settings(experiment):
    """model_files.Settings of a run's `experiment.yaml`."""
    export = experiment.get("export") or {}
    window, hop = (round(experiment[name] * SAMPLE_RATE) for name in ("window_s", "hop_s"))
    chunks = export.get("chunks", 1) if experiment.get("unit") == "utterance" else 1
    return Settings(
        classes=tuple(experiment["classes"]),
        window_samples=window + (chunks - 1) * hop,
        hop_samples=hop,
        tail_rule=experiment["tail_rule"],
        speech_gate_dbfs=export.get("speech_gate_dbfs"),
        smoothing_s=export.get("smoothing_s", 0.0),
    )


def check_out(out):
    """Refuse to replace anything but a bundle and what belongs to it.

    Raises:
        SerKerasError: `out` is a file, or holds what no bundle does.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise SerKerasError(f"{out} is a file; give a folder for the bundle")
    found = {p.name for p in out.iterdir()}
    if not found:
        return
    ours = {INDEX}
    with contextlib.suppress(SerKerasError, AttributeError, TypeError):
        ours |= set(runs.read_json(out / INDEX)["files"])
    if INDEX not in found or found - ours:
        strange = sorted(found - ours) or sorted(found)
        raise SerKerasError(f"{out} holds {strange[0]}, which is no part of a bundle; choose another --out")


def _fill(folder, scratch, run, source, fold, settings, test_utterances):
    """Make all files of the bundle in `folder`; returns the content of its bundle.json."""
    experiment = run.experiment
    folds = [int(f.name) for f in run.folds() if (f / KERAS).is_file()]
    folds = folds if fold is None else [fold]
    real, audio_trouble = _real_windows(test_utterances, folds, settings)
    windows = np.concatenate([parity.probe_windows(settings.window_samples), real])

    shipped, fold_files, expected = _convert_all(
        scratch, run, source, fold, folds if audio_trouble is None else [], windows
    )
    metadata = _metadata(experiment, settings)
    shipped = {name: with_metadata(content, metadata) for name, content in shipped.items()}
    for name, content in shipped.items():
        (folder / name).write_bytes(content)
    with stage("parity and latency", 2) as advance:
        report = parity.check({FLOAT: shipped[FLOAT], DEFAULT: shipped[DEFAULT]}, windows, expected)
        advance()
        models = {name: Interpreter(content, name, choose()) for name, content in shipped.items()}
        latency = {name: _latency(model) for name, model in models.items()}
        advance()
    figures, trouble = dict.fromkeys(shipped), audio_trouble
    if trouble is None:
        figures, trouble = _estimate(run, fold_files, test_utterances, settings)
    (folder / LABELS_FILE).write_text("\n".join(settings.classes) + "\n", encoding="utf-8")
    shutil.copyfile(source / KERAS, folder / KERAS)
    write_reference(folder, settings.window_samples, settings.classes, models)

    info = {
        "schema_version": SCHEMA_VERSION,
        "default": DEFAULT,
        "classes": list(settings.classes),
        "window_samples": settings.window_samples,
        "hop_samples": settings.hop_samples,
        "sample_rate": SAMPLE_RATE,
        "tail_rule": settings.tail_rule,
        "smoothing_s": settings.smoothing_s,
        "speech_gate_dbfs": settings.speech_gate_dbfs,
        "input": INPUT_NAME,
        "output": OUTPUT_NAME,
        "signature": SIGNATURE,
        "uar_estimate": figures,
        "uar_estimate_missing": trouble,
        "difference": {name: _worst(report[name]) for name in shipped},
        "parity": {"windows": {"synthetic": len(windows) - len(real), "real": len(real)}, **report},
        "latency": latency,
        "created_from": _origin(run, experiment, fold),
    }
    run_metrics = run.metrics if run.finished else {}
    (folder / CARD).write_text(card.render(info, _listing(folder), experiment, run_metrics), encoding="utf-8")
    info["files"] = _listing(folder)
    (folder / INDEX).write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return info


def _listing(folder):
    """File name -> checksum and size."""
    return {
        p.name: {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size}
        for p in sorted(folder.iterdir())
    }


def _real_windows(test_utterances, folds, settings):
    """(windows of test audio [n, N], why there is none or None)."""
    if test_utterances is None:
        return sample_windows(None, folds, settings), NO_AUDIO
    if not folds:
        return sample_windows(None, folds, settings), "the run holds no trained folds"
    try:
        return sample_windows(test_utterances, folds, settings), None
    except SerKerasError as error:
        return sample_windows(None, folds, settings), str(error)


def _convert_all(scratch, run, source, fold, folds, windows):
    """Convert the shipped model and the folds.

    Returns:
        ({file name: bytes}, {fold: {file name: bytes}}, Keras's probabilities of the shipped model for `windows`).
    """
    np.save(scratch / "windows.npy", windows)
    answers = scratch / "keras.npy"
    folders = {"shipped": source} | {number: run.fold(number) for number in folds if number != fold}
    jobs = {}
    for name, folder in folders.items():
        made = scratch / str(name)
        made.mkdir()
        reference = (scratch / "windows.npy", answers) if name == "shipped" else (None, None)
        jobs[name] = Conversion(folder / KERAS, made / FLOAT, made / DEFAULT, *reference)
    with stage("conversion to TFLite", len(jobs), "models") as advance:
        convert(list(jobs.values()), advance)
    files = {n: {DEFAULT: job.int8.read_bytes(), FLOAT: job.float32.read_bytes()} for n, job in jobs.items()}
    shipped = files.pop("shipped")
    if fold in folds:
        files[fold] = shipped
    return shipped, files, np.load(answers)


def _estimate(run, fold_files, test_utterances, settings):
    """(variant -> figures, why there are none or None)."""
    try:
        tables = {number: Predictions.read_csv(run.fold(number) / "predictions.csv") for number in fold_files}
        with stage("converted folds on their test audio", len(fold_files), "folds") as advance:
            return estimate(fold_files, tables, test_utterances, settings, advance), None
    except SerKerasError as error:
        return dict.fromkeys((DEFAULT, FLOAT)), str(error)


def _metadata(experiment, settings):
    corpora = ", ".join(f"{c['name']} ({c.get('licence', 'not stated')})" for c in experiment.get("corpora") or [])
    return Metadata(
        name=f"ser-keras {experiment['recipe']}",
        description=f"Speech emotion from {settings.window_samples / SAMPLE_RATE:g} s of 16 kHz mono audio",
        version=__version__,
        author="ser-keras",
        licence=f"trained on: {corpora or 'not stated'}",
        labels=settings.classes,
        sample_rate=SAMPLE_RATE,
    )


def _worst(by_runtime):
    return {key: max(entry[key] for entry in by_runtime.values()) for key in ("mean", "largest")}


def _latency(model):
    """One window's time on this machine, on one thread, after warming up."""
    window = np.random.default_rng(0).uniform(-0.1, 0.1, model.window_samples).astype(np.float32)
    for _ in range(3):
        model(window)
    times, until = [], time.monotonic() + LATENCY_SECONDS
    while len(times) < LATENCY_RUNS and time.monotonic() < until:
        started = time.perf_counter()
        model(window)
        times.append(1000 * (time.perf_counter() - started))
    machine = runs.machine()
    return {
        "median_ms": round(float(np.median(times)), 3),
        "p95_ms": round(float(np.percentile(times, 95)), 3),
        "threads": 1,
        "runtime": choose(),
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}",
    }


def _origin(run, experiment, fold):
    """Where the model comes from: enough to train it again."""
    record = run.provenance if (run.path / "provenance.json").is_file() else {}
    metrics = run.metrics if run.finished else {}
    versions = record.get("versions") or {}
    corpora = [
        {k: c.get(k) for k in ("name", "title", "licence", "n_utterances", "n_speakers", "speakers")}
        for c in experiment.get("corpora") or []
    ]
    return {
        "recipe": experiment["recipe"],
        "title": experiment.get("title", ""),
        "fold": fold,
        "seed": experiment.get("seed"),
        "commit": record.get("commit"),
        "command": card.anonymous(record.get("command") or "", [c["name"] for c in corpora]),
        "protocol": (experiment.get("protocol") or {}).get("name"),
        "leaky": metrics.get("leaky"),
        "corpora": corpora,
        "init": experiment.get("init"),
        "versions": {k: versions[k] for k in ("ser-keras", "tensorflow", "tensorflow-cpu", "keras") if k in versions},
    }
