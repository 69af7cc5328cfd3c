"""Augmentation of waveforms: the same changes as on spectra, by a phase vocoder that gives audio.

For descriptors outside the graph and for listening, which need audio, and as the reference for the faster path on
spectra.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.features.augmentation.draws import Draws, band_decibels, equaliser_matrix
from ser_keras.features.conditions.room import reverberate

# 100 ms, a quarter apart. The library's preset of 120 ms follows changing speech less closely, and under 80 ms the
# harmonics of a deep voice run into each other.
BLOCK = 1600
INTERVAL = 400
LEAST_RATE, GREATEST_RATE = 0.25, 4.0
GREATEST_PITCH = 24.0
FILTER_PAD = 1024  # samples, in which the response of a smooth filter has died away
ROOM = 1  # first number of a room's seed, so that it differs from the noise's
FIELDS = ("pitch", "rate", "gain_db", "snr_db", "equaliser", "band", "noise_seed")  # of draws, which `change` applies


def stretch(samples: ArrayLike, pitch: float = 0.0, rate: float = 1.0) -> NDArray[np.float32]:
    """Change pitch and tempo independently of each other.

    Formants move with the pitch, as in `SpectralAugmentation`: frequency f becomes f * 2^(pitch / 12), and frequencies
    that would lie above 8 kHz are lost. Instant t becomes t / rate, to within 0.4 ms, from the first sample to the
    last. Pitch 0 at rate 1 gives the samples themselves.

    Reference: Signalsmith Stretch (G. Luff, Four Ways To Write A Pitch-Shifter, Audio Developer Conference 2022), bound
    by the package python-stretch. Its random phases (at rates under a half) have a fixed seed: equal calls give equal
    samples. Every call has a processor of its own, so that calls from several threads are safe; they do not run at
    once, since the package holds Python's lock.

    Args:
        samples: [n] at 16 kHz in [-1, 1]; samples that are not finite become 0.
        pitch: semitones, from -24 to 24.
        rate: tempo, from 0.25 to 4; 1.1 is a tenth faster, and so shorter.

    Returns:
        [round(n / rate)] float32, not clipped. Silence stays silence, and no samples give none.

    Raises:
        SerKerasError: a value out of its range, more than one channel, or python-stretch is not installed.
    """
    samples = _checked(samples)
    pitch, rate = float(pitch), float(rate)
    if not (math.isfinite(pitch) and abs(pitch) <= GREATEST_PITCH):
        raise SerKerasError(f"stretch: pitch is {pitch:g}; it must be from -24 to 24 semitones")
    if not LEAST_RATE <= rate <= GREATEST_RATE:
        raise SerKerasError(f"stretch: rate is {rate:g}; it must be from {LEAST_RATE:g} to {GREATEST_RATE:g}")
    length = round(samples.size / rate)
    if pitch == 0 and rate == 1:
        return samples.copy()
    if not samples.any():
        return np.zeros(length, np.float32)
    # The library starts and ends within a block, which fades the last 50 ms out. Zeros on either side, a block or more
    # of input and of output, let it finish; in front they are a whole number of output samples, to half an input one.
    lead = round(BLOCK / min(rate, 1.0))
    zeros = round(lead * rate)
    processor = _stretch_class()(0)
    processor.configure(1, BLOCK, INTERVAL)
    processor.setTransposeSemitones(pitch)
    processor.setTimeFactor(rate)
    stretched = processor.process(np.pad(samples, (zeros, zeros))[np.newaxis])[0]
    return stretched[lead : lead + length].copy()


def change(
    samples: ArrayLike,
    *,
    pitch: float = 0.0,
    rate: float = 1.0,
    gain_db: float = 0.0,
    snr_db: float = math.inf,
    equaliser: NDArray[np.floating] | None = None,
    band: ArrayLike | None = None,
    noise_seed: Sequence[int] | NDArray[np.int32] = (0, 0),
    window_samples: int | None = None,
) -> NDArray[np.float32]:
    """Change one window as `SpectralAugmentation` does and in its order, without its masks.

    Samples that are not finite become 0 and the others are clipped to [-1, 1], as every front end does; white noise is
    added; then pitch and rate (see `stretch`), gain, equaliser and band. The result is not clipped, so that the
    dynamics are preserved here: a front end clips, and so does 16-bit storage.

    Args:
        samples: [n] at 16 kHz in [-1, 1].
        pitch: semitones.
        rate: tempo.
        gain_db: decibels.
        snr_db: power of the signal over that of white Gaussian noise, in decibels; infinite: no noise. Zeros behind
            the signal's end are not signal, and get no noise.
        equaliser: [EQUALISER_POINTS] decibels, see `equalise`; None: none.
        band: lower and upper edge in Hz, see `draws.band_decibels`; None: none.
        noise_seed: integers. The noise is of the same kind as on spectra, but other noise.
        window_samples: only the first `window_samples * rate` of the samples count for the SNR, and the result is
            cut or padded with zeros to `window_samples`; up to `BLOCK` samples beyond complete the end of the
            stretched window. None: all samples count, and the result has [round(n / rate)].

    Returns:
        [round(n / rate)] or [window_samples] float32.

    Raises:
        SerKerasError: as `stretch`.
    """
    samples = np.clip(_checked(samples), -1.0, 1.0)
    n_source = samples.size if window_samples is None else round(window_samples * float(rate))
    samples = samples[: n_source + BLOCK].copy()
    if np.isfinite(snr_db):
        end = recorded(samples)
        samples[:end] += noise(samples[: min(n_source, end)], snr_db, noise_seed, length=end)
    samples = stretch(samples, pitch, rate)
    if gain_db:
        samples = samples * np.float32(10 ** (gain_db / 20))
    if equaliser is not None and np.any(equaliser):
        samples = equalise(samples, equaliser)
    if band is not None and np.any(np.isfinite(band)):
        samples = filtered(samples, lambda hz: band_decibels(hz, np.asarray(band)))
    if window_samples is not None:
        samples = samples[:window_samples]
        samples = np.pad(samples, (0, window_samples - samples.size))
    return samples


def noise(
    samples: NDArray[np.float32], snr_db: float, seed: Sequence[int] | NDArray[np.int32], *, length: int
) -> NDArray[np.float32]:
    """White Gaussian noise at a signal-to-noise ratio below `samples`.

    Args:
        samples: [n]; their mean power is the signal's. Silence gets no noise.
        snr_db: decibels.
        seed: integers.
        length: number of samples of noise.

    Returns:
        [length] float32.
    """
    power = np.mean(np.square(samples, dtype=np.float64)) if samples.size else 0.0
    generator = np.random.default_rng(_seed(seed))
    return generator.standard_normal(length, dtype=np.float32) * np.float32(np.sqrt(power * 10 ** (-snr_db / 10)))


def equalise(samples: NDArray[np.float32], equaliser: NDArray[np.floating]) -> NDArray[np.float32]:
    """A smooth gain over frequency, see `draws.equaliser_matrix`: [n] and [EQUALISER_POINTS] dB to [n] float32."""
    return filtered(samples, lambda hz: equaliser @ equaliser_matrix(hz))


def filtered(
    samples: NDArray[np.float32], decibels: Callable[[NDArray[np.float64]], NDArray[np.floating]]
) -> NDArray[np.float32]:
    """A gain over frequency, without delay or phase: an FFT filter.

    Args:
        samples: [n] float32.
        decibels: function of frequencies [F] in Hz to [F] decibels.

    Returns:
        [n] float32.
    """
    n_fft = 2 ** math.ceil(math.log2(samples.size + FILTER_PAD))
    spectrum = np.fft.rfft(samples, n_fft) * 10 ** (decibels(np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)) / 20)
    return np.fft.irfft(spectrum, n_fft)[: samples.size].astype(np.float32)


def recorded(samples: NDArray[np.float32]) -> int:
    """The number of samples before the zeros at the end, which are padding behind a recording."""
    return int(np.flatnonzero(samples)[-1]) + 1 if samples.any() else 0


def source_samples(window: int, fastest: float) -> int:
    """Samples of source that a window needs at the greatest tempo, and a block more to complete the stretched end."""
    return math.ceil(window * max(1.0, fastest)) + BLOCK


def changed(
    waves: NDArray[np.float32], draws: Mapping[str, NDArray[np.generic]] | NDArray[np.void], window: int
) -> NDArray[np.float32]:
    """`change` of some windows, each by its own draws.

    Args:
        waves: [n, source_samples] float32.
        draws: name -> [n, ...], of FIELDS at least; or rows of a structured array with these fields.
        window: samples.

    Returns:
        [n, window] float32.
    """
    return np.stack(
        [
            change(wave, window_samples=window, **{name: draws[name][i] for name in FIELDS})
            for i, wave in enumerate(waves)
        ]
    )


def recorded_so(waves: NDArray[np.float32], draws: Draws) -> NDArray[np.float32]:
    """Windows cut short, in a room, and through an overdriven microphone: on both paths before every other change.

    A snippet is a stretch of the recording, at the window's begin, with zeros behind it. A window that is played faster
    afterwards gets a longer reverberation here; nothing rings behind a recording's end. Reference: `conditions.room`.
    An overdriven signal is amplified, clipped at full scale, and attenuated again.

    Args:
        waves: [n, source_samples].
        draws: of the n windows.

    Returns:
        [n, source_samples]; rows without such draws are unchanged.
    """
    waves = waves.copy()
    for i in np.flatnonzero(np.isfinite(draws.snippet[:, 0])):
        length_s, place = draws.snippet[i].tolist()
        length = round(length_s * float(draws.rate[i]) * SAMPLE_RATE)
        start = round(place * max(0, recorded(waves[i]) - length))
        snippet = waves[i, start : start + length].copy()
        waves[i] = 0
        waves[i, : len(snippet)] = snippet
    for i in np.flatnonzero(draws.room[:, 0]):
        rt60_s, direct_db = draws.room[i].tolist()
        generator = np.random.default_rng([ROOM, *_seed(draws.noise_seed[i])])
        sound = waves[i, : recorded(waves[i])]
        sound[:] = reverberate(
            sound, generator, rt60_s * float(draws.rate[i]), direct_to_reverberant=10 ** (direct_db / 10)
        )
    for i in np.flatnonzero(draws.overdrive_db > 0):
        ceiling = np.float32(10 ** (-draws.overdrive_db[i] / 20))
        waves[i] = np.clip(waves[i], -ceiling, ceiling)
    return waves


def _seed(seed: Sequence[int] | NDArray[np.int32]) -> list[int]:
    """The bits of int32 seeds as non-negative integers: NumPy's generators take no negative ones."""
    return [int(s) & 0xFFFFFFFF for s in seed]


def _checked(samples: ArrayLike) -> NDArray[np.float32]:
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1:
        raise SerKerasError(
            f"augmentation of waveforms takes one channel [n], not {list(samples.shape)}; mix the channels down first"
        )
    return np.where(np.isfinite(samples), samples, np.float32(0))


def _stretch_class() -> type:
    try:
        from python_stretch import Signalsmith
    except ImportError:
        raise SerKerasError(
            "augmentation of waveforms needs the package python-stretch: pip install 'ser-keras[augment]' "
            "(augmentation.path=spectrum does without it)"
        ) from None
    return Signalsmith.Stretch
