"""The sampling rate, 16-bit integers and levels of samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLE_RATE = 16000  # Hz; the one that everything is computed at
SILENT_DBFS = -200.0  # the level of digital silence, instead of minus infinity


def to_int16(samples: ArrayLike) -> NDArray[np.int16]:
    """[-1, 1] floats as 16-bit integers; exact where they came from 16-bit PCM."""
    scaled: NDArray[np.float32] = np.rint(np.asarray(samples, np.float32) * 32768)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def from_int16(samples: ArrayLike) -> NDArray[np.float32]:
    """16-bit integers as float32 in [-1, 1)."""
    return np.asarray(samples, np.int16).astype(np.float32) / np.float32(32768)


def level_dbfs(samples: NDArray[np.float32] | NDArray[np.float64]) -> float:
    """RMS level of samples in [-1, 1], in dB below a full-scale square wave."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10 * math.log10(power) if power > 0 else SILENT_DBFS
