"""Re-evaluates a finished run, on its own test folds or on other data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import is_collection
from ser_keras.corpora import name_of as corpus_name
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.metrics_json import MetricsJson
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import saved_model
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.features.conditions import folder_name
from ser_keras.training.data.items import Items
from ser_keras.training.data.labelled_audio import read_audio, read_corpora, read_test_audio
from ser_keras.training.data.preparation import FoldedAudio, Prepared, compute_features, features_of, make_folds
from ser_keras.training.leaks import Heard, leak
from ser_keras.training.prediction import predict_items

if TYPE_CHECKING:
    from ser_keras.features.conditions import Condition

NamedMetrics = tuple[str, Path, MetricsJson]  # name, folder, metrics


def reopen(run: RunDirectory, *, unfinished: bool = False) -> FoldedAudio:
    """The audio and the folds that a run was trained on, read again from its corpora; no features.

    Args:
        run: the run.
        unfinished: whether a run without its final model will do.

    Raises:
        SerKerasError: the run is not finished, or its corpora have moved or changed.
    """
    experiment, corpora, _ = run.trained_with()
    if not unfinished:
        run.require_final()
    paths = run.provenance["corpora_paths"]
    data = make_folds(read_audio(experiment, read_corpora(list(paths.items())), quiet=True))
    before, now = ({c["name"]: c["fingerprint"] for c in described} for described in (corpora, data.corpora))
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        raise SerKerasError(f"corpus {changed[0]} is not what it was when {run.path} was trained on it")
    return data


def reopen_prepared(run: RunDirectory, *, unfinished: bool = False) -> Prepared:
    """As `reopen`, with the features that the run was trained and tested on."""
    return compute_features(reopen(run, unfinished=unfinished))


def evaluate(
    run: RunDirectory, corpora: Sequence[tuple[str, str | Path]] = (), conditions: Sequence[Condition] = ()
) -> list[NamedMetrics]:
    """Run a finished run's models again, into `RUN/evaluations/NAME/`.

    Args:
        run: the run.
        corpora: (registry name, path) pairs to test the final model on; without any, each fold's model is run on
            its own test fold (`NAME` is `test`). That of a table or database has its file's or folder's name, too:
            `manifest-mine`.
        conditions: those under which the test audio is heard; `NAME` then ends in the condition. Without any, as it
            is.

    Returns:
        (name, folder, metrics) of each evaluation.

    Raises:
        SerKerasError: the run is not finished, or the data do not fit it.
    """
    places(corpora)
    with run.locked():
        done = []
        for condition in conditions or (None,):
            done += [_evaluate_final(run, name, root, condition=condition) for name, root in corpora]
            done += [] if corpora else [evaluate_folds(run, condition)]
        return done


def places(corpora: Sequence[tuple[str, str | Path]]) -> list[str]:
    """What the evaluations on some corpora go by.

    Raises:
        SerKerasError: two would go by the same name.
    """
    names = [_place(name, root) for name, root in corpora]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise SerKerasError(f"{doubled[0]} is given twice: evaluations go by a corpus's name, or its table's")
    return names


def _place(corpus: str, root: str | Path) -> str:
    """What an evaluation on a corpus goes by: its name, or that of a table or database, too."""
    path = Path(root).resolve()
    path = path.parent if path.name == "manifest.csv" else path
    name = corpus_name(corpus)
    return f"{name}-{path.stem if path.is_file() else path.name}" if is_collection(corpus) else name


def name_of(name: str, condition: Condition | None) -> str:
    """The name of an evaluation under a condition."""
    return name if condition is None else f"{name}-{folder_name(condition)}"


def _with_condition(protocol: str, condition: Condition | None) -> str:
    """The name of a protocol under a condition."""
    return protocol if condition is None else f"{protocol}, {condition.title}"


def evaluate_folds(run: RunDirectory, condition: Condition | None = None, *, unfinished: bool = False) -> NamedMetrics:
    """Each fold's model on its own test fold, under a condition."""
    with tensorflow_session(run.trained_with()[0]):
        data = reopen(run, unfinished=unfinished)
        tested = np.concatenate([fold.test for fold in data.folds])
        prepared = compute_features(data, condition=condition, augmented=False, needed=tested)
        parts = []
        for fold in prepared.folds:
            classifier = saved_model.load_classifier(run.fold(fold.number))
            parts.append(
                predict_items(
                    classifier, prepared.material, fold.test, experiment=prepared.experiment, fold=fold.number
                )
            )
    utterances = Predictions.concatenate(table for table, _ in parts)
    of_windows = [table for _, table in parts if table is not None]
    windows = Predictions.concatenate(of_windows) if of_windows else None
    name = name_of("test", condition)
    folder = run.path / "evaluations" / name
    metrics = write_tables(
        folder,
        prepared.experiment,
        utterances,
        segments=windows,
        protocol=_with_condition(prepared.experiment.protocol.name, condition),
        leaky_reason=run.metrics["leaky_reason"],
        commit=provenance()["commit"],
        selected_on=run.trained_with()[2].get("selected_on", ()),
    )
    return name, folder, metrics


def _evaluate_final(run: RunDirectory, corpus: str, root: str | Path, *, condition: Condition | None) -> NamedMetrics:
    """The final model on another corpus, under a condition."""
    experiment, _, start = run.trained_with()
    run.require_final()
    with tensorflow_session(experiment):
        classifier = saved_model.load_classifier(run.final)
        test = read_test_audio(experiment, read_corpora([(corpus, root)]))
        items = Items.whole(test.audio, test.labels, experiment.snippet_s)
        material = features_of(items, experiment, condition=condition)
        every = np.arange(len(items))
        utterances, windows = predict_items(classifier, material, every, experiment=experiment, fold=0)
    name = name_of(_place(corpus, root), condition)
    folder = run.path / "evaluations" / name
    metrics = write_tables(
        folder,
        experiment,
        utterances,
        segments=windows,
        protocol=_with_condition(f"final model on {corpus_name(corpus)}", condition),
        leaky_reason=leak(Heard.of_run(run), corpus, test.audio),
        commit=provenance()["commit"],
        selected_on=start.get("selected_on", ()),
    )
    return name, folder, metrics
