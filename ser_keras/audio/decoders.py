"""Audio decoders behind one small interface, `Source`; `ser_keras.audio.reading` builds everything else on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_keras.audio.containers import (
    AudioError,
    DamagedAudio,
    Rewrite,
    RewrittenFile,
    check_container,
    check_regular,
    video_format,
)
from ser_keras.common.errors import BadInput, Unavailable, nearest

if TYPE_CHECKING:
    import tensorflow as tf

Decoder: TypeAlias = Literal["soundfile", "tfio"]

# Suffixes by which libsndfile would take any bytes for audio; opened without a name they are judged by content.
NAME_DECIDES = (".raw", ".vox", ".gsm")
LENGTH_UNKNOWN = (1 << 36) - 1  # FLAC's 36 bits all set; of a FLAC without a length libsndfile says 2**63 - 1


class Source(Protocol):
    """An open audio file.

    Attributes:
        rate: the file's sampling rate, Hz.
        channels: the number of its channels.
        frames: the number of its frames; None where the file does not say.
        floating: whether its samples are stored as floats.
        warnings: lines on what is odd about the file, yet usable.
    """

    rate: int
    channels: int
    frames: int | None
    floating: bool
    warnings: tuple[str, ...]

    def seek(self, frame: int) -> None:
        """Go on reading at a frame, before anything was read."""

    def read(self, n: int) -> NDArray[np.float32]:
        """Up to `n` frames, [n, channels]; fewer only at the end of the data."""

    def close(self) -> None: ...


def open_source(path: str | Path, decoder: Decoder = "soundfile", whole: bool = True) -> Source:
    """Open an audio file with one of `DECODERS`, or the sound of a video with PyAV, whatever the decoder.

    Args:
        path: the file; its content decides the format, never its name.
        decoder: `soundfile`, or `tfio` (TensorFlow I/O).
        whole: whether it is going to be read whole; parts of a long Ogg file aren't worth checking all its pages.

    Returns:
        the source, to be closed by the caller.

    Raises:
        AudioError: no regular file, empty, truncated, or not decodable.
        BadInput: unknown decoder.
        Unavailable: the decoder's library is not installed; for a video, PyAV is not.
    """
    if decoder not in DECODERS:
        raise BadInput(f"audio decoder '{decoder}' is not known; nearest: {nearest(decoder, DECODERS)}")
    path = Path(path)
    check_regular(path)
    rewrite, warnings = check_container(path, whole)
    container = video_format(path)
    source: Source = DECODERS[decoder](path, rewrite) if container is None else VideoSource(path, container)
    source.warnings = warnings
    return source


class SoundFileSource:
    """libsndfile: WAV, FLAC, Ogg, MP3, AIFF, RF64, W64 and more.

    Attributes:
        container, subtype: libsndfile's names of the format and of the encoding.
    """

    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, rewrite: Rewrite | None) -> None:
        self._path = path
        file = os.fsencode(path) if os.name == "posix" else str(path)
        self._rewritten = None
        if rewrite or path.suffix.lower() in NAME_DECIDES:
            self._rewritten = RewrittenFile(path, *(rewrite or (b"", 0)))
        with self._errors("can't be decoded"):
            self._file = _Sequential(self._rewritten or file)
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int | None = self._file.frames if 0 <= self._file.frames < LENGTH_UNKNOWN else None
        self.container: str = self._file.format
        self.subtype: str = self._file.subtype
        self.floating = self.subtype in ("FLOAT", "DOUBLE")

    def seek(self, frame: int) -> None:
        with self._errors(f"can't be read from frame {frame} on"):
            self._file.seek(frame)

    def read(self, n: int) -> NDArray[np.float32]:
        with self._errors("truncated or corrupt: decoding breaks off", DamagedAudio):
            block: NDArray[np.float32] = self._file.read(n, dtype="float32", always_2d=True)
        return block

    def close(self) -> None:
        self._file.close()
        if self._rewritten:
            self._rewritten.close()

    @contextlib.contextmanager
    def _errors(self, what: str, kind: type[AudioError] = AudioError) -> Iterator[None]:
        try:
            yield
        except soundfile.LibsndfileError as error:
            why = error.error_string.strip().rstrip(".")
            if "not a regular file" in why:  # what libsndfile says where its MP3 decoder finds no frame
                why = "Format not recognised"
            raise kind(self._path, f"{what} ({why})") from error
        except (ArithmeticError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise kind(self._path, f"{what} ({str(error).splitlines()[0] if str(error) else error!r})") from error


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile comes without types
    """Read block by block without soundfile's seek after each: slow, and fatal in a FLAC without a length."""

    def seekable(self) -> bool:
        return False


