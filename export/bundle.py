"""A run directory to a bundle: everything that a phone, a browser or `ser-keras predict` needs, checked."""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json
from ser_keras.common.progress import stage
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import Run
from ser_keras.export import card, licence, parity
from ser_keras.export.convert import Conversion, convert
from ser_keras.export.estimate import estimate, sample_windows
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
from ser_keras.export.provenance import chunk_hop, conditions, metadata_of, origin, run_settings, tables
from ser_keras.export.publish import replacing_folder
from ser_keras.export.reference import write_reference
from ser_keras.export.variants import ALWAYS, INT8_WEIGHTS, VARIANTS, check_name, choose_default
from ser_keras.export.vectors import write_vectors
from ser_keras.runtime import benchmark
from ser_keras.runtime.bundle import LICENCE, SCHEMA_VERSION
from ser_keras.runtime.interpreter import Interpreter, choose

FLOAT = VARIANTS["float32"].file
CARD = "model_card.md"
KERAS = "model.keras"  # for `train --init`; phones have no use for it
INDEX = "bundle.json"
CALIBRATION_WINDOWS = 100
NO_AUDIO = "the test audio was not given to the export"


def export_run(run_dir, out, fold=None, test_utterances=None, default=INT8_WEIGHTS, all_variants=False):
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
    run = Run.existing(run_dir)
    source = run.final if fold is None else run.fold(fold)
    if not (source / KERAS).is_file():
        raise SerKerasError(_no_model(run, fold))
    settings = run_settings(run.experiment)
    with (
        replacing_folder(out, check_out) as folder,
        # Beside the bundle and named like its partial folder: the next export clears it after a kill.
        tempfile.TemporaryDirectory(prefix=f"{folder.name}-scratch-", dir=folder.parent) as scratch,
    ):
        return _Export(run, source, fold, settings, test_utterances, Path(scratch)).fill(folder, default, all_variants)


def summary(info):
    """Lines for the person at the terminal on what `export_run` returned."""
    lines = []
    for name, figures in info["uar_estimate"].items():
        size, latency = info["files"][name]["bytes"] / 1000, info["latency"][name]["median_ms"]
        line = f"{name}{' (default)' if name == info['default'] else ''}: {size:.0f} KB, "
        line += f"{latency:.1f} ms a window on one thread"
        line += f", largest difference from Keras {info['difference'][name]['largest']:.1e}"
        if figures is not None:
            line += f", UAR {figures['uar']:.3f} (Keras {figures['keras_uar']:.3f}) on {figures['n']} utterances"
        lines.append(line)
    lines += [f"{name} left out: {reason}" for name, reason in info["left_out"].items()]
    if info["step"] is not None:
        file = info["step"]["file"]
        lines.append(f"{file}: {info['files'][file]['bytes'] / 1000:.0f} KB, for audio chunk by chunk")
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
        ours |= set(read_json(out / INDEX)["files"])
    if INDEX not in found or found - ours:
        strange = sorted(found - ours) or sorted(found)
        raise SerKerasError(f"{out} holds {strange[0]}, which is no part of a bundle; choose another --out")


def _listing(folder):
    """File name -> checksum and size."""
    return {
        p.name: {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size}
        for p in sorted(folder.iterdir())
    }


