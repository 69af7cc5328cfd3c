"""Rows that are made from other rows' runs: averages over time or models, heads on class scores, weights drawn."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ser_keras.audio.windows import cut_windows
from ser_keras.common.errors import SerKerasError, Unreadable
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.seeds import FoldSeeds, Stream
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports import plots
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import protocols, saved_model
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.features.descriptors.acoustic26 import Acoustic26
from ser_keras.models.fitted_head import cut_at, fit_head
from ser_keras.reproduction import metrics
from ser_keras.reproduction.drawings import beliefs, filters
from ser_keras.reproduction.reported import Derived
from ser_keras.reproduction.rows import Row
from ser_keras.training.data.examples import training_examples
from ser_keras.training.prediction import predict_items
from ser_keras.training.reevaluation import reopen_prepared

MADE_FROM = "made_from.json"  # written last: what a derived row was made from, and how long it took


def make(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> bool:
    """Make a derived row, unless it stands there already, made from the same runs.

    Args:
        row: one with `derived`.
        folder: where its tables or pictures go.
        sources: finished runs, in the order of `row.sources`.

    Returns:
        Whether anything had to be made.

    Raises:
        SerKerasError: the sources don't fit each other, their corpora have changed, or a head can't be fitted.
    """
    if is_made(row, folder, sources):
        return False
    record, origin = folder / MADE_FROM, _origin(row, sources)
    how = row.require_derived()["how"]
    if how not in HOW:
        raise SerKerasError(f"{row.id}: derived.how is '{how}'; it can be {', '.join(HOW)}")
    record.unlink(missing_ok=True)
    started = time.monotonic()
    with tensorflow_session(sources[0].trained_with()[0]):
        HOW[how](row, folder, sources)
    write_json(record, {**origin, "seconds": round(time.monotonic() - started, 1)})
    return True


def is_made(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> bool:
    """Whether a folder holds a derived row, made from the same runs."""
    try:
        record = read_json(folder / MADE_FROM)
    except Unreadable:
        return False
    origin = _origin(row, sources)
    return {key: record.get(key) for key in origin} == origin


def _origin(row: Row, sources: Sequence[RunDirectory]) -> dict[str, Derived | dict[str, str]]:
    return {"derived": row.require_derived(), "from": {run.path.parent.name: digest(run) for run in sources}}


def draw_dense_weights(run: RunDirectory) -> None:
    """Draw the first-layer weights of the first fold's dense net into `weights.png`, unless they are drawn.

    Args:
        run: Run of `anand2015_dense` on spectrograms, finished.
    """
    picture = run.path / "weights.png"
    if not picture.is_file():
        filters.write_dense_weights(saved_model.load_keras_model(run.fold(0)), picture)


def digest(run: RunDirectory) -> str:
    """A hash of a run's predictions."""
    files = (run.path / name for name in ("predictions.csv", "segments.csv"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def _tables(run: RunDirectory) -> tuple[Predictions, Predictions]:
    """A run's predictions by utterance and by window."""
    return Predictions.read_csv(run.path / "predictions.csv"), Predictions.read_csv(run.path / "segments.csv")


def _utterance_mean(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> None:
    utterances, windows = _tables(sources[0])
    _write(folder, sources[0], utterances, windows=windows)


def _ensemble(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> None:
    utterances, windows = zip(*map(_tables, sources), strict=True)
    _write(folder, sources[0], _mean(row, utterances), windows=_mean(row, windows))


def _mean(row: Row, tables: Sequence[Predictions]) -> Predictions:
    first = tables[0]
    for other in tables[1:]:
        same = first.classes == other.classes and len(first) == len(other)
        columns = ("corpus", "file", "fold", "true")
        if not same or any(not np.array_equal(getattr(first, c), getattr(other, c)) for c in columns):
            raise SerKerasError(f"{row.id}: {' and '.join(row.sources)} didn't judge the same; train both again")
    return dataclasses.replace(first, probabilities=np.mean([table.probabilities for table in tables], axis=0))


def _head(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> None:
    run = sources[0]
    prepared = reopen_prepared(run, unfinished=True)
    material, parts = prepared.material, []
    for fold in prepared.folds:
        classifier = saved_model.load_keras_model(run.fold(fold.number))
        seeds = FoldSeeds(prepared.experiment.seed, fold.number)
        examples, _ = training_examples(prepared.experiment, material, fold.train, labelled=fold.train, seeds=seeds)
        head = fit_head(
            cut_at(classifier, "logits"),
            row.require_derived()["head"],
            material.store,
            indices=examples.rows,
            labels=material.labels[examples.owner],
            groups=examples.owner,
            n_classes=prepared.n_classes,
            seed=[seeds.integer(Stream.CLASSIFIER)],
        )
        parts.append(predict_items(head, material, fold.test, experiment=prepared.experiment, fold=fold.number))
    utterances, windows = (Predictions.concatenate(tables) for tables in zip(*parts, strict=True))
    _write(folder, run, utterances, windows=windows)


def _filters(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> None:
    run = sources[0]
    prepared = reopen_prepared(run, unfinished=True)
    experiment, material, train = prepared.experiment, prepared.material, prepared.folds[0].train
    window, hop, tail = experiment.window_samples, experiment.hop_samples, experiment.tail_rule
    describe = Acoustic26()
    cuts = (cut_windows(material.samples(item), window, hop, tail=tail) for item in train)
    descriptors = np.concatenate([describe(windows) for windows in cuts])
    classifier = saved_model.load_keras_model(run.fold(0))
    filters.write_filters(
        classifier,
        lambda: material.batches(train),
        descriptors,
        names=describe.names,
        out=folder / "filters.png",
    )


def _beliefs(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> None:
    _utterance_mean(row, folder, sources)
    write_json(folder / "beliefs.json", beliefs.write_beliefs(_tables(sources[0])[1], folder / "beliefs.png"))


def _stages(row: Row, folder: Path, sources: Sequence[RunDirectory]) -> None:
    """Accuracy of each source by utterance, over folds."""
    values: dict[str, tuple[float, float | None]] = {}
    for run, stage in zip(sources, row.require_derived()["labels"], strict=True):
        judged = metrics.read(run.path)
        by_speaker = run.experiment["protocol"]["name"] == metrics.BY_SPEAKER
        mean, deviation = metrics.over_folds(judged.utterances, "wa", by_speaker)
        whole = metrics.estimate(judged.utterances, "wa", by_speaker).value
        values[stage] = (whole, None) if mean is None else (mean, deviation)
    write_atomic(folder / "stages.png", plots.png(plots.stages(values)))
    lines = [f"{stage},{mean},{'' if deviation is None else deviation}" for stage, (mean, deviation) in values.items()]
    write_atomic(folder / "stages.csv", "\n".join(["stage,mean,deviation", *lines]) + "\n")


HOW: Mapping[str, Callable[[Row, Path, Sequence[RunDirectory]], None]] = {
    "utterance_mean": _utterance_mean,
    "ensemble": _ensemble,
    "head": _head,
    "filters": _filters,
    "beliefs": _beliefs,
    "stages": _stages,
}


def _write(folder: Path, run: RunDirectory, utterances: Predictions, *, windows: Predictions | None) -> None:
    """A derived row's tables and its confusion matrix, marked as its source is."""
    tree = {key: value for key, value in run.experiment.items() if key not in ("corpora", "sounds", "init")}
    kind = protocols.PROTOCOLS[tree["protocol"]["name"]]
    content = write_tables(
        folder,
        Experiment.from_tree(tree, run.settings_file),
        utterances,
        segments=windows,
        protocol=tree["protocol"]["name"],
        leaky_reason=kind.claim if kind.leaky else None,
        commit=provenance()["commit"],
    )
    figure = plots.confusion(content["confusion"], list(content["classes"]))
    write_atomic(folder / "confusion.png", plots.png(figure))
