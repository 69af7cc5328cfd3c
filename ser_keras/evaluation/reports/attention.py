"""Where in an utterance a sequence classifier's attention lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ser_keras.audio.reading import load
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.evaluation.reports.plots import LIGHT, WIDTH, Theme, dress, png
from ser_keras.experiment import assembly, saved_model
from ser_keras.experiment.run import RunDirectory
from ser_keras.features.batched_graph import utterance_function
from ser_keras.models.layers.attention import attention_weights

if TYPE_CHECKING:
    import keras


def write_attention(
    classifier: keras.Model,
    features: NDArray[np.float32],
    out: Path,
    *,
    starts: NDArray[np.int64],
    window: int,
    samples: NDArray[np.float32],
    theme: Theme = LIGHT,
) -> NDArray[np.float32]:
    """Draw an utterance's waveform and, below it, how much each of its windows counts.

    Reference: X. He, L. Ren, Y. He, Speech Emotion Recognition using Convolutional Neural Networks and Recurrent Neural
    Networks with Attention Model, 2019, section 3.2.

    Args:
        classifier: sequence classifier with attention, such as `he2019.exp4`'s.
        features: [T, ...] of the windows.
        out: path of the PNG.
        starts: [T] the windows' first samples.
        window: samples in a window.
        samples: [N] at 16 kHz in [-1, 1].
        theme: LIGHT or DARK of `reports.plots`.

    Returns:
        [T], the weights drawn; their sum is 1.

    Raises:
        SerKerasError: the classifier has no attention.
    """
    model = attention_weights(classifier)
    weights: NDArray[np.float32] = np.asarray(model([features[np.newaxis], np.ones((1, len(features)), bool)]))[0]
    middles = (np.asarray(starts) + window / 2) / SAMPLE_RATE
    write_atomic(out, png(attention_figure(weights, middles, samples, theme=theme)))
    return weights


def attention_figure(
    weights: NDArray[np.float32], middles: NDArray[np.float64], samples: NDArray[np.float32], *, theme: Theme = LIGHT
) -> Figure:
    """Waveform [N] above, weights [T] at their windows' middles (seconds) below; the dotted line is equal weight."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained", facecolor=theme.background)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    above.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, color=theme.text, linewidth=0.4)
    above.set_ylabel("sample")
    below.fill_between(middles, weights, color=theme.first, alpha=0.3)
    below.plot(middles, weights, color=theme.first, marker=".", markersize=4)
    below.axhline(1 / len(weights), color=theme.second, linestyle=":")
    below.set(xlabel="seconds", ylabel="attention", ylim=(0, None))
    for axes in (above, below):
        dress(axes, theme)
    return figure


def draw_attention(
    run: RunDirectory, files: Sequence[Path | str], out: Path | str, *, fold: int | None = None
) -> list[tuple[Path | str, Path | SerKerasError]]:
    """Draw where a run's classifier puts its attention in audio files, a PNG each.

    Args:
        run: one of a sequence classifier with attention.
        files: paths of audio.
        out: the folder for the drawings.
        fold: this fold's model instead of the final one.

    Returns:
        (file, path of its drawing or the error that says why there is none) of each.

    Raises:
        SerKerasError: the run's model isn't there or has no attention; two files share a name.
    """
    experiment, _, _ = run.trained_with()
    folder = run.final if fold is None else run.fold(fold)
    if not (folder / "fold.json").is_file():
        raise SerKerasError(f"{folder} holds no trained model; name a fold that is done in `fold`")
    classifier = saved_model.load_keras_model(folder)
    attention_weights(classifier)
    names = [Path(file).stem for file in files]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise SerKerasError(f"two of the files are called {doubled[0]}; draw them into folders of their own")
    extractor = assembly.build_extractor(experiment)
    window = experiment.window_samples
    features_of = utterance_function(extractor, window, experiment.hop_samples, tail=experiment.tail_rule)
    drawings: list[tuple[Path | str, Path | SerKerasError]] = []
    for file, name in zip(files, names, strict=True):
        try:
            samples = load(file).samples
        except SerKerasError as error:
            drawings.append((file, error))
            continue
        features, starts = features_of(samples)
        path = Path(out) / f"{name}.png"
        write_attention(classifier, features, path, starts=starts, window=window, samples=samples)
        drawings.append((file, path))
    return drawings
