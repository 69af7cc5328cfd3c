"""Pitch and formants by Praat, through the optional package `praat-parselmouth` (GPL-3.0-or-later)."""

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import SerKerasError

if TYPE_CHECKING:
    import parselmouth as praat


def parselmouth() -> ModuleType:
    """The package, imported when first needed.

    Raises:
        SerKerasError: it is not installed.
    """
    try:
        import parselmouth
    except ImportError as error:
        raise SerKerasError(
            "Praat's pitch and formants: this needs the package praat-parselmouth: pip install 'ser-keras[systems]' "
            "(GPL-3.0-or-later); or set pitch=own and formants=lpc"
        ) from error
    return parselmouth


def praat_pitch(
    samples: ArrayLike, sample_rate: int, centres: ArrayLike, *, f_min: float, f_max: float
) -> NDArray[np.float32]:
    """Pitch by Praat's autocorrelation method with its default costs.

    Reference: P. Boersma, Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of
    a sampled sound, IFA Proceedings 17, 1993.

    Args:
        samples: [N] at `sample_rate`.
        sample_rate: Hz.
        centres: [n] seconds.
        f_min, f_max: range in Hz.

    Returns:
        [n], Hz; 0 where Praat finds no voice.
    """
    sound, delay = _sound(samples, sample_rate)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=f_min, pitch_ceiling=f_max)
    return np.nan_to_num([pitch.get_value_at_time(t + delay) for t in np.asarray(centres)]).astype(np.float32)


def praat_formants(
    samples: ArrayLike,
    sample_rate: int,
    centres: ArrayLike,
    *,
    ceiling: float = 5500.0,
    n_formants: int = 3,
) -> NDArray[np.float32]:
    """Formants by Praat's Burg method: five below the ceiling, a window of 25 ms (effective), pre-emphasis from 50 Hz.

    Args:
        samples: [N] at `sample_rate`.
        sample_rate: Hz.
        centres: [n] seconds.
        ceiling: Hz.
        n_formants: how many are returned, at most 5.

    Returns:
        [n, n_formants], Hz; 0 where a frame has fewer.
    """
    sound, delay = _sound(samples, sample_rate)
    formant = sound.to_formant_burg(time_step=0.01, maximum_formant=ceiling)
    values = [[formant.get_value_at_time(i + 1, t + delay) for i in range(n_formants)] for t in np.asarray(centres)]
    return np.nan_to_num(np.reshape(values, (-1, n_formants))).astype(np.float32)


def _sound(samples: ArrayLike, sample_rate: int, delay: float = 0.1) -> tuple["praat.Sound", float]:
    """Praat's sound, with zeros at both ends: else its first and last frames are undefined, and short clips refused."""
    padded = np.pad(np.asarray(samples, np.float64), round(delay * sample_rate))
    return parselmouth().Sound(padded, sampling_frequency=sample_rate), delay
