"""A whole experiment in one run directory: prepare, train and test each fold, pool, refit on all speakers, report."""

import dataclasses
import difflib
import statistics
import time
from collections import Counter
from pathlib import Path

import numpy as np

from ser_keras import audio, pipeline, protocols, training
from ser_keras import corpora as readers
from ser_keras import experiment as settings
from ser_keras.cache import fingerprint
from ser_keras.emotions import class_of_emotion, select
from ser_keras.errors import SerKerasError
from ser_keras.evaluation import Predictions, confusion_csv, metrics
from ser_keras.progress import say
from ser_keras.reports.html import write_report
from ser_keras.runs import Run, provenance, read_json, write_atomic, write_json


@dataclasses.dataclass
class Prepared:
    """An experiment's material, ready to be trained on.

    Attributes:
        experiment: settings, complete, its `classes` those that have data.
        frontend: Keras layer.
        decoded: pipeline.Decoded, utterances.
        labels: [n] class of each utterance.
        material: pipeline.Material; its items are the utterances, or chunks of them for `chunk_random`.
        folds: list of protocols.Fold over the items.
        corpora: what experiment.yaml says of each corpus.
        dropped: lines on what was left out.
    """

    experiment: settings.Experiment
    frontend: object
    decoded: pipeline.Decoded
    labels: np.ndarray
    material: pipeline.Material
    folds: list
    corpora: list
    dropped: list

    @property
    def n_classes(self):
        return len(self.experiment.classes)


def read_corpora(corpora):
    """Utterances of several corpora.

    Args:
        corpora: list of (registry name, path).

    Raises:
        SerKerasError: one can't be read, or is given twice.
    """
    doubled = [name for name, n in Counter(map(str, corpora)).items() if n > 1]
    if doubled:
        raise SerKerasError(f"corpus {doubled[0]} is given twice")
    utterances = [u for name, root in corpora for u in readers.read(name, root)]
    if not utterances:
        raise SerKerasError("the corpora hold no utterances")
    return utterances


def prepare(experiment, utterances):
    """Decode, cut and extract everything that an experiment needs, and make its folds.

    Raises:
        SerKerasError: settings, corpora and protocol don't fit each other.
    """
    experiment = training.complete(experiment)
    protocols.protocol_kind(experiment.protocol.name, utterances)
    training.configure(experiment)
    frontend = training.build_frontend(experiment)
    chosen, _, live, dropped = select(utterances, experiment.classes)
    decoded = pipeline.decode(chosen, experiment.audio.decoder, experiment.audio.bad_files)
    # A class may have lost its last file to a bad one.
    _, labels, live, lost = select(decoded.utterances, live)
    experiment = experiment.model_copy(update={"classes": live})
    for line in (*dropped, *lost, *decoded.warnings, *(f"skipped: {reason}" for reason in decoded.bad_files.values())):
        say(line)

    labels, window, hop = np.array(labels), experiment.window_samples, experiment.hop_samples
    items, item_labels, spans = decoded.utterances, labels, decoded.spans
    if protocols.PROTOCOLS[experiment.protocol.name].leaky:
        lengths = spans[:, 1].tolist()
        items, item_labels = protocols.expand_chunks(items, labels, lengths, window, hop, experiment.tail_rule)
        spans = np.array(
            [
                (first + start, min(window, n - start))
                for first, n in spans.tolist()
                for start in audio.window_starts(n, window, hop, experiment.tail_rule)
            ]
        )
    validate = experiment.training.early_stopping is not None
    folds = protocols.make_folds(items, item_labels, experiment.protocol, experiment.seed, validate)
    material = pipeline.extract(decoded, items, item_labels, spans, frontend, window, hop, experiment.tail_rule)
    corpora = _describe_corpora(decoded)
    return Prepared(experiment, frontend, decoded, labels, material, folds, corpora, [*dropped, *lost])


def _describe_corpora(decoded):
    described = []
    for name in sorted({u.corpus for u in decoded.utterances}):
        own = [i for i, u in enumerate(decoded.utterances) if u.corpus == name]
        speakers = sorted({decoded.utterances[i].speaker or "" for i in own} - {""})
        module = readers.CORPORA.get(name)
        described.append(
            {
                "name": name,
                "title": getattr(module, "TITLE", name),
                "licence": getattr(module, "LICENCE", "not stated"),
                "n_utterances": len(own),
                "n_speakers": len(speakers),
                "speakers": speakers,
                "hours": round(float(decoded.spans[own, 1].sum()) / audio.SAMPLE_RATE / 3600, 4),
                "fingerprint": fingerprint(
                    sorted([decoded.utterances[i].name, decoded.utterances[i].emotion, decoded.hashes[i]] for i in own)
                ),
            }
        )
    return described


