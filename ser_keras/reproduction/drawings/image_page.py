"""A page of small two-channel images, as drawn for filters over the spectrogram pair."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.evaluation.reports.plots import DPI, LIGHT, Theme
from ser_keras.features.frontends.spectrogram_pair import HOP, N_BINS, N_FFT, REDUCTION

N_ROWS = N_BINS // REDUCTION
ROW_HZ = REDUCTION * SAMPLE_RATE / N_FFT
COLUMN_MS = 1000 * REDUCTION * HOP / SAMPLE_RATE
COLUMNS = 4  # of the page
PAGE, LEFT, SPAN, TOP, FOOTER = 1216, 68, 287, 6, 112  # pixels; 7.6 inches across
CHANNEL_GAP, IMAGE_GAP = 5, 16


class ImagePage:
    """A grid of small axes, each with room for some two-channel images side by side.

    Laid out by hand in whole pixels, so that all rows and columns of an image are equally many pixels wide; constrained
    layout would neither do that nor end within seconds for so many axes.
    """

    def __init__(
        self, theme: Theme, n: int, *, heading: int, images: int, shape: tuple[int, int], near: tuple[int, int]
    ) -> None:
        """Lays the page out.

        Args:
            theme: LIGHT or DARK.
            n: number of axes.
            heading: height of an axes' title and labels, pixels.
            images: two-channel images in each.
            shape: rows and columns of an image.
            near: about how many pixels wide and high an image is.
        """
        self.theme, self.n, self.heading, self.images = theme, n, heading, images
        self.ms, self.hz = shape[1] * COLUMN_MS, shape[0] * ROW_HZ
        self.whole = shape[0] == N_ROWS
        width_aim, height_aim = near
        self.wide = shape[1] * max(1, round(width_aim / shape[1]))
        self.high = shape[0] * max(1, round(height_aim / shape[0]))
        self.across = images * (2 * self.wide + CHANNEL_GAP) + (images - 1) * IMAGE_GAP
        self.cell = heading + self.high + 18
        self.height = TOP + -(-n // COLUMNS) * self.cell + FOOTER
        self.figure = Figure(figsize=(PAGE / DPI, self.height / DPI), facecolor=theme.background)
        colours = ("#00304d", LIGHT.first, theme.background, LIGHT.second, "#5c2800")
        self.colours = LinearSegmentedColormap.from_list("weights", colours)

    def axes(self, i: int, title: str) -> Axes:
        """Axes of cell i, row by row, with its title; abscissa in pixels, ordinate in Hz."""
        row, column = divmod(i, COLUMNS)
        left, top = LEFT + column * SPAN, self.height - TOP - row * self.cell
        self.figure.text(
            left / PAGE, (top - 18) / self.height, title, fontsize=7, color=self.theme.text, parse_math=False
        )
        axes = self.figure.add_axes(self._box(left, top - self.heading - self.high, self.across, self.high))
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

    def draw(self, axes: Axes, place: int, weights: NDArray[np.float32], *, label: str | None = None) -> None:
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

    def footer(self, text: str) -> None:
        """Below the grid: what is drawn, the axes' units, the scale of colours."""
        theme = self.theme
        text += f"Upwards: frequency in Hz{'' if self.whole else ' from the lowest row'}; rightwards: time in ms."
        self.figure.text(LEFT / PAGE, (FOOTER - 30) / self.height, text, fontsize=7, color=theme.text, va="top")
        bar = self.figure.add_axes(self._box(PAGE - 254, FOOTER - 48, 224, 12))
        scale = ScalarMappable(Normalize(-1, 1), self.colours)
        colourbar = self.figure.colorbar(scale, cax=bar, orientation="horizontal", ticks=(-1, 0, 1))
        colourbar.outline.set(edgecolor=theme.grid, linewidth=0.6)
        bar.tick_params(colors=theme.text, labelsize=6, length=2, width=0.5, pad=1.5)
        bar.set_xlabel("weight / largest of its pair", fontsize=7, color=theme.text, labelpad=1)

    def _box(self, left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        """A rectangle in pixels as shares of the page."""
        return left / PAGE, bottom / self.height, width / PAGE, height / self.height
