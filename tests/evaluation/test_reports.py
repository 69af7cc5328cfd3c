"""Reports of run directories that the tests write: whole ones, incomplete ones, hostile ones."""

import base64
import csv
import html.parser
import json
import re
import shutil
import struct
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import yaml

from ser_keras import evaluation
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.reports import plots, write_comparison, write_report
from ser_keras.evaluation.reports.plots import write_plots
from ser_keras.evaluation.reports.run_data import load_run, read_history
from ser_keras.experiment.protocols import PROTOCOLS

CLASSES = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
SPEAKERS = [f"emodb/{n:02d}" for n in (3, 8, 9, 10, 11, 12, 13, 14, 15, 16)]


def make_run(root, seed=0, skill=2.2, classes=CLASSES, n=535, protocol="speaker_independent", settings=None, first=""):
    """Write a run directory like a training's: 10 speakers, 5 folds of two, histories, a final refit.

    `first` takes the place of the first file's name. The material (files, speakers, labels) is the same for all
    seeds; `seed` and `skill` decide what the model makes of it.
    """
    material, rng = np.random.default_rng(99), np.random.default_rng(seed)
    speaker = material.integers(0, 10, n)
    true = material.integers(0, len(classes), n)
    probabilities = _softmax(rng.normal(size=(n, len(classes))), true, skill * (0.6 + 0.08 * speaker))
    columns = {
        "file": [first or "wav/a000.wav", *(f"wav/a{i:03d}.wav" for i in range(1, n))],
        "corpus": ["emodb"] * n,
        "speaker": [SPEAKERS[s] for s in speaker],
        "gender": ["female" if s % 2 else "male" for s in speaker],
        "fold": speaker // 2,
        "true": true,
        "classes": classes,
    }
    predictions = Predictions(**columns, start=None, end=None, probabilities=probabilities)
    windows = _softmax(rng.normal(size=(n, len(classes))), true, 0.7 * skill)
    segments = Predictions(**columns, start=np.zeros(n), end=np.ones(n), probabilities=windows)
    kind = PROTOCOLS[protocol]
    result = evaluation.metrics(
        predictions,
        Predictions.concatenate([segments, segments]),
        protocol=protocol,
        leaky=kind.leaky,
        leaky_reason=kind.claim if kind.leaky else None,
        seed=seed,
        commit="0123456789ab",
        selection_overlap=0,
    )
    experiment = {
        "recipe": "log_mel_small",
        "title": "Small log-mel CNN",
        "source": "",
        "seed": seed,
        "classes": {name: [name] for name in classes},
        "window_s": 1.0,
        "hop_s": 0.5,
        "frontend": {"name": "log_mel"},
        "model": {"name": "cnn"},
        "training": {"epochs": 30, "learning_rate": 0.001},
        "protocol": {"name": protocol, "folds": 5},
        "corpora": [
            {"name": "emodb", "licence": "CC0-1.0", "n_utterances": n, "n_speakers": 10, "hours": 0.41,
             "fingerprint": "8f14e45fceea167a5a36dedd4bea2543"}
        ],
    } | (settings or {})  # fmt: skip
    provenance = {
        "command": f"ser-keras train --corpus emodb=data --recipe log_mel_small --set seed={seed} --out run",
        "commit": "0123456789ab",
        "dirty": False,
        "started": "2026-11-21T09:00:00+0000",
        "finished": "2026-11-21T09:03:20+0000",
        "seconds": 200.4,
        "machine": {"system": "Linux x86_64", "cpu": "Example CPU", "cores": 2},
        "versions": {"python": "3.11.2", "keras": "3.15.1"},
        "dropped": ["emotion 'calm' is in no class: 12 utterances dropped"],
        "bad_files": {"wav/broken.wav": "truncated"},
    }
    root.mkdir(parents=True)
    predictions.write_csv(root / "predictions.csv")
    (root / "metrics.json").write_text(json.dumps(result))
    (root / "experiment.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    (root / "provenance.json").write_text(json.dumps(provenance))
    for k in range(5):
        test = SPEAKERS[2 * k : 2 * k + 2]
        fold = {"train": [s for s in SPEAKERS if s not in test], "validation": [], "test": test, "n_train": 428}
        write_fold(root / "folds" / str(k), fold | {"epochs": 30, "best_epoch": None}, rng, epochs=30 - k)
    write_fold(root / "final", {"train": SPEAKERS, "validation": [], "test": []}, rng, validated=False)
    return root


def _softmax(logits, true, bonus):
    logits[np.arange(len(true)), true] += bonus
    exponentials = np.exp(1.5 * logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def write_fold(folder, fold, rng, epochs=30, validated=True):
    folder.mkdir(parents=True)
    (folder / "fold.json").write_text(json.dumps(fold))
    with open(folder / "history.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"])
        for epoch in range(1, epochs + 1):
            gone = 1 - np.exp(-epoch / 8)
            loss, accuracy = 2 - 1.5 * gone + rng.normal(0, 0.03), 0.15 + 0.75 * gone + rng.normal(0, 0.015)
            validation = [loss + 0.3 * gone, accuracy - 0.2 * gone] if validated else ["", ""]
            writer.writerow([epoch, loss, accuracy, *validation, 0.001])


class Page(html.parser.HTMLParser):
    """Text, tags and addresses of a page; complains of tags that don't close in order."""

    VOID = {"meta", "img", "source", "br"}

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.tags, self.addresses, self.words = [], [], [], []
        self.feed(self.source)
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.addresses += [v for k, v in attributes if k in ("src", "srcset", "href", "action", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> out of order at {self.getpos()}"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def page(run):
    assert write_report(run) == run / "report.html"
    return Page(run / "report.html")


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


# --- plots ---


def size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize("n", [2, 7, 13])
@pytest.mark.parametrize("theme", [plots.LIGHT, plots.DARK])
def test_confusion_is_drawn_in_order_and_readably(n, theme):
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 20, (n, n)) + 30 * np.eye(n, dtype=int)
    names = [f"class {i}" for i in range(n)]
    figure = plots.confusion(matrix, names, theme)
    plots.png(figure)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == names
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        f"{m} ({r.sum()})" for m, r in zip(names, matrix, strict=True)
    ]
    first_row = [t.get_text() for t in axes.texts if t.get_position()[1] < 0.3]
    assert str(matrix[0, 0]) in first_row and f"{100 * matrix[0, 0] / matrix[0].sum():.0f} %" in first_row
    renderer = figure.canvas.get_renderer()
    cell = abs(axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0])
    assert max(t.get_window_extent(renderer).width for t in axes.texts) < cell
    for text in axes.texts:
        x, y = (round(v) for v in text.get_position())
        shown = axes.images[0].cmap(matrix[y, x] / matrix[y].sum())
        assert contrast(matplotlib.colors.to_rgb(text.get_color()), shown[:3]) > 4.5


