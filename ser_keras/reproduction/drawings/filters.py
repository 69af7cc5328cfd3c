"""First-layer weights of Anand and Verma's nets drawn as pieces of the two-channel spectrogram that they look at."""

import csv
import io
import itertools
from pathlib import Path

import keras
import numpy as np
from keras import ops
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.evaluation.reports.plots import DPI, LIGHT, png
from ser_keras.features.frontends.spectrogram_pair import HOP, N_BINS, N_FFT, REDUCTION

N_ROWS = N_BINS // REDUCTION
ROW_HZ = REDUCTION * SAMPLE_RATE / N_FFT
COLUMN_MS = 1000 * REDUCTION * HOP / SAMPLE_RATE
BEST = 3
UNITS = 32
COLUMNS = 4  # of the page
PAGE, LEFT, SPAN, TOP, FOOTER = 1216, 68, 287, 6, 112  # pixels; 7.6 inches across
CHANNEL_GAP, IMAGE_GAP = 5, 16
CHANNELS = "left 40 ms frames (pitch), right 5 ms frames (timbre)."


def write_filters(classifier, features, descriptors, names, out):
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
    _first_convolution(classifier)
    r = correlations(pooled_activations(classifier, features()), descriptors)
    if len(names) != len(r):
        raise SerKerasError(f"filters: {len(names)} names for {len(r)} columns of descriptors; give one a column")
    ranked = [strongest(row) for row in r]
    table = Path(out).with_suffix(".csv")
    write_atomic(out, png(filter_figure(classifier, ranked, names)))
    write_atomic(table, _csv(ranked, names))
    return [Path(out), table]


def write_dense_weights(classifier, out):
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


def pooled_activations(classifier, batches):
    """Largest activation of each first-layer filter on each chunk, after the rectifier.

    Args:
        classifier: Keras model of `anand2015_cnn`.
        batches: iterable of features [b, 64, T, 2].

    Returns:
        [n, filters] float32.

    Raises:
        SerKerasError: another architecture, or features of another shape than the classifier's.
    """
    _, rectifier = _first_convolution(classifier)
    maps = keras.Model(classifier.input, rectifier.output)
    pooled = [np.zeros((0, rectifier.output.shape[-1]), np.float32)]
    for batch in batches:
        shape = tuple(np.shape(batch))
        if shape[1:] != tuple(classifier.input_shape[1:]):
            raise SerKerasError(
                f"filters: features of shape {shape[1:]}, but the classifier takes {classifier.input_shape[1:]}; "
                "give those that it was trained on"
            )
        pooled.append(ops.convert_to_numpy(ops.cast(ops.max(maps(batch, training=False), axis=(1, 2)), "float32")))
    return np.concatenate(pooled)


def correlations(activations, descriptors):
    """Pearson correlation of each descriptor with each filter's pooled activation over the chunks.

    Args:
        activations: [n, filters].
        descriptors: [n, D].

    Returns:
        [D, filters] float64; NaN where either is constant.

    Raises:
        SerKerasError: other numbers of chunks, fewer than 3, or values that aren't finite.
    """
    n = len(activations)
    if len(descriptors) != n or n < 3:
        raise SerKerasError(
            f"filters: activations of {n} chunks and descriptors of {len(descriptors)}; give both of the same chunks, "
            "at least 3"
        )
    activations, descriptors = _standardised(activations), _standardised(descriptors)
    return np.clip(descriptors.T @ activations / n, -1, 1)


def strongest(r, n=BEST):
    """The n filters of largest |r|: list of (filter, r), the first of equals first; NaN left out."""
    order = np.argsort(-np.abs(r), kind="stable")  # NaN comes last
    return [(int(i), float(r[i])) for i in order[:n] if np.isfinite(r[i])]


