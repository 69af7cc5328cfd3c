"""The picture of one stream: the sound, who said what, what a display showed, and the belief behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.evaluation.live import NO_CLASS, HeardStream, shown_classes
from ser_keras.evaluation.reports.plots import LIGHT, Theme, dress

# Okabe and Ito's colours; a ninth class begins again.
COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#999999", "#56b4e9", "#0072b2", "#f0e442")
COLUMNS = 1600  # of the waveform's envelope
CHARACTER = 0.0085  # width of a letter as a share of the time axis: what does not fit is not written


def draw_stream(
    samples: NDArray[np.float32], stream: HeardStream, classes: Sequence[str], *, theme: Theme = LIGHT
) -> Figure:
    """Draw a stream; its text can be read at a width of 1000 pixels.

    Args:
        samples: [n] at 16 kHz.
        stream: what was said in it and what a display showed.
        classes: names of the classes in the order of the beliefs' columns.
        theme: LIGHT or DARK.
    """
    figure = Figure(figsize=(10, 5), layout="constrained", facecolor=theme.background)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 2.4))
    seconds = len(samples) / SAMPLE_RATE
    for axes in panels:
        dress(axes, theme)
        axes.set_xlim(0, seconds)
    _sound(panels[0], samples, stream, theme=theme)
    _truth_and_display(panels[1], stream, classes, theme=theme, seconds=seconds)
    _belief(panels[2], stream, classes, theme=theme, seconds=seconds)
    panels[2].set_xlabel("seconds")
    handles, names = panels[2].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=len(classes), fontsize=9, frameon=False, labelcolor=theme.text
    )
    return figure


def _colour(label: int) -> str:
    return COLOURS[label % len(COLOURS)]


def _sound(axes: Axes, samples: NDArray[np.float32], stream: HeardStream, *, theme: Theme) -> None:
    """The waveform between its greatest and least sample, in the colour of what is said."""
    step = max(1, len(samples) // COLUMNS)
    blocks = samples[: len(samples) // step * step].reshape(-1, step)
    times, low, high = (np.arange(len(blocks)) + 0.5) * step / SAMPLE_RATE, blocks.min(axis=1), blocks.max(axis=1)
    axes.fill_between(times, low, high, color=theme.text, alpha=0.55, linewidth=0.4)
    peak = float(np.abs(samples).max()) or 1.0
    for utterance in stream.utterances:
        begin, end = utterance.speech_start_s, utterance.speech_end_s
        said = (times >= begin) & (times <= end)
        axes.fill_between(times[said], low[said], high[said], color=_colour(utterance.true), linewidth=0.4)
        speaker = str(utterance.speaker or "").rpartition("/")[2][:8].replace("$", r"\$")
        axes.text((begin + end) / 2, 1.08 * peak, speaker, ha="center", va="bottom", fontsize=8, color=theme.text)
    axes.set_ylim(-1.1 * peak, 1.5 * peak)
    axes.set_yticks([])
    room = "in a room" if stream.in_room else "no room"
    axes.set_ylabel(f"speaker, sound\ntone {stream.tone_dbfs:g} dBFS\n{room}")


def _truth_and_display(
    axes: Axes, stream: HeardStream, classes: Sequence[str], *, theme: Theme, seconds: float
) -> None:
    """Two bands of colour, one above the other."""
    for utterance in stream.utterances:
        width = utterance.speech_end_s - utterance.speech_start_s
        _span(axes, 1.05, utterance.speech_start_s, width, label=utterance.true)
        middle = utterance.speech_start_s + width / 2
        name = classes[utterance.true]
        axes.text(middle, 2.0, name, ha="center", va="bottom", fontsize=8, color=theme.text)
    for label, begin, end in _stretches(stream, seconds):
        _span(axes, 0.0, begin, end - begin, label=label)
        if CHARACTER * len(classes[label]) < (end - begin) / seconds:
            middle = (begin + end) / 2
            axes.text(middle, -0.06, classes[label], ha="center", va="top", fontsize=8, color=theme.text)
    axes.set_ylim(-0.75, 2.65)
    axes.set_yticks([0.45, 1.5], ["shown", "said"])


def _span(axes: Axes, bottom: float, begin: float, width: float, *, label: int) -> None:
    axes.broken_barh([(begin, width)], (bottom, 0.9), color=_colour(label), linewidth=0)


def _stretches(stream: HeardStream, seconds: float) -> list[tuple[int, float, float]]:
    """(class, first second, last second) of each stretch of time in which the display showed one class."""
    shown, edges = shown_classes(stream.beliefs), [*stream.times.tolist(), max(seconds, float(stream.times[-1]))]
    stretches: list[tuple[int, float, float]] = []
    for label, begin, end in zip(shown.tolist(), edges[:-1], edges[1:], strict=True):
        if stretches and stretches[-1][0] == label and stretches[-1][2] == begin:
            stretches[-1] = (label, stretches[-1][1], end)
        else:
            stretches.append((label, begin, end))
    return [stretch for stretch in stretches if stretch[0] != NO_CLASS]


def _belief(axes: Axes, stream: HeardStream, classes: Sequence[str], *, theme: Theme, seconds: float) -> None:
    """The belief in each class, one on top of the other."""
    # Steps drawn by hand: `step="post"` loses the last one before a gap.
    times = np.repeat(np.append(stream.times, max(seconds, float(stream.times[-1]))), 2)[1:-1]
    rows = np.repeat(stream.beliefs, 2, axis=0)
    edges = np.cumsum(np.column_stack([np.zeros(len(rows)), rows]), axis=1)
    for label, name in enumerate(classes):
        axes.fill_between(times, edges[:, label], edges[:, label + 1], color=_colour(label), linewidth=0, label=name)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("belief")