def contrast(a, b):
    def luminance(colour):
        c = np.asarray(colour)
        return np.dot(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), (0.2126, 0.7152, 0.0722))

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_class_without_utterances_leaves_its_row_empty():
    figure = plots.confusion([[2, 0], [0, 0]], ["a", "b"])
    assert [t.get_text() for t in figure.axes[0].texts] == ["100 %", "2"]


def test_learning_curves_draw_folds_mean_and_final(run):
    histories = load_run(run).histories
    assert list(histories) == ["0", "1", "2", "3", "4", "final"]
    axes = plots.learning_curves(histories).axes
    assert len(axes) == 2
    assert len(axes[0].lines) == 5 + 1 + 5 + 1 + 1
    labels = [t.get_text() for t in axes[0].get_legend().get_texts()]
    assert labels == ["training, mean of 5 folds", "validation, mean of 5 folds", "final refit"]
    mean = axes[0].lines[5]
    assert len(mean.get_xdata()) == 26  # the shortest fold's
    expected = np.mean([histories[str(k)]["accuracy"][0] for k in range(5)])
    assert mean.get_ydata()[0] == pytest.approx(expected)


def test_learning_curves_without_validation_or_data():
    h = {"epoch": [1.0, 2.0], "loss": [2.0, 1.0], "val_loss": [float("nan")] * 2}
    axes = plots.learning_curves({"0": h}).axes
    assert len(axes) == 1 and [t.get_text() for t in axes[0].get_legend().get_texts()] == ["training"]
    assert plots.learning_curves({}) is None
    assert plots.learning_curves({"final": {"epoch": [1.0]}}) is None


def test_speakers_are_sorted_and_many_are_drawn_without_names():
    few = {f"s{i}": {"uar": i / 10} for i in range(5)} | {"s9": {"uar": None}}
    axes = plots.per_speaker(few, 0.3).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["s4", "s3", "s2", "s1", "s0", "s9"]
    assert "no data" in [t.get_text() for t in axes.texts]
    many = plots.per_speaker({f"s{i}": {"uar": 0.5} for i in range(91)}, 0.5)
    assert many.get_size_inches()[1] < 8 and many.axes[0].get_ylabel() == "91 speakers"


def test_plots_are_written_where_there_is_data(tmp_path):
    folder = make_run(tmp_path / "r")
    write_report(folder)
    for name in ("confusion.png", "learning_curves.png"):
        assert min(size((folder / name).read_bytes())) > 600
    for name in ("metrics.json", "predictions.csv"):
        (folder / name).unlink()
    assert [p.name for p in write_plots(load_run(folder))] == ["learning_curves.png"]


def test_plots_leave_matplotlib_as_it_was(run):
    code = (
        "import matplotlib, sys; before = matplotlib.rcParams.copy()\n"
        "from ser_keras.evaluation.reports import write_report\n"
        f"write_report({str(run)!r})\n"
        "print(sorted({'matplotlib.pyplot', 'tensorflow', 'keras'} & set(sys.modules)))\n"
        "assert matplotlib.rcParams.copy() == before"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.returncode) == ("[]", 0), result.stderr


def test_history_that_was_cut_off_keeps_its_whole_lines(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,accuracy\n1,2.0,\n2,1.5,0.5\n3,1")
    h = read_history(path)
    assert h["epoch"] == [1, 2] and h["loss"] == [2.0, 1.5] and np.isnan(h["accuracy"][0])
    path.write_text("loss\n1\n")
    with pytest.raises(SerKerasError, match="no column 'epoch'"):
        read_history(path)


# --- comparison ---


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


def test_pictures_of_the_page_are_pngs(page):
    for address in page.addresses:
        assert min(size(base64.b64decode(address.partition("base64,")[2]))) > 0