def filter_figure(classifier, ranked, names, theme=LIGHT):
    """Picture of the filters that go with each feature.

    Args:
        classifier: Keras model of `anand2015_cnn`.
        ranked: for each feature a list of (filter, r), as `strongest` gives it; an empty one is drawn as a dash.
        names: names of the features.
        theme: LIGHT or DARK.

    Returns:
        matplotlib Figure.
    """
    kernel = ops.convert_to_numpy(_first_convolution(classifier)[0].kernel)  # [height, width, 2, filters]
    page = _Page(theme, len(names), heading=44, images=BEST, shape=kernel.shape[:2], near=(36, 128))
    for i, (name, filters) in enumerate(zip(names, ranked, strict=True)):
        axes = page.axes(i, str(name))
        if not filters:
            axes.set(xticks=(), yticks=())
            axes.text(0.5, 0.5, "–", ha="center", va="center", transform=axes.transAxes, color=theme.text, fontsize=14)
        for place, (index, value) in enumerate(filters):
            page.draw(axes, place, kernel[..., index], f"{value:+.2f}".replace("-", "−"))
    page.footer(
        f"Of {kernel.shape[-1]} filters the {BEST} whose largest activation in a chunk correlates most with a feature; "
        f"above, r.\nEach as a pair of images: {CHANNELS}\n"
    )
    return page.figure


def dense_figure(classifier, theme=LIGHT):
    """Picture of the first-layer weights of the hidden units of largest weight norm.

    Args:
        classifier: Keras model of `anand2015_dense`.
        theme: LIGHT or DARK.

    Returns:
        matplotlib Figure.

    Raises:
        SerKerasError: another architecture.
    """
    kernel = _first_dense(classifier)  # [64, T, 2, units]
    norms = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
    units = np.argsort(-norms, kind="stable")[:UNITS]
    page = _Page(theme, len(units), heading=24, images=1, shape=kernel.shape[:2], near=(128, 128))
    for i, unit in enumerate(units):
        page.draw(page.axes(i, f"unit {unit}, norm {norms[unit]:.2g}"), 0, kernel[..., unit])
    page.footer(
        f"Weights of {len(units)} of {kernel.shape[-1]} hidden units, largest norm first.\n"
        f"Each as a pair of images: {CHANNELS}\n"
    )
    return page.figure


class _Page:
    """A grid of small axes, each with room for some two-channel images side by side.

    Laid out by hand in whole pixels, so that all rows and columns of an image are equally many pixels wide; constrained
    layout would neither do that nor end within seconds for so many axes.
    """

    def __init__(self, theme, n, *, heading, images, shape, near):
        self.theme, self.n, self.heading, self.images = theme, n, heading, images
        self.ms, self.hz = shape[1] * COLUMN_MS, shape[0] * ROW_HZ
        self.whole = shape[0] == N_ROWS
        self.wide, self.high = (
            cells * max(1, round(aim / cells)) for cells, aim in zip(shape[::-1], near, strict=True)
        )
        self.across = images * (2 * self.wide + CHANNEL_GAP) + (images - 1) * IMAGE_GAP
        self.cell = heading + self.high + 18
        self.height = TOP + -(-n // COLUMNS) * self.cell + FOOTER
        self.figure = Figure(figsize=(PAGE / DPI, self.height / DPI), facecolor=theme.background)
        colours = ("#00304d", LIGHT.first, theme.background, LIGHT.second, "#5c2800")
        self.colours = LinearSegmentedColormap.from_list("weights", colours)

    def axes(self, i, title):
        """Axes of cell i, row by row, with its title; abscissa in pixels, ordinate in Hz."""
        row, column = divmod(i, COLUMNS)
        left, top = LEFT + column * SPAN, self.height - TOP - row * self.cell
        self.figure.text(*self._share(left, top - 18), title, fontsize=7, color=self.theme.text, parse_math=False)
        axes = self.figure.add_axes(self._share(left, top - self.heading - self.high, self.across, self.high))
        axes.set(facecolor="none", xlim=(0, self.across), ylim=(0, self.hz), xticks=(), yticks=())
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(colors=self.theme.text, labelsize=6, length=2, width=0.5, pad=1.5)
        if column == 0:
            ticks = (0, 1000, 2000) if self.whole else (0, self.hz)
            axes.set_yticks(ticks, [f"{hz:.0f}" for hz in ticks])
        if i + COLUMNS >= self.n:
            axes.set_xticks((0, self.wide), ("0", f"{self.ms:.0f}"))
        return axes

    def draw(self, axes, place, weights, label=None):
        """Both channels of weights [height, width, 2], zero white, coloured by their share of the largest."""
        largest = np.abs(weights).max() or 1.0
        left = place * (2 * self.wide + CHANNEL_GAP + IMAGE_GAP)
        limits = axes.axis()
        for channel in range(2):
            x = left + channel * (self.wide + CHANNEL_GAP)
            axes.imshow(weights[:, :, channel] / largest, cmap=self.colours, vmin=-1, vmax=1, origin="lower",
                        extent=(x, x + self.wide, 0, self.hz), aspect="auto", interpolation="nearest")  # fmt: skip
        axes.axis(limits)
        if label:
            middle = left + self.wide + CHANNEL_GAP / 2
            axes.annotate(label, (middle, self.hz), (0, 1.5), textcoords="offset points", ha="center", va="bottom",
                          fontsize=6.5, color=self.theme.text)  # fmt: skip

    def footer(self, text):
        """Below the grid: what is drawn, the axes' units, the scale of colours."""
        theme = self.theme
        text += f"Upwards: frequency in Hz{'' if self.whole else ' from the lowest row'}; rightwards: time in ms."
        self.figure.text(*self._share(LEFT, FOOTER - 30), text, fontsize=7, color=theme.text, va="top")
        bar = self.figure.add_axes(self._share(PAGE - 254, FOOTER - 48, 224, 12))
        scale = ScalarMappable(Normalize(-1, 1), self.colours)
        colourbar = self.figure.colorbar(scale, cax=bar, orientation="horizontal", ticks=(-1, 0, 1))
        colourbar.outline.set(edgecolor=theme.grid, linewidth=0.6)
        bar.tick_params(colors=theme.text, labelsize=6, length=2, width=0.5, pad=1.5)
        bar.set_xlabel("weight / largest of its pair", fontsize=7, color=theme.text, labelpad=1)

    def _share(self, *pixels):
        return [x / side for x, side in zip(pixels, (PAGE, self.height) * 2, strict=False)]


def _standardised(values):
    """Columns of mean 0 and deviation 1 in float64; NaN where constant."""
    values = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(values)):
        raise SerKerasError("filters: activations or descriptors aren't finite; correlate chunks of sound audio")
    mean = values.mean(axis=0)
    deviation = values.std(axis=0)
    # What rounding leaves of a constant is no deviation.
    deviation[deviation <= 1e-6 * np.abs(mean)] = np.nan
    return (values - mean) / np.where(deviation == 0, np.nan, deviation)


