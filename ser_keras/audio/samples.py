"""The sampling rate, 16-bit integers and levels of samples."""

import math

import numpy as np

SAMPLE_RATE = 16000  # Hz
SILENT_DBFS = -200.0  # the level of digital silence, instead of minus infinity


def to_int16(samples):
    """[-1, 1] floats as 16-bit integers; exact where they came from 16-bit PCM."""
    return np.clip(np.rint(np.asarray(samples, np.float32) * 32768), -32768, 32767).astype(np.int16)


def from_int16(samples):
    """16-bit integers as float32 in [-1, 1)."""
    return np.asarray(samples, np.int16).astype(np.float32) / np.float32(32768)


def level_dbfs(samples):
    """RMS level of samples in [-1, 1], in dB below a full-scale square wave."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10 * math.log10(power) if power > 0 else SILENT_DBFS
