"""Audio files as checked 16 kHz mono, whole or as a stream of blocks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_keras.audio.containers import AudioError, DamagedAudio
from ser_keras.audio.decoders import Decoder, Source, open_source
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import BadInput, SerKerasError

RATES = (4000, 768000)  # Hz; below, no speech is left, and a header of 1 Hz would swell 16,000-fold
MIN_SAMPLES = 160  # 10 ms: less holds no period of a voice
MAX_LOAD_S = 4 * 3600  # in one array: 920 MB, twice that while it is put together
END_TOLERANCE_S = 0.01  # tables of segments round their ends
BLOCK_VALUES = 1 << 18  # samples of all channels that are decoded at a time
SILENCE_PEAK = 1e-4  # -80 dBFS
OVERDRIVE = 8.0  # float samples above are no audio in [-1, 1] (integers that nobody scaled, noise)
CLIP_LEVEL = 0.99  # of full scale; 8-bit audio tops at 0.992
CLIP_SHARE = 1e-3
CANCEL_RATIO = 1e-2  # energy of the mean of channels against the mean of their energies


@dataclasses.dataclass(frozen=True, eq=False)
class Audio:
    """Decoded audio.

    Attributes:
        samples: [n], 16 kHz, mono, in [-1, 1].
        file_rate: the file's own sampling rate, Hz.
        channels: the file's own channel count.
        warnings: lines on what is odd yet usable (silence, clipping, channels that cancel).
    """

    samples: NDArray[np.float32]
    file_rate: int
    channels: int
    warnings: tuple[str, ...] = ()


def load(
    path: str | Path, start: float | None = None, end: float | None = None, *, decoder: Decoder = "soundfile"
) -> Audio:
    """Read an audio file of any rate, bit depth and channel count.

    Channels are averaged, the result is resampled by soxr (HQ) and clipped to [-1, 1]. A part is sought, not decoded
    up to. Memory: 4 bytes an output sample, 8 while the blocks are joined (460 MB for an hour), whatever the file's
    own rate and channels; at most `MAX_LOAD_S` seconds (use `stream` beyond).

    Args:
        path: the file; its content decides the format, never its name.
        start, end: seconds; None is the file's start or end.
        decoder: `soundfile`, or `tfio` (equal on PCM).

    Raises:
        AudioError: one line naming the file: missing (MissingAudio), truncated or corrupt (DamagedAudio), unreadable,
            empty, under 10 ms, with NaN or infinite samples, floats beyond 8 times full scale, a rate outside 4 to
            768 kHz, a range outside the file.
        BadInput: unknown decoder.
        Unavailable: the decoder's library is not installed.
    """
    blocks: list[NDArray[np.float32]] = []
    n = 0
    source = stream(path, start=start, end=end, decoder=decoder)
    if source.seconds is not None:
        _refuse_long(path, source.seconds)
    for block in source:
        blocks.append(block)
        n += len(block)
        _refuse_long(path, n / SAMPLE_RATE)
    return Audio(np.concatenate(blocks), source.file_rate, source.channels, source.warnings)


def _refuse_long(path: str | Path, seconds: float) -> None:
    if seconds > MAX_LOAD_S:
        raise AudioError(
            path, f"longer than {MAX_LOAD_S // 3600} hours, too long to hold at once: cut it, or give start and end"
        )


def stream(
    path: str | Path,
    block_samples: int = SAMPLE_RATE * 60,
    *,
    start: float | None = None,
    end: float | None = None,
    decoder: Decoder = "soundfile",
) -> Stream:
    """Read an audio file block by block, in memory that doesn't grow with its length.

    The blocks joined equal the samples that `load` gives, whatever their size.

    Args:
        path, start, end, decoder: as in `load`.
        block_samples: samples of each block but the last, at 16 kHz.

    Returns:
        The blocks, to be iterated over once; `warnings` is complete after the last one.

    Raises:
        AudioError, BadInput, Unavailable: as `load`; what only decoding shows, while iterating.
    """
    return Stream(path, block_samples, start=start, end=end, decoder=decoder)


def seconds_by_header(path: str | Path) -> float | None:
    """How long a file lasts by its header, in seconds, without decoding it; None where the header does not say.

    Raises:
        AudioError: no audio file, or missing.
    """
    source = open_source(path, whole=False)
    try:
        return None if source.frames is None else source.frames / source.rate
    finally:
        source.close()


class Stream:
    """16 kHz mono float32 blocks of one file; made by `stream`.

    Attributes:
        file_rate, channels: as in Audio.
        seconds: length of the part by the file's header, None where that does not say.
        warnings: lines, complete when the last block has been taken.
    """

    def __init__(
        self, path: str | Path, block_samples: int, *, start: float | None, end: float | None, decoder: Decoder
    ) -> None:
        if block_samples < 1:
            raise BadInput(f"a block of {block_samples} samples: must be at least 1")
        self._path = path
        self._block_samples = int(block_samples)
        source = open_source(path, decoder, whole=start is None and end is None)
        self._source: Source | None = source
        try:
            self.file_rate = source.rate
            self.channels = source.channels
            self.warnings = tuple(source.warnings)
            if not RATES[0] <= self.file_rate <= RATES[1]:
                raise AudioError(path, f"a sampling rate of {self.file_rate} Hz (usable: {RATES[0]} to {RATES[1]})")
            self._first, self._n_frames = self._select(source.frames, start, end)
        except SerKerasError:
            source.close()
            raise
        self.seconds = None if self._n_frames is None else self._n_frames / self.file_rate

    def _select(self, frames: int | None, start: float | None, end: float | None) -> tuple[int, int | None]:
        """First frame and number of frames of the part; None: to an end that is not known."""
        rate = self.file_rate
        if frames == 0:
            raise AudioError(self._path, "empty: it holds no samples")
        for name, value in (("start", start), ("end", end)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise AudioError(self._path, f"{name} is {value}; expected seconds, at least 0")
        first = round((start or 0) * rate)
        last = frames if end is None else round(end * rate)
        if frames is not None:
            length = f"the file, which lasts {frames / rate:.3f} s"
            if first >= frames:
                raise AudioError(self._path, f"start {start or 0:.3f} s lies outside {length}")
            assert last is not None  # known as `frames` is
            if last > frames + math.ceil(END_TOLERANCE_S * rate):
                raise AudioError(self._path, f"end {end or 0:.3f} s lies outside {length}")
            last = min(last, frames)
        if last is not None and last <= first:
            raise AudioError(self._path, f"an empty part: start {start or 0:.3f} s, end {end or 0:.3f} s")
        return first, None if last is None else last - first

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield the blocks, once."""
        if self._source is None:
            raise BadInput(f"{self._path}: a stream can be read once only; open another")
        source, self._source = self._source, None
        try:
            yield from self._regrouped(self._resampled(source))
        finally:
            source.close()

    def _regrouped(self, pieces: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Blocks of the wanted size; none before it is sure that there is enough audio."""
        pending: list[NDArray[np.float32]] = []
        n = total = 0
        for piece in pieces:
            pending.append(piece)
            n += len(piece)
            total += len(piece)
            if n >= self._block_samples and total >= MIN_SAMPLES:
                joined = np.concatenate(pending)
                whole = n // self._block_samples * self._block_samples
                for i in range(0, whole, self._block_samples):
                    yield joined[i : i + self._block_samples]
                pending, n = [joined[whole:]], n - whole
        if total < MIN_SAMPLES:
            raise AudioError(self._path, f"too short: {1000 * total / SAMPLE_RATE:.2f} ms; at least 10 ms are needed")
        joined = np.concatenate(pending)
        for i in range(0, n, self._block_samples):
            yield joined[i : i + self._block_samples]

    def _resampled(self, source: Source) -> Iterator[NDArray[np.float32]]:
        """Checked mono pieces at 16 kHz, and at the end the warnings."""
        levels = _Levels(self._path, self.file_rate, self._first)
        resampler = None
        if self.file_rate != SAMPLE_RATE:
            resampler = soxr.ResampleStream(self.file_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        for block in self._decoded(source):
            mono = levels.mono(block)
            if resampler is not None:
                mono = resampler.resample_chunk(mono)
            yield np.clip(mono, -1, 1)
        if resampler is not None:
            yield np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1)
        self.warnings += levels.warnings(source.floating)

    def _decoded(self, source: Source) -> Iterator[NDArray[np.float32]]:
        """Blocks [n, channels] of the part; fewer frames than claimed are an error."""
        if self._first:
            source.seek(self._first)
        size = max(1, BLOCK_VALUES // self.channels)
        done = 0
        while self._n_frames is None or done < self._n_frames:
            wanted = size if self._n_frames is None else min(size, self._n_frames - done)
            block = source.read(wanted)
            done += len(block)
            if len(block):
                yield block
            if len(block) < wanted:
                break
        if self._n_frames is not None and done < self._n_frames:
            claimed, decoded = ((self._first + n) / self.file_rate for n in (self._n_frames, done))
            ends = f"{claimed:.3f} s, its data end at {decoded:.3f} s"
            if source.frames is None:
                raise AudioError(self._path, f"a part that ends at {ends}")
            raise DamagedAudio(self._path, f"truncated or damaged: it claims {ends}")


class _Levels:
    """Averages channels, and watches the samples as they pass."""

    def __init__(self, path: str | Path, rate: int, first: int) -> None:
        self._path, self._rate, self._done = path, rate, first
        self._channels = 1
        self._n = self._flat = 0
        self._low, self._high, self._peak = np.inf, -np.inf, 0.0
        self._energy = self._mono_energy = 0.0

    def mono(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean [n] of the channels of a block [n, channels]; raises AudioError where it holds no audio."""
        peak = float(np.abs(block).max())
        if not peak <= OVERDRIVE:
            self._refuse(block, peak)
        mono: NDArray[np.float32] = block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0]
        self._channels = block.shape[1]
        self._n += block.size
        self._peak = max(self._peak, peak)
        self._low, self._high = min(self._low, float(mono.min())), max(self._high, float(mono.max()))
        if self._channels > 1:
            self._energy += float(np.square(block).mean(axis=1).sum(dtype=np.float64))
            self._mono_energy += float(np.square(mono).sum(dtype=np.float64))
        if peak >= CLIP_LEVEL:
            # Clipped audio stands still at its limit: the third and later of equal samples. A loud sine moves.
            x = np.clip(block, -1, 1)
            self._flat += int(((np.abs(x[2:]) >= CLIP_LEVEL) & (x[2:] == x[1:-1]) & (x[1:-1] == x[:-2])).sum())
        self._done += len(block)
        return mono

    def _refuse(self, block: NDArray[np.float32], peak: float) -> None:
        if math.isfinite(peak):
            raise AudioError(
                self._path, f"samples reach {peak:g}; floats belong in [-1, 1] (16-bit integers: divide by 32768)"
            )
        row = int(np.argmin(np.isfinite(block).all(axis=1)))
        kind = "NaN" if np.isnan(block[row]).any() else "infinite"
        raise AudioError(self._path, f"a sample is {kind} at {(self._done + row) / self._rate:.3f} s")

    def warnings(self, floating: bool) -> tuple[str, ...]:
        lines: list[str] = []
        if max(self._high - self._low, 0) / 2 < SILENCE_PEAK:
            # A constant is silence, too; channels may have cancelled into it.
            lines.append("silence: nothing above -80 dBFS")
        if self._flat > CLIP_SHARE * self._n:
            lines.append(f"clipping: {100 * self._flat / self._n:.1f} % of the samples stand at full scale")
        if floating and self._peak > 1:
            lines.append(f"float samples reach {self._peak:.2f}: what is above 1 was clipped")
        if self._channels > 1 and self._energy > 0 and self._mono_energy < CANCEL_RATIO * self._energy:
            lines.append(f"its {self._channels} channels cancel each other")
        return tuple(lines)
