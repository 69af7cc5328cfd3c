"""Reports of run directories that the tests write: whole ones, incomplete ones, hostile ones."""

import base64
import json
import re
import shutil

import numpy as np
import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports import write_report
from ser_keras.evaluation.reports.run_data import load_run
from tests.evaluation.reports.made_run import CLASSES, SPEAKERS, Page, make_run, size


def test_report_says_what_was_measured(run, page):
    m = json.loads((run / "metrics.json").read_text())
    for words in (
        f"{100 * m['uar']:.1f}\u202f%".replace("\u202f", " "),
        f"{100 * m['uar_ci95'][0]:.1f} to {100 * m['uar_ci95'][1]:.1f}",
        "Speakers of the test fold were never seen in training, selection or normalisation.",
        "Checked against the speakers listed in 5 fold.json files",
        "chance is 14.3",
        "Small log-mel CNN",
        "emotion 'calm' is in no class: 12 utterances dropped",
        "wav/broken.wav : truncated",
        "ser-keras train --corpus emodb=data",
        "git checkout 0123456789ab",
        "3 min 20 s",
        "keras 3.15.1",
        "learning_rate: 0.001",
        "Unweighted average recall",
        "CC0-1.0",
        "single windows 1070",
        *SPEAKERS,
        *CLASSES,
    ):
        assert words in page.text, words
    for absent in ("LEAKY", "SYNTHETIC", "Missing here", "BOTH SIDES", "SELECTED ON"):
        assert absent not in page.text


def test_report_asks_for_nothing_from_outside(page):
    assert page.addresses and all(re.match(r"(image/png;base64,|data:image/png;base64,)", a) for a in page.addresses)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "http:" not in page.source and "https:" not in page.source and "url(" not in page.source
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert len(page.source) < 1_500_000


def test_report_is_accessible(page):
    images = [a for t, a in page.tags if t == "img"]
    assert len(images) == 3 and all(len(a["alt"]) > 20 for a in images)
    assert sum(t == "h1" for t, _ in page.tags) == 1
    headers = [a for t, a in page.tags if t == "th"]
    assert headers and all(a.get("scope") in ("row", "col") for a in headers)
    assert ("html", {"lang": "en"}) in page.tags
    assert any(a.get("name") == "viewport" for t, a in page.tags if t == "meta")
    assert sum(t == "source" and "dark" in a["media"] for t, a in page.tags) == 3


def test_confident_mistakes_are_the_wrong_ones_in_order(run, page):
    t = Predictions.read_csv(run / "predictions.csv")
    wrong = t.predicted != t.true
    p = np.where(wrong, t.probabilities.max(axis=1), -1)
    worst = t.file[np.argsort(-p, kind="stable")[:15]]
    part = page.text[page.text.index("The most confident mistakes") :]
    places = [part.index(name) for name in worst]
    assert places == sorted(places)
    right = t.file[~wrong]
    assert not any(name in part for name in right)


def test_leaky_run_is_red_and_says_why(tmp_path):
    page = Page(write_report(make_run(tmp_path / "r", protocol="chunk_random")))
    assert "LEAKY." in page.text
    assert "LEAKY. Chunks of one utterance are on both sides" in page.text
    assert "Not speaker-independent" in page.text
    assert "never seen in training" not in page.text
    assert any(t == "div" and a.get("class") == "box bad" for t, a in page.tags)


def test_what_takes_a_figure_its_worth_stands_in_boxes(tmp_path):
    """Synthetic speech, a test speaker in validation, and settings chosen on test material."""
    folder = make_run(tmp_path / "r", settings={"corpora": [{"name": "synthetic"}]}, skill=0)
    fold = json.loads((folder / "folds/2/fold.json").read_text())
    fold["validation"] = [fold["test"][0]]
    (folder / "folds/2/fold.json").write_text(json.dumps(fold))
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | {"selection_overlap": 40}))
    text = Page(write_report(folder)).text
    assert "SYNTHETIC SPEECH." in text
    assert f"fold 2 was trained or validated on its test speakers {fold['test'][0]}" in text
    assert "Checked against" not in text
    assert "overlap: 40" in text
    assert "Not reliably better than guessing" in text