@dataclasses.dataclass
class _Export:
    """What one export works on."""

    run: Run
    source: Path
    fold: int | None
    settings: object
    test_utterances: object
    scratch: Path

    def fill(self, folder, default, all_variants):
        """Make all files of the bundle in `folder`; returns the content of its bundle.json."""
        settings, experiment = self.settings, self.run.experiment
        folds = [int(f.name) for f in self.run.folds() if (f / KERAS).is_file()]
        folds = folds if self.fold is None else [self.fold]
        real, trouble = self._real_windows(folds)
        windows = np.concatenate([parity.probe_windows(settings.window_samples), real])
        wanted = tuple(name for name in VARIANTS if name not in ALWAYS) if all_variants else ()
        files, fold_files, left_out = self._convert(folds if trouble is None else [], windows, wanted)
        metadata = metadata_of(experiment, settings)
        shipped = {v.file: with_metadata(files[v.file], metadata) for v in VARIANTS.values() if v.file in files}
        parts = {name: files[name] for name in (FEATURES_FILE, STEP_FILE, STEP_FLOAT_FILE) if name in files}
        for name, content in (shipped | parts).items():
            (folder / name).write_bytes(content)
        with stage("parity", len(shipped), "files") as advance:
            expected = np.load(self.scratch / "keras.npy")
            report = parity.check(shipped, windows, expected, advance, len(windows) - len(real))
            steps = parity.check_steps(parts, shipped, settings.window_samples, chunk_hop(experiment))
        figures = dict.fromkeys(shipped)
        if trouble is None:
            figures, trouble = self._estimate(fold_files, list(shipped))
        default = choose_default(default, figures)
        with stage("latency and memory", len(shipped), "files") as advance:
            latency = {name: self._latency(name, content, advance) for name, content in shipped.items()}
        (folder / LABELS_FILE).write_text("\n".join(settings.classes) + "\n", encoding="utf-8")
        shutil.copyfile(self.source / KERAS, folder / KERAS)
        models = {name: Interpreter(content, name, choose()) for name, content in shipped.items()}
        write_reference(folder, settings.window_samples, settings.classes, models)
        write_vectors(folder, settings, models[default], default)

        info = {
            "schema_version": SCHEMA_VERSION,
            "default": default,
            "classes": list(settings.classes),
            "class_emotions": {name: list(emotions) for name, emotions in experiment["classes"].items()},
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
            "left_out": {name: reason for name, reason in left_out.items() if name != STEP_FILE},
            "features": {"file": FEATURES_FILE, "signature": FEATURES, **parity.shapes(parts[FEATURES_FILE])},
            "step": steps,
            "step_missing": left_out.get(STEP_FILE),
            "uar_estimate": figures,
            "uar_estimate_missing": trouble,
            "difference": {name: parity.worst(report[name]) for name in shipped},
            "parity": {"windows": {"synthetic": len(windows) - len(real), "real": len(real)}, **report},
            "latency": latency,
            "conditions": conditions(self.run) if self.fold is None else [],
            "created_from": origin(self.run, experiment, self.fold),
        }
        if terms := licence.notice(info["created_from"]):
            (folder / LICENCE).write_text(terms, encoding="utf-8")
        run_metrics = self.run.metrics if self.run.finished else {}
        text = card.render(info, _listing(folder), experiment, run_metrics)
        (folder / CARD).write_text(text, encoding="utf-8")
        info["files"] = _listing(folder)
        (folder / INDEX).write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return info

    def _real_windows(self, folds):
        """(windows of test audio [n, N], why there is none or None)."""
        trouble = None
        if self.test_utterances is None:
            trouble = NO_AUDIO
        elif not folds:
            trouble = "the run holds no trained folds"
        else:
            try:
                return sample_windows(self.test_utterances, folds, self.settings), None
            except SerKerasError as error:
                trouble = str(error)
        return sample_windows(None, folds, self.settings), trouble

    def _convert(self, folds, windows, wanted):
        """Convert the shipped model and the folds; Keras's probabilities of `windows` go to `scratch/keras.npy`.

        Returns:
            ({file name: bytes} of the shipped model, {fold: {file name: bytes}}, {file name: why it is left out}).
        """
        np.save(self.scratch / "windows.npy", windows)
        folders = {"shipped": self.source} | {number: self.run.fold(number) for number in folds if number != self.fold}
        jobs = {}
        for name, folder in folders.items():
            made = self.scratch / str(name)
            made.mkdir()
            own = self.fold if name == "shipped" else name
            jobs[name] = Conversion(
                *(folder / KERAS, made / FLOAT, made / VARIANTS[INT8_WEIGHTS].file),
                *((self.scratch / "windows.npy", self.scratch / "keras.npy") if name == "shipped" else (None, None)),
                further=wanted,
                calibration=self._calibration(made, own) if "int8" in wanted else None,
                parts=name == "shipped",
            )
        with stage("conversion to TFLite", len(jobs), "models") as advance:
            left = convert(list(jobs.values()), advance)
        # Measured and shipped are the same files: what one of the models can't be is left out of all.
        left_out = {file: reason for answer in left for file, reason in answer.items()}
        files = {
            name: {p.name: p.read_bytes() for p in job.float32.parent.glob("*.tflite") if p.name not in left_out}
            for name, job in jobs.items()
        }
        shipped = files.pop("shipped")
        if self.fold in folds:
            files[self.fold] = shipped
        return shipped, files, left_out

    def _calibration(self, folder, fold):
        """Windows of the audio that a model was trained on: the test audio of the other folds. None: there is none."""
        others = [int(f.name) for f in self.run.folds() if int(f.name) != fold]
        try:
            found = sample_windows(self.test_utterances, others, self.settings, CALIBRATION_WINDOWS, each=1)
        except SerKerasError:
            return None
        np.save(folder / "calibration.npy", found)
        return folder / "calibration.npy"

    def _estimate(self, fold_files, names):
        """(file name -> figures, why there are none or None)."""
        files = {number: {name: own[name] for name in names} for number, own in fold_files.items()}
        try:
            chunks = PROTOCOLS[self.run.experiment["protocol"]["name"]].leaky
            windows = tables(self.run, files, "segments.csv")
            predictions = windows if chunks else tables(self.run, files, "predictions.csv")
            if missing := sorted(set(files) - set(predictions)):
                raise SerKerasError(f"fold {missing[0]} holds no predictions.csv")
            with stage("converted folds on their test audio", len(files), "folds") as advance:
                figures = estimate(
                    *(files, predictions, self.test_utterances, self.settings, advance, windows),
                    keep=self._keep,
                    chunks=chunks,
                )
                return figures, None
        except SerKerasError as error:
            return dict.fromkeys(names), str(error)

    def _keep(self, file, predictions):
        """What a file says of the test utterances, to be compared with other runs'; not part of the bundle."""
        folder = "exported" if self.fold is None else f"exported-fold-{self.fold}"
        with contextlib.suppress(SerKerasError):  # a run may be kept where nothing can be written
            predictions.write_csv(self.run.path / "evaluations" / folder / f"{file}.csv")

    def _latency(self, name, content, advance):
        """Times and memory of one file on this machine, on one thread and on two."""
        hop = self.settings.hop_samples
        one, two = (benchmark.measure(content, name, hop, runtime=choose(), threads=threads) for threads in (1, 2))
        advance()
        kept = ("median_ms", "p95_ms", "cpu_ms", "first_ms", "load_ms", "memory_mb", "real_time_factor")
        rounded = {key: None if one[key] is None else round(one[key], 4) for key in kept}
        both = {"two_threads": {key: round(two[key], 4) for key in ("median_ms", "p95_ms")}}
        place = {"runtime": choose(), "machine": benchmark.machine(), "load": benchmark.load()}
        return {**rounded, "threads": 1, **both, **place}
