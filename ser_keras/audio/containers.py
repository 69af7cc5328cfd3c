"""What an audio file claims against what it holds, where decoders silently take the smaller."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ser_keras.audio.mp3_length import mp3_rewrite
from ser_keras.common.errors import BadInput, Damaged, NotFound

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Rewrite: TypeAlias = tuple[bytes, int]  # (head, skip): what a file begins with instead of its first `skip` bytes

# What writers that can't seek back put where the size belongs: ffmpeg, sox, arecord and others.
STREAMING_SIZES = {0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF}
MAX_CHUNKS = 1000  # a file of zeros would be read as 8-byte chunks to its end
MAX_HEADER = 1 << 20  # bytes before the samples that are worth mending
VIDEO_MAGIC = {
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"\0\0\x01\xba": "MPEG",
    b"FLV\x01": "FLV",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"): "WMV or WMA",
}
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
W64_MAGIC = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


class FileError(BadInput):
    """A file that cannot be used; `path` and `reason` are apart for tables of bad files."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


class AudioError(FileError):
    """A file that cannot be used as audio."""


class MissingAudio(AudioError, NotFound):
    """There is no such audio file."""


class DamagedAudio(AudioError, Damaged):
    """An audio file that is truncated or corrupt."""


def shown(path: str | Path) -> str:
    """A path for messages: on one line, whatever its characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in os.fspath(path))


def check_regular(path: str | Path) -> None:
    """Refuse what is no file with bytes in it; a pipe or device would block or never end.

    Raises:
        AudioError: it is none; MissingAudio where nothing is there.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise MissingAudio(path, "a link to nowhere" if os.path.islink(path) else "no such file") from error
    except (OSError, ValueError) as error:
        raise AudioError(path, f"can't be opened ({getattr(error, 'strerror', None) or error})") from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(path, "a folder, not an audio file")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(path, "not a regular file")
    if status.st_size == 0:
        raise AudioError(path, "empty: 0 bytes")


def check_container(path: str | Path, whole: bool) -> tuple[Rewrite | None, tuple[str, ...]]:
    """Compare the sizes that a header claims with the file's own, where libsndfile silently takes the smaller.

    A WAV data size of 0 with samples behind it was never closed (a killed recorder), and one of `STREAMING_SIZES`
    comes from a pipe: both are read to the file's end. Any other claim beyond the file's end is a truncation, and so
    is an Ogg page that the file cuts off. An MP3 without a stated length gets one. A video's claim is checked likewise
    where its container makes one at its start (AVI).

    Args:
        path: the file.
        whole: whether all of it is going to be read; if not, the pages of an Ogg file are left unchecked.

    Returns:
        (rewrite, warnings): None, or (head, skip) for a `RewrittenFile` that states its length; lines.

    Raises:
        DamagedAudio: truncated or corrupt.
        AudioError: it cannot be opened, or is no audio at all.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(40)
            size = os.fstat(file.fileno()).st_size
            if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
                return _check_wav(path, file, head=head, size=size), ()
            if head[:4] == b"OggS" and whole:
                return None, _check_ogg(path, file, size)
            if head[:3] == b"ID3" or head[:1] == b"\xff":
                return mp3_rewrite(file), ()
            if _is_avi(head):
                _check_avi(path, file, size)
            if head.startswith(LFS_POINTER):
                raise AudioError(path, "a pointer of Git LFS in place of the file: `git lfs pull` fetches it")
    except OSError as error:
        raise AudioError(path, f"can't be opened ({error.strerror})") from error
    claimed = None
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        claimed = 8 + int.from_bytes(head[4:8], "big")
    elif head[:16] == W64_MAGIC:
        claimed = int.from_bytes(head[16:24], "little")
    elif head[:4] == b".snd" and head[8:12] != b"\xff\xff\xff\xff":
        claimed = int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
    if claimed is not None and claimed > size + 1:  # an odd chunk's pad byte may be missing
        raise DamagedAudio(path, f"truncated: its header claims {claimed} bytes, the file has {size}")
    return None, ()


def video_format(path: str | Path) -> str | None:
    """The name of the video container that a file is by its content, m4a and WebM without pictures included, or None.

    Raises:
        AudioError: the file can't be opened.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise AudioError(path, f"can't be opened ({error.strerror})") from error
    if _is_avi(head):
        return "AVI"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "MP4 or MOV"
    return next((name for magic, name in VIDEO_MAGIC.items() if head.startswith(magic)), None)