def test_strings_of_users_are_escaped(tmp_path):
    """Markup, mathematics, and bytes that are no UTF-8."""
    evil = '<img src=x onerror="alert(1)">&caf\udce9.wav'
    folder = make_run(tmp_path / "r", skill=0, first=evil, settings={"title": "<script>alert(2)</script> $x_1$"})
    t = Predictions.read_csv(folder / "predictions.csv")
    # the most confident mistake of all, by a speaker whose name is markup and mathematics
    t.probabilities[0] = np.eye(7)[(t.true[0] + 1) % 7]
    t.speaker[t.speaker == t.speaker[0]] = "<b>$\\frac$</b>"
    t.speaker[1:3] = "sp\udce9aker"
    t.write_csv(folder / "predictions.csv")
    (folder / "metrics.json").unlink()
    page = Page(write_report(folder))
    assert (
        evil.replace("\udce9", "?") in page.text
        and "<script>alert(2)</script>" in page.text
        and "<b>$\\frac$</b>" in page.text
    )
    assert not {"script", "b"} & {t for t, a in page.tags if not a.get("style")}
    assert not any("onerror" in a for _, a in page.tags)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (["metrics.json"], "the figures were computed from predictions.csv"),
        (["predictions.csv"], "predictions.csv is missing"),
        (["experiment.yaml"], "experiment.yaml can't be read"),
        (["provenance.json"], "provenance.json is missing"),
        (["folds/3/history.csv"], "folds/3/history.csv is missing"),
        ([f"folds/{k}/fold.json" for k in range(5)], "no finished folds"),
    ],
)
def test_what_is_missing_is_named(tmp_path, gone, words):
    folder = make_run(tmp_path / "r")
    for name in gone:
        (folder / name).unlink()
    missing = " | ".join(load_run(folder).missing)
    assert words in missing
    assert str(tmp_path) not in missing


def test_without_a_final_model_nothing_is_missing(tmp_path):
    folder = make_run(tmp_path / "r")
    shutil.rmtree(folder / "final")
    assert "Missing here" not in Page(write_report(folder)).text


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (["experiment.yaml", "metrics.json", "predictions.csv"], "NOT EVALUATED YET."),
        (["experiment.yaml", "provenance.json", "metrics.json"], "the figures were computed"),
        (["predictions.csv", "provenance.json", "folds/0/fold.json"], "What is taken for what"),
    ],
)
def test_incomplete_run_gets_a_report(tmp_path, gone, words):
    folder = make_run(tmp_path / "r")
    for name in gone:
        (folder / name).unlink()
    text = Page(write_report(folder)).text
    assert words in text and "Missing here" in text


def test_broken_files_are_named(tmp_path):
    folder = make_run(tmp_path / "r")
    (folder / "metrics.json").write_text("{")
    (folder / "provenance.json").write_text("[1]")
    (folder / "experiment.yaml").write_text("a: [")
    (folder / "folds/0/history.csv").write_text("epoch,loss\n1,high\n")
    text = " | ".join(load_run(folder).missing)
    for words in ("metrics.json can't be read", "provenance.json can't be read", "experiment.yaml can't be read"):
        assert words in text
    assert "folds/0/history.csv can't be read" in text


def test_figures_of_an_incomplete_run_equal_those_of_the_whole(tmp_path, run):
    folder = make_run(tmp_path / "r")
    (folder / "metrics.json").unlink()
    computed, written = load_run(folder).metrics, load_run(run).metrics
    assert computed["uar"] == pytest.approx(written["uar"]) and computed["uar_ci95"] == pytest.approx(
        written["uar_ci95"]
    )
    assert computed["segment"] is None


def test_metrics_of_another_version_do_not_stop_a_report(tmp_path):
    folder = make_run(tmp_path / "r")
    (folder / "metrics.json").write_text(json.dumps({"uar": 0.5, "classes": {"a": 1, "b": 1}}))
    assert "50.0" in Page(write_report(folder)).text


def test_no_run_directory_is_one_clear_line(tmp_path):
    with pytest.raises(SerKerasError, match="no such run directory"):
        write_report(tmp_path / "none")
    with pytest.raises(SerKerasError, match="is no run directory"):
        write_report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_few_or_unknown_speakers_are_flagged_at_the_headline(tmp_path):
    folder = make_run(tmp_path / "r", protocol="utterance_random")
    t = Predictions.read_csv(folder / "predictions.csv")
    t.speaker[:] = None
    t.write_csv(folder / "predictions.csv")
    (folder / "metrics.json").unlink()
    text = Page(write_report(folder)).text
    assert "too narrow for new speakers" in text and "speakers unknown" in text and "Speakers unknown" in text


def test_pictures_of_the_page_are_pngs(page):
    for address in page.addresses:
        assert min(size(base64.b64decode(address.partition("base64,")[2]))) > 0
