"""Searches that train: whom they see, what they leave behind, and how they go on."""

import csv
import dataclasses
import json
import os
import re
import sys

import keras
import numpy as np
import pytest
import yaml

from ser_keras.cli import texts
from ser_keras.common import progress
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import saved_model
from ser_keras.experiment.settings import Experiment
from ser_keras.models.classifier import Classifier
from ser_keras.training import crossvalidation, fold
from ser_keras.tuning import holdout, running, search, space
from ser_keras.tuning.directory import claim
from ser_keras.tuning.request import Request
from ser_keras.tuning.running import tune
from tests.made_corpus import write_corpus

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")

SPACE = {
    "title": "tiny",
    "recipe": "anand2015.r2",
    "set": {"training.epochs": 2, "training.batch_size": 16, "model.hidden": 8, "model.l2": 0.0},
    "vary": {"training.learning_rate": {"min": 0.003, "max": 0.03, "scale": "log", "steps": 2}},
    "random_grid": {"epochs": 1, "finalists": 1, "long_epochs": 2},
}


def space_file(folder, tree=None):
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump({**SPACE, **(tree or {})}, sort_keys=False))
    return str(file)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), speakers=6, takes=1)


def asked(folder, corpus, tree=None, **changes):
    plain = {"strategy": "grid", "folds": 2, "stop_behind": 1.0}
    return Request(space_file(folder, tree), [("manifest", corpus.parent)], **{**plain, **changes})


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory):
    """A whole search, with who was in which part of every training."""
    folder = tmp_path_factory.mktemp("search")
    os.environ["SER_KERAS_CACHE"] = str(folder / "cache")
    seen, prepare = [], fold.FoldTrainer.prepare

    def watching(trainer):
        job = trainer.job
        parts = [{job.material.items[i].speaker for i in items} for items in (job.train, job.validation)]
        seen.append((job.folder, *parts))
        prepare(trainer)

    fold.FoldTrainer.prepare = watching
    try:
        result = tune(asked(folder, corpus), folder / "out")
    finally:
        fold.FoldTrainer.prepare = prepare
    return folder / "out", result, seen


def result_of(out):
    return json.loads((out / "result.json").read_text())


@pytest.mark.smoke
def test_no_trial_sees_the_test_speakers_or_those_that_judge_it(done):
    out, _, seen = done
    result = result_of(out)
    test, others = set(result["test"]["speakers"]), set(result["selected_on"])
    assert test and others and not test & others and len(test | others) == 6
    trials = [s for s in seen if "trials" in s[0].parts]
    assert len(trials) == 2 * 2
    judged = {}
    for place, train, validation in trials:
        with open(place / "predictions.csv", newline="") as file:
            judges = {row["speaker"] for row in csv.DictReader(file)}
        assert judges and not judges & (train | validation | test) and train | validation | judges == others
        judged.setdefault(place.parent.parent.name, []).append(judges)
    # Every trial is judged by every other speaker once, and all by the same folds.
    assert all(set.union(*folds) == others and not set.intersection(*folds) for folds in judged.values())
    assert len({json.dumps([sorted(f) for f in folds]) for folds in judged.values()}) == 1
    finals = [s for s in seen if "test" in s[0].parts]
    assert [sorted(train) for _, train, _ in finals] == [sorted(others)] * 2


