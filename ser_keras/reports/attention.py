"""Where in an utterance a sequence classifier's attention lies."""

import numpy as np
from matplotlib.figure import Figure

from ser_keras.audio import SAMPLE_RATE, windows
from ser_keras.models.attention import attention_weights
from ser_keras.reports.plots import LIGHT, WIDTH, dress, png
from ser_keras.runs import write_atomic


def write_attention(classifier, frontend, samples, window, hop, out, tail="drop", theme=LIGHT):
    """Draw an utterance's waveform and, below it, how much each of its windows counts.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 3.2.

    Args:
        classifier: sequence classifier with attention, such as `he2019.exp4`'s.
        frontend: `FrontEnd` it was trained with.
        samples: [N] float32 at 16 kHz in [-1, 1].
        window, hop: of the windows, in samples.
        out: path of the PNG.
        tail: tail rule of `audio.windows`.
        theme: LIGHT or DARK of `reports.plots`.

    Returns:
        [T] float32, the weights drawn; their sum is 1.

    Raises:
        SerKerasError: the classifier has no attention.
    """
    model = attention_weights(classifier)
    features = np.asarray(frontend(windows(samples, window, hop, tail)))[np.newaxis]
    weights = np.asarray(model([features, np.ones(features.shape[:2], bool)]))[0]
    write_atomic(out, png(attention_figure(weights, samples, window, hop, theme)))
    return weights


def attention_figure(weights, samples, window, hop, theme=LIGHT):
    """Waveform [N] above, weights [T] below, each at the middle of its window; the dotted line is equal weight."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained", facecolor=theme.background)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    above.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, color=theme.text, linewidth=0.4)
    above.set_ylabel("sample")
    middles = (np.arange(len(weights)) * hop + window / 2) / SAMPLE_RATE
    below.fill_between(middles, weights, color=theme.first, alpha=0.3)
    below.plot(middles, weights, color=theme.first, marker=".", markersize=4)
    below.axhline(1 / len(weights), color=theme.second, linestyle=":")
    below.set(xlabel="seconds", ylabel="attention", ylim=(0, None))
    for axes in (above, below):
        dress(axes, theme)
    return figure
