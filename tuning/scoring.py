"""The end of a search: the winner's recipe, and its one score on the test speakers beside the starting recipe's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.progress import say
from ser_keras.common.row_store import fingerprint
from ser_keras.common.seeds import FoldSeeds
from ser_keras.evaluation import Predictions, intervals, measures, paired_difference
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.recipes import parse_recipe
from ser_keras.experiment.settings import Experiment, dump_yaml
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.training.fold import FoldTrainer
from ser_keras.training.fold_job import FoldJob
from ser_keras.tuning import holdout, outcome
from ser_keras.tuning.result import SearchResult, SetAsideScore
from ser_keras.tuning.trials import sweep
from ser_keras.tuning.values import Values

if TYPE_CHECKING:
    from ser_keras.evaluation import PairedDifference
    from ser_keras.training.data.preparation import Prepared
    from ser_keras.tuning.holdout import Split
    from ser_keras.tuning.outcome import TrialResult
    from ser_keras.tuning.search import Search

Json = Mapping[str, Any]  # Any: the content of a JSON file, metrics.json or result.json, whose values are of many kinds


class Score(NamedTuple):
    """One score on the test speakers, as it was trained.

    Attributes:
        metrics: content of metrics.json.
        digest: a hash of the settings, the test speakers and the data.
        new: whether it was trained now.
        figures: name -> value of the objective, and of limits, of one's own.
    """

    metrics: Json
    digest: str
    new: bool
    figures: dict[str, float]


def winner_of(search: Search, table: Sequence[TrialResult]) -> TrialResult:
    """The best trial.

    Raises:
        SerKerasError: none was completed, or none keeps the limits.
    """
    ranked = outcome.ranked(table)
    for row in ranked:
        if not search.goal.violations(_measured(row)):
            return row
    limits = " and ".join(map(str, search.goal.limits))
    if limits and (scored := [*ranked, *(r for r in table if r.status == "rejected")]):
        nearest = max(scored, key=lambda r: r.score or 0.0)
        reached = ", ".join(f"{name} {value:.4g}" for name, value in _measured(nearest).items())
        raise SerKerasError(f"no trial keeps {limits}; the nearest is trial {nearest.id} with {reached}")
    failed = next((r for r in table if r.message), None)
    raise SerKerasError("no trial was completed" + (f"; trial {failed.id}: {failed.message}" if failed else ""))


def _measured(row: TrialResult) -> dict[str, float]:
    """UAR, where there is one, and costs of a trial."""
    return row.figures if row.uar is None else {"uar": row.uar, **row.figures}


def conclude(search: Search, split: Split, folder: Path, *, table: Sequence[TrialResult]) -> SearchResult:
    """Score the winner of a search, write `trials.csv`, `best.yaml`, `result.json` and `test/`.

    The table is written again: a kill between a trial's end and its line leaves it out.

    Args:
        search: what was searched.
        split: who chose, and who tests.
        folder: the search's folder.
        table: its trials.
    """
    outcome.write(folder, table, search.space.axes)
    sweep(folder / "trials")
    winner = winner_of(search, table)
    experiment = write_recipe(search, folder / "best.yaml", winner, selected_on=split.others)
    score = _score(search, split, folder / "test" / "winner", values=winner.all_values)
    start = _score(search, split, folder / "test" / "start", values={})
    looks = _looks(folder, score.digest)
    if score.new and looks > 1:
        say(
            f"the test speakers are heard for the {looks}. winner of this search: the figure has become one of a choice"
        )
    difference = _difference(folder / "test")
    content = {
        "winner": winner.id,
        "settings": search.space.settings_of(winner.values)
        | ({"training.epochs": winner.epochs} if winner.epochs else {}),
        "validation": {"uar": winner.uar, "uar_sd": winner.uar_sd, "folds": winner.folds, **winner.figures},
        "test": {"speakers": list(split.test), "looks": looks, **_figures(score)},
        "start": _figures(start),
        "difference": difference,
        "selected_on": sorted({*split.others, *search.space.start.selected_on}),
        "n_trials": len(table),
        "statuses": {s: sum(r.status == s for r in table) for s in sorted({r.status for r in table})},
        "chance": 1 / search.prepared.n_classes,
    }
    write_json(folder / "result.json", content)
    trials = outcome.in_order_of_rank(table)
    return SearchResult(
        folder=folder,
        report=folder / "report.html",
        space=search.space.name,
        objective=search.request.objective,
        trials=trials,
        best=next(trial for trial in trials if trial.id == winner.id),
        experiment=experiment,
        recipe=folder / "best.yaml",
        test=_as_data(score, split),
        start=_as_data(start, split),
        difference=difference,
        looks=looks,
    )


def _as_data(score: Score, split: Split) -> SetAsideScore:
    low, high = score.metrics["uar_ci95"]
    return SetAsideScore(
        speakers=split.test,
        uar=score.metrics["uar"],
        interval=(low, high),
        wa=score.metrics["wa"],
        n=score.metrics["n_utterances"],
        narrow=score.metrics["ci_utterances_only"],
        overlap=score.metrics["selection_overlap"] or 0,
        figures=score.figures,
    )


def _figures(score: Score) -> dict[str, object]:
    """What result.json says of a score."""
    names = ("uar", "uar_ci95", "wa", "n_utterances", "ci_utterances_only", "selection_overlap")
    return {name: score.metrics[name] for name in names} | ({"figures": score.figures} if score.figures else {})


def write_recipe(search: Search, path: Path, winner: TrialResult, *, selected_on: Sequence[str]) -> Experiment:
    """`best.yaml`, which `train` takes; it says on whom it was selected. Returns the settings in it."""
    experiment = search.space.experiment(winner.all_values, selected_on)
    name = f"{search.space.start.recipe}.tuned"
    experiment = experiment.model_copy(update={"recipe": name, "title": f"{experiment.title}, tuned".lstrip(", ")})
    head = (
        f"# The winner of a search over the space {search.space.name}: {winner.settings_text}.\n"
        "# `selected_on` are the speakers on whom it was chosen; a run that tests on them is marked.\n"
    )
    write_atomic(path, head + experiment.to_yaml())
    return experiment


def _score(search: Search, split: Split, folder: Path, *, values: Values) -> Score:
    """Train on all others, test on the test speakers, once."""
    experiment = search.space.experiment(values)
    with tensorflow_session(experiment):
        return _score_prepared(search, split, folder, prepared=search.materials(experiment))


def _score_prepared(search: Search, split: Split, folder: Path, *, prepared: Prepared) -> Score:
    """The same with the material at hand."""
    digest = fingerprint(prepared.experiment.model_dump(mode="json"), list(split.test), search.data)
    if (folder / "metrics.json").is_file() and read_json(folder / "fold.json")["settings"] == digest:
        return Score(read_json(folder / "metrics.json"), digest, new=False, figures=_further_figures(search, folder))
    fold = holdout.outer_fold(prepared, split)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "digest").is_file() and (folder / "digest").read_text() != digest:
        (folder / "checkpoint.npz").unlink(missing_ok=True)  # of another winner
    write_atomic(folder / "digest", digest)
    (folder / "metrics.json").unlink(missing_ok=True)
    title = "winner, test" if folder.name == "winner" else "starting recipe, test"
    trainer = FoldTrainer(
        FoldJob(
            experiment=prepared.experiment,
            material=prepared.material,
            train=fold.train,
            validation=fold.validation,
            folder=folder,
            seeds=FoldSeeds(prepared.experiment.seed, 0),
            title=title,
        )
    )
    trainer.prepare()
    trainer.fit()
    utterances, segments = trainer.predict(fold.test)
    write_atomic(folder / "history.csv", trainer.history.csv())
    write_json(folder / "fold.json", {"name": fold.name, "settings": digest, "epochs": trainer.history.epochs})
    metrics = write_tables(
        folder,
        prepared.experiment,
        utterances,
        segments=segments,
        protocol="test speakers of a search",
        leaky_reason=None,
        commit=provenance()["commit"],
    )
    (folder / "checkpoint.npz").unlink(missing_ok=True)
    return Score(metrics, digest, new=True, figures=_further_figures(search, folder))


def _further_figures(search: Search, *folders: Path) -> dict[str, float]:
    """What the tables of predictions in some folders, pooled, reach in measures beside UAR."""
    if not search.goal.further_measures:
        return {}
    tables = (Predictions.read_csv(folder / "predictions.csv") for folder in folders)
    return search.goal.further_figures(Predictions.concatenate(tables))


def _looks(folder: Path, digest: str) -> int:
    """How many different winners have been heard on the test speakers."""
    file = folder / "test" / "looks.json"
    seen = read_json(file) if file.is_file() else []
    if digest not in seen:
        seen.append(digest)
        write_json(file, seen)
    return len(seen)


def _difference(*folders: Path) -> PairedDifference:
    """Winner minus starting recipe, paired, over the test speakers of one search or of all outer folds."""
    tables = []
    for name in ("winner", "start"):
        tables.append(
            Predictions.concatenate(Predictions.read_csv(folder / name / "predictions.csv") for folder in folders)
        )
    winner, start = tables
    if list(winner.file) != list(start.file):
        raise RuntimeError("winner and starting recipe were tested on different utterances")
    return paired_difference(
        winner.true, winner.predicted, start.predicted, speakers=winner.speaker, n_classes=len(winner.classes)
    )


def conclude_nested(search: Search, out: Path, results: Sequence[SearchResult]) -> SearchResult:
    """Pool the outer folds' test figures and write `best.yaml` and `result.json` for the whole.

    The pooled figure judges the search as a procedure: each fold has a winner of its own. The recipe is the winner
    that was the best in validation; everybody took part in that choice, and its `selected_on` says so.
    """
    contents = [read_json(result.folder / "result.json") for result in results]
    tests = [result.folder / "test" for result in results]
    is_own = search.request.objective in search.goal.further_measures
    k = int(np.argmax([(r.best.score if is_own else r.best.uar) or 0.0 for r in results]))
    speakers = {s for split in search.splits for s in (*split.test, *split.others)}
    everybody = sorted(speakers | set(search.space.start.selected_on))
    source = results[k].recipe
    tree = parse_recipe(source.read_text(encoding="utf-8"), source) | {"selected_on": everybody}
    head = f"# The winner of outer fold {k + 1} of {len(results)}; everybody took part in the choice.\n"
    write_atomic(out / "best.yaml", head + dump_yaml(tree))
    test, method = _pooled(search, tests, "winner", results=results)
    difference = _difference(*tests)
    content = {
        "outer_folds": [{key: c[key] for key in ("winner", "settings", "validation", "test")} for c in contents],
        "test": {"uar": test.uar, "uar_ci95": list(test.interval), "ci_method": method, "n_utterances": test.n}
        | {"selection_overlap": test.overlap}
        | ({"figures": test.figures} if test.figures else {}),
        "difference": difference,
        "selected_on": everybody,
        "recipe_of_outer_fold": k,
    }
    write_json(out / "result.json", content)
    return SearchResult(
        folder=out,
        report=out / "outer",
        space=search.space.name,
        objective=search.request.objective,
        trials=(),
        best=results[k].best,
        experiment=Experiment.from_tree(tree, out / "best.yaml"),
        recipe=out / "best.yaml",
        test=test,
        start=_pooled(search, tests, "start", results=results)[0],
        difference=difference,
        looks=max(result.looks for result in results),
        outer=tuple(results),
        fold=k,
    )


def _pooled(
    search: Search, tests: Sequence[Path], name: str, *, results: Sequence[SearchResult]
) -> tuple[SetAsideScore, str]:
    """The score of all outer folds' winners, or of the starting recipe; and how its interval was made."""
    table = Predictions.concatenate(Predictions.read_csv(test / name / "predictions.csv") for test in tests)
    n_classes = len(table.classes)
    low, high, method = intervals.bootstrap_ci(table.true, table.predicted, table.speaker, n_classes=n_classes)
    score = SetAsideScore(
        speakers=tuple(speaker for result in results for speaker in result.test.speakers),
        uar=measures.uar(table.true, table.predicted, n_classes),
        interval=(low, high),
        wa=measures.wa(table.true, table.predicted, n_classes),
        n=len(table),
        narrow="utterances only" in method,
        overlap=sum(result.test.overlap for result in results),
        figures=_further_figures(search, *(test / name for test in tests)),
    )
    return score, method
