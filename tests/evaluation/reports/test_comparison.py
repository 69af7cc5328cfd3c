"""Comparisons of runs."""

import json

import numpy as np
import pytest

from ser_keras import evaluation
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports import write_comparison, write_report
from tests.evaluation.reports.made_run import CLASSES, Page, make_run


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    root = tmp_path_factory.mktemp("several")
    small = [make_run(root / f"small-{s}", seed=s) for s in range(3)]
    wide = make_run(root / "wide", seed=7, skill=3.5, settings={"recipe": "log_mel_wide"})
    return [*small, wide]


def test_comparison_aggregates_seeds_and_pairs_runs(several, tmp_path):
    out = write_comparison(several, tmp_path / "c.html")
    page = Page(out)
    uars = [json.loads((r / "metrics.json").read_text())["uar"] for r in several]
    mean, deviation = np.mean(uars[:3]), np.std(uars[:3], ddof=1)
    assert f"log_mel_small 0, 1, 2 {100 * mean:.1f} % {100 * deviation:.1f} %" in page.text
    assert f"log_mel_wide 7 {100 * uars[3]:.1f} % –" in page.text
    tables = [Predictions.read_csv(r / "predictions.csv") for r in several]
    d = evaluation.paired_difference(
        tables[0].true, tables[0].predicted, tables[3].predicted, speakers=tables[0].speaker, n_classes=7
    )
    expected = f"{100 * d['difference']:+.1f} {100 * d['ci95'][0]:+.1f} to {100 * d['ci95'][1]:+.1f} wide is better"
    assert f"small-0 wide {expected}" in page.text
    assert "no reliable difference" in page.text
    assert all(a.startswith(("data:image/png;base64,", "image/png;base64,")) for a in page.addresses)
    assert "DIFFERENT" not in page.text and "LEAKY" not in page.text


def test_runs_of_other_settings_are_no_seeds_of_one_another(several, tmp_path):
    other = make_run(tmp_path / "other", seed=1, settings={"training": {"epochs": 60, "learning_rate": 0.001}})
    text = Page(write_comparison([several[0], other], tmp_path / "new")).text
    assert (tmp_path / "new" / "comparison.html").is_file()
    assert "training.epochs=30 0 " in text and "training.epochs=60 1 " in text


def test_other_class_sets_are_not_compared(several, tmp_path):
    six = make_run(tmp_path / "six", classes=CLASSES[:6])
    text = Page(write_comparison([several[0], several[1], six], tmp_path / "c.html")).text
    assert "DIFFERENT CLASSES." in text
    assert "7 classes: " in text and "6 classes: " in text
    differences = text.count(" minus ")
    assert differences == 1  # that of the two runs of seven classes


def test_the_order_of_classes_does_not_matter(several, tmp_path):
    turned = make_run(tmp_path / "turned")
    t = Predictions.read_csv(turned / "predictions.csv")
    back = np.arange(7)[::-1]
    columns = {name: getattr(t, name) for name in ("file", "corpus", "speaker", "gender", "fold", "start", "end")}
    Predictions(**columns, true=6 - t.true, probabilities=t.probabilities[:, back], classes=CLASSES[::-1]).write_csv(
        turned / "predictions.csv"
    )
    (turned / "metrics.json").unlink()
    assert (
        "small-0 turned +0.0 +0.0 to +0.0 no reliable difference"
        in Page(write_comparison([several[0], turned], tmp_path / "c.html")).text
    )


def test_what_cannot_be_paired_says_why(several, tmp_path):
    fewer = make_run(tmp_path / "fewer", n=400)
    leaky = make_run(tmp_path / "leaky", protocol="chunk_random")
    bare = make_run(tmp_path / "bare")
    (bare / "predictions.csv").unlink()
    relabelled = make_run(tmp_path / "relabelled")
    t = Predictions.read_csv(relabelled / "predictions.csv")
    t.true[0] = (t.true[0] + 1) % 7
    t.write_csv(relabelled / "predictions.csv")
    text = Page(write_comparison([several[0], fewer, leaky, bare, relabelled], tmp_path / "c.html")).text
    assert "not the same utterances: 535 and 400, 400 of them in common" in text
    assert "no predictions.csv in bare" in text
    assert "the same utterances carry other labels" in text
    assert (
        "LEAKY: leaky. Training saw test material" in text
        and "DIFFERENT PROTOCOLS: chunk random, speaker independent" in text
    )


def test_other_audio_under_the_same_names_is_not_compared(tmp_path):
    said = {}
    for name in ("emodb", "manifest"):
        corpora = [[{"name": name, "fingerprint": mark}] for mark in ("8f14", "a87f")]
        runs = [make_run(tmp_path / f"{name}{i}", i, settings={"corpora": c}) for i, c in enumerate(corpora)]
        said[name] = Page(write_comparison(runs, tmp_path / "c.html")).text
    assert "the same file names, but manifest isn't the same audio and labels in both" in said["manifest"]
    assert "the same file names" not in said["emodb"], "of a public corpus names say what is meant"


def test_no_winner_is_named_across_protocols(several, tmp_path):
    dependent = make_run(tmp_path / "dependent", protocol="speaker_dependent", skill=4)
    text = Page(write_comparison([several[0], dependent], tmp_path / "c.html")).text
    assert "is better" not in text and "not comparable: other protocols" in text


def test_initial_weights_that_saw_test_speakers_take_the_claim_away(several, tmp_path):
    folder = make_run(tmp_path / "warm", skill=4)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics |= {"leaky": True, "leaky_reason": "LEAKY: the initial weights (x) were trained on 3 test speakers"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    text = Page(write_report(folder)).text
    assert "LEAKY. The initial weights (x) were trained on 3 test speakers" in text
    assert "never seen in training" not in text and "Checked against" not in text
    assert "is better" not in Page(write_comparison([several[0], folder], tmp_path / "c.html")).text


def test_many_runs_are_compared_with_the_first(several, tmp_path):
    text = Page(write_comparison([*several, *several], tmp_path / "c.html")).text
    assert "compared with the first one named" in text


def test_comparison_refuses_what_it_cannot_compare(several, tmp_path):
    with pytest.raises(SerKerasError, match="two runs or more, 1 given"):
        write_comparison(several[:1], tmp_path / "c.html")
    bare = make_run(tmp_path / "bare")
    (bare / "predictions.csv").unlink()
    (bare / "metrics.json").unlink()
    with pytest.raises(SerKerasError, match="bare has no figures to compare"):
        write_comparison([several[0], bare], tmp_path / "c.html")
