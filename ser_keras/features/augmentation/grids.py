"""Versions of the items for the cache: unchanged, at each point of an augmentation grid, or as random copies."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE, from_int16
from ser_keras.audio.windows import TailRule, window_starts
from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import fingerprint
from ser_keras.features.augmentation import draws, waveform
from ser_keras.features.augmentation.spectra import SpectralAugmentation
from ser_keras.features.batched_graph import batched, feature_function
from ser_keras.features.extractor import Extractor
from ser_keras.features.frontends.base import FrontEnd

VERSION = 2  # goes up when the same point would give other features
POINT_FIELDS = tuple(field.name for field in dataclasses.fields(draws.Point))

Compute = Callable[[NDArray[np.generic]], NDArray[np.float32]]  # windows, as a cut gives them, to features
CutItem = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # an item's samples [n] to windows


@dataclasses.dataclass(frozen=True)
class Cut:
    """One version of the items: unchanged, one point of the augmentation grid, or one random copy.

    Attributes:
        title: for the progress bar.
        key: the cache's key, from that of the unchanged item.
        windows: int16 samples [n] of an item to the input of `compute`, an array a window.
        compute: the input to features [n_windows, ...].
        rate: tempo.
    """

    title: str
    key: Callable[[str], str]
    windows: Callable[[NDArray[np.int16]], NDArray[np.generic]]
    compute: Compute
    rate: float = 1.0


def base_cut(compute: Compute, cut: CutItem) -> Cut:
    """Unchanged items; `cut` gives the input of `compute` from float32 samples [n], an array a window."""
    return Cut("features", lambda key: key, lambda samples: cut(from_int16(samples)), compute)


def grid_cuts(
    settings: draws.AugmentationSettings,
    extractor: Extractor,
    base: Cut,
    *,
    cut: CutItem,
    window: int,
    hop: int,
    tail: TailRule,
) -> list[Cut]:
    """The points of an augmentation grid.

    A stretched item is n / rate samples long, and the same rule cuts it into windows, so that a slowed item has more
    of them; windows are filled with zeros beyond the item's end.

    Args:
        settings: of the grid.
        extractor: front end, or descriptor set (only with the waveform path).
        base: version of the unchanged items.
        cut: as `base_cut` takes it.
        window, hop: in samples.
        tail: tail rule of `audio.windows`.

    Raises:
        SerKerasError: the spectrum path without a front end.
    """
    points = draws.grid(settings)
    if settings.path == "waveform":
        return _waveform_cuts(points, base, cut)
    if not extractor.in_graph:
        raise SerKerasError("augmentation.path=spectrum needs a front end; descriptors take augmentation.path=waveform")
    return _spectral_cuts(points, cast(FrontEnd, extractor), base, window=window, hop=hop, tail=tail)


def copy_cuts(
    settings: draws.AugmentationSettings,
    seed: int,
    extractor: Extractor,
    *,
    window: int,
    hop: int,
    tail: TailRule,
) -> list[Cut]:
    """Random copies of every window for the cache: as many epochs of `mode: random`.

    A window's draws follow from the seed, the copy's number and the item's samples, not from the fold, so that all
    folds share them. A faster window that would reach beyond its item's end begins earlier.

    Args:
        settings: with `copies`.
        seed: the experiment's.
        extractor: front end, or descriptor set (only with the waveform path).
        window, hop: in samples.
        tail: tail rule of `audio.windows`.

    Returns:
        A version for each copy; its windows are rows of a structured array, `wave` and the fields of the draws.
    """
    fields: Sequence[str]
    if settings.path == "waveform":
        fields, top_hz = waveform.FIELDS, draws.TOP_HZ
        length = waveform.source_samples(window, draws.ranges(settings)[0][1])
        compute = feature_function(extractor, window)
    else:
        augment = SpectralAugmentation.from_settings(cast(FrontEnd, extractor), window, settings)
        fields, top_hz, length = draws.varied(settings), augment.top_hz, augment.source_samples
    example = draws.draw(settings, 1, window / SAMPLE_RATE, seed=[0], top_hz=top_hz).as_dict(fields)
    row = np.dtype([("wave", np.float32, length), *((name, a.dtype, a.shape[1:]) for name, a in example.items())])
    names = tuple(example)

    if settings.path == "waveform":
        features = lambda rows: compute(waveform.changed(rows["wave"], rows, window))  # noqa: E731
    else:
        graph = _augmented(augment, example)
        features = lambda rows: graph(*(np.ascontiguousarray(rows[name]) for name in ("wave", *names)))  # noqa: E731

    def windows_of(copy: int) -> Callable[[NDArray[np.int16]], NDArray[np.generic]]:
        def windows(samples: NDArray[np.int16]) -> NDArray[np.generic]:
            starts = window_starts(len(samples), window, hop, tail=tail)
            identity = [seed, copy, zlib.crc32(samples.tobytes())]
            changes = draws.draw(settings, len(starts), window / SAMPLE_RATE, seed=identity, top_hz=top_hz)
            latest = draws.latest_starts(len(samples), window, changes.rate)
            rows = np.zeros(len(starts), row)
            rows["wave"] = waveform.recorded_so(sources(samples, np.minimum(starts, latest), length), changes)
            for name, values in changes.as_dict(fields).items():
                rows[name] = values
            return rows

        return windows

    source = [seed, settings.model_dump(exclude={"copies", "mixup"}, exclude_defaults=True)]
    return [
        Cut(f"features, copy {k + 1}/{settings.copies}", _key("copies", source, k), windows_of(k), features)
        for k in range(settings.copies)
    ]


def _title(point: draws.Point) -> str:
    return "features, " + ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(point).items())


def _unchanged(point: draws.Point) -> bool:
    return point == draws.Point()


def _key(kind: str, *source: object) -> Callable[[str], str]:
    return lambda key: fingerprint(key, kind, VERSION, *source)


def _values(point: draws.Point) -> list[float]:
    return [float(v) for v in dataclasses.astuple(point)]


def _augmented(
    augment: SpectralAugmentation, example: Mapping[str, NDArray[np.generic]]
) -> Callable[..., NDArray[np.float32]]:
    """A SpectralAugmentation as a function of arrays: sources, and their draws in the example's order."""
    specs = [((augment.source_samples,), tf.float32), *((a.shape[1:], a.dtype) for a in example.values())]
    return batched(
        lambda source, *values: augment(source, dict(zip(example, values, strict=True))), specs, augment.frontend.XLA
    )


