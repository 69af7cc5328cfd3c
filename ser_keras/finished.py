"""What is done with a finished run: evaluated again or on other data, and exported."""

import numpy as np

from ser_keras import building, saving
from ser_keras import experiment as settings
from ser_keras.emotions import class_of_emotion
from ser_keras.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.figures import predict_items, write_figures
from ser_keras.material import extract
from ser_keras.preparation import Prepared, prepare, read_corpora, usable
from ser_keras.progress import say
from ser_keras.runs import provenance


def reopen(run, unfinished=False):
    """A run's experiment, prepared again from the corpora that it was trained on.

    Args:
        run: Run.
        unfinished: whether a run without its final model will do.

    Raises:
        SerKerasError: the run isn't finished, or its corpora have moved or changed.
    """
    if not unfinished and not (run.final / "fold.json").is_file():
        raise SerKerasError(
            f"{run.path} isn't finished; `ser-keras train ... --resume --out {run.path}` goes on with it"
        )
    experiment, known, _ = _trained_with(run)
    paths = run.provenance["corpora_paths"]
    prepared = prepare(experiment, read_corpora(list(paths.items())), quiet=True)
    changed = [
        c["name"] for c, now in zip(known, prepared.corpora, strict=True) if c["fingerprint"] != now["fingerprint"]
    ]
    if changed:
        raise SerKerasError(f"corpus {changed[0]} is not what it was when {run.path} was trained on it")
    return prepared


def _trained_with(run):
    """What experiment.yaml holds: (settings, the corpora, what the initial weights were)."""
    tree = run.experiment
    known, start = tree.pop("corpora"), tree.pop("init", None) or {}
    return settings.from_tree(tree, run.settings_file), known, start


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
    with run.locked():
        return [_evaluate_final(run, name, root) for name, root in corpora] or [_evaluate_folds(run)]


def _evaluate_folds(run):
    prepared = reopen(run)
    parts = []
    for fold in prepared.folds:
        classifier = saving.load_classifier(run.fold(fold.number))
        parts.append(predict_items(classifier, prepared, fold.test, fold.number))
    utterances, segments = (
        Predictions.concatenate(tables) if tables[0] is not None else None for tables in zip(*parts, strict=True)
    )
    figures = write_figures(
        *(run.path / "evaluations" / "test", prepared.experiment, utterances, segments),
        protocol=prepared.experiment.protocol.name,
        leaky_reason=run.metrics["leaky_reason"],
        commit=provenance()["commit"],
    )
    return "test", run.path / "evaluations" / "test", figures


def _evaluate_final(run, name, root):
    experiment, known, start = _trained_with(run)
    classifier = saving.load_classifier(run.final)
    building.configure(experiment)
    decoded, _, _, dropped = usable(read_corpora([(name, root)]), experiment)
    lookup = class_of_emotion(experiment.classes)
    labels = np.array([lookup[u.emotion] for u in decoded.utterances])
    material = extract(
        *(decoded, decoded.utterances, labels, decoded.spans, building.build_extractor(experiment)),
        *(experiment.window_samples, experiment.hop_samples, experiment.tail_rule),
        sequence=experiment.unit == "utterance",
    )
    prepared = Prepared(experiment, decoded, labels, material, [], [], dropped)
    utterances, segments = predict_items(classifier, prepared, np.arange(len(material.items)), 0)
    heard = {s for corpus in known for s in corpus["speakers"]} | set(start.get("speakers", []))
    seen = heard & {u.speaker for u in decoded.utterances}
    reason = None
    # Tables and databases have no name of their own: there only speakers can tell.
    if seen or (name in {c["name"] for c in known} and name not in ("manifest", "audformat")):
        reason = f"LEAKY: the final model was trained on {name}" + (f", {len(seen)} of these speakers" if seen else "")
    folder = run.path / "evaluations" / name
    figures = write_figures(
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
    if reason := building.why_not_exportable(_trained_with(run)[0]):
        raise SerKerasError(f"{run.path} can't be exported: {reason}")
    # These need the packages of the extra `export`.
    from ser_keras.export.bundle import export_run, summary
    from ser_keras.export.estimate import utterance_key

    prepared = None
    try:
        prepared = reopen(run, unfinished=fold is not None)
    except SerKerasError as error:
        if fold is None and not (run.final / "fold.json").is_file():
            raise
        say(f"no cross-validated estimate for the converted model: {error}")

    def test_utterances(number):
        material = prepared.material
        for i in prepared.folds[number].test:
            item = material.items[i]
            yield utterance_key(item.corpus, item.name, item.start), int(material.labels[i]), material.samples(i)

    return summary(export_run(run.path, out, fold, test_utterances if prepared else None))
