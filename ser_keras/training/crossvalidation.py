"""A whole experiment in one run directory: train and test each fold, pool, refit on all speakers, report."""

from __future__ import annotations

import difflib
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ser_keras.common import plugins
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.row_store import fingerprint
from ser_keras.common.seeds import FoldSeeds
from ser_keras.corpora.dimensions import dimension_levels
from ser_keras.corpora.utterance import Utterance
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports.run_report import write_report
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import assembly, protocols
from ser_keras.experiment.protocols import Fold
from ser_keras.experiment.provenance import Record, provenance
from ser_keras.experiment.run import RunDirectory, sound_records
from ser_keras.experiment.saved_model import InitialWeights, load_initial
from ser_keras.experiment.settings import Experiment, dump_yaml
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.models.fitted_head import cut_at
from ser_keras.training import temperature
from ser_keras.training.data.labelled_audio import read_audio, read_corpora
from ser_keras.training.data.preparation import FoldedAudio, Prepared, compute_features, make_folds
from ser_keras.training.data.sounds import TrainingSounds
from ser_keras.training.fold import FoldTrainer
from ser_keras.training.fold_job import FINAL, FoldJob

Corpora = Sequence[tuple[str, str | Path]]
PARTS = ("train", "validation", "test")


def train(
    experiment: Experiment,
    corpora: Corpora,
    out: str | Path,
    *,
    resume: bool = False,
    only_fold: int | None = None,
    init: str | Path | None = None,
    refit: bool = True,
) -> RunDirectory:
    """Run an experiment into a run directory, or go on with it.

    What cannot be trained, and a directory of other settings or data, is refused before any feature is computed.

    Args:
        experiment: settings.
        corpora: (registry name, path) pairs.
        out: the run directory.
        resume: go on where a former call stopped; without it the directory must not hold a run.
        only_fold: train this fold alone; the metrics follow once all folds are there.
        init: a run directory or bundle whose model's weights each fold starts from. Where it was trained on speakers
            of the test folds, the metrics are marked leaky.
        refit: train the final model on all speakers too, which the metrics do not need.

    Raises:
        SerKerasError: bad settings or input, or the directory is taken or in use.
    """
    run, started = RunDirectory(out), time.monotonic()
    with run.locked(), tensorflow_session(experiment):
        _refuse_taken(run, resume)
        run.sweep()
        initial = load_initial(init) if init is not None else None
        corpora = _as_started(run, corpora)
        data = make_folds(read_audio(experiment, read_corpora(corpora)))
        initial = initial and initial.for_classes(list(data.experiment.classes))
        settings = _resolved_settings(data, initial)
        _refuse_other_settings(run, settings)
        check_trainable(data, only_fold=only_fold, initial=initial)
        prepared = compute_features(data)
        clock = _start(run, prepared, settings, corpora=corpora, started=started)
        for fold in prepared.folds:
            if only_fold in (None, fold.number) and not (run.fold(fold.number) / "fold.json").is_file():
                with clock:
                    _train_fold(run, prepared, fold, initial=initial, digest=fingerprint(settings))
        if len(run.folds()) == len(prepared.folds):
            _pool(run, data, initial)
            if only_fold is None and refit and not (run.final / "fold.json").is_file():
                with clock:
                    _refit(run, prepared, initial)
        clock.finish()
        if run.finished:
            write_report(run.path)
    return run


def _refuse_taken(run: RunDirectory, resume: bool) -> None:
    """Refuse a directory that holds a run, unless it is to be resumed."""
    if run.settings_file.is_file() and not resume:
        raise SerKerasError(f"{run.path} holds a run already; `resume=True` goes on with it, or choose another `out`")
    if not run.settings_file.is_file() and (run.final.exists() or (run.path / "folds").exists()):
        raise SerKerasError(
            f"{run.path} holds folds without their experiment.yaml; delete them or choose another `out`"
        )


def _as_started(run: RunDirectory, corpora: Corpora) -> Corpora:
    """The corpora in the order that the run was started with: folds and batches follow from it."""
    if not (run.path / "provenance.json").is_file():
        return corpora
    before = list(run.provenance.get("corpora_paths", {}))
    return sorted(corpora, key=lambda corpus: before.index(corpus[0]) if corpus[0] in before else len(before))