def _waveform_cuts(points: Sequence[draws.Point], base: Cut, cut: CutItem) -> list[Cut]:
    def windows_at(point: draws.Point) -> Callable[[NDArray[np.int16]], NDArray[np.generic]]:
        return lambda samples: cut(waveform.change(from_int16(samples), **dataclasses.asdict(point)))

    return [
        base if _unchanged(p) else Cut(_title(p), _key("waveform", _values(p)), windows_at(p), base.compute, p.rate)
        for p in points
    ]


def _spectral_cuts(
    points: Sequence[draws.Point],
    frontend: FrontEnd,
    base: Cut,
    *,
    window: int,
    hop: int,
    tail: TailRule,
) -> list[Cut]:
    rates, pitches = ((min(v), max(v)) for v in ([p.rate for p in points], [p.pitch for p in points]))
    augment = SpectralAugmentation(frontend, window, rates, pitches=pitches)
    graph = _augmented(augment, draws.of_points(points[:1]).as_dict(POINT_FIELDS))

    def windows_at(point: draws.Point) -> Callable[[NDArray[np.int16]], NDArray[np.generic]]:
        def windows(samples: NDArray[np.int16]) -> NDArray[np.generic]:
            n = max(1, round(len(samples) / point.rate))
            starts = np.round(window_starts(n, window, hop, tail=tail) * point.rate).astype(int)
            return sources(samples, starts, augment.source_samples)

        return windows

    def compute_at(point: draws.Point) -> Compute:
        values = draws.of_points([point]).as_dict(POINT_FIELDS).values()
        return lambda source: graph(source, *(np.repeat(v, len(source), axis=0) for v in values))

    return [
        base if _unchanged(p) else Cut(_title(p), _key("spectrum", _values(p)), windows_at(p), compute_at(p), p.rate)
        for p in points
    ]


def sources(samples: NDArray[np.int16], starts: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """Stretches of a signal, with zeros where it has ended: int16 [n] to float32 [len(starts), length]."""
    padded = np.concatenate([samples, np.zeros(length, samples.dtype)])
    return from_int16(np.lib.stride_tricks.sliding_window_view(padded, length)[np.minimum(starts, len(samples))])
