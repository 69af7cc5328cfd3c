"""The length of an MP3 that doesn't state it: libsndfile would guess it from the first frame, and stop there."""

from __future__ import annotations

import mmap
from typing import BinaryIO

BITRATES = {  # kbit/s of Layer III by index, MPEG 1 and MPEG 2 / 2.5
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
XING_BITRATE_INDEX = 9  # a frame with room for the tag at every sampling rate


def mp3_rewrite(file: BinaryIO) -> tuple[bytes, int] | None:
    """What a file must begin with so that decoders know its length.

    Args:
        file: an open MP3 file.

    Returns:
        (head, skip) for a `RewrittenFile`: a Xing frame with the number of frames, in place of the tags that precede
        the first frame; None where the file states its length, or isn't a plain MP3.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = _after_id3(data)
        header = data[first : first + 4]
        length = _frame_length(header)
        if length is None or _frame_length(data[first + length : first + length + 4]) is None:
            return None
        if any(tag in data[first : first + length] for tag in (b"Xing", b"Info", b"VBRI")):
            return None
        return _xing_frame(header, _count_frames(data, first)), first


def _after_id3(data: mmap.mmap) -> int:
    """Where the audio begins, behind any ID3v2 tags."""
    position = 0
    while data[position : position + 3] == b"ID3" and position + 10 <= len(data):
        size = 0
        for byte in data[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        position += 10 + size
    return position


def _frame_length(header: bytes) -> int | None:
    """Bytes of the Layer III frame that these four bytes begin; None where they begin none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, padding = header[1] >> 3 & 3, header[2] >> 1 & 1
    index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or rate_index == 3 or not 0 < index < 15:
        return None
    bitrate = BITRATES[1 if version == 3 else 2][index]
    return (144 if version == 3 else 72) * bitrate * 1000 // RATES[version][rate_index] + padding


def _count_frames(data: mmap.mmap, position: int) -> int:
    """Frames from `position` to the end; what is no frame is skipped up to the next two that follow each other."""
    n = 0
    while True:
        length = _frame_length(data[position : position + 4])
        if length is None:
            position = data.find(b"\xff", position + 1)
            while position >= 0 and not _begins_two(data, position):
                position = data.find(b"\xff", position + 1)
            if position < 0:
                return n
            continue
        if position + length > len(data):
            return n
        n += 1
        position += length


def _begins_two(data: mmap.mmap, position: int) -> bool:
    length = _frame_length(data[position : position + 4])
    return length is not None and _frame_length(data[position + length : position + length + 4]) is not None


def _xing_frame(header: bytes, n_frames: int) -> bytes:
    """A silent frame like those of `header`, with a Xing tag that says how many follow."""
    mpeg1, mono = header[1] >> 3 & 3 == 3, header[3] >> 6 == 3
    side_info = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}[mpeg1, mono]
    plain = bytes((0xFF, header[1] | 1, XING_BITRATE_INDEX << 4 | header[2] & 0x0C, header[3]))  # no CRC, no padding
    frame = plain + bytes(side_info) + b"Xing" + (1).to_bytes(4, "big") + n_frames.to_bytes(4, "big")
    length = _frame_length(plain)
    assert length is not None  # of the same version and rate as `header`, whose length is known
    return frame.ljust(length, b"\0")
