"""Searches whose objective is a function of the user's. Only the request names its module."""

import csv
import json

import numpy as np
import pytest

from ser_keras.cli import texts
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.tuning import objective, search
from ser_keras.tuning.request import Request
from ser_keras.tuning.running import tune
from tests.made_corpus import write_corpus
from tests.tuning.test_search import SPACE, Guess, asked, guess_by, space_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")

MODULE = '''
from ser_keras.tuning.objective import Measure


def anger_recall(predictions):
    """Share of the angry who were heard as angry."""
    angry = predictions.true == predictions.classes.index("anger")
    return (predictions.predicted == predictions.true)[angry].mean()


def mistakes(predictions):
    return int((predictions.predicted != predictions.true).sum())


fewest_mistakes = Measure("mistakes", more_is_better=False, of_predictions=mistakes)
nothing = Measure("nothing")


def broken(predictions):
    return float("nan")


WORD = "text"
'''
ANGER = "own_measures:anger_recall"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), speakers=6, takes=1)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A user's module on the search path."""
    file = tmp_path_factory.mktemp("modules") / "own_measures.py"
    file.write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(file.parent)
        yield file


def class_by_width(trainer):
    """A net of 2 units calls everything the first class, anger; a wider one the last."""
    trainer.classifier = Guess(trainer.job.n_classes)
    if trainer.job.experiment.model.arguments()["hidden"] > 2:
        one = np.eye(trainer.job.n_classes, dtype=np.float32)[-1]
        trainer.classifier.probabilities = lambda batch: np.tile(one, (len(batch), 1))


WIDTHS = {"set": {}, "vary": {"model.hidden": [8, 2]}}


def test_a_search_maximises_ones_own_measure_and_shows_it(corpus, module, tmp_path, monkeypatch):
    guess_by(monkeypatch, class_by_width)
    request = asked(tmp_path, corpus, WIDTHS, objective=ANGER, stop_behind=0.0)
    result = tune(request, tmp_path / "out")
    second, first = result.trials[1], result.best
    assert (first.id, first.score, second.score) == ("0001", 1.0, 0.0)
    assert first.uar == second.uar == pytest.approx(1 / 3) and first.figures == {ANGER: 1.0}
    assert result.test.figures == {ANGER: 1.0} and result.start.figures == {ANGER: 0.0}
    assert "UAR 33.3 ± 0.0, anger_recall 1" in str(first)
    assert ", anger_recall 1, WA" in texts.search_result(result)[1]
    with open(tmp_path / "out" / "trials.csv", newline="") as file:
        assert [(row[ANGER], row["score"]) for row in csv.DictReader(file)] == [("0.0", "0.0"), ("1.0", "1.0")]
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    assert content["validation"][ANGER] == content["test"]["figures"][ANGER] == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"objective: mean validation {ANGER}" in page
    assert "<dt>winner's anger_recall: validation, test</dt><dd>1, 1; starting recipe 0</dd>" in page
    # goes on, with nothing trained again
    guess_by(monkeypatch, None)
    assert tune(request, tmp_path / "out") == result
    # another version of the module is another search
    before = search.Search(request)
    identity = before.identity(before.splits[0])
    module.write_text(MODULE + "# changed\n")
    changed = before.identity(before.splits[0])
    module.write_text(MODULE)
    assert changed != identity == before.identity(before.splits[0])


def test_less_may_be_better_and_limits_bound_ones_own_measures(corpus, module, tmp_path, monkeypatch):
    guess_by(monkeypatch, class_by_width)
    fewest = "own_measures:fewest_mistakes"
    request = asked(tmp_path, corpus, WIDTHS, objective=fewest, limits=[f"{ANGER}>=0.5"])
    result = tune(request, tmp_path / "out")
    best, beyond = result.trials
    assert best.id == "0001" and best.figures[ANGER] == 1 and best.score < 0 < best.figures[fewest]
    assert beyond.score <= -1 < best.score


def table(*predicted):
    return Predictions(
        file=[str(i) for i in range(len(predicted))],
        true=[0] * len(predicted),
        classes=("anger", "neutral"),
        probabilities=[[1 - p, p] for p in predicted],
    )


def test_a_low_uar_stops_nothing_where_something_else_is_judged(module):
    from tests.tuning.test_trials import judging

    objective.measure_of(ANGER, "objective")
    assert judging(objective.Objective(ANGER)).hopeless([0.1], 3, lambda: [0.9, 0.9, 0.9]) is None
    assert objective.Objective(ANGER).further_figures(table(0, 1, 0, 0)) == {ANGER: 0.75}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_measures:angr", "has no angr"),
        ("no_such_module:war", "there is no module no_such_module"),
        ("own_measures:WORD", "expected: a function from ser_keras.evaluation.Predictions"),
        ("own_measures:nothing", "no `of_predictions`"),
        ("war", "nearest: uar"),
    ],
)
def test_what_is_no_measure_is_one_line_before_anything_is_read(module, name, said):
    for asks in ({"objective": name}, {"limits": [f"{name}>=0.5"]}):
        with pytest.raises(SerKerasError, match=said):
            Request("no space", [], **asks)


def test_a_measure_that_gives_no_number_fails_its_trials(corpus, module, tmp_path, monkeypatch):
    guess_by(monkeypatch, class_by_width)
    with pytest.raises(SerKerasError, match="the objective own_measures:broken gave nan"):
        tune(asked(tmp_path, corpus, WIDTHS, objective="own_measures:broken"), tmp_path / "out")


def test_workers_find_the_module_and_write_the_logs_of_their_trials(corpus, module, tmp_path):
    tree = {**SPACE, "set": {**SPACE["set"], "training.epochs": 1}}
    space = space_file(tmp_path, tree)
    request = Request(
        space, [("manifest", corpus.parent)], "grid", folds=2, objective=ANGER, workers=2, stop_behind=1.0
    )
    result = tune(request, tmp_path / "out")
    assert len(result.trials) == 2 and all(0 <= trial.figures[ANGER] <= 1 for trial in result.trials)
    assert result.best.score == result.best.figures[ANGER]
    for trial in result.trials:
        log = (tmp_path / "out" / "trials" / trial.id / "log.txt").read_text()
        assert "epochs in" in log
    for log in (tmp_path / "out" / "workers").glob("*.log"):
        assert "epochs in" not in log.read_text()
