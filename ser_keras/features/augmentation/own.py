"""One's own augmentations: functions of the user's that change a waveform."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import BadInput, cause
from ser_keras.common.plugins import Registry

Change = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.floating]]
"""Samples [n] float32 in [-1, 1] at 16 kHz, and where all its random numbers come from -> [n]."""

AUGMENTATIONS: Registry[Callable[..., NDArray[np.floating]]] = Registry(
    {},
    kind="augmentation.functions",
    group="ser_keras.augmentations",
    check=callable,
    expected="a function (samples, rng, **settings) that gives as many samples",
)
"""This package's own augmentations are settings, not functions: the registry holds those of others."""

TRIAL_SAMPLES = 16000


def checked(name: str, change: Change) -> Change:
    """A function of the user's, tried once on a second of noise.

    Raises:
        BadInput: it fails, or gives something else than as many finite samples.
    """
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(TRIAL_SAMPLES)).astype(np.float32)
    try:
        changed = np.asarray(change(samples.copy(), rng))
    except Exception as error:
        raise BadInput(f"augmentation.functions: {name} fails: {cause(error)}") from error
    if changed.shape != samples.shape or changed.dtype.kind != "f" or not np.isfinite(changed).all():
        raise BadInput(
            f"augmentation.functions: {name} makes {changed.dtype} {list(changed.shape)} of {TRIAL_SAMPLES} samples; "
            "it must give as many finite floats"
        )
    return change


def apply(changes: Sequence[Change], samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Samples changed by functions one after the other; each result is clipped to [-1, 1], what is not finite is 0."""
    for change in changes:
        changed = np.asarray(change(samples, rng), np.float32)
        samples = np.clip(np.where(np.isfinite(changed), changed, np.float32(0)), -1, 1)
    return samples
