"""What is seen of a video: the settings by which frames are chosen and shaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.audio.windows import TailRule, window_starts
from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import cache_folder, fingerprint
from ser_keras.features.extractor import Extractor, FeatureShape, JoinedShape
from ser_keras.features.faces.stores import PixelStore
from ser_keras.features.faces.video import VideoError, read_frames
from ser_keras.features.frontends import FRONT_ENDS
from ser_keras.features.frontends.base import FrontEnd

LEAST_SIZE, MOST_SIZE = 8, 512
LATE_S = 0.5  # how long after the last picture a chunk may still be given it


class FaceFrontEnd(Extractor):
    """What both front ends share: square pictures of `size` pixels, grey or in colour.

    Args:
        size: rows and columns of a picture, 8 to 512.
        colour: RGB, otherwise grey.
        crop: whether the largest square in the middle of a frame is taken; otherwise the whole frame is squeezed.

    Raises:
        SerKerasError: a setting out of its range.
    """

    NAME: ClassVar[str]
    VERSION = 1  # goes up when the same settings would give other pixels

    def __init__(self, size: int, colour: bool, crop: bool) -> None:
        if not isinstance(size, int) or not LEAST_SIZE <= size <= MOST_SIZE:
            raise SerKerasError(f"{self.NAME}: size is {size}; it must be an integer from {LEAST_SIZE} to {MOST_SIZE}")
        self.size, self.colour, self.crop = size, bool(colour), bool(crop)

    def get_config(self) -> dict[str, object]:
        return {"size": self.size, "colour": self.colour, "crop": self.crop}

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(rows, columns, channels)."""
        return (self.size, self.size, 3 if self.colour else 1)

    def picture_store(self) -> PixelStore:
        """The cache of frames of this shape; both front ends share it where their settings are the same."""
        settings = [FaceFrontEnd.VERSION, self.size, self.colour, self.crop]
        return PixelStore(cache_folder() / "frames" / fingerprint(settings), np.uint8, self.picture_shape)

    def read(self, path: str, numbers: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        """As `video.read_frames`."""
        return read_frames(path, numbers, self.size, colour=self.colour, crop=self.crop)

    def choose(
        self,
        path: str,
        times: NDArray[np.float64],
        start: float,
        *,
        n_samples: int,
        window: int,
        hop: int,
        tail: TailRule,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Frames of one utterance.

        Args:
            path: for messages.
            times: [n] seconds of the video's frames.
            start: seconds at which the utterance begins in the file.
            n_samples: its length.
            window, hop, tail: of its sound's windows, in samples; random frames do not depend on them.
            rng: draws frames.

        Returns:
            (frame numbers [k], the samples of the utterance [k] at which their rows begin), ascending.

        Raises:
            VideoError: no picture while the utterance lasts, or the pictures end before the sound does.
        """
        raise NotImplementedError


class FaceFrames(FaceFrontEnd):
    """Random frames of each video, a row each.

    Frames are drawn without replacement from those that are shown while the utterance lasts; one with fewer gives all
    of them. The draw follows from (seed, the file's content, the part of it that is used).

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, section 3.2: "sampling 5 random image
    frames from videos of the subjects".

    Args:
        frames: frames of each utterance.
        size, colour, crop: see `FaceFrontEnd`.

    Output:
        [size, size, 1 or 3], in [0, 1].

    Raises:
        SerKerasError: a setting out of its range.
    """

    NAME = "face_frames"
    sees = "pictures"

    def __init__(self, frames: int = 5, size: int = 64, colour: bool = False, *, crop: bool = True) -> None:
        super().__init__(size, colour, crop)
        if not isinstance(frames, int) or not 1 <= frames <= 1000:
            raise SerKerasError(f"face_frames: frames is {frames}; it must be an integer from 1 to 1000")
        self.frames = frames

    def get_config(self) -> dict[str, object]:
        return {"frames": self.frames, **super().get_config()}

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.picture_shape)

    def choose(
        self,
        path: str,
        times: NDArray[np.float64],
        start: float,
        *,
        n_samples: int,
        window: int,
        hop: int,
        tail: TailRule,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `FaceFrontEnd.choose`; a row begins where its frame is shown.

        Raises:
            VideoError: no picture while the utterance lasts.
        """
        places = np.floor((times - start) * SAMPLE_RATE + 1e-6).astype(int)
        candidates = np.flatnonzero((places >= 0) & (places < n_samples))
        if not len(candidates):
            end = start + n_samples / SAMPLE_RATE
            raise VideoError(path, f"no picture from {start:.2f} s to {end:.2f} s; they end at {times[-1]:.2f} s")
        numbers = np.sort(rng.choice(candidates, min(self.frames, len(candidates)), replace=False))
        return numbers, places[numbers]


class AudioVisual(FaceFrontEnd):
    """The sound's features of each chunk (window), and behind them, flattened, the frame in its middle.

    Reference: N. Anand, P. Verma, Convoluting Feelings, Stanford CS231n 2015, figure 1.

    Args:
        sound: a front end's name, or a mapping of `name` and its settings.
        size, colour, crop: see `FaceFrontEnd`.

    Output:
        [n] for a sound of [F, T, C]: n = F * T * C + size * size * (1 or 3); pictures are in [0, 1].

    Raises:
        SerKerasError: a setting out of its range, or an unknown front end.
    """

    NAME = "audio_visual"
    sees = "both"

    def __init__(
        self,
        sound: str | dict[str, object] = "spectrogram_pair",
        size: int = 64,
        colour: bool = False,
        *,
        crop: bool = True,
    ) -> None:
        super().__init__(size, colour, crop)
        self.sound = sound_front_end(sound)
        self._sound = sound

    def get_config(self) -> dict[str, object]:
        return {"sound": self._sound, **super().get_config()}

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        *_, n_samples = input_shape
        if n_samples is None:
            raise SerKerasError(f"{self.NAME}: the number of samples must be known; give [batch, samples]")
        return (input_shape[0], self.feature_shape(n_samples)[0])

    def feature_shape(self, window: int) -> FeatureShape:
        return JoinedShape((tuple(self.sound.feature_shape(window)), self.picture_shape))

    def choose(
        self,
        path: str,
        times: NDArray[np.float64],
        start: float,
        *,
        n_samples: int,
        window: int,
        hop: int,
        tail: TailRule,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The frame nearest to the middle of each chunk; see `FaceFrontEnd.choose`. A row begins where its chunk does.

        Raises:
            VideoError: the pictures end before the sound does.
        """
        starts = window_starts(n_samples, window, hop, tail=tail)
        middles = start + (starts + np.minimum(starts + window, n_samples)) / 2 / SAMPLE_RATE
        if middles[-1] > times[-1] + LATE_S:
            raise VideoError(
                path, f"its pictures end at {times[-1]:.2f} s, its sound at {start + n_samples / SAMPLE_RATE:.2f}"
            )
        numbers = np.abs(times[None] - middles[:, None]).argmin(axis=1)
        return numbers, starts


def sound_front_end(sound: str | dict[str, object]) -> FrontEnd:
    """A front end from its name, or from a mapping of `name` and settings.

    Raises:
        SerKerasError: an unknown front end or setting, with the nearest valid ones.
    """
    tree = {"name": sound} if isinstance(sound, str) else sound
    if not isinstance(tree, dict) or not isinstance(tree.get("name"), str):
        raise SerKerasError(f"frontend.sound is {sound!r}; give a front end's name, or a mapping with `name`")
    name = str(tree["name"])
    not_settings = ("self", "name", "trainable", "dtype", "kwargs")
    settings = {key: value for key, value in tree.items() if key != "name"}
    arguments = complete_arguments(name, settings, FRONT_ENDS, kind="frontend.sound", supplied=not_settings)
    front_end = FRONT_ENDS[name](**arguments)
    if not front_end.in_graph:
        raise SerKerasError(f"frontend.sound is {name}, which is no front end but a descriptor set")
    return cast(FrontEnd, front_end)