def _resolved_settings(data: FoldedAudio, initial: InitialWeights | None) -> Record:
    """What experiment.yaml holds."""
    settings = {**data.experiment.model_dump(), "corpora": data.corpora}
    if files := TrainingSounds.of(data.experiment.augmentation).files:
        settings["sounds"] = sound_records(files)
    return settings if initial is None else settings | {"init": initial.described}


def _refuse_other_settings(run: RunDirectory, settings: Record) -> None:
    """Refuse to go on with a run, or with one of its folds, that has other settings or other data."""
    if run.settings_file.is_file():
        before, now = (dump_yaml(tree).splitlines() for tree in (run.experiment, settings))
        if before != now:
            diff = difflib.unified_diff(before, now, n=0, lineterm="")
            changes = [line for line in diff if line[:2] not in ("--", "++", "@@")]
            raise SerKerasError(
                f"{run.path} was started with other settings or other data; it differs in: "
                + "; ".join(" ".join(change.split()) for change in changes[:6])
                + (f"; and {len(changes) - 6} lines more" if len(changes) > 6 else "")
            )
    for folder in run.folds():
        if read_json(folder / "fold.json")["settings"] != fingerprint(settings):
            raise SerKerasError(f"{folder} was trained with other settings or other data than {run.path}")


def check_trainable(data: FoldedAudio, *, only_fold: int | None = None, initial: InitialWeights | None = None) -> None:
    """Refuse what cannot be trained; no features are needed to know it.

    Raises:
        SerKerasError: there is no such fold, the model does not fit the features or the initial weights, or speakers
            are too few to choose a temperature on.
    """
    experiment, numbers = data.experiment, [fold.number for fold in data.folds]
    if only_fold is not None and only_fold not in numbers:
        raise SerKerasError(f"there is no fold {only_fold}; this protocol has folds 0 to {numbers[-1]}")
    assembly.own_augmentations(experiment)
    if not assembly.model_kind(experiment).keras:
        if initial is not None:
            raise SerKerasError(f"`init`: {experiment.model.name} is no Keras model and starts from nothing")
        return
    classifier = assembly.build_classifier(experiment, data.feature_shape, data.n_classes)
    if experiment.head is not None:
        cut_at(classifier, experiment.head.layer)
    if initial is not None:
        initial(classifier)
    if experiment.training.calibration_groups:
        temperature.last_dense(classifier)
        for fold in data.folds:
            temperature.speaker_groups(experiment, data.items.utterances, fold.train, fold=fold.number)


def _start(run: RunDirectory, data: FoldedAudio, settings: Record, *, corpora: Corpora, started: float) -> _Clock:
    """Write what a run directory holds from the start: experiment.yaml, provenance.json and heard.txt."""
    write_atomic(run.settings_file, dump_yaml(settings))
    file = run.path / "provenance.json"
    # A resumed run keeps its beginning.
    record = provenance(run.provenance if file.is_file() else None) | {
        "corpora": data.corpora,
        "corpora_paths": {name: str(Path(root).resolve()) for name, root in corpora},
        "dropped": data.dropped,
        "bad_files": data.audio.bad_files,
        "warnings": data.audio.warnings,
    }
    if modules := sorted({plugins.module_of(name) for name in plugins.named_in(settings)}):
        record["own_parts"] = {module: plugins.source_digest(module) for module in modules}
    if data.experiment.model.arguments().get("multitask"):
        record["derived_from_class"] = list(dimension_levels(data.items.utterances).derived)
    write_json(file, record)
    write_atomic(run.heard_file, "\n".join(sorted(data.audio.hashes)) + "\n")
    return _Clock(run, record, started)


class _Clock:
    """Notes in provenance.json how long a run has taken over all calls; around a fold, also where that is cut short."""

    def __init__(self, run: RunDirectory, record: Record, started: float) -> None:
        self.run, self.record, self.started = run, record, started
        self.before = float(record.get("seconds", 0))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.note()

    def note(self) -> None:
        """Write the seconds so far."""
        self.record["seconds"] = round(self.before + time.monotonic() - self.started, 1)
        write_json(self.run.path / "provenance.json", self.record)

    def finish(self) -> None:
        """Write when this call ended."""
        self.record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self.note()


