"""Videos as frames, by OpenCV and the FFmpeg that it brings."""

import os
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.containers import FileError, check_regular
from ser_keras.common.errors import SerKerasError

if TYPE_CHECKING:
    import cv2
    from cv2.typing import MatLike

# Frames that a header may claim beyond those that decode: containers count dropped ones, and round durations.
SPARE_FRAMES, SPARE_SHARE = 3, 0.1


class VideoError(FileError):
    """A file whose pictures cannot be used."""


class NoPictures(VideoError):
    """A file without a picture stream."""


def frame_times(path: str | Path) -> NDArray[np.float64]:
    """The time at which each of a video's frames is shown.

    The file is decoded to its end: headers are wrong too often, and seeking by frame number is not exact.

    Args:
        path: the file; its content decides the format, never its name.

    Returns:
        [n] seconds from the video's start, ascending; n is at least 1.

    Raises:
        NoPictures: no picture stream.
        VideoError: not one frame can be decoded, or far fewer than the header claims.
        SerKerasError: OpenCV is not installed.
    """
    cv2, capture = import_cv2(), open_video(path)
    seconds = []
    try:
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        while capture.grab():
            seconds.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    except cv2.error as error:
        raise VideoError(path, f"its pictures can't be decoded ({_one_line(error)})") from error
    finally:
        capture.release()
    if not seconds:
        raise VideoError(path, "none of its pictures can be decoded")
    n_header = int(count) if np.isfinite(count) and count > 0 else 0
    if n_header - len(seconds) > max(SPARE_FRAMES, SPARE_SHARE * n_header):
        raise VideoError(path, f"truncated or damaged: of {n_header} pictures that it claims, {len(seconds)} decode")
    times = np.array(seconds)
    if len(times) > 1 and not (np.diff(times) > 0).all():  # a container without time stamps
        if not (np.isfinite(rate) and 0 < rate <= 1000):
            raise VideoError(path, "its pictures have no time stamps, and no rate is stated")
        times = np.arange(len(times)) / rate
    return times


def read_frames(
    path: str | Path, numbers: Collection[int], size: int, *, colour: bool, crop: bool
) -> dict[int, NDArray[np.uint8]]:
    """Some of a video's frames as square pictures.

    Args:
        path: the file.
        numbers: frame numbers from 0, any order.
        size: rows and columns of a picture.
        colour: RGB, otherwise grey.
        crop: whether the largest square in the middle is taken; otherwise the whole frame is squeezed into the square.

    Returns:
        Frame number -> [size, size, 3 or 1].

    Raises:
        VideoError: a frame can't be decoded.
        SerKerasError: OpenCV is not installed.
    """
    cv2, request = import_cv2(), set(numbers)
    pictures: dict[int, NDArray[np.uint8]] = {}
    capture = open_video(path)
    try:
        for number in range(max(request) + 1):
            if not capture.grab():
                break
            if number in request:
                ok, frame = capture.retrieve()
                if not ok or frame is None or frame.size == 0:
                    break
                pictures[number] = _square(cv2, frame, size, colour=colour, crop=crop)
    except cv2.error as error:
        raise VideoError(path, f"its pictures can't be decoded ({_one_line(error)})") from error
    finally:
        capture.release()
    if missing := request - set(pictures):
        raise VideoError(path, f"picture {min(missing)} can't be decoded")
    return pictures


def _square(cv2: ModuleType, frame: "MatLike", size: int, *, colour: bool, crop: bool) -> NDArray[np.uint8]:
    """[rows, columns, 3] BGR (or grey) to uint8 [size, size, channels]."""
    if crop:
        rows, columns = frame.shape[:2]
        side = min(rows, columns)
        top, left = (rows - side) // 2, (columns - side) // 2
        frame = frame[top : top + side, left : left + side]
    shrinks = size < max(frame.shape[:2])
    frame = cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if frame.ndim == 2:
        frame = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)
    frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB if colour else cv2.COLOR_BGR2GRAY)
    return frame.reshape(size, size, -1).astype(np.uint8, copy=False)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def open_video(path: str | Path) -> "cv2.VideoCapture":
    check_regular(path)
    capture = import_cv2().VideoCapture(os.fspath(path), import_cv2().CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise NoPictures(path, "no pictures in it that can be decoded")
    return capture


def import_cv2() -> ModuleType:
    """OpenCV, quiet; imported on demand, since only the rows on faces need it."""
    # OpenCV's and FFmpeg's own messages about a damaged file would come beside our one line.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise SerKerasError(f"pictures of faces need OpenCV ({error}): pip install 'ser-keras[faces]'") from error
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(0)  # type: ignore[attr-defined]  # OpenCV 5, of which there are no types yet
    return cv2