def _is_avi(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"AVI "


def _check_avi(path: str | Path, file: io.BufferedReader, size: int) -> None:
    """The pictures and sound (`movi`) must be whole; the index behind them may be missing, as its size may be wrong."""
    position = 12
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(12)
        if len(head) < 12:
            break
        claimed = int.from_bytes(head[4:8], "little")
        if head[:4] == b"LIST" and head[8:12] == b"movi":
            if claimed - 4 > size - position - 12 and claimed not in STREAMING_SIZES:
                raise DamagedAudio(
                    path, f"truncated: it claims {claimed} bytes of pictures and sound, {size - position - 8} are there"
                )
            return
        position += 8 + claimed + (claimed & 1)
    raise DamagedAudio(path, "truncated or damaged: an AVI without pictures and sound")


def _check_wav(path: str | Path, file: io.BufferedReader, *, head: bytes, size: int) -> Rewrite | None:
    """Compare a WAV's sizes with the file's; the rewrite of one that was never closed."""
    order = ">" if head[:4] == b"RIFX" else "<"
    position, align, long_size = 12, 1, None
    for _ in range(MAX_CHUNKS):
        if position + 8 > size:
            return None  # no samples at all: the decoder says what it makes of that
        file.seek(position)
        chunk, claimed = struct.unpack(f"{order}4sI", file.read(8))
        position += 8
        if chunk == b"fmt ":
            align = max(1, int.from_bytes(file.read(14)[12:14], "big" if order == ">" else "little"))
        elif chunk == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:16], "little")
        elif chunk == b"data":
            break
        position += claimed + (claimed & 1)
    else:
        return None
    available = size - position
    if claimed == 0xFFFFFFFF and long_size:
        claimed = long_size
    elif claimed == 0 and position < MAX_HEADER and size < 0xFFFFFFFF and _is_unclosed(file.read(8), available):
        file.seek(0)
        header = file.read(position)
        whole, samples = struct.pack(f"{order}I", size - 8), struct.pack(f"{order}I", available)
        return header[:4] + whole + header[8:-4] + samples, position
    elif claimed in STREAMING_SIZES:
        return None
    if claimed - available >= align:
        raise DamagedAudio(path, f"truncated: its header claims {claimed} bytes of samples, the file has {available}")
    return None


def _is_unclosed(start: bytes, available: int) -> bool:
    """Whether what follows a data chunk of size 0 is samples, and not a further chunk."""
    if len(start) < 8:
        return available > 0
    name, size = start[:4], int.from_bytes(start[4:], "little")
    return not (all(32 <= byte < 127 for byte in name) and size <= available - 8)


def _check_ogg(path: str | Path, file: io.BufferedReader, size: int) -> tuple[str, ...]:
    """Walk the pages: libvorbis skips a damaged one without a word. Returns warnings."""
    position, last = 0, False
    file.seek(0)
    while position < size and not (last and file.peek(4)[:4] != b"OggS"):  # tags may follow the last page
        header = file.read(27)
        if not b"OggS".startswith(header[:4]):
            raise DamagedAudio(path, f"corrupt: no Ogg page at byte {position}, where the one before ends")
        lengths = file.read(header[26]) if len(header) == 27 else b""
        body = file.read(sum(lengths))
        if len(header) < 27 or len(lengths) < header[26] or len(body) < sum(lengths):
            raise DamagedAudio(path, "truncated: the file ends within an Ogg page")
        stated = int.from_bytes(header[22:26], "little")
        if _ogg_checksum(header[:22] + bytes(4) + header[26:] + lengths + body) != stated:
            raise DamagedAudio(path, f"corrupt: the Ogg page at byte {position} fails its checksum")
        position += len(header) + len(lengths) + len(body)
        last = bool(header[5] & 4)
    return () if last else ("its Ogg stream has no end mark: it may have been cut short",)


def _ogg_checksum(page: bytes) -> int:
    """Ogg's CRC-32 is zlib's with the bits the other way round, and without its two inversions."""
    crc = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(crc.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class RewrittenFile(io.RawIOBase):
    """A file whose first bytes are replaced by others, of any number, for a decoder that believes the header."""

    def __init__(self, path: str | Path, head: bytes, skip: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (closed with this object)
        self._head = head
        self._shift = len(head) - skip
        self._size = os.fstat(self._file.fileno()).st_size + self._shift
        self._position = 0

    def readinto(self, target: WriteableBuffer) -> int:
        buffer = memoryview(target).cast("B")
        if self._position < len(self._head):
            part = self._head[self._position : self._position + len(buffer)]
            buffer[: len(part)] = part
            n = len(part)
        else:
            self._file.seek(self._position - self._shift)
            n = self._file.readinto(buffer)
        self._position += n
        return n

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()
