"""Plots of a run."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from ser_keras.evaluation.reports import plots, write_report
from ser_keras.evaluation.reports.plots import write_plots
from ser_keras.evaluation.reports.run_data import load_run
from tests.evaluation.reports.made_run import make_run, size


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