def test_what_a_search_leaves_behind(done):
    out, search_result, _ = done
    result = result_of(out)
    with open(out / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and {r["status"] for r in rows} == {"completed"}
    best = max(rows, key=lambda r: (float(r["score"]), -int(r["trial"])))
    assert result["winner"] == best["trial"]
    for r in rows:
        folds = [float(r["fold_0"]), float(r["fold_1"])]
        assert float(r["uar"]) == pytest.approx(np.mean(folds), abs=1e-5)
        assert float(r["uar_sd"]) == pytest.approx(np.std(folds, ddof=1), abs=1e-5)
    assert result["test"]["n_utterances"] == 3 * len(result["test"]["speakers"])
    assert search_result.difference == {**result["difference"], "ci95": tuple(result["difference"]["ci95"])}
    time = json.loads(next((out / "time").glob("*.json")).read_text())
    assert time["seconds"]["steps"] > 0 and time["seconds"]["first steps"] > 0
    page = (out / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and page.count("data:image/png") >= 4
    assert "training.learning_rate" in page and "training steps" in page
    assert sorted(p.name for p in (out / "tensorboard").iterdir()) == ["0000", "0001"]
    assert not list(out.rglob("checkpoint.npz"))


def test_train_takes_the_recipe_and_marks_what_was_selected_on(done, corpus, tmp_path):
    out, _, _ = done
    recipe = out / "best.yaml"
    winner, result = Experiment.from_recipe(str(recipe)), result_of(out)
    assert winner.selected_on == result["selected_on"]
    assert winner.training.learning_rate == result["settings"]["training.learning_rate"]
    corpora = [("manifest", corpus.parent)]
    quick = Experiment.from_recipe(str(recipe), ["protocol.folds=2", "training.epochs=1"])
    run = crossvalidation.train(quick, corpora, tmp_path / "run")
    assert run.metrics["selection_overlap"] == 3 * len(result["selected_on"])
    assert "SELECTED ON TEST MATERIAL" in (run.path / "report.html").read_text()
    # Weights that come of it carry the mark into runs under other settings.
    start = saved_model.load_initial(run.path)
    assert start.selected_on == set(result["selected_on"]) and start.described["selected_on"] == result["selected_on"]
    table = Predictions.read_csv(run.path / "predictions.csv")
    plain = quick.model_copy(update={"selected_on": [], "classes": {c: [c] for c in table.classes}})
    assert "selected_on" not in plain.model_dump()
    named = {"segments": None, "protocol": "p", "leaky_reason": None, "commit": None}
    marked = write_tables(tmp_path, plain, table, selected_on=start.selected_on, **named)
    assert marked["selection_overlap"] == 3 * len(result["selected_on"])
    assert write_tables(tmp_path, plain, table, **named)["selection_overlap"] == 0


def test_a_finished_search_starts_nothing_again(done, corpus, monkeypatch):
    out, before, _ = done
    monkeypatch.setenv("SER_KERAS_CACHE", str(out.parent / "cache"))
    monkeypatch.setattr(fold.FoldTrainer, "prepare", None)
    assert tune(asked(out.parent, corpus), out) == before


def test_a_result_is_data_and_shows_itself(done):
    out, result, _ = done
    content = result_of(out)
    assert [trial.rank for trial in result.trials] == [1, 2] and result.best is result.trials[0]
    assert result.best.id == content["winner"] and result.best.uar == content["validation"]["uar"]
    assert result.experiment == Experiment.from_recipe(str(out / "best.yaml")) and result.recipe == out / "best.yaml"
    assert list(result.test.speakers) == content["test"]["speakers"] and result.test.uar == content["test"]["uar"]
    assert (
        list(result.test.interval) == content["test"]["uar_ci95"] and result.test.n == content["test"]["n_utterances"]
    )
    assert result.start.uar == content["start"]["uar"] and result.looks == 1 and result.report.is_file()
    assert (result.space, result.objective, result.outer, result.fold) == ("tiny", "uar", (), None)
    shown = repr(result)
    assert shown.count("\n") < 6 and f"trial {result.best.id}" in shown and f"{result.test.uar:.3f}" in shown
    page = dataclasses.replace(result, space="<b>")._repr_html_()
    assert page.startswith("<table>") and "&lt;b&gt;: 2 trials (2 completed)" in page and page.count("<tr>") == 3
    lines = texts.search_result(result)
    assert lines[0].startswith(f"winner: trial {result.best.id} (learning_rate ") and "validation UAR" in lines[0]
    assert lines[1].startswith(f"test speakers {', '.join(result.test.speakers)}: UAR {result.test.uar:.3f} [")
    assert lines[2].startswith("winner minus starting recipe: ")
    assert lines[3:] == [f"recipe: {out / 'best.yaml'}", f"report: {out / 'report.html'}"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 3}, "folds: 2 is now 3"),
        ({"strategy": "random"}, "strategy: grid is now random"),
        ({"test_speakers": ["s0"]}, "holds another search"),
        ({"tree": {"set": {"training.epochs": 3}}}, "the space or its recipe"),
    ],
)
def test_another_search_is_refused_in_the_directory(done, corpus, tmp_path, changes, said):
    with pytest.raises(SerKerasError, match=said):
        tune(asked(tmp_path, corpus, **changes), done[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 9}, "need as many speakers"),
        ({"folds": 1}, "must be 2 at least"),
        ({"test_speakers": ["manifest/s9"]}, "nobody is called"),
        ({"test_speakers": ["s1"], "outer_folds": 2}, "exclude each other"),
        ({"strategy": "gird"}, "nearest: grid"),
        ({"objective": "war"}, "nearest: uar"),
        ({"max_trials": 0}, "must be 1 at least"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(corpus, tmp_path, changes, said):
    with pytest.raises(SerKerasError, match=said):
        tune(asked(tmp_path, corpus, **changes), tmp_path / "out")
    assert not (tmp_path / "out" / "search.yaml").exists()


@pytest.mark.faults
def test_a_search_cut_off_in_a_trial_goes_on_at_its_epoch(done, corpus, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    epochs = []

    class Dying(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            epochs.append(epoch)
            if len(epochs) in (2, 6):
                raise Killed

    prepare = fold.FoldTrainer.prepare

    def watched(trainer):
        trainer.job = dataclasses.replace(trainer.job, callbacks=[*trainer.job.callbacks, Dying()])
        prepare(trainer)

    monkeypatch.setattr(fold.FoldTrainer, "prepare", watched)
    for _ in range(2):
        with pytest.raises(Killed):
            tune(asked(tmp_path, corpus), tmp_path / "out")
    tune(asked(tmp_path, corpus), tmp_path / "out")
    # Two that were begun and cut off; else each epoch once: 2 trials of 2 folds, winner and start, of 2 epochs.
    assert len(epochs) == 2 + 2 * (2 * 2 + 2)
    assert (tmp_path / "out" / "trials.csv").read_text() == (done[0] / "trials.csv").read_text()
    assert result_of(tmp_path / "out")["test"] == result_of(done[0])["test"]


def test_what_decides_a_search_is_in_what_workers_show(corpus, tmp_path):
    made = search.Search(asked(tmp_path, corpus, strategy="random_grid"))
    [split] = made.splits
    plain, identity, described = made.fingerprint(split), made.identity(split), made.described
    made.request.stop_behind = 0.5
    assert made.fingerprint(split) != plain and made.identity(split) == identity, "it may change on the way"
    made.request.stop_behind, stages = 1.0, made.space.stages
    made.space.stages = stages.model_copy(update={"long_epochs": 3})
    assert made.fingerprint(split) != plain and made.described != described
    made.space.stages = stages
    assert made.fingerprint(split) == plain
    found = {plain}
    for made.request.strategy in ("grid", "random"):
        found.add(made.fingerprint(split))
    assert len(found) == 3


def test_a_folder_with_another_searchs_trials_is_refused(tmp_path):
    claim(tmp_path / "mine", "one")
    claim(tmp_path / "mine", "one")
    with pytest.raises(SerKerasError, match="trials of another search"):
        claim(tmp_path / "mine", "two")


def test_a_checkpoint_of_other_data_or_speakers_is_not_gone_on_with(corpus, tmp_path, monkeypatch):
    began = []

    def noting(trainer):
        began.append(trainer.job.checkpoint.is_file())
        trainer.job.checkpoint.write_bytes(b"of this search")
        trainer.classifier = Guess(trainer.job.n_classes)

    guess_by(monkeypatch, noting)
    values = {"training.learning_rate": 0.003, "tuner/epochs": 1}

    made = search.Search(asked(tmp_path, corpus))

    def run(speakers, trial_id, values):
        [split] = holdout.splits(made.prepared, speakers)
        runner = made.runner(split, tmp_path / "out", lambda: None)
        runner.keep = True
        runner(trial_id, values, lambda _: None, rival=lambda: None)
        taken = began.copy()
        began.clear()
        return taken

    longer = {**values, "tuner/epochs": 2, "tuner/trial_id": "a"}
    assert run(["s0"], "a", values) == [False, False]
    assert run(["s0"], "b", longer) == [True, True], "it goes on from the shorter trial"
    assert run(["s1"], "c", longer) == [False, False], "the shorter trial had other speakers"
    for file in (tmp_path / "out" / "trials" / "a").rglob("fold.json"):
        file.unlink()
    assert run(["s0"], "a", values) == [True, True], "cut off, it goes on"
    for file in (tmp_path / "out" / "trials" / "a").rglob("fold.json"):
        file.unlink()
    assert run(["s1"], "a", values) == [False, False]


def test_trials_of_one_front_end_share_what_was_prepared(corpus, tmp_path, monkeypatch):
    prepared, prepare = [], holdout.prepare
    monkeypatch.setattr(holdout, "prepare", lambda *a, **k: prepared.append(a[0].window_s) or prepare(*a, **k))
    vary = {"window_s": [0.55, 0.6], "model.hidden": [4, 8]}
    made = search.Search(asked(tmp_path, corpus, {"vary": vary, "set": {}}))
    found = [made.materials(made.space.experiment(v)) for _, _, v in made.space.samples()]
    assert prepared == [0.55, 0.6] and found[0].material is found[2].material
    assert [f.experiment.model.arguments()["hidden"] for f in found] == [4, 4, 4, 8]


class Guess(Classifier):
    """In place of a trained classifier: the first class, always."""

    def __init__(self, n_classes):
        self.n_classes = n_classes

    def probabilities(self, batch, present=None):
        return np.tile(np.eye(self.n_classes, dtype=np.float32)[0], (len(batch), 1))


def guessing(trainer):
    trainer.classifier = Guess(trainer.job.n_classes)


def guess_by(monkeypatch, fit):
    """Train nothing: `fit` gives a FoldTrainer its classifier."""
    monkeypatch.setattr(fold.FoldTrainer, "prepare", lambda trainer: None)
    monkeypatch.setattr(fold.FoldTrainer, "fit", fit)


def test_nested_folds_test_everybody_by_a_search_that_didnt_see_them(corpus, tmp_path, monkeypatch):
    guess_by(monkeypatch, guessing)
    monkeypatch.setattr(running, "write_report", lambda *_: None)
    one = {"vary": {"model.filters": [[2], [3]]}, "set": {**SPACE["set"], "training.epochs": 1}}
    nested = tune(asked(tmp_path, corpus, one, outer_folds=2), tmp_path / "out")
    lines = texts.search_result(nested)
    result = result_of(tmp_path / "out")
    tests = [set(r["test"]["speakers"]) for r in result["outer_folds"]]
    assert len(tests) == 2 and not tests[0] & tests[1] and len(tests[0] | tests[1]) == 6
    assert result["test"]["n_utterances"] == 18 and "nested over 2 outer folds" in lines[0]
    assert lines[-1] == f"reports: {tmp_path / 'out' / 'outer'}" and f"of outer fold {nested.fold + 1};" in lines[-2]
    assert [set(inner.test.speakers) for inner in nested.outer] == tests and not nested.trials
    assert set(nested.test.speakers) == tests[0] | tests[1] and nested.test.n == 18
    assert nested.test.uar == result["test"]["uar"] and nested.experiment.selected_on == sorted(tests[0] | tests[1])
    assert nested._repr_html_().count("<tr>") == 3
    assert Experiment.from_recipe(str(tmp_path / "out" / "best.yaml")).selected_on == sorted(tests[0] | tests[1])


def test_what_a_training_reports_goes_to_its_trials_log_alone(corpus, tmp_path, monkeypatch, capsys, caplog):
    def talking(trainer):
        progress.say(f"said in {trainer.job.folder.name}")
        with progress.stage(f"stage of {trainer.job.folder.name}", 1) as advance:
            advance()
        print("printed by a library", file=sys.stderr)
        guessing(trainer)

    guess_by(monkeypatch, talking)
    monkeypatch.setattr(running, "write_report", lambda *_: None)
    steps = []
    with progress.reporting(steps.append), caplog.at_level("INFO", logger="ser_keras"):
        tune(asked(tmp_path, corpus, max_trials=1), tmp_path / "out")
    log = (tmp_path / "out" / "trials" / "0000" / "log.txt").read_text()
    for k in (0, 1):
        assert re.search(rf"said in {k}\nstage of {k}: 1 in [\d.]+ s\nprinted by a library\n", log)
    shown = "\n".join([capsys.readouterr().err, *caplog.messages, *(step.stage for step in steps)])
    assert "trial 0000: UAR" in shown and "said in winner" in shown and "stage of winner" in shown
    assert not any(text in shown for text in ("said in 0", "stage of 0"))


def test_a_longer_search_that_finds_another_winner_counts_the_looks(corpus, tmp_path, monkeypatch):
    def better_later(trainer):
        n_classes = trainer.job.n_classes
        wide = trainer.job.experiment.model.arguments()["hidden"] > 4
        trainer.classifier = Guess(n_classes)
        trainer.classifier.probabilities = lambda batch: np.eye(n_classes, dtype=np.float32)[
            np.arange(len(batch)) % (3 if wide else 1)
        ]

    guess_by(monkeypatch, better_later)
    tree = {"set": {}, "vary": {"model.hidden": [2, 8]}}
    with monkeypatch.context() as unseen:
        unseen.setattr(running, "write_report", lambda *_: None)
        tune(asked(tmp_path, corpus, tree, max_trials=1), tmp_path / "out")
    assert result_of(tmp_path / "out")["test"]["looks"] == 1
    tune(asked(tmp_path, corpus, tree, max_trials=2), tmp_path / "out")
    result = result_of(tmp_path / "out")
    assert result["n_trials"] == 2 and result["test"]["looks"] == (2 if result["winner"] == "0001" else 1)
    assert result["winner"] == "0001", "this test needs the second to win"
    assert "HEARD 2 TIMES" in (tmp_path / "out" / "report.html").read_text()


def test_a_start_that_was_chosen_on_the_test_speakers_is_said_to_be(corpus, tmp_path, monkeypatch):
    guess_by(monkeypatch, guessing)
    changes = {"changes": ["selected_on=[manifest/s0, manifest/s1]"], "test_speakers": ["s0"], "max_trials": 1}
    marked = tune(asked(tmp_path, corpus, **changes), tmp_path / "out")
    lines = texts.search_result(marked)
    result = result_of(tmp_path / "out")
    assert result["test"]["selection_overlap"] == 3 and result["start"]["selection_overlap"] == 3
    assert marked.test.overlap == marked.start.overlap == 3
    assert "SELECTED ON TEST MATERIAL" in lines[0] and "3 of the 3" in lines[0]
    assert "SELECTED ON TEST MATERIAL" in (tmp_path / "out" / "report.html").read_text()
    everybody = [f"manifest/s{i}" for i in range(6)]
    assert result["selected_on"] == Experiment.from_recipe(str(tmp_path / "out" / "best.yaml")).selected_on == everybody
    # Killed between the last trial's end and its line in the table.
    whole = (tmp_path / "out" / "trials.csv").read_text()
    (tmp_path / "out" / "trials.csv").unlink()
    left = tmp_path / "out" / "trials" / "0000" / "folds" / "0" / "checkpoint.npz"
    left.write_bytes(b"")
    tune(asked(tmp_path, corpus, **changes), tmp_path / "out")
    assert (tmp_path / "out" / "trials.csv").read_text() == whole and not left.exists()


@pytest.mark.slow
def test_a_size_limit_rejects_before_training_and_names_the_nearest(corpus, tmp_path):
    tree = {"vary": {"model.filters": [[2], [64]]}, "set": {**SPACE["set"], "training.epochs": 1}}
    out = tmp_path / "out"
    small = {"strategy": "grid", "limits": ["int8_kb<=110"]}
    tune(asked(tmp_path, corpus, tree, **small), out)
    with open(out / "trials.csv", newline="") as file:
        kept, rejected = csv.DictReader(file)
    assert (kept["status"], rejected["status"]) == ("completed", "rejected")
    assert float(kept["int8_kb"]) <= 110 < float(rejected["int8_kb"]) and float(kept["latency_ms"]) > 0
    assert not (out / "trials" / rejected["trial"] / "folds").exists()


def test_every_shipped_recipe_of_a_space_is_one_that_train_takes():
    assert all(space.load_space(name).experiment({}).protocol.name == "speaker_independent" for name in space.spaces())


@pytest.mark.slow
def test_a_trial_that_is_trained_on_reaches_what_it_does_from_the_start(corpus, tmp_path):
    made = search.Search(asked(tmp_path, corpus))
    values = {"training.learning_rate": 0.003}

    def run(folder, *steps):
        runner = made.runner(made.splits[0], tmp_path / folder, lambda: None)
        runner.keep = True
        for trial_id, more in steps:
            figures = runner(trial_id, {**values, **more}, lambda _: None, rival=lambda: None)
        return figures, (tmp_path / folder / "trials" / "b" / "folds" / "0" / "predictions.csv").read_text()

    short, long = ("a", {"tuner/epochs": 1}), ("b", {"tuner/epochs": 3, "tuner/trial_id": "a"})
    assert run("on", short, long) == run("anew", long)
    history = (tmp_path / "on" / "trials" / "b" / "folds" / "0" / "history.csv").read_text()
    inherited = (tmp_path / "on" / "trials" / "a" / "folds" / "0" / "history.csv").read_text()
    assert history.startswith(inherited.rstrip()), "its first epoch is the other trial's"
