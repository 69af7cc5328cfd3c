"""Gain-invariant statistics of frame descriptors over a window; optionally the descriptors over time."""

import itertools
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.features.frontends.log_mel import mel_matrix
from ser_keras.features.frontends.stft import ShortTimeFourier

N_SPECTRAL = 13  # descriptors beside bands, cepstrum and harmonicity
MODULATION_HZ = (0.6, 1.6, 2.5, 4, 6, 9, 13, 20)  # edges of the modulation bands
TINY = 1e-9
OVERSUBTRACTION = 1.5  # of the room tone: its spectrum is a mean, and single frames lie above it
ABOVE_TONE_DB = 9.0  # a frame is half active at least so far above the room tone


@keras.saving.register_keras_serializable("ser_keras")
class Statistics(ShortTimeFourier):
    """Means, deviations, shapes and slopes of 54 frame descriptors, of the pitch, of rhythm and of modulation.

    Frame descriptors: log-mel bands, cepstrum, centroid, spread, roll-offs, entropy, flux, slopes, band ratios,
    harmonicity. All levels are relative to the window's own level, so that gain has no effect. Each frame is weighted
    by its activity (within some 30 dB of that level) and its voicing, so that pauses and zero padding have almost no
    weight. Only smooth functions: nothing is sorted, and the graph converts with builtin operations.

    With `masked`, nothing reaches the output from where nothing is said: the spectrum of the room tone, which the
    quietest frames show, is subtracted; a frame is active only if it stands out of that tone; inactive frames get the
    mean of the active ones; and each frame's own mean is taken off the samples, so that a constant offset has no
    effect. Without it, room tone of -90 dBFS around speech changes the tracks by many training deviations.

    Reference: the statistics follow F. Eyben et al., GeMAPS, IEEE TAC 7(2), 2016, and B. Schuller et al., ComParE,
    Interspeech 2013, in kind; pitch by the autocorrelation of P. Boersma, IFA Proceedings 17, 1993, from the power
    spectrum.

    Args:
        n_mels: number of mel bands.
        n_cepstral: coefficients of the cepstrum, from the first on.
        n_lags: lags of the autocorrelation, equally spaced in semitones.
        f0_min, f0_max: range of the pitch in Hz.
        active_db: distance below the window's level at which a frame is half active, in dB.
        floor_db: distance below the window's level at which bands are cut off, in dB.
        hop_ms: step from one frame of 32 ms to the next, in milliseconds; the fewer frames, the faster.
        track_ms: 0: only statistics. Otherwise the descriptors follow, as means over stretches of so many
            milliseconds: first all of the first stretch, then all of the second, as `statistics_cnn` takes them.
        masked: whether nothing reaches the output from where nothing is said; False: as in models before it existed.
        rhythm: whether shares, rates and lengths of speech and voice are among the statistics. They depend on how a
            corpus was cut, and live on where the window begins.
        kwargs: see `FrontEnd`.

    Input:
        [B, N] float32.

    Output:
        [B, D] float32; D is 528 for the defaults, 522 without rhythm, and with tracks 56 more for each stretch: the 54
        descriptors, the pitch in semitones, and the stretch's activity from 0 to 1.

    Raises:
        SerKerasError: a setting out of its range.

    Example:
        In a small Keras model, on two waveforms of 4 s:

        >>> import keras, numpy as np
        >>> from ser_keras.layers import Statistics
        >>> wave = keras.Input((64000,))
        >>> features = Statistics()(wave)
        >>> features.shape
        (None, 528)
        >>> model = keras.Model(wave, keras.layers.Dense(4)(features))
        >>> tuple(model(np.zeros((2, 64000), np.float32)).shape)
        (2, 4)
    """

    NAME = "statistics"
    SPECTRUM_POWER = 2
    XLA = True
    log_offset = TINY

    def __init__(
        self,
        n_mels: int = 26,
        n_cepstral: int = 14,
        n_lags: int = 112,
        *,
        f0_min: float = 65.0,
        f0_max: float = 500.0,
        active_db: float = 30.0,
        floor_db: float = 50.0,
        hop_ms: float = 10,
        track_ms: float = 0,
        masked: bool = False,
        rhythm: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(32, hop_ms, 512, **kwargs)
        self.track_ms, self.masked, self.rhythm = track_ms, masked, rhythm
        self.n_mels, self.n_cepstral, self.n_lags = n_mels, n_cepstral, n_lags
        self.f0_min, self.f0_max, self.active_db, self.floor_db = f0_min, f0_max, active_db, floor_db
        self.require(
            ("n_mels", n_mels >= 8, "at least 8"),
            ("n_cepstral", 1 <= n_cepstral < n_mels, f"from 1 to below n_mels ({n_mels})"),
            ("n_lags", n_lags >= 2, "at least 2"),
            ("f0_min", 62.5 <= f0_min < f0_max, f"from 62.5 to below f0_max ({f0_max:g})"),
            ("active_db", active_db > 0, "above 0"),
            ("floor_db", floor_db > 0, "above 0"),
            ("track_ms", track_ms == 0 or track_ms >= hop_ms, f"0, or from hop_ms ({hop_ms}) on"),
        )
        self._track_frames = round(track_ms / hop_ms)
        hz = self.bin_hz
        mel = mel_matrix(n_mels, 512, f_min=50.0, f_max=8000.0, scale="htk")
        self._mel = mel / mel.sum(axis=0) * 257
        self._floor = 10 ** (-floor_db / 10)
        n = np.arange(n_mels)
        quarter = np.minimum(n * 4 // n_mels, 3)
        self._quarters = (quarter[:, None] == np.arange(4)).astype(np.float32)
        self._dct = np.cos(np.pi * np.outer(n + 0.5, np.arange(1, n_cepstral + 1)) / n_mels).astype(np.float32)
        self._dct *= np.sqrt(2 / n_mels)
        low = n_mels * 5 // 8
        self._slopes = np.zeros((n_mels, 2), np.float32)
        for column, part in enumerate((slice(0, low), slice(low, n_mels))):
            t = np.linspace(-1, 1, len(n[part]))
            self._slopes[part, column] = t / (t**2).sum()
        inside = lambda a, b: ((hz >= a) & (hz < b)).astype(np.float32)  # noqa: E731
        self._bands = np.stack([inside(50, 1000), inside(1000, 5000), inside(1000, 8001), inside(50, 8001)], axis=1)
        self._khz = (hz / 1000).astype(np.float32)
        # Autocorrelation at lags equally spaced in semitones, from the bins below 2.5 kHz.
        self._pitched = int(2500 / hz[1]) + 1
        lags = SAMPLE_RATE / (f0_max * (f0_min / f0_max) ** (np.arange(n_lags) / (n_lags - 1)))
        k = np.arange(257)[:, None]
        cosines = np.where(k == 0, 1.0, 2.0) * np.cos(2 * np.pi * k * lags / 512)
        window = np.abs(np.fft.rfft(self._window)) ** 2
        of_window = window @ cosines / (2 * window.sum() - window[0])
        self._autocorrelation = (cosines[: self._pitched] / np.maximum(of_window, 0.2)).astype(np.float32)
        self._octave_cost = (0.02 * np.log2(lags / lags[0])).astype(np.float32)
        self._semitones = 12 * np.log2(f0_max / f0_min)

    @property
    def least_samples(self) -> int:
        """Ten frames, the fewest with statistics."""
        return self.frame_length + 9 * self.hop_length

    def spectrum(self, wave: keras.KerasTensor, starts: keras.KerasTensor | None = None) -> keras.KerasTensor:
        """[B, N] to power [B, 1, T, 257]; see `FrontEnd`."""
        return ops.expand_dims(self.power(wave, starts, centred=self.masked), 1)

    def features(self, spectrum: keras.KerasTensor) -> keras.KerasTensor:
        """Power [B, 1, T, 257] to [B, D]."""
        power = ops.squeeze(spectrum, 1)
        energy = ops.sum(power, axis=-1, keepdims=True)  # [B, T, 1]
        # The energy-weighted mean of the energy: silence adds nothing, however long it is.
        level = ops.sum(ops.square(energy), axis=1, keepdims=True) / (ops.sum(energy, axis=1, keepdims=True) + TINY)
        power = power / (level + TINY)
        energy = energy / (level + TINY)
        threshold: keras.KerasTensor | float = -self.active_db
        if self.masked:
            tone = _room_tone(power, energy)
            power = ops.maximum(power - OVERSUBTRACTION * tone, 0.0)
            of_tone = ops.sum(tone, axis=-1, keepdims=True)
            energy = ops.sum(power, axis=-1, keepdims=True)
            threshold = ops.maximum(10 * ops.log10(of_tone + self._floor) + ABOVE_TONE_DB, threshold)
        decibels = 10 * ops.log10(energy + self._floor)
        active = ops.clip((decibels - threshold) / 12 + 0.5, 0.0, 1.0)  # from 0 to 1 within 12 dB
        silent = ops.cast(level > 1e-8, "float32")  # a window without any sound has no active frame
        active = active * silent

        bands = ops.matmul(power, self._mel)
        descriptors = self._describe(power, energy, decibels=decibels, bands=bands)
        semitone, strength = self.pitch(power)
        voiced = active * ops.sigmoid((strength - 0.5) / 0.05)
        descriptors = ops.concatenate([descriptors, strength], axis=-1)
        if self.masked:
            descriptors, semitone = _where_active(descriptors, active), _where_active(semitone, voiced)

        change = _delta(descriptors)
        pitch_change = _delta(semitone)
        steady = voiced * ops.exp(-ops.square(pitch_change))  # jumps between octaves are not intonation
        parts = [
            *_moments(descriptors, active, shape=True),
            *_moments(descriptors, voiced),
            ops.sqrt(_mean(ops.square(change), active) + 1e-6),
            _mean(ops.abs(change), active),
            *_moments(semitone, voiced, shape=True),
            ops.sqrt(_mean(ops.square(pitch_change), steady) + 1e-6),
            _mean(ops.abs(pitch_change), steady),
            _mean(pitch_change, steady),
            *(self._rhythm(active, voiced) if self.rhythm else ()),
            self._modulation(ops.log(ops.matmul(bands, self._quarters) + self._floor), active),
        ]
        if self.track_ms:
            parts.append(self._tracks(ops.concatenate([descriptors, semitone, active], axis=-1)))
        return ops.concatenate(parts, axis=-1)

    def _tracks(self, frames: keras.KerasTensor) -> keras.KerasTensor:
        """Means of neighbouring frames one after another: [B, T, C] to [B, T // n * C]."""
        n, n_channels = frames.shape[1] // self._track_frames, frames.shape[2]
        whole = frames[:, : n * self._track_frames]
        means = ops.mean(ops.reshape(whole, (-1, n, self._track_frames, n_channels)), axis=2)
        return ops.reshape(means, (-1, n * n_channels))

    def _describe(
        self,
        power: keras.KerasTensor,
        energy: keras.KerasTensor,
        *,
        decibels: keras.KerasTensor,
        bands: keras.KerasTensor,
    ) -> keras.KerasTensor:
        """Frame descriptors [B, T, N_SPECTRAL + n_mels + n_cepstral]."""
        mel, floor = ops.log(bands + self._floor), self._floor
        density = power / (energy + TINY)
        centroid = ops.matmul(density, self._khz[:, None])
        spread = ops.sqrt(ops.maximum(ops.matmul(density, np.square(self._khz)[:, None]) - ops.square(centroid), 1e-6))
        coarse = ops.cumsum(ops.sum(ops.reshape(density[..., :256], (-1, density.shape[1], 64, 4)), axis=-1), axis=-1)
        rolloffs = [
            ops.mean(ops.cast(coarse < share, "float32"), axis=-1, keepdims=True) * 8 for share in (0.25, 0.5, 0.85)
        ]
        entropy = -ops.sum(density * ops.log(density + TINY), axis=-1, keepdims=True)
        amplitude = ops.sqrt(density)
        before = ops.concatenate([amplitude[:, :1], amplitude[:, :-1]], axis=1)
        flux = ops.sqrt(ops.sum(ops.square(amplitude - before), axis=-1, keepdims=True) + 1e-6)
        low, middle, high, whole = (
            ops.expand_dims(x, -1) for x in ops.unstack(ops.log(ops.matmul(power, self._bands) + floor), axis=-1)
        )
        first = int(2000 / self.bin_hz[1])
        hammarberg = ops.log(ops.max(power[..., :first], axis=-1, keepdims=True) + floor) - ops.log(
            ops.max(power[..., first : int(5000 / self.bin_hz[1])], axis=-1, keepdims=True) + floor
        )
        spectral = [decibels / 10, centroid, spread, *rolloffs, entropy, flux, low - middle, high - whole, hammarberg]
        return ops.concatenate([*spectral, ops.matmul(mel, self._slopes), mel, ops.matmul(mel, self._dct)], axis=-1)

    def pitch(self, power: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """(semitones above f0_min, autocorrelation there), both [B, T, 1]."""
        part = power[..., : self._pitched]
        total = ops.sum(part, axis=-1, keepdims=True) * 2 - part[..., :1]
        r = ops.matmul(part, self._autocorrelation) / (total + TINY)
        r = r - self._octave_cost
        strength = ops.max(r, axis=-1, keepdims=True)
        best = ops.cast(r >= strength, "float32")  # `argmax` has no builtin operation in TFLite as Keras writes it
        place = ops.sum(best * np.linspace(0, 1, self.n_lags, dtype=np.float32), axis=-1, keepdims=True)
        place = place / ops.sum(best, axis=-1, keepdims=True)
        return (1 - place) * self._semitones, ops.clip(strength, 0.0, 1.0)

    def _rhythm(self, active: keras.KerasTensor, voiced: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Shares, rates and lengths of speech and voice, each [B, 1]."""
        seconds = self.hop_length / SAMPLE_RATE
        speech, voice = (ops.sum(x, axis=1) * seconds for x in (active, voiced))
        # Half the rises and falls, the window's edges included: the number of stretches of each.
        onsets = [
            0.5 * (ops.sum(ops.abs(x[:, 1:] - x[:, :-1]), axis=1) + x[:, 0] + x[:, -1]) + 0.1 for x in (active, voiced)
        ]
        return [
            voice / (speech + 0.1),
            onsets[1] / (speech + 0.1),
            voice / onsets[1],
            onsets[0] / (speech + 0.1),
            speech / onsets[0],
            ops.log(speech + 0.1),
        ]

    def _modulation(self, bands: keras.KerasTensor, active: keras.KerasTensor) -> keras.KerasTensor:
        """Log power of the bands' envelopes in modulation bands, [B, 4 * 7]."""
        centred = (bands - ops.expand_dims(_mean(bands, active), 1)) * active
        every = max(1, round(0.02 * SAMPLE_RATE / self.hop_length))  # some 50 Hz are enough for modulation below 20 Hz
        n = bands.shape[1] // every
        centred = ops.mean(ops.reshape(centred[:, : every * n], (-1, n, every, 4)), axis=2)
        hz = np.concatenate([np.linspace(a, b, 4, endpoint=False) for a, b in itertools.pairwise(MODULATION_HZ)])
        power = power_at(2 * np.pi * hz * every * self.hop_length / SAMPLE_RATE, centred)  # [B, 4, 28]
        n_bands = len(MODULATION_HZ) - 1
        power = ops.transpose(ops.sum(ops.reshape(power, (-1, 4, n_bands, 4)), axis=-1), (0, 2, 1))
        total = ops.sum(active, axis=1, keepdims=True) + 1
        return ops.reshape(ops.log(power / total + 1e-3), (-1, 4 * n_bands))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        n_frames = self.n_frames(input_shape[1])
        n = N_SPECTRAL + self.n_mels + self.n_cepstral + 1
        tracks = n_frames // self._track_frames * (n + 2) if self.track_ms else 0
        return (input_shape[0], 9 * n + 5 + 3 + 6 * self.rhythm + 4 * (len(MODULATION_HZ) - 1) + tracks)

    def identity(self) -> list[object]:
        """See `Extractor`: settings that came later count where they are on, so that features in caches stay valid."""
        config, *rest = super().identity()
        assert isinstance(config, dict)
        later = {"masked": False, "rhythm": True}
        return [{key: value for key, value in config.items() if key not in later or later[key] != value}, *rest]

    def get_config(self) -> dict[str, object]:
        config = super().get_config()
        for name in ("frame_ms", "n_fft"):
            config.pop(name)
        return {
            **config,
            "n_mels": self.n_mels,
            "n_cepstral": self.n_cepstral,
            "n_lags": self.n_lags,
            "f0_min": self.f0_min,
            "f0_max": self.f0_max,
            "active_db": self.active_db,
            "floor_db": self.floor_db,
            "track_ms": self.track_ms,
            "masked": self.masked,
            "rhythm": self.rhythm,
        }


def _room_tone(power: keras.KerasTensor, energy: keras.KerasTensor) -> keras.KerasTensor:
    """The spectrum of what sounds where nothing is said, [B, 1, F]: a mean that the quietest frames dominate.

    Frames of digital silence, as zeros behind a file's end, are no room tone and do not count.
    """
    weight = ops.where(energy > 1e-8, ops.square(1e-4 / (energy + 1e-8)), 0.0)
    return ops.sum(power * weight, axis=1, keepdims=True) / (ops.sum(weight, axis=1, keepdims=True) + 1e-12)


def _where_active(x: keras.KerasTensor, weight: keras.KerasTensor) -> keras.KerasTensor:
    """Values over time with their weighted mean where the weight is 0: [B, T, D]."""
    mean = ops.expand_dims(_mean(x, weight), 1)
    return mean + weight * (x - mean)


def _mean(x: keras.KerasTensor, weight: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over frames, weighted [B, T, 1]: [B, T, D] to [B, D]."""
    return ops.sum(x * weight, axis=1) / (ops.sum(weight, axis=1) + 0.1)


def _moments(x: keras.KerasTensor, weight: keras.KerasTensor, shape: bool = False) -> list[keras.KerasTensor]:
    """Mean and deviation; with `shape` also skewness, kurtosis and slope over time; each [B, D]."""
    mean = _mean(x, weight)
    centred = x - ops.expand_dims(mean, 1)
    deviation = ops.sqrt(_mean(ops.square(centred), weight) + 1e-6)
    if not shape:
        return [mean, deviation]
    scaled = ops.clip(centred / ops.expand_dims(deviation, 1), -5.0, 5.0)
    time = np.arange(x.shape[1], dtype=np.float32)[None, :, None] / 100
    time = time - ops.expand_dims(_mean(time, weight), 1)
    time = time / ops.expand_dims(ops.sqrt(_mean(ops.square(time), weight) + 1e-4), 1)
    cubed = scaled * ops.square(scaled)
    return [
        mean,
        deviation,
        _mean(cubed, weight),
        ops.log1p(_mean(cubed * scaled, weight)),
        _mean(scaled * time, weight),
    ]


def _delta(x: keras.KerasTensor) -> keras.KerasTensor:
    """Regression over five frames, [B, T, D]."""
    padded = ops.concatenate([x[:, :1], x[:, :1], x, x[:, -1:], x[:, -1:]], axis=1)
    return (2 * (padded[:, 4:] - padded[:, :-4]) + padded[:, 3:-1] - padded[:, 1:-3]) / 10


def power_at(steps: NDArray[np.float64], x: keras.KerasTensor) -> keras.KerasTensor:
    """Squared magnitudes of the Fourier transform of x [B, T, C] at K `steps` in radians a frame: [B, C, K].

    exp(i w (m a + b)) is a product of two: first over b within each stretch of m frames, then over the stretches a. One
    table for all frames would be the largest of the graph, a tenth of a shipped file.
    """
    n, n_channels = x.shape[1:]
    m = max(1, round(n**0.5))
    n_stretches = -(-n // m)
    x = ops.pad(x, ((0, 0), (0, n_stretches * m - n), (0, 0)))
    x = ops.transpose(ops.reshape(x, (-1, n_stretches, m, n_channels)), (0, 1, 3, 2))
    within, across = np.outer(np.arange(m), steps), np.outer(np.arange(n_stretches) * m, steps)[:, None]
    cosines, sines = (ops.matmul(x, f(within).astype(np.float32)) for f in (np.cos, np.sin))  # [B, n_stretches, C, K]
    turn, turn_sideways = (f(across).astype(np.float32) for f in (np.cos, np.sin))
    real = ops.sum(cosines * turn - sines * turn_sideways, axis=1)
    return ops.square(real) + ops.square(ops.sum(cosines * turn_sideways + sines * turn, axis=1))
