"""Noises and rooms from folders, as training hears them: the training part of each folder alone."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import BadInput
from ser_keras.corpora import noises
from ser_keras.experiment.settings import Augmentation

Samples = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class TrainingSounds:
    """What training windows hear beside speech.

    Attributes:
        noise: (generator, number of samples) -> a stretch of a recorded noise, of any level; None: no noises.
        responses: impulse responses of rooms.
        files: the files that they are from.
    """

    noise: Callable[[np.random.Generator, int], Samples] | None
    responses: Sequence[Samples]
    files: Sequence[noises.SoundFile]

    @classmethod
    def of(cls, settings: Augmentation) -> TrainingSounds:
        """The sounds of the settings' folders, read once in a process.

        Raises:
            SerKerasError: a folder is missing, or holds no sound that can be used.
        """
        return cls._read(settings.noise_dir, settings.room_dir)

    @classmethod
    @functools.lru_cache(maxsize=1)
    def _read(cls, noise_dir: str | None, room_dir: str | None) -> TrainingSounds:
        of_noises = _training_part(noise_dir, "noise")
        of_rooms = _training_part(room_dir, "room")
        bank = [noises.noise_samples(file) for file in of_noises]

        def stretch(rng: np.random.Generator, n: int) -> Samples:
            recording = bank[int(rng.integers(len(bank)))]
            first = int(rng.integers(len(recording)))
            return recording.take(np.arange(first, first + n), mode="wrap")

        responses = [noises.impulse_response(file) for file in of_rooms]
        return cls(stretch if bank else None, responses, files=[*of_noises, *of_rooms])


def _training_part(folder: str | None, what: noises.What) -> list[noises.SoundFile]:
    """The usable files of a folder's training part; none without a folder."""
    if folder is None:
        return []
    files = [file for file in noises.read_folder(folder, what) if file.part == "training"]
    if not files:
        raise BadInput(f"{folder}: all of its sources belong to the test part; give a folder with more of them")
    return files
