"""Pitch and formants by Praat, through the optional package `praat-parselmouth` (GPL-3.0-or-later)."""

import numpy as np

from ser_keras.common.errors import SerKerasError


def parselmouth():
    """The package, imported when first needed.

    Raises:
        SerKerasError: it isn't installed.
    """
    try:
        import parselmouth
    except ImportError as error:
        raise SerKerasError(
            "Praat's pitch and formants: this needs the package praat-parselmouth: pip install 'ser-keras[systems]' "
            "(GPL-3.0-or-later); or set pitch=own and formants=lpc"
        ) from error
    return parselmouth


def praat_pitch(samples, sample_rate, centres, f_min, f_max):
    """Pitch by Praat's autocorrelation method with its default costs.

    Reference: P. Boersma, Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of
    a sampled sound, IFA Proceedings 17, 1993.

    Args:
        samples: [N] at `sample_rate`.
        sample_rate: Hz.
        centres: [n] seconds.
        f_min, f_max: range in Hz.

    Returns:
        [n] float32, Hz; 0 where Praat finds no voice.
    """
    sound, delay = _sound(samples, sample_rate)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=f_min, pitch_ceiling=f_max)
    return np.nan_to_num([pitch.get_value_at_time(t + delay) for t in centres]).astype(np.float32)


def praat_formants(samples, sample_rate, centres, ceiling=5500.0, n_formants=3):
    """Formants by Praat's Burg method: five below the ceiling, a window of 25 ms (effective), pre-emphasis from 50 Hz.

    Args:
        samples: [N] at `sample_rate`.
        sample_rate: Hz.
        centres: [n] seconds.
        ceiling: Hz.
        n_formants: how many are returned, at most 5.

    Returns:
        [n, n_formants] float32, Hz; 0 where fewer were found.
    """
    sound, delay = _sound(samples, sample_rate)
    formant = sound.to_formant_burg(time_step=0.01, maximum_formant=ceiling)
    values = [[formant.get_value_at_time(i + 1, t + delay) for i in range(n_formants)] for t in centres]
    return np.nan_to_num(np.reshape(values, (-1, n_formants))).astype(np.float32)


def _sound(samples, sample_rate, delay=0.1):
    """Praat's sound, with zeros at both ends: else its first and last frames are undefined, and short clips refused."""
    samples = np.pad(np.asarray(samples, np.float64), round(delay * sample_rate))
    return parselmouth().Sound(samples, sampling_frequency=sample_rate), delay
