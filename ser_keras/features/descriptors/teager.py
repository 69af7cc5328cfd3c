"""Statistics of the Teager energy operator in critical bands."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.descriptors.functionals import STATISTICS, statistics
from ser_keras.features.extractor import Extractor

# Hz; E. Zwicker, Subdivision of the audible frequency range into critical bands, JASA 33(2), 1961.
# fmt: off
CRITICAL_BAND_EDGES = (
    100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480,
    1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700,
)
# fmt: on
PADDING = SAMPLE_RATE // 20  # the narrowest band's impulse response is 1e-12 of its peak after 20 ms
LEAST_ENERGY = 1e-12  # -120 dB; a sample's rounding to 16 bits has about -90


def teager_energy(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Teager energy operator: x[n]^2 - x[n - 1] x[n + 1]; A^2 sin(w)^2 for A sin(w n + p).

    Reference: J. Kaiser, On a simple algorithm to calculate the "energy" of a signal, ICASSP 1990.

    Args:
        signal: [..., N], N at least 3.

    Returns:
        [..., N - 2], of the samples 1 to N - 2.
    """
    return np.square(signal[..., 1:-1]) - signal[..., :-2] * signal[..., 2:]


def autocorrelation_area(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under the envelope of each frame's normalised autocorrelation, 1 for a constant and near 0 for a pulse.

    The autocorrelation (mean not subtracted, zeros outside of the frame) over its value at lag 0; its envelope at a
    lag is the largest magnitude from that lag on; the area is divided by half the frame's length.

    Args:
        frames: [n, length].

    Returns:
        [n], 0 to 1 up to rounding; 0 where the frame is 0.
    """
    length = frames.shape[1]
    spectrum = fft.rfft(frames, fft.next_fast_len(2 * length, real=True), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    correlation = fft.irfft(power, fft.next_fast_len(2 * length, real=True), axis=1)[:, :length]
    at_zero = correlation[:, :1]
    silent = at_zero[:, 0] <= 0
    magnitude = np.abs(correlation) / np.where(silent[:, None], 1, at_zero)
    envelope = np.maximum.accumulate(magnitude[:, ::-1], axis=1)
    # Trapezoids from lag 0, where it is 1, to lag `length`, where it is 0.
    return np.where(silent, 0, (envelope.sum(axis=1) - 0.5) / (length / 2))


class Teager(Extractor):
    """Teager energy statistics of an utterance: in critical bands and in the full band.

    The utterance, without its mean, passes Gabor band-pass filters of one critical band each; of the Teager energy of
    each band and of the unfiltered signal, every frame gives two values: `energy`, its mean in dB (at least -120), and
    `area`, that under the envelope of its normalised autocorrelation, 1 where the energy is steady and less the more
    it varies; 0 in frames under -120 dB. Their mean, SD, minimum, maximum, range, skewness, kurtosis and slope (per
    second) over the frames are the features: 272 for 16 bands.

    Reference: G. Zhou, J. Hansen, J. Kaiser, Nonlinear feature based classification of speech under stress, IEEE
    Trans. Speech and Audio Processing 9(3), 2001 (TEO-CB-Auto-Env): the critical bands, the Gabor filters, the operator
    and the normalised area of the autocorrelation's envelope. Our choice: the filters' half-power points at the bands'
    edges, frames, the way to draw the envelope, energies beside areas, the full band, and the functionals, since Huang
    et al. (2014, section 3.2), who compare with "TEO", say nothing more.

    Args:
        n_bands: critical bands from 100 Hz on: 16, up to 3700 Hz, are all that speech sampled at 8 kHz has; 20 end at
            7700 Hz.
        frame_ms: length of a frame in milliseconds.
        hop_ms: step from frame to frame in milliseconds.

    Raises:
        SerKerasError: a setting out of its range.
    """

    VERSION = 1
    takes = "utterance"

    def __init__(self, n_bands: int = 16, frame_ms: float = 25, hop_ms: float = 12.5) -> None:
        self.n_bands, self.frame_ms, self.hop_ms = n_bands, frame_ms, hop_ms
        self.frame_length = round(SAMPLE_RATE * frame_ms / 1000)
        self.hop_length = round(SAMPLE_RATE * hop_ms / 1000)
        most = len(CRITICAL_BAND_EDGES) - 1
        for name, ok, valid in (
            ("n_bands", 1 <= n_bands <= most, f"1 to {most}"),
            ("frame_ms", self.frame_length >= 2, "at least two samples (0.125)"),
            ("hop_ms", self.hop_length >= 1, "at least a sample (0.0625)"),
        ):
            if not ok:
                raise SerKerasError(f"teager: {name} is {getattr(self, name)}; it must be {valid}")

    def get_config(self) -> dict[str, object]:
        return {"n_bands": self.n_bands, "frame_ms": self.frame_ms, "hop_ms": self.hop_ms}

    @property
    def names(self) -> tuple[str, ...]:
        """`band_value_statistic`, as in `functionals`: all means, then all standard deviations and so on."""
        bands = [f"teo_{low}_{high}" for low, high in zip(CRITICAL_BAND_EDGES, CRITICAL_BAND_EDGES[1:], strict=False)]
        tracks = [f"{band}_{value}" for band in (*bands[: self.n_bands], "teo_full") for value in ("energy", "area")]
        return tuple(f"{track}_{statistic}" for statistic in STATISTICS for track in tracks)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (1, len(self.names))

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Statistics of an utterance.

        Args:
            samples: [N] at 16 kHz in [-1, 1]; values that are not finite count as 0, the others are clipped. Padded
                with zeros to a frame.

        Returns:
            [1, D], finite.

        Raises:
            SerKerasError: samples not of one dimension.
        """
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise SerKerasError(f"teager: samples of shape {samples.shape}; give one utterance, [samples]")
        wave = np.clip(np.where(np.isfinite(samples), samples, 0), -1, 1).astype(np.float64)
        if len(wave):
            wave = wave - wave.mean()
        wave = np.pad(wave, (0, max(0, self.frame_length + 2 - len(wave))))  # the operator takes two
        # [T, 2 (n_bands + 1)]
        tracks = np.stack([track for signal in self._signals(wave) for track in self._frame_values(signal)], axis=1)
        values = statistics(tracks, np.ones_like(tracks, bool), self.hop_length / SAMPLE_RATE)
        return values.reshape(1, -1).astype(np.float32)

    def _signals(self, samples: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """[N]: each band's signal in turn, then the full one."""
        size = fft.next_fast_len(len(samples) + PADDING, real=True)
        spectrum = fft.rfft(samples, size)
        frequencies = np.arange(len(spectrum)) * SAMPLE_RATE / size
        for i in range(self.n_bands):
            low, high = CRITICAL_BAND_EDGES[i : i + 2]
            # A Gabor filter's response is Gaussian; half power at the edges.
            response = np.exp2(-0.5 * np.square((2 * frequencies - low - high) / (high - low)))
            yield fft.irfft(spectrum * response, size)[: len(samples)]
        yield samples

    def _frame_values(self, signal: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[N] to each frame's energy in dB and area, [T] each."""
        profile = teager_energy(signal)
        frames = np.lib.stride_tricks.sliding_window_view(profile, self.frame_length)[:: self.hop_length]
        energy = frames.mean(axis=1)
        loud = np.abs(frames).mean(axis=1) > LEAST_ENERGY
        area = np.where(loud, autocorrelation_area(frames), 0)
        return 10 * np.log10(np.maximum(energy, LEAST_ENERGY)), area
