"""Rows that are made from other rows' runs: averages over time or models, heads on class scores, weights drawn."""

import dataclasses
import hashlib
import time

import keras
import numpy as np

from ser_keras import audio, baselines, protocols, saving
from ser_keras import experiment as settings
from ser_keras.descriptors import DESCRIPTORS
from ser_keras.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.figures import predict_items, write_figures
from ser_keras.finished import reopen
from ser_keras.reports import filters, plots
from ser_keras.runs import provenance, read_json, write_atomic, write_json

MADE_FROM = "made_from.json"  # written last: what a derived row was made from, and how long it took


def make(row, folder, sources):
    """Make a derived row, unless it stands there already, made from the same runs.

    Args:
        row: rows.Row with `derived`.
        folder: where its tables or pictures go.
        sources: list of Run, finished, in the order of `row.sources`.

    Returns:
        Whether anything had to be made.

    Raises:
        SerKerasError: the sources don't fit each other, their corpora have changed, or a head can't be fitted.
    """
    made = {"derived": row.derived, "from": {run.path.parent.name: _digest(run) for run in sources}}
    record = folder / MADE_FROM
    if record.is_file() and {key: read_json(record).get(key) for key in made} == made:
        return False
    how = row.derived["how"]
    if how not in HOW:
        raise SerKerasError(f"{row.id}: derived.how is '{how}'; it can be {', '.join(HOW)}")
    record.unlink(missing_ok=True)
    started = time.monotonic()
    HOW[how](row, folder, sources)
    write_json(record, made | {"seconds": round(time.monotonic() - started, 1)})
    return True


def draw_dense_weights(run):
    """Draw the first-layer weights of the first fold's dense net into `weights.png`, unless they are drawn.

    Args:
        run: Run of `anand2015_dense` on spectrograms, finished.
    """
    picture = run.path / "weights.png"
    if not picture.is_file():
        filters.write_dense_weights(saving.load_classifier(run.fold(0)), picture)


def _digest(run):
    files = (run.path / name for name in ("predictions.csv", "segments.csv"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def _tables(run):
    """A run's predictions by item and by window."""
    return [Predictions.read_csv(run.path / name) for name in ("predictions.csv", "segments.csv")]


def _utterance_mean(row, folder, sources):
    items, windows = _tables(sources[0])
    # Where items are chunks, an utterance is its chunks in the test part; elsewhere items are utterances, averaged.
    averaged = windows.by_utterance() if _kind(sources[0]).leaky else items
    _write(folder, sources[0], averaged, windows)


def _ensemble(row, folder, sources):
    pairs = zip(*map(_tables, sources), strict=True)  # the items of all sources, then the windows of all
    _write(folder, sources[0], *(_mean(row, tables) for tables in pairs))


def _mean(row, tables):
    first = tables[0]
    for other in tables[1:]:
        same = first.classes == other.classes and len(first) == len(other)
        columns = ("corpus", "file", "fold", "true")
        if not same or any(not np.array_equal(getattr(first, c), getattr(other, c)) for c in columns):
            raise SerKerasError(f"{row.id}: {' and '.join(row.sources)} didn't judge the same; train both again")
    return dataclasses.replace(first, probabilities=np.mean([table.probabilities for table in tables], axis=0))


def _head(row, folder, sources):
    run = sources[0]
    prepared = reopen(run, unfinished=True)
    material, parts = prepared.material, []
    for fold in prepared.folds:
        classifier = saving.load_classifier(run.fold(fold.number))
        scores = keras.Model(classifier.input, classifier.get_layer("logits").output)
        x = np.concatenate([scores.predict_on_batch(batch) for batch in material.batches(fold.train)])
        y = material.labels[material.rows(fold.train)[1]]
        seed = [prepared.experiment.seed, fold.number]
        head = baselines.fit(row.derived["head"], x, y, prepared.n_classes, seed)
        parts.append(predict_items(_OnScores(scores, head), prepared, fold.test, fold.number))
    _write(folder, run, *(Predictions.concatenate(tables) for tables in zip(*parts, strict=True)))


class _OnScores:
    """A head behind a net, as a classifier of features."""

    def __init__(self, scores, head):
        self.scores, self.head = scores, head

    def probabilities(self, batch):
        return self.head.probabilities(self.scores.predict_on_batch(batch))


def _filters(row, folder, sources):
    run = sources[0]
    prepared = reopen(run, unfinished=True)
    experiment, material, train = prepared.experiment, prepared.material, prepared.folds[0].train
    cut = (experiment.window_samples, experiment.hop_samples, experiment.tail_rule)
    describe = DESCRIPTORS["acoustic26"]()
    described = np.concatenate([describe(audio.windows(material.samples(item), *cut)) for item in train])
    classifier = saving.load_classifier(run.fold(0))
    filters.write_filters(
        classifier, lambda: material.batches(train), described, describe.names, folder / "filters.png"
    )


HOW = {"utterance_mean": _utterance_mean, "ensemble": _ensemble, "head": _head, "filters": _filters}


def _kind(run):
    return protocols.PROTOCOLS[run.experiment["protocol"]["name"]]


def _write(folder, run, items, windows):
    """A derived row's tables and its confusion matrix, marked as its source is."""
    tree = {key: value for key, value in run.experiment.items() if key not in ("corpora", "init")}
    kind = _kind(run)
    figures = write_figures(
        *(folder, settings.from_tree(tree, run.settings_file), items, windows),
        protocol=tree["protocol"]["name"],
        leaky_reason=kind.claim if kind.leaky else None,
        commit=provenance()["commit"],
    )
    drawn = plots.confusion(figures["confusion"], list(figures["classes"]))
    write_atomic(folder / "confusion.png", plots.png(drawn))
