"""A run directory to a bundle: everything that a phone, a browser or `ser-keras predict` needs, checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.common.progress import say, stage
from ser_keras.experiment.run import RunDirectory
from ser_keras.export import card, licence, parity
from ser_keras.export.bundle_json import BundleJson, Description, FileEntry, Latency
from ser_keras.export.estimate import TestAudio
from ser_keras.export.metadata import LABELS_FILE, with_metadata
from ser_keras.export.names import (
    FEATURES,
    FEATURES_FILE,
    INPUT_NAME,
    OUTPUT_NAME,
    SIGNATURE,
    STEP_FILE,
    STEP_FLOAT_FILE,
)
from ser_keras.export.provenance import conditions, live_estimates, metadata_of, origin
from ser_keras.export.publish import replacing_folder
from ser_keras.export.reference import write_reference
from ser_keras.export.run_models import (
    KERAS,
    Converted,
    Files,
    Source,
    Windows,
    comparison_windows,
    convert_models,
    estimate_folds,
    source_of,
)
from ser_keras.export.variants import ALWAYS, INT8_WEIGHTS, VARIANTS, check_name, choose_default
from ser_keras.export.vectors import write_vectors
from ser_keras.runtime import benchmark
from ser_keras.runtime.bundle import LICENCE, NOTICE, SCHEMA_VERSION
from ser_keras.runtime.interpreter import Interpreter, choose
from ser_keras.training.runtime_model import chunk_hop

CARD = "model_card.md"
INDEX = "bundle.json"
PARTS = (FEATURES_FILE, STEP_FILE, STEP_FLOAT_FILE)  # files beside those of the whole model


def export_run(
    run_dir: str | Path,
    out: str | Path,
    fold: int | None = None,
    *,
    test_utterances: TestAudio | None = None,
    default: str = INT8_WEIGHTS,
    all_variants: bool = False,
) -> BundleJson:
    """Export a run's final model, or a fold's, as a bundle.

    Args:
        run_dir: the run directory.
        out: the bundle's folder; a bundle that is there is replaced in one step.
        fold: number of a fold to export instead of the final model.
        test_utterances: fold number -> iterable of (estimate.utterance_key, true class index, float32 samples [n] at
            16 kHz): the audio that the fold was tested on. None: the bundle carries no `uar_estimate`.
        default: name in `variants.VARIANTS` of the file to call the default; `auto`: int8 weights, or float32 where
            these lose too much.
        all_variants: whether the further variants are made, beside int8 weights and float32.

    Returns:
        The content of `bundle.json`.

    Raises:
        SerKerasError: no such model, it doesn't convert, a check fails, the default loses more than a point of UAR, or
            `out` isn't ours to replace.
    """
    check_name(default)
    source = source_of(RunDirectory.existing(run_dir), fold, test_utterances)
    further = tuple(name for name in VARIANTS if name not in ALWAYS) if all_variants else ()
    with (
        replacing_folder(out, check_out) as folder,
        # Beside the bundle and named like its partial folder: the next export clears it after a kill.
        tempfile.TemporaryDirectory(prefix=f"{folder.name}-scratch-", dir=folder.parent) as scratch,
    ):
        windows = comparison_windows(source)
        converted = convert_models(source, windows, further, scratch=Path(scratch))
        metadata = metadata_of(source.experiment, source.settings)
        shipped = {
            variant.file: with_metadata(converted.shipped[variant.file], metadata)
            for variant in VARIANTS.values()
            if variant.file in converted.shipped
        }
        parts = {name: converted.shipped[name] for name in PARTS if name in converted.shipped}
        description = _describe(source, windows, converted, shipped=shipped, parts=parts, default=default)
        _write_files(folder, source, shipped | parts, default=description["default"])
        return _write_index(folder, source, description)


def _describe(
    source: Source, windows: Windows, converted: Converted, *, shipped: Files, parts: Files, default: str
) -> Description:
    """Check the files and measure them: what `bundle.json` says of them, in its order.

    Args:
        source: what is exported.
        windows: what the files were compared with Keras on.
        converted: the files as they were made.
        shipped: those of the whole model, with metadata.
        parts: those of its front end and of its steps.
        default: as in `export_run`.
    """
    settings = source.settings
    n_made, n_real = len(windows.made), len(windows.real)
    with stage("parity", len(shipped), "files") as advance:
        report = parity.check(shipped, windows.all, converted.expected, advance=advance, n_probes=n_made)
        steps = parity.check_steps(parts, shipped, settings.window_samples, hop_samples=chunk_hop(source.experiment))
    estimates, missing = estimate_folds(source, converted, windows.missing, names=list(shipped))
    default_file = choose_default(default, estimates)
    with stage("latency and memory", len(shipped), "files") as advance:
        latency = {
            name: _latency(name, content, settings.hop_samples, advance=advance) for name, content in shipped.items()
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "default": default_file,
        "classes": list(settings.classes),
        "class_emotions": {name: list(emotions) for name, emotions in source.experiment["classes"].items()},
        "window_samples": settings.window_samples,
        "hop_samples": settings.hop_samples,
        "sample_rate": SAMPLE_RATE,
        "tail_rule": settings.tail_rule,
        "smoothing_s": settings.smoothing_s,
        "speech_gate_dbfs": settings.speech_gate_dbfs,
        "input": INPUT_NAME,
        "output": OUTPUT_NAME,
        "signature": SIGNATURE,
        "variants": {v.file: v.title for v in VARIANTS.values() if v.file in shipped},
        "left_out": {name: reason for name, reason in converted.left_out.items() if name != STEP_FILE},
        "features": {"file": FEATURES_FILE, "signature": FEATURES, **parity.shapes(parts[FEATURES_FILE])},
        "step": steps,
        "step_missing": converted.left_out.get(STEP_FILE),
        "uar_estimate": estimates,
        "uar_estimate_missing": missing,
        "difference": {name: parity.worst(report[name]) for name in shipped},
        "parity": {"windows": {"synthetic": n_made, "real": n_real}, **report},
        "latency": latency,
        "live": live_estimates(source.run) if source.fold is None else [],
        "conditions": conditions(source.run) if source.fold is None else [],
        "created_from": origin(source.run, source.experiment, source.fold),
    }


def _write_files(folder: Path, source: Source, graphs: Files, *, default: str) -> None:
    """Write the files that the card and the index describe."""
    settings = source.settings
    for name, content in graphs.items():
        (folder / name).write_bytes(content)
    (folder / LABELS_FILE).write_text("\n".join(settings.classes) + "\n", encoding="utf-8")
    shutil.copyfile(source.folder / KERAS, folder / KERAS)
    whole = {name: content for name, content in graphs.items() if name not in PARTS}
    models = {name: Interpreter(content, name, choose()) for name, content in whole.items()}
    write_reference(folder, settings.window_samples, settings.classes, models=models)
    write_vectors(folder, settings, models[default], file=default)


def _write_index(folder: Path, source: Source, description: Description) -> BundleJson:
    """Write the terms, the card and, last, `bundle.json`; returns its content."""
    seen = description["created_from"]
    for name, text in ((LICENCE, licence.share_alike_terms(seen)), (NOTICE, licence.notice(seen))):
        if text:
            (folder / name).write_text(text, encoding="utf-8")
    for line in licence.unsettled(seen):
        say(line)
    metrics = source.run.metrics if source.run.finished else {}
    page = card.render(description, _listing(folder), source.experiment, metrics=metrics)
    (folder / CARD).write_text(page, encoding="utf-8")
    index: BundleJson = {**description, "files": _listing(folder)}
    (folder / INDEX).write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return index


def _latency(name: str, content: bytes, hop_samples: int, *, advance: Callable[[], None]) -> Latency:
    """Times and memory of one file on this machine, on one thread and on two."""
    one, two = (benchmark.measure(content, name, hop_samples, runtime=choose(), threads=threads) for threads in (1, 2))
    advance()
    memory = one["memory_mb"]
    return {
        "median_ms": round(one["median_ms"], 4),
        "p95_ms": round(one["p95_ms"], 4),
        "cpu_ms": round(one["cpu_ms"], 4),
        "first_ms": round(one["first_ms"], 4),
        "load_ms": round(one["load_ms"], 4),
        "memory_mb": None if memory is None else round(memory, 4),
        "real_time_factor": round(one["real_time_factor"], 4),
        "threads": 1,
        "two_threads": {"median_ms": round(two["median_ms"], 4), "p95_ms": round(two["p95_ms"], 4)},
        "runtime": choose(),
        "machine": benchmark.machine(),
        "load": benchmark.load(),
    }


def check_out(out: Path) -> None:
    """Refuse to replace anything but a bundle and what belongs to it.

    Raises:
        SerKerasError: `out` is a file, or holds what no bundle does.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise SerKerasError(f"{out} is a file; give a folder for the bundle")
    present = {p.name for p in out.iterdir()}
    if not present:
        return
    ours = {INDEX}
    with contextlib.suppress(SerKerasError, AttributeError, TypeError):
        ours |= set(read_json(out / INDEX)["files"])
    if INDEX not in present or present - ours:
        strange = sorted(present - ours) or sorted(present)
        raise SerKerasError(f"{out} holds {strange[0]}, which is no part of a bundle; choose another `out`")


def _listing(folder: Path) -> dict[str, FileEntry]:
    """File name -> checksum and size."""
    return {
        p.name: {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size}
        for p in sorted(folder.iterdir())
    }
