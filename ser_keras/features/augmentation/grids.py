"""How windows are cut and turned into features for the cache: as they are, at each point of a grid, or as drawn."""

import dataclasses
import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ser_keras.audio.samples import from_int16
from ser_keras.audio.windows import window_starts
from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import fingerprint
from ser_keras.features.augmentation import draws, waveform
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.batched_graph import batched, feature_function
from ser_keras.features.frontends.base import SAMPLE_RATE, FrontEnd

VERSION = 2  # goes up when the same point would give other features
POINT_FIELDS = tuple(field.name for field in dataclasses.fields(draws.Point))


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
    return Cut("features", lambda key: key, lambda samples: cut(from_int16(samples)), compute)


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


def copy_cuts(settings, seed, frontend, window, hop, tail):
    """Copies of every window, changed as drawn: what `mode: random` hears in as many epochs, to be kept.

    A window's draws follow from the seed, the copy's number and the item's samples: no fold, so that all share them. A
    window that is heard faster and would reach beyond its item's end begins earlier.

    Args:
        settings: experiment.Augmentation with `copies`.
        seed: the experiment's.
        frontend: FrontEnd.
        window, hop: in samples.
        tail: tail rule of `audio.windows`.

    Returns:
        list of Cut; windows are rows of a structured array, `wave` and the fields of the draws.
    """
    if settings.path == "waveform":
        fields, top_hz = waveform.FIELDS, draws.TOP_HZ
        length = waveform.source_samples(window, draws.ranges(settings)[0][1])
        compute = feature_function(frontend, window)
    else:
        augment = SpectralAugmentation.from_settings(frontend, window, settings)
        fields, top_hz, length = draws.varied(settings), augment.top_hz, augment.source_samples
    example = draws.draw(settings, 1, window / SAMPLE_RATE, [0], top_hz).as_dict(fields)
    row = np.dtype([("wave", np.float32, length), *((name, a.dtype, a.shape[1:]) for name, a in example.items())])

    if settings.path == "waveform":
        features = lambda rows: compute(waveform.changed(rows["wave"], rows, window))  # noqa: E731
    else:
        graph = _augmented(augment, example)
        features = lambda rows: graph(*(np.ascontiguousarray(rows[name]) for name in row.names))  # noqa: E731

    def windows_of(copy):
        def windows(samples):
            starts = window_starts(len(samples), window, hop, tail=tail)
            identity = [seed, copy, zlib.crc32(samples.tobytes())]
            drawn = draws.draw(settings, len(starts), window / SAMPLE_RATE, identity, top_hz)
            latest = draws.latest_starts(len(samples), window, drawn.rate)
            rows = np.zeros(len(starts), row)
            rows["wave"] = waveform.recorded_so(sources(samples, np.minimum(starts, latest), length), drawn)
            for name, values in drawn.as_dict(fields).items():
                rows[name] = values
            return rows

        return windows

    drawn_by = [seed, settings.model_dump(exclude={"copies", "mixup"}, exclude_defaults=True)]
    return [
        Cut(f"features, copy {k + 1}/{settings.copies}", _key("copies", drawn_by, k), windows_of(k), features)
        for k in range(settings.copies)
    ]


def _title(point):
    return "features, " + ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(point).items())


def _unchanged(point):
    return point == draws.Point()


def _key(kind, *drawn_by):
    return lambda key: fingerprint(key, kind, VERSION, *drawn_by)


def _values(point):
    return [float(v) for v in dataclasses.astuple(point)]


def _augmented(augment, example):
    """A SpectralAugmentation as a function of arrays: sources, and what is drawn for them in the example's order."""
    specs = [((augment.source_samples,), tf.float32), *((a.shape[1:], a.dtype) for a in example.values())]
    return batched(
        lambda source, *values: augment(source, dict(zip(example, values, strict=True))), specs, augment.frontend.XLA
    )


def _waveform_cuts(points, base, cut):
    def windows_at(point):
        return lambda samples: cut(waveform.change(from_int16(samples), **dataclasses.asdict(point)))

    return [
        base if _unchanged(p) else Cut(_title(p), _key("waveform", _values(p)), windows_at(p), base.compute, p.rate)
        for p in points
    ]


def _spectral_cuts(points, frontend, base, window, hop, tail):
    rates, pitches = ((min(v), max(v)) for v in ([p.rate for p in points], [p.pitch for p in points]))
    augment = SpectralAugmentation(frontend, window, rates, pitches)
    graph = _augmented(augment, draws.of_points(points[:1]).as_dict(POINT_FIELDS))

    def windows_at(point):
        def windows(samples):
            n = max(1, round(len(samples) / point.rate))
            starts = np.round(window_starts(n, window, hop, tail=tail) * point.rate).astype(int)
            return sources(samples, starts, augment.source_samples)

        return windows

    def compute_at(point):
        values = draws.of_points([point]).as_dict(POINT_FIELDS).values()
        return lambda source: graph(source, *(np.repeat(v, len(source), axis=0) for v in values))

    return [
        base if _unchanged(p) else Cut(_title(p), _key("spectrum", _values(p)), windows_at(p), compute_at(p), p.rate)
        for p in points
    ]


def sources(samples, starts, length):
    """Stretches of a signal, with zeros where it has ended: int16 [n] to float32 [len(starts), length]."""
    ended = np.concatenate([samples, np.zeros(length, samples.dtype)])
    return from_int16(np.lib.stride_tricks.sliding_window_view(ended, length)[np.minimum(starts, len(samples))])
