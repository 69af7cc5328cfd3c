"""Formants by linear prediction."""

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray
from scipy.signal import get_window

PRE_EMPHASIS_HZ = 50  # +6 dB an octave from here on
MARGIN_HZ = 50  # poles nearer to 0 Hz or to the ceiling only shape the spectrum's slope
BLOCK = 64  # frames at once: their data stays in the processor's cache


def lpc_formants(
    samples: ArrayLike,
    sample_rate: int,
    centres: ArrayLike,
    *,
    ceiling: float = 5500.0,
    n_formants: int = 3,
    window_ms: float = 50.0,
) -> NDArray[np.float32]:
    """Frequencies of the lowest formants at given times.

    The samples are resampled to twice the ceiling and pre-emphasised; Burg's method fits ten coefficients, two for each
    of five formants, to a Gaussian window; the angles of the polynomial's roots are the formants, in rising order.

    Reference: N. Anderson, On the calculation of filter coefficients for maximum entropy spectral analysis, Geophysics
    39(1), 1974 (Burg's method); B. Atal, S. Hanauer, Speech analysis and synthesis by linear prediction of the speech
    wave, JASA 50(2B), 1971, section V (formants from roots).

    Args:
        samples: [N] at `sample_rate`, N at least 1, finite.
        sample_rate: Hz.
        centres: [n] seconds, the middle of each frame. Samples beyond the ends count as 0.
        ceiling: highest frequency of the fifth formant in Hz: about 5500 for women, 5000 for men.
        n_formants: how many are returned, at most 5.
        window_ms: length of the Gaussian window, about twice its effective length.

    Returns:
        [n, n_formants], Hz; 0 where a frame has fewer.
    """
    rate = round(2 * ceiling)
    wave = soxr.resample(np.asarray(samples, np.float64), sample_rate, rate)
    wave[1:] -= np.exp(-2 * np.pi * PRE_EMPHASIS_HZ / rate) * wave[:-1]
    length = round(rate * window_ms / 1000)
    window = get_window(("gaussian", length / 10), length, fftbins=False)
    starts = np.round(np.asarray(centres) * rate).astype(int)  # of the padded samples
    padded = np.pad(wave, (length // 2, length))
    formants = np.zeros((len(starts), n_formants), np.float32)
    for i in range(0, len(starts), BLOCK):
        place = starts[i : i + BLOCK, None] + np.arange(length)
        frames = padded[np.minimum(place, len(padded) - 1)] * window
        formants[i : i + BLOCK] = _roots_to_formants(burg(frames, 10), rate, n_formants)
    return formants


def burg(frames: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Linear prediction coefficients by Burg's method.

    Args:
        frames: [n, length].
        order: number of coefficients, below length.

    Returns:
        [n, order]: a_1 ... a_order of 1 + a_1 z^-1 + ...; zeros for silence.
    """
    coefficients = np.zeros((len(frames), order))
    forward, backward = frames[:, 1:], frames[:, :-1]
    for m in range(order):
        power = np.einsum("nt,nt->n", forward, forward) + np.einsum("nt,nt->n", backward, backward)
        reflection = -2 * np.einsum("nt,nt->n", forward, backward) / np.maximum(power, np.finfo(float).tiny)
        reflection = reflection[:, None]
        coefficients[:, :m] += reflection * coefficients[:, :m][:, ::-1]
        coefficients[:, m] = reflection[:, 0]
        forward, backward = (
            forward[:, 1:] + reflection * backward[:, 1:],
            backward[:, :-1] + reflection * forward[:, :-1],
        )
    return coefficients


def _roots_to_formants(coefficients: NDArray[np.float64], rate: int, n_formants: int) -> NDArray[np.float64]:
    """[n, order] to [n, n_formants], Hz."""
    n, order = coefficients.shape
    companion = np.tile(np.eye(order, k=-1), (n, 1, 1))
    companion[:, 0] = -coefficients
    frequencies = np.angle(np.linalg.eigvals(companion)) * (rate / (2 * np.pi))  # each pair of poles: one above 0
    valid = (frequencies > MARGIN_HZ) & (frequencies < rate / 2 - MARGIN_HZ)
    frequencies = np.sort(np.where(valid, frequencies, np.inf), axis=1)[:, :n_formants]
    return np.where(np.isfinite(frequencies), frequencies, 0)
