"""A whole experiment in one run directory: train and test each fold, pool, refit on all speakers, report."""

import difflib
import statistics
import time
from pathlib import Path

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.row_store import fingerprint
from ser_keras.corpora.dimensions import dimension_levels
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports.run_report import write_report
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import assembly, protocols, saved_model
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.run import Run
from ser_keras.experiment.settings import dump_yaml
from ser_keras.models.baselines import BASELINES
from ser_keras.models.fitted_head import cut_at
from ser_keras.training import fold as fold_training
from ser_keras.training import temperature
from ser_keras.training.data.preparation import prepare, read_corpora
from ser_keras.training.prediction import predict_items


def train(experiment, corpora, out, resume=False, only_fold=None, init=None, refit=True):
    """Run an experiment into a run directory, or go on with it.

    Args:
        experiment: settings.
        corpora: list of (registry name, path).
        out: the run directory.
        resume: go on where a former call stopped; without it the directory must not hold a run.
        only_fold: train this fold alone; the figures follow once all folds are there.
        init: a run directory or bundle whose model's weights each fold starts from. Where it was trained on speakers
            of the test folds, the figures are marked leaky.
        refit: train the final model on all speakers too, which the figures don't need.

    Returns:
        Run.

    Raises:
        SerKerasError: bad settings or input, or the directory is taken or in use.
    """
    run = Run(out)
    started = time.monotonic()
    with run.locked():
        if run.settings_file.is_file() and not resume:
            raise SerKerasError(f"{out} holds a run already; --resume goes on with it, or choose another --out")
        if not run.settings_file.is_file() and (run.final.exists() or (run.path / "folds").exists()):
            raise SerKerasError(f"{out} holds folds without their experiment.yaml; delete them or choose another --out")
        run.sweep()
        start = saved_model.load_initial(init) if init is not None else None
        corpora = _as_started(run, corpora)
        prepared = prepare(experiment, read_corpora(corpora))
        start = start and start.for_classes(prepared.experiment.classes)
        resolved = {**prepared.experiment.model_dump(), "corpora": prepared.corpora}
        if start is not None:
            resolved["init"] = start.described
        if run.settings_file.is_file():
            _same_settings(run, resolved)
        check_before_writing(prepared, only_fold, start)
        write_atomic(run.settings_file, dump_yaml(resolved))
        record = _record(run, prepared, corpora)
        write_atomic(run.heard_file, "\n".join(sorted(prepared.decoded.hashes)) + "\n")
        digest = fingerprint(resolved)
        clock = _Clock(run, record, started)
        for fold in prepared.folds:
            done = run.fold(fold.number) / "fold.json"
            if done.is_file() and read_json(done)["settings"] != digest:
                raise SerKerasError(f"{done.parent} was trained with other settings or other data than {out}")
            if only_fold in (None, fold.number) and not done.is_file():
                with clock:
                    _train_fold(run, prepared, fold, start, digest)
        if len(run.folds()) == len(prepared.folds):
            _pool(run, prepared, record, start)
            if only_fold is None and refit:
                with clock:
                    _refit(run, prepared, start)
        record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        clock.note()
        if run.finished:
            write_report(run.path)
    return run