class TfioSource:
    """TensorFlow I/O; equal to soundfile on PCM of up to 24 bits."""

    warnings: tuple[str, ...] = ()

    # tensorflow-io 0.37 reads 32-bit integers as if they were floats, and doesn't know the other encodings.
    _SCALES = {"PCM_U8": 128, "PCM_16": 1 << 15, "PCM_24": 1 << 31, "FLOAT": 1, "VORBIS": 1, "MPEG_LAYER_III": 1}
    _FORMATS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3")

    def __init__(self, path: Path, rewrite: Rewrite | None) -> None:
        self._path = path
        header = SoundFileSource(path, rewrite)
        header.close()
        if rewrite or header.subtype not in self._SCALES or header.container not in self._FORMATS:
            kind = "a file that doesn't state its length" if rewrite else f"{header.container} {header.subtype}"
            raise AudioError(path, f"decoder 'tfio' can't read {kind}; use decoder 'soundfile'")
        self._scale = self._SCALES[header.subtype]
        self._tf, tensor_of = import_tfio()
        with self._errors():
            self._tensor = tensor_of(str(path))
            self._end, self.channels = (int(n) for n in self._tensor.shape.numpy())
            self.rate = int(self._tensor.rate.numpy())
        self.frames = header.frames
        self.floating = header.floating
        self._position = 0

    def seek(self, frame: int) -> None:
        self._position = frame

    def read(self, n: int) -> NDArray[np.float32]:
        start, self._position = self._position, min(self._position + n, max(self._end, self._position))
        if start >= self._end:
            return np.zeros((0, self.channels), np.float32)
        with self._errors():
            block = self._tensor[start : self._position].numpy()
        if block.dtype == np.uint8:
            block = block.astype(np.int16) - 128
        scaled: NDArray[np.float32] = block.astype(np.float32) / np.float32(self._scale)
        return scaled

    def close(self) -> None:
        self._tensor = None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._tf.errors.OpError as error:
            raise AudioError(
                self._path, f"can't be decoded by tensorflow-io ({error.message.splitlines()[0]})"
            ) from error
        except NotImplementedError as error:
            raise Unavailable(
                f"tensorflow-io's native library doesn't load under tensorflow {self._tf.__version__} "
                "(0.37.1 belongs to 2.17); install the pair that fits, or choose decoder 'soundfile'"
            ) from error


class VideoSource:
    """The sound of a video (AVI, MP4, MOV, Matroska, WebM, MPEG, FLV, WMV) or of an m4a, decoded by PyAV's FFmpeg."""

    SHORTFALL_S = 0.25  # of sound against what the container states; encoders' padding is shorter
    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, container: str) -> None:
        self._path = path
        av = import_av(path, container)
        self._failure = (av.error.FFmpegError, av.error.InvalidDataError, ValueError, OSError)
        with self._errors(f"a video ({container}) that can't be decoded"):
            self._container = av.open(os.fspath(path), metadata_errors="ignore")
        stream = self._container.streams.best("audio")
        if stream is None:
            self._container.close()
            raise AudioError(path, f"a video ({container}) without sound")
        self._stream = stream
        self.rate: int = stream.codec_context.sample_rate
        self.channels: int = stream.codec_context.channels
        self.frames: int | None = None  # what containers state is rounded
        self.floating = stream.codec_context.format is not None and stream.codec_context.format.name[:3] in (
            "flt",
            "dbl",
        )
        if not self.rate or not self.channels:
            self._container.close()
            raise AudioError(path, f"a video ({container}) whose sound states no sampling rate or no channels")
        self._stated = None if stream.duration is None else float(stream.duration * stream.time_base)
        self._planar = av.AudioResampler(format="fltp", layout=stream.codec_context.layout, rate=self.rate)
        self._blocks, self._decoded = self._decode(), 0
        self._pending: list[NDArray[np.float32]] = []

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        """float32 [n, channels] of each frame of the stream; its end is checked against what the container states."""
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:
                raise DamagedAudio(
                    self._path, f"truncated or corrupt: its sound is damaged at {self._decoded / self.rate:.3f} s"
                )
            for frame in packet.decode():
                for plain in self._planar.resample(frame):
                    self._decoded += plain.samples
                    yield plain.to_ndarray().T
        seconds = self._decoded / self.rate
        if self._stated is not None and seconds < self._stated - self.SHORTFALL_S:
            raise DamagedAudio(
                self._path,
                f"truncated or damaged: it claims {self._stated:.3f} s of sound, its data end at {seconds:.3f} s",
            )

    def seek(self, frame: int) -> None:
        """Decode up to a frame: containers seek to pictures, not to samples."""
        while frame > 0:
            skipped = len(self.read(min(frame, 1 << 18)))
            if not skipped:
                break
            frame -= skipped

    def read(self, n: int) -> NDArray[np.float32]:
        decoded = sum(map(len, self._pending))
        with self._errors("truncated or corrupt: decoding breaks off", DamagedAudio):
            while decoded < n:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._pending.append(block)
                decoded += len(block)
        joined = np.concatenate(self._pending) if self._pending else np.zeros((0, self.channels), np.float32)
        self._pending = [joined[n:]] if decoded > n else []
        return joined[:n]

    def close(self) -> None:
        self._container.close()

    @contextlib.contextmanager
    def _errors(self, what: str, kind: type[AudioError] = AudioError) -> Iterator[None]:
        try:
            yield
        except AudioError:
            raise
        except self._failure as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise kind(self._path, f"{what} ({why.splitlines()[0]})") from error


def import_av(path: str | Path, container: str) -> ModuleType:
    """PyAV, on demand: few corpora are videos.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise Unavailable(
            f"{path} is a video ({container}); its sound is read by PyAV ({error}): pip install 'ser-keras[video]'"
        ) from error
    module: ModuleType = av
    return module


def import_tfio() -> tuple[ModuleType, Callable[[str], tf.Tensor]]:
    """(tensorflow, AudioIOTensor); imported on demand, since few need them.

    Raises:
        Unavailable: they are not installed.
    """
    try:
        import tensorflow
        import tensorflow_io
    except ImportError as error:
        raise Unavailable(
            f"decoder 'tfio' needs tensorflow and tensorflow-io ({error}): pip install 'ser-keras[train,tfio]', "
            "or choose decoder 'soundfile'"
        ) from error
    return tensorflow, tensorflow_io.audio.AudioIOTensor


DECODERS: dict[Decoder, Callable[[Path, Rewrite | None], Source]] = {"soundfile": SoundFileSource, "tfio": TfioSource}
