"""How windows are cut and turned into features for the cache: as they are, or at each point of a finite grid."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ser_keras import audio
from ser_keras.augmentation import draws, waveform
from ser_keras.augmentation.spectra import SpectralAugmentation
from ser_keras.cache import fingerprint
from ser_keras.errors import SerKerasError
from ser_keras.frontends.base import FrontEnd
from ser_keras.graphs import batched

VERSION = 1  # goes up when the same point would give other features
FIELDS = ("pitch", "rate", "gain_db")


@dataclasses.dataclass(frozen=True)
class Cut:
    """One way of hearing an item.

    Attributes:
        title: for the progress bar.
        key: the cache's key, from that of the unchanged item.
        windows: int16 samples [n] of an item to what `compute` takes, an array a window.
        compute: to features [n_windows, ...].
        rate: tempo.
    """

    title: str
    key: Callable
    windows: Callable
    compute: Callable
    rate: float = 1.0


def base_cut(compute, cut):
    """Items as they are; `cut` gives what `compute` takes of float32 samples [n], an array a window."""
    return Cut("features", lambda key: key, lambda samples: cut(audio.from_int16(samples)), compute)


def grid_cuts(settings, extractor, base, cut, window, hop, tail):
    """The points of an augmentation grid.

    A stretched item is n / rate samples long, and the same rule cuts it into windows, so that a slowed item has more
    of them; what a window lacks at the item's end is zero.

    Args:
        settings: experiment.Augmentation.
        extractor: FrontEnd, or descriptor set (which has the waveform path alone).
        base: Cut of the unchanged items.
        cut: as `base_cut` takes it.
        window, hop: in samples.
        tail: tail rule of `audio.windows`.

    Returns:
        list of Cut.

    Raises:
        SerKerasError: the spectrum path without a front end.
    """
    points = draws.grid(settings)
    if settings.path == "waveform":
        return _waveform_cuts(points, base, cut)
    if not isinstance(extractor, FrontEnd):
        raise SerKerasError("augmentation.path=spectrum needs a front end; descriptors take augmentation.path=waveform")
    return _spectral_cuts(points, extractor, base, window, hop, tail)


def _title(point):
    return "features, " + ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(point).items())


def _unchanged(point):
    return point == draws.Point()


def _key(path, point):
    values = [float(v) for v in dataclasses.astuple(point)]
    return lambda key: fingerprint(key, path, VERSION, values)


def _waveform_cuts(points, base, cut):
    def windows_at(point):
        return lambda samples: cut(waveform.change(audio.from_int16(samples), **dataclasses.asdict(point)))

    return [
        base if _unchanged(p) else Cut(_title(p), _key("waveform", p), windows_at(p), base.compute, p.rate)
        for p in points
    ]


def _spectral_cuts(points, frontend, base, window, hop, tail):
    rates, pitches = ((min(v), max(v)) for v in ([p.rate for p in points], [p.pitch for p in points]))
    augment = SpectralAugmentation(frontend, window, rates, pitches)
    example = draws.of_points(points[:1]).as_dict(FIELDS)
    names = list(example)
    specs = [((augment.source_samples,), tf.float32), *((a.shape[1:], a.dtype) for a in example.values())]
    graph = batched(lambda source, *values: augment(source, dict(zip(names, values, strict=True))), specs)

    def windows_at(point):
        def windows(samples):
            n = max(1, round(len(samples) / point.rate))
            starts = np.round(audio.window_starts(n, window, hop, tail) * point.rate).astype(int)
            return sources(samples, starts, augment.source_samples)

        return windows

    def compute_at(point):
        values = draws.of_points([point]).as_dict(FIELDS).values()
        return lambda source: graph(source, *(np.repeat(v, len(source), axis=0) for v in values))

    return [
        base if _unchanged(p) else Cut(_title(p), _key("spectrum", p), windows_at(p), compute_at(p), p.rate)
        for p in points
    ]


def sources(samples, starts, length):
    """Stretches of a signal, with zeros where it has ended: int16 [n] to float32 [len(starts), length]."""
    ended = np.concatenate([samples, np.zeros(length, samples.dtype)])
    return audio.from_int16(np.lib.stride_tricks.sliding_window_view(ended, length)[np.minimum(starts, len(samples))])