def dry_run(experiment, corpora):
    """Lines that say what `train` would do: classes, folds, windows, and how long it will take.

    Files are decoded and features cached, as the training itself would do; nothing is written beside that.
    """
    prepared = prepare(experiment, read_corpora(corpora))
    material, folds = prepared.material, prepared.folds
    lines = [f"{len(prepared.decoded.utterances)} utterances, {material.n_windows.sum()} windows"]
    counts = np.bincount(prepared.labels, minlength=prepared.n_classes)
    lines.append("classes: " + ", ".join(f"{n} {c}" for n, c in zip(prepared.experiment.classes, counts, strict=True)))
    for fold in folds:
        parts = [f"{len(getattr(fold, p))} {p}" for p in ("train", "validation", "test") if len(getattr(fold, p))]
        lines.append(f"fold {fold.number} ({fold.name}): {', '.join(parts)}")
    epochs = prepared.experiment.training.epochs
    windows = [len(material.rows(f.train)[0]) for f in folds] + [int(material.n_windows.sum())]
    a_window = training.estimate_seconds(
        prepared.experiment, material.feature_shape, prepared.n_classes, windows[0]
    ) / max(windows[0], 1)
    seconds = a_window * sum(windows) * epochs
    at_most = " at most (early stopping)" if prepared.experiment.training.early_stopping else ""
    lines.append(f"{len(folds)} folds and the final refit, {epochs} epochs each: about {_duration(seconds)}{at_most}")
    return lines