def _first_convolution(classifier):
    """The first convolution and its rectifier."""
    for layer, following in itertools.pairwise(classifier.layers):
        if isinstance(layer, keras.layers.Conv2D):
            if isinstance(following, keras.layers.ReLU) and _on_pair(classifier):
                return layer, following
            break
    raise _foreign(classifier, "Conv2D and ReLU", "anand2015_cnn (recipes anand2015.r1 to r7, s1 to s4)")


def _first_dense(classifier):
    """Kernel of the first layer of a dense net as [64, T, 2, units]."""
    inner = [x for x in classifier.layers if isinstance(x, (keras.layers.Dense, keras.layers.Conv2D))]
    if len(inner) < 2 or not isinstance(inner[0], keras.layers.Dense) or not _on_pair(classifier):
        raise _foreign(classifier, "a hidden Dense layer", "anand2015_dense (recipes anand2015.fc2, fc3)")
    return ops.convert_to_numpy(inner[0].kernel).reshape(*classifier.input_shape[1:], -1)


def _on_pair(classifier):
    shape = classifier.input_shape  # a list of shapes where there are several inputs
    return isinstance(shape, tuple) and len(shape) == 4 and shape[1] == N_ROWS and shape[3] == 2


def _foreign(classifier, first, wanted):
    layers = ", ".join(type(layer).__name__ for layer in classifier.layers[:6])
    return SerKerasError(
        f"filters: '{classifier.name}' ({layers}, ...; input {classifier.input_shape}) doesn't begin with {first} on "
        f"features [{N_ROWS}, time, 2]; give a classifier of {wanted}"
    )


def _csv(ranked, names):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["feature", "rank", "filter", "r"])
    for name, filters in zip(names, ranked, strict=True):
        for rank, (index, value) in enumerate(filters, start=1):
            writer.writerow([name, rank, index, f"{value:.4f}"])
        if not filters:
            writer.writerow([name, "", "", ""])
    return buffer.getvalue()
