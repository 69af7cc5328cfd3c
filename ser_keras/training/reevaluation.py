"""Re-evaluates a finished run, on its own test folds or on other data."""

from pathlib import Path

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import is_collection
from ser_keras.corpora.classes import class_of_emotion
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import assembly, saved_model
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.tensorflow_session import configure
from ser_keras.features.conditions import folder_name
from ser_keras.training.data.preparation import (
    Prepared,
    clipped,
    describe_corpora,
    material_of,
    prepare,
    read_corpora,
    usable,
)
from ser_keras.training.prediction import predict_items


def reopen(run, unfinished=False, condition=None, augmented=True):
    """A run's experiment, prepared again from the corpora that it was trained on.

    Args:
        run: Run.
        unfinished: whether a run without its final model will do.
        condition: conditions.Condition under which everything is heard.
        augmented: whether the training part's changed windows are wanted.

    Raises:
        SerKerasError: the run isn't finished, or its corpora have moved or changed.
    """
    experiment, known, _ = run.trained_with()
    if not unfinished:
        run.require_final()
    paths = run.provenance["corpora_paths"]
    prepared = prepare(
        experiment, read_corpora(list(paths.items())), quiet=True, condition=condition, augmented=augmented
    )
    before, now = ({c["name"]: c["fingerprint"] for c in described} for described in (known, prepared.corpora))
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        raise SerKerasError(f"corpus {changed[0]} is not what it was when {run.path} was trained on it")
    return prepared


def evaluate(run, corpora=(), conditions=()):
    """Run a finished run's models again, into `RUN/evaluations/NAME/`.

    Args:
        run: Run.
        corpora: list of (registry name, path) to test the final model on; without any, each fold's model is run on
            its own test fold (`NAME` is `test`). That of a table or database has its file's or folder's name, too:
            `manifest-mine`.
        conditions: list of conditions.Condition under which the test audio is heard; `NAME` then ends in the
            condition. Without any, as it is.

    Returns:
        list of (name, folder, figures).

    Raises:
        SerKerasError: the run isn't finished, or the data don't fit it.
    """
    names = [_place(*given) for given in corpora]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise SerKerasError(f"{doubled[0]} is given twice: evaluations go by a corpus's name, or its table's")
    with run.locked():
        done = []
        for condition in conditions or [None]:
            done += [_evaluate_final(run, name, root, condition) for name, root in corpora]
            done += [] if corpora else [evaluate_folds(run, condition)]
        return done


def _place(corpus, root):
    """What an evaluation on a corpus goes by: its name, or that of a table or database, too."""
    path = Path(root).resolve()
    own = path.parent if path.name == "manifest.csv" else path
    return f"{corpus}-{own.stem if own.is_file() else own.name}" if is_collection(corpus) else corpus


def name_of(name, condition):
    """The name of an evaluation under a condition."""
    return name if condition is None else f"{name}-{folder_name(condition)}"


def said_of(condition):
    """What a condition adds to the name of a protocol."""
    return "" if condition is None else f", {condition.title}"


def evaluate_folds(run, condition=None, unfinished=False):
    """Each fold's model on its own test fold, under a condition: (name, folder, figures)."""
    prepared = reopen(run, unfinished, condition, augmented=False)
    name, said = name_of("test", condition), said_of(condition)
    parts = []
    for fold in prepared.folds:
        classifier = saved_model.load_classifier(run.fold(fold.number))
        parts.append(predict_items(classifier, prepared, fold.test, fold.number))
    utterances, segments = (
        Predictions.concatenate(tables) if tables[0] is not None else None for tables in zip(*parts, strict=True)
    )
    folder = run.path / "evaluations" / name
    figures = write_tables(
        folder,
        prepared.experiment,
        utterances,
        segments=segments,
        protocol=prepared.experiment.protocol.name + said,
        leaky_reason=run.metrics["leaky_reason"],
        commit=provenance()["commit"],
        selected_on=run.trained_with()[2].get("selected_on", ()),
    )
    return name, folder, figures


def _evaluate_final(run, corpus, root, condition):
    experiment, known, start = run.trained_with()
    run.require_final()
    classifier = saved_model.load_classifier(run.final)
    configure(experiment)
    decoded, _, _, dropped = usable(read_corpora([(corpus, root)]), experiment)
    lookup = class_of_emotion(experiment.classes)
    labels = np.array([lookup[u.emotion] for u in decoded.utterances])
    material = material_of(
        *(decoded, decoded.utterances, labels, clipped(decoded.spans, experiment.snippet_s)),
        assembly.build_extractor(experiment),
        *(experiment.window_samples, experiment.hop_samples, experiment.tail_rule),
        sequence=experiment.unit == "utterance",
        condition=condition,
    )
    prepared = Prepared(experiment, decoded, labels, material, [], [], dropped)
    utterances, segments = predict_items(classifier, prepared, np.arange(len(material.items)), 0)
    heard = {s for corpus in known for s in corpus["speakers"]} | set(start.get("speakers", []))
    seen = heard & {u.speaker for u in decoded.utterances}
    before = {c["fingerprint"] for c in known} | set(start.get("fingerprints", []))
    same = [c for c in describe_corpora(decoded) if c["fingerprint"] in before]
    reason = None
    if seen or same or (corpus in {c["name"] for c in known} and not is_collection(corpus)):
        reason = f"LEAKY: the final model was trained on {corpus}"
        reason += f", {len(seen)} of these speakers" if seen else ""
    elif run.heard_file.is_file():
        before = set(run.heard_file.read_text(encoding="utf-8").split())
        doubled = sum(digest in before for digest in decoded.hashes)
        reason = f"LEAKY: {doubled} test utterances are the same audio as training ones" if doubled else None
    name, said = name_of(_place(corpus, root), condition), said_of(condition)
    folder = run.path / "evaluations" / name
    figures = write_tables(
        folder,
        experiment,
        utterances,
        segments=segments,
        protocol=f"final model on {corpus}{said}",
        leaky_reason=reason,
        commit=provenance()["commit"],
        selected_on=start.get("selected_on", ()),
    )
    return name, folder, figures