def _train_fold(
    run: RunDirectory, prepared: Prepared, fold: Fold, *, initial: InitialWeights | None, digest: str
) -> None:
    """Train one fold's classifier and test it on the fold's test items."""
    first, *others = fold.name.split()
    more = f" +{len(others)}" if others else ""
    trainer = FoldTrainer(
        FoldJob(
            experiment=prepared.experiment,
            material=prepared.material,
            train=fold.train,
            validation=fold.validation,
            folder=run.fold(fold.number),
            seeds=FoldSeeds(prepared.experiment.seed, fold.number),
            title=f"fold {fold.number + 1}/{len(prepared.folds)} {first}{more}",
            initial=initial,
        )
    )
    trainer.prepare()
    trainer.fit()
    temperature.calibrate(trainer)
    utterances, windows = trainer.predict(fold.test)
    folder, items = trainer.job.folder, prepared.items.utterances
    utterances.write_csv(folder / "predictions.csv")
    if windows is not None:
        windows.write_csv(folder / "segments.csv")
    indices = {part: getattr(fold, part) for part in PARTS}
    speakers = {part: _speakers(items, indices[part]) for part in PARTS}
    sizes = {f"n_{part}": len(indices[part]) for part in PARTS}
    trainer.finish({"name": fold.name, "settings": digest, **speakers, **sizes})
    temperature.sweep(folder)


def _refit(run: RunDirectory, prepared: Prepared, initial: InitialWeights | None) -> None:
    """Train the model that is exported: the recipe's epochs, or the median of the folds' best, on all speakers."""
    every = np.arange(len(prepared.items))
    epochs = [read_json(folder / "fold.json")["best_epoch"] for folder in run.folds()]
    trainer = FoldTrainer(
        FoldJob(
            experiment=prepared.experiment,
            material=prepared.material,
            train=every,
            validation=np.array([], int),
            folder=run.final,
            seeds=FoldSeeds(prepared.experiment.seed, FINAL),
            title="final refit",
            initial=initial,
            epochs=max(1, round(statistics.median(epochs))),
        )
    )
    trainer.prepare()
    trainer.fit()
    temperature.calibrate(trainer)
    trainer.finish({"name": "final", "train": _speakers(prepared.items.utterances, every), "n_train": len(every)})
    temperature.sweep(run.final)


def _speakers(items: Sequence[Utterance], indices: NDArray[np.int64]) -> list[str]:
    return sorted({speaker for i in indices if (speaker := items[i].speaker) is not None})


def _pool(run: RunDirectory, data: FoldedAudio, initial: InitialWeights | None) -> None:
    """Pool the folds' predictions into the run's tables and metrics."""
    utterances, windows = (_pooled(run, name) for name in ("predictions.csv", "segments.csv"))
    assert utterances is not None
    write_tables(
        run.path,
        data.experiment,
        utterances,
        segments=windows,
        protocol=data.experiment.protocol.name,
        leaky_reason=_leak(data, utterances, initial),
        commit=run.provenance["commit"],
        selected_on=() if initial is None else initial.selected_on,
    )


def _pooled(run: RunDirectory, name: str) -> Predictions | None:
    """One table of all folds; None where classifiers of sequences wrote none."""
    files = [folder / name for folder in run.folds()]
    return Predictions.concatenate(map(Predictions.read_csv, files)) if files[0].is_file() else None


def _leak(data: FoldedAudio, utterances: Predictions, initial: InitialWeights | None) -> str | None:
    """Why the metrics say nothing about new speakers, or None."""
    kind = protocols.PROTOCOLS[data.experiment.protocol.name]
    if initial is not None and (seen := initial.speakers & set(utterances.speaker)):
        return f"LEAKY: the initial weights ({initial.described['name']}) were trained on {len(seen)} test speakers"
    if initial is not None and initial.fingerprints & {corpus["fingerprint"] for corpus in data.corpora}:
        return f"LEAKY: the initial weights ({initial.described['name']}) were trained on a corpus of this run"
    if doubled := data.heard_in_training():
        return f"LEAKY: {doubled} test utterances are the same audio as training ones"
    return kind.claim if kind.leaky else None
