"""First-layer weights of Anand and Verma's nets drawn as pieces of the two-channel spectrogram that they look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.evaluation.reports.plots import LIGHT, Theme, png
from ser_keras.reproduction.drawings.filter_choice import (
    BEST,
    Ranked,
    correlations,
    first_convolution,
    first_dense,
    pooled_activations,
    strongest,
)
from ser_keras.reproduction.drawings.image_page import ImagePage

UNITS = 32
CHANNELS = "left 40 ms frames (pitch), right 5 ms frames (timbre)."


def write_filters(
    classifier: keras.Model,
    features: Callable[[], Iterable[NDArray[np.floating]]],
    descriptors: NDArray[np.floating],
    *,
    names: Sequence[str],
    out: Path,
) -> list[Path]:
    """Draw the filters that go best with each acoustic feature; write their correlations beside as CSV.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.1 (weight visualization),
    figure 5: "hand-built features as metrics to select the top filters".
    How the paper selects isn't printed; here a filter's *pooled activation* on a chunk is the maximum over time (for
    filters lower than the features, over frequency as well) of its map after the rectifier, and filters are ranked by
    the absolute value of its Pearson correlation with the feature. A filter or a feature that is constant over the
    chunks has no correlation.

    A large r says what a filter responds to, not that training made it so: of 1024 filters, untrained ones reach nearly
    the same (mean of the best |r| over 25 features .60; .62 after 20 epochs on 886 chunks of EMO-DB). What is learnt is
    seen in the shapes, harmonics in the left images and formants in the right.

    Args:
        classifier: Keras model of `anand2015_cnn` on features of `spectrogram_pair`.
        features: function without arguments that gives an iterable of feature batches [b, 64, T, 2] of
            training chunks.
        descriptors: [n, D], D acoustic features of the same n chunks in the same order.
        names: names of the D features.
        out: path of the PNG; a CSV (feature, rank, filter, r) of the same name stands beside it.

    Returns:
        [path of the PNG, path of the CSV].

    Raises:
        SerKerasError: another architecture, or chunks, descriptors and names that don't fit each other.
    """
    first_convolution(classifier)
    r = correlations(pooled_activations(classifier, features()), descriptors)
    if len(names) != len(r):
        raise SerKerasError(f"filters: {len(names)} names for {len(r)} columns of descriptors; give one a column")
    ranked = [strongest(row) for row in r]
    table = Path(out).with_suffix(".csv")
    write_atomic(out, png(filter_figure(classifier, ranked, names)))
    write_atomic(table, _csv(ranked, names))
    return [Path(out), table]


def write_dense_weights(classifier: keras.Model, out: Path) -> list[Path]:
    """Draw the first-layer weights of `anand2015_dense`: of its 32 hidden units of largest weight norm, or all.

    Reference: as `write_filters`, section 3.1: "Learned weights for the best model looked like spectrograms".

    Args:
        classifier: Keras model of `anand2015_dense` on features of `spectrogram_pair`.
        out: path of the PNG.

    Returns:
        [path of the PNG].

    Raises:
        SerKerasError: another architecture.
    """
    write_atomic(out, png(dense_figure(classifier)))
    return [Path(out)]


def filter_figure(
    classifier: keras.Model, ranked: Sequence[Ranked], names: Sequence[str], *, theme: Theme = LIGHT
) -> Figure:
    """Picture of the filters that go with each feature.

    Args:
        classifier: Keras model of `anand2015_cnn`.
        ranked: for each feature a list of (filter, r), as `strongest` gives it; an empty one is drawn as a dash.
        names: names of the features.
        theme: LIGHT or DARK.

    Returns:
        The page.
    """
    kernel = ops.convert_to_numpy(first_convolution(classifier)[0].kernel)  # [height, width, 2, filters]
    page = ImagePage(
        theme, len(names), heading=44, images=BEST, shape=(kernel.shape[0], kernel.shape[1]), near=(36, 128)
    )
    for i, (name, filters) in enumerate(zip(names, ranked, strict=True)):
        axes = page.axes(i, str(name))
        if not filters:
            axes.set(xticks=(), yticks=())
            axes.text(0.5, 0.5, "–", ha="center", va="center", transform=axes.transAxes, color=theme.text, fontsize=14)
        for place, (index, value) in enumerate(filters):
            page.draw(axes, place, kernel[..., index], label=f"{value:+.2f}".replace("-", "−"))
    page.footer(
        f"Of {kernel.shape[-1]} filters the {BEST} whose largest activation in a chunk correlates most with a feature; "
        f"above, r.\nEach as a pair of images: {CHANNELS}\n"
    )
    return page.figure


def dense_figure(classifier: keras.Model, theme: Theme = LIGHT) -> Figure:
    """Picture of the first-layer weights of the hidden units of largest weight norm.

    Args:
        classifier: Keras model of `anand2015_dense`.
        theme: LIGHT or DARK.

    Returns:
        The page.

    Raises:
        SerKerasError: another architecture.
    """
    kernel = first_dense(classifier)  # [64, T, 2, units]
    norms = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
    units = np.argsort(-norms, kind="stable")[:UNITS]
    page = ImagePage(theme, len(units), heading=24, images=1, shape=(kernel.shape[0], kernel.shape[1]), near=(128, 128))
    for i, unit in enumerate(units):
        page.draw(page.axes(i, f"unit {unit}, norm {norms[unit]:.2g}"), 0, kernel[..., unit])
    page.footer(
        f"Weights of {len(units)} of {kernel.shape[-1]} hidden units, largest norm first.\n"
        f"Each as a pair of images: {CHANNELS}\n"
    )
    return page.figure


def _csv(ranked: Sequence[Ranked], names: Sequence[str]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["feature", "rank", "filter", "r"])
    for name, filters in zip(names, ranked, strict=True):
        for rank, (index, value) in enumerate(filters, start=1):
            writer.writerow([name, rank, index, f"{value:.4f}"])
        if not filters:
            writer.writerow([name, "", "", ""])
    return buffer.getvalue()
