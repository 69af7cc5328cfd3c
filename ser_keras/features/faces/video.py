"""Videos as frames, by OpenCV and the FFmpeg that it brings."""

import os

import numpy as np

from ser_keras.audio.containers import FileError, check_regular
from ser_keras.common.errors import SerKerasError

# Frames that a header may claim beyond those that decode: containers count dropped ones, and round durations.
SPARE_FRAMES, SPARE_SHARE = 3, 0.1


class VideoError(FileError):
    """A file whose pictures can't be used."""


class NoPictures(VideoError):
    """A file in which no picture stream is found."""


def frame_times(path):
    """When each of a video's frames is shown.

    The file is decoded to its end: headers are wrong too often, and seeking by frame number is not exact.

    Args:
        path: the file; its content decides the format, never its name.

    Returns:
        float64 [n], seconds from the video's start, ascending; n is at least 1.

    Raises:
        NoPictures: no picture stream.
        VideoError: not one frame can be decoded, or far fewer than the header claims.
        SerKerasError: OpenCV isn't installed.
    """
    cv2, capture = import_cv2(), _open(path)
    try:
        rate, claimed = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        times = []
        while capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    except cv2.error as error:
        raise VideoError(path, f"its pictures can't be decoded ({_said(error)})") from error
    finally:
        capture.release()
    if not times:
        raise VideoError(path, "none of its pictures can be decoded")
    claimed = int(claimed) if np.isfinite(claimed) and claimed > 0 else 0
    if claimed - len(times) > max(SPARE_FRAMES, SPARE_SHARE * claimed):
        raise VideoError(path, f"truncated or damaged: of {claimed} pictures that it claims, {len(times)} decode")
    times = np.array(times)
    if len(times) > 1 and not (np.diff(times) > 0).all():  # a container without time stamps
        if not (np.isfinite(rate) and 0 < rate <= 1000):
            raise VideoError(path, "its pictures have no time stamps, and no rate is stated")
        times = np.arange(len(times)) / rate
    return times


def read_frames(path, numbers, size, colour, crop):
    """Some of a video's frames as square pictures.

    Args:
        path: the file.
        numbers: frame numbers from 0, any order.
        size: rows and columns of a picture.
        colour: RGB, otherwise grey.
        crop: whether the largest square in the middle is taken; otherwise the whole frame is squeezed into the square.

    Returns:
        dict from each number to uint8 [size, size, 3 or 1].

    Raises:
        VideoError: a frame can't be decoded.
        SerKerasError: OpenCV isn't installed.
    """
    cv2, wanted, found = import_cv2(), set(numbers), {}
    capture = _open(path)
    try:
        for number in range(max(wanted) + 1):
            if not capture.grab():
                break
            if number in wanted:
                decoded, frame = capture.retrieve()
                if not decoded or frame is None or frame.size == 0:
                    break
                found[number] = _square(cv2, frame, size, colour, crop)
    except cv2.error as error:
        raise VideoError(path, f"its pictures can't be decoded ({_said(error)})") from error
    finally:
        capture.release()
    if lacking := wanted - set(found):
        raise VideoError(path, f"picture {min(lacking)} can't be decoded")
    return found


def _square(cv2, frame, size, colour, crop):
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
    return frame.reshape(size, size, -1)


def _said(error):
    return " ".join(str(error).split())


def _open(path):
    check_regular(path)
    cv2 = import_cv2()
    capture = cv2.VideoCapture(os.fspath(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise NoPictures(path, "no pictures in it that can be decoded")
    return capture


def import_cv2():
    """OpenCV, quiet; imported on demand, since only the rows on faces need it."""
    # What OpenCV and FFmpeg complain of in a damaged file is said in one line instead.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise SerKerasError(f"pictures of faces need OpenCV ({error}): pip install 'ser-keras[faces]'") from error
    quieten = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel  # OpenCV 4, 5
    quieten(0)
    return cv2