def _duration(seconds):
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def train(experiment, corpora, out, resume=False, only_fold=None, init=None):
    """Run an experiment into a run directory, or go on with it.

    Args:
        experiment: settings.
        corpora: list of (registry name, path).
        out: the run directory.
        resume: go on where a former call stopped; without it the directory must not hold a run.
        only_fold: train this fold alone; the figures follow once all folds are there.
        init: a run directory or bundle whose model's weights each fold starts from. Where it was trained on speakers
            of the test folds, the figures are marked leaky.

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
        start = training.load_initial(init) if init is not None else None
        prepared = prepare(experiment, read_corpora(corpora))
        resolved = {**prepared.experiment.model_dump(), "corpora": prepared.corpora}
        if start is not None:
            resolved["init"] = start.described
        if run.settings_file.is_file():
            _same_settings(run, resolved)
        write_atomic(run.settings_file, settings.dump_yaml(resolved))
        record = _record(run, prepared, corpora)
        numbers = [f.number for f in prepared.folds]
        if only_fold is not None and only_fold not in numbers:
            raise SerKerasError(f"there is no fold {only_fold}; this protocol has folds 0 to {numbers[-1]}")
        for fold in prepared.folds:
            if only_fold in (None, fold.number) and not (run.fold(fold.number) / "fold.json").is_file():
                _train_fold(run, prepared, fold, start)
        if len(run.folds()) == len(prepared.folds):
            _pool(run, prepared, record, start)
            if only_fold is None:
                _refit(run, prepared, start)
        record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        record["seconds"] = round(record.get("seconds", 0) + time.monotonic() - started, 1)
        write_json(run.path / "provenance.json", record)
        if run.finished:
            write_report(run.path)
    return run


def _same_settings(run, resolved):
    before, now = (settings.dump_yaml(tree).splitlines() for tree in (run.experiment, resolved))
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
    record = provenance()
    if file.is_file():
        before = run.provenance
        record = {**before, "resumed": [*before.get("resumed", []), record]}
    record |= {
        "corpora": prepared.corpora,
        "corpora_paths": {name: str(Path(root).resolve()) for name, root in corpora},
        "dropped": prepared.dropped,
        "bad_files": prepared.decoded.bad_files,
    }
    write_json(file, record)
    return record


def _speakers(items, indices):
    return sorted({items[i].speaker for i in indices} - {None})


def _train_fold(run, prepared, fold, start):
    material, folder = prepared.material, run.fold(fold.number)
    title = f"fold {fold.number + 1}/{len(prepared.folds)} {fold.name}"
    classifier, history = training.fit(
        *(prepared.experiment, material, fold.train, fold.validation, prepared.n_classes, folder, fold.number, title),
        initial=start,
    )
    utterances, segments = predict_items(classifier, prepared, fold.test, fold.number)
    utterances.write_csv(folder / "predictions.csv")
    segments.write_csv(folder / "segments.csv")
    parts = ("train", "validation", "test")
    record = {"name": fold.name} | {p: _speakers(material.items, getattr(fold, p)) for p in parts}
    record |= {f"n_{p}": len(getattr(fold, p)) for p in parts}
    training.finish(folder, prepared.experiment, classifier, history, record)


def predict_items(classifier, prepared, items, fold):
    """Predictions of some items: (a row an utterance, a row a window)."""
    material, classes = prepared.material, tuple(prepared.experiment.classes)
    probabilities = pipeline.predict(classifier, material, items)
    counts = material.n_windows[items]
    edges = np.cumsum(counts)[:-1]
    means = np.array([part.mean(axis=0) for part in np.split(probabilities.astype(float), edges)])

    def table(indices, start, end, values):
        chosen = [material.items[i] for i in indices]
        columns = ([getattr(u, name) for u in chosen] for name in ("name", "corpus", "speaker", "gender"))
        return Predictions(*columns, fold, start, end, material.labels[indices], values, classes)

    offset = np.array([material.items[i].start or 0.0 for i in items])
    length = material.spans[items, 1] / audio.SAMPLE_RATE
    owner = np.repeat(items, counts)
    starts = np.concatenate([material.starts[i] for i in items]) / audio.SAMPLE_RATE
    ends = np.minimum(starts + material.window / audio.SAMPLE_RATE, np.repeat(length, counts))
    begin = np.repeat(offset, counts)
    return table(items, offset, offset + length, means), table(owner, begin + starts, begin + ends, probabilities)


def _pool(run, prepared, record, start):
    """Pool the folds' predictions into the run's tables and figures."""
    tables = ("predictions.csv", "segments.csv")
    utterances, segments = (
        Predictions.concatenate(Predictions.read_csv(folder / name) for folder in run.folds()) for name in tables
    )
    kind = protocols.PROTOCOLS[prepared.experiment.protocol.name]
    reason = kind.claim if kind.leaky else None
    if start is not None and (seen := start.speakers & set(utterances.speaker)):
        reason = f"LEAKY: the initial weights ({start.described['name']}) were trained on {len(seen)} test speakers"
    _write_figures(
        *(run.path, prepared.experiment, utterances, segments),
        protocol=prepared.experiment.protocol.name,
        leaky_reason=reason,
        commit=record["commit"],
    )


def _write_figures(folder, experiment, utterances, segments, *, protocol, leaky_reason, commit):
    """Write the tables of a folder; `metrics.json` comes last and marks them whole."""
    figures = metrics(
        utterances,
        segments,
        protocol=protocol,
        leaky=leaky_reason is not None,
        leaky_reason=leaky_reason,
        seed=experiment.seed,
        commit=commit,
        selection_overlap=0,
    )
    utterances.write_csv(folder / "predictions.csv")
    segments.write_csv(folder / "segments.csv")
    write_atomic(folder / "confusion.csv", confusion_csv(figures["confusion"], list(experiment.classes)))
    write_json(folder / "metrics.json", figures)
    return figures


def _refit(run, prepared, start):
    """The exported model: the recipe's epochs, or the median of the folds' best, on all speakers."""
    if (run.final / "fold.json").is_file():
        return
    material = prepared.material
    every = np.arange(len(material.items))
    epochs = [read_json(folder / "fold.json")["best_epoch"] for folder in run.folds()]
    classifier, history = training.fit(
        prepared.experiment,
        material,
        every,
        np.array([], int),
        prepared.n_classes,
        run.final,
        training.FINAL,
        "final refit",
        initial=start,
        epochs=max(1, round(statistics.median(epochs))),
    )
    record = {"name": "final", "train": _speakers(material.items, every), "n_train": len(every)}
    training.finish(run.final, prepared.experiment, classifier, history, record)


def reopen(run):
    """A finished run's experiment, prepared again from the corpora that it was trained on.

    Raises:
        SerKerasError: the run isn't finished, or its corpora have moved or changed.
    """
    if not (run.final / "fold.json").is_file():
        raise SerKerasError(
            f"{run.path} isn't finished; `ser-keras train ... --resume --out {run.path}` goes on with it"
        )
    tree = run.experiment
    known = tree.pop("corpora")
    tree.pop("init", None)
    paths = run.provenance["corpora_paths"]
    prepared = prepare(settings.from_tree(tree, run.settings_file), read_corpora(list(paths.items())))
    changed = [
        c["name"] for c, now in zip(known, prepared.corpora, strict=True) if c["fingerprint"] != now["fingerprint"]
    ]
    if changed:
        raise SerKerasError(f"corpus {changed[0]} is not what it was when {run.path} was trained on it")
    return prepared


def evaluate(run, corpora=()):
    """Run a finished run's models again, into `RUN/evaluations/NAME/`.

    Args:
        run: Run.
        corpora: list of (registry name, path) to test the final model on; without any, each fold's model is run on
            its own test fold (`NAME` is `test`).

    Returns:
        list of (name, folder, figures).

    Raises:
        SerKerasError: the run isn't finished, or the data don't fit it.
    """
    if corpora:
        return [_evaluate_final(run, name, root) for name, root in corpora]
    prepared = reopen(run)
    parts = []
    for fold in prepared.folds:
        _, classifier = training.load_model(run.fold(fold.number) / "model.keras")
        parts.append(predict_items(classifier, prepared, fold.test, fold.number))
    utterances, segments = (Predictions.concatenate(tables) for tables in zip(*parts, strict=True))
    kind = protocols.PROTOCOLS[prepared.experiment.protocol.name]
    reason = kind.claim if kind.leaky else None
    figures = _write_figures(
        *(run.path / "evaluations" / "test", prepared.experiment, utterances, segments),
        protocol=prepared.experiment.protocol.name,
        leaky_reason=reason,
        commit=provenance()["commit"],
    )
    return [("test", run.path / "evaluations" / "test", figures)]


def _evaluate_final(run, name, root):
    tree = run.experiment
    known = tree.pop("corpora")
    tree.pop("init", None)
    experiment = settings.from_tree(tree, run.settings_file)
    _, classifier = training.load_model(run.final / "model.keras")
    training.configure(experiment)
    chosen, _, _, dropped = select(read_corpora([(name, root)]), experiment.classes)
    for line in dropped:
        say(line)
    decoded = pipeline.decode(chosen, experiment.audio.decoder, experiment.audio.bad_files)
    lookup = class_of_emotion(experiment.classes)
    labels = np.array([lookup[u.emotion] for u in decoded.utterances])
    frontend = training.build_frontend(experiment)
    material = pipeline.extract(
        *(decoded, decoded.utterances, labels, decoded.spans, frontend),
        *(experiment.window_samples, experiment.hop_samples, experiment.tail_rule),
    )
    prepared = Prepared(experiment, frontend, decoded, labels, material, [], [], dropped)
    utterances, segments = predict_items(classifier, prepared, np.arange(len(material.items)), 0)
    seen = {s for corpus in known for s in corpus["speakers"]} & {u.speaker for u in decoded.utterances}
    reason = None
    if seen or name in {c["name"] for c in known}:
        reason = f"LEAKY: the final model was trained on {name}" + (f", {len(seen)} of these speakers" if seen else "")
    folder = run.path / "evaluations" / name
    figures = _write_figures(
        *(folder, experiment, utterances, segments),
        protocol=f"final model on {name}",
        leaky_reason=reason,
        commit=provenance()["commit"],
    )
    return name, folder, figures


def export(run, out, fold=None):
    """Make the bundle of a run, with the cross-validated figures of its converted fold models.

    Args:
        run: Run.
        out: the bundle's folder.
        fold: export this fold's model instead of the final one.

    Returns:
        Lines that say what was made.
    """
    # These need the packages of the extra `export`.
    from ser_keras.export.bundle import export_run, summary
    from ser_keras.export.estimate import utterance_key

    prepared = None
    try:
        prepared = reopen(run)
    except SerKerasError as error:
        if not (run.final / "fold.json").is_file():
            raise
        say(f"no cross-validated estimate for the converted model: {error}")

    def test_utterances(number):
        material = prepared.material
        for i in prepared.folds[number].test:
            item = material.items[i]
            yield utterance_key(item.corpus, item.name, item.start), int(material.labels[i]), material.samples(i)

    return summary(export_run(run.path, out, fold, test_utterances if prepared else None))