class _Clock:
    """Notes in provenance.json how long a run has taken over all calls; around a fold, also where that is cut short."""

    def __init__(self, run, record, started):
        self.run, self.record, self.started = run, record, started
        self.before = record.get("seconds", 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.note()

    def note(self):
        self.record["seconds"] = round(self.before + time.monotonic() - self.started, 1)
        write_json(self.run.path / "provenance.json", self.record)


def check_before_writing(prepared, only_fold, start):
    """Refuse what can't be trained before the run directory says that it was started."""
    numbers = [f.number for f in prepared.folds]
    if only_fold is not None and only_fold not in numbers:
        raise SerKerasError(f"there is no fold {only_fold}; this protocol has folds 0 to {numbers[-1]}")
    if prepared.experiment.model.name in BASELINES:
        if start is not None:
            raise SerKerasError(f"--init: {prepared.experiment.model.name} is no Keras model and starts from nothing")
        return
    classifier = assembly.build_classifier(prepared.experiment, prepared.material.feature_shape, prepared.n_classes)
    if prepared.experiment.head is not None:
        cut_at(classifier, prepared.experiment.head.layer)
    if start is not None:
        start(classifier)
    if prepared.experiment.training.calibration_groups:
        temperature.last_dense(classifier)
        for fold in prepared.folds:
            temperature.speaker_groups(prepared.experiment, prepared.material, fold.train, fold.number)


def _as_started(run, corpora):
    """The corpora in the order that the run was started with: folds and batches follow from it."""
    if not (run.path / "provenance.json").is_file():
        return corpora
    before = list(run.provenance.get("corpora_paths", {}))
    return sorted(corpora, key=lambda given: before.index(given[0]) if given[0] in before else len(before))


def _same_settings(run, resolved):
    before, now = (dump_yaml(tree).splitlines() for tree in (run.experiment, resolved))
    if before != now:
        changes = [d for d in difflib.unified_diff(before, now, n=0, lineterm="") if d[:2] not in ("--", "++", "@@")]
        raise SerKerasError(
            f"{run.path} was started with other settings or other data; it differs in: "
            + "; ".join(" ".join(c.split()) for c in changes[:6])
            + (f"; and {len(changes) - 6} lines more" if len(changes) > 6 else "")
        )


def _record(run, prepared, corpora):
    """provenance.json: written at the start, finished at the end; a resumed run keeps its beginning."""
    file = run.path / "provenance.json"
    record = provenance(run.provenance if file.is_file() else None) | {
        "corpora": prepared.corpora,
        "corpora_paths": {name: str(Path(root).resolve()) for name, root in corpora},
        "dropped": prepared.dropped,
        "bad_files": prepared.decoded.bad_files,
        "warnings": prepared.decoded.warnings,
    }
    if prepared.experiment.model.arguments().get("multitask"):
        record["derived_from_class"] = list(dimension_levels(prepared.material.items).derived)
    write_json(file, record)
    return record


def _speakers(items, indices):
    return sorted({items[i].speaker for i in indices} - {None})


def _train_fold(run, prepared, fold, start, digest):
    material, folder = prepared.material, run.fold(fold.number)
    first, *others = fold.name.split()
    title = f"fold {fold.number + 1}/{len(prepared.folds)} {first}{f' +{len(others)}' if others else ''}"
    classifier, history, counts = fold_training.fit(
        *(prepared.experiment, material, fold.train, fold.validation, prepared.n_classes, folder, fold.number, title),
        initial=start,
    )
    counts |= temperature.calibrate(
        *(classifier, prepared, fold.train, fold.validation, folder, fold.number, title), initial=start
    )
    utterances, segments = predict_items(classifier, prepared, fold.test, fold.number)
    utterances.write_csv(folder / "predictions.csv")
    if segments is not None:
        segments.write_csv(folder / "segments.csv")
    parts = ("train", "validation", "test")
    record = {"name": fold.name, "settings": digest} | {p: _speakers(material.items, getattr(fold, p)) for p in parts}
    record |= {f"n_{p}": len(getattr(fold, p)) for p in parts} | counts
    fold_training.finish(folder, prepared.experiment, classifier, history, record)
    temperature.sweep(folder)


def _pool(run, prepared, record, start):
    """Pool the folds' predictions into the run's tables and figures."""
    tables = ("predictions.csv",) if prepared.material.sequence else ("predictions.csv", "segments.csv")
    utterances, *windows = (
        Predictions.concatenate(Predictions.read_csv(folder / name) for folder in run.folds()) for name in tables
    )
    kind = protocols.PROTOCOLS[prepared.experiment.protocol.name]
    reason = kind.claim if kind.leaky else None
    if start is not None and (seen := start.speakers & set(utterances.speaker)):
        reason = f"LEAKY: the initial weights ({start.described['name']}) were trained on {len(seen)} test speakers"
    elif start is not None and start.fingerprints & {c["fingerprint"] for c in prepared.corpora}:
        reason = f"LEAKY: the initial weights ({start.described['name']}) were trained on a corpus of this run"
    elif doubled := prepared.heard_in_training():
        reason = f"LEAKY: {doubled} test utterances are the same audio as training ones"
    write_tables(
        run.path,
        prepared.experiment,
        utterances,
        segments=windows[0] if windows else None,
        protocol=prepared.experiment.protocol.name,
        leaky_reason=reason,
        commit=record["commit"],
        selected_on=() if start is None else start.selected_on,
    )


def _refit(run, prepared, start):
    """The exported model: the recipe's epochs, or the median of the folds' best, on all speakers."""
    if (run.final / "fold.json").is_file():
        return
    material = prepared.material
    every = np.arange(len(material.items))
    none = np.array([], int)
    epochs = [read_json(folder / "fold.json")["best_epoch"] for folder in run.folds()]
    epochs = max(1, round(statistics.median(epochs)))
    classifier, history, counts = fold_training.fit(
        prepared.experiment,
        material,
        every,
        none,
        prepared.n_classes,
        run.final,
        fold_training.FINAL,
        "final refit",
        initial=start,
        epochs=epochs,
    )
    counts |= temperature.calibrate(
        *(classifier, prepared, every, none, run.final, fold_training.FINAL, "final refit"),
        initial=start,
        epochs=epochs,
    )
    record = {"name": "final", "train": _speakers(material.items, every), "n_train": len(every)} | counts
    fold_training.finish(run.final, prepared.experiment, classifier, history, record)
    temperature.sweep(run.final)
