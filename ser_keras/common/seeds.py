"""Random streams: every draw of an experiment comes from a stream with a name, so that no two draws share numbers."""

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray


class Stream(enum.IntEnum):
    """What is drawn. A stream's number is part of its seed: add streams, and never change or reuse a number.

    The comment behind a stream names the numbers that its draws depend on, beside the experiment's seed.
    """

    FOLDS = 0  # none
    VALIDATION = 1  # fold
    WEIGHTS = 2  # fold, group: initial weights of a Keras model
    CLASSIFIER = 3  # fold, group: a baseline's, or that of a head
    EPOCH_ORDER = 4  # fold, group, epoch
    LIVE_AUGMENTATION = 5  # fold, group, epoch
    MIXUP = 6  # fold, group, step
    DROPOUT = 7  # fold, group, epoch, layer
    LABELLED_SHARE = 8  # fold, group
    LABEL_CLEANING = 9  # fold, group
    CLEANING_PARTS = 10  # none
    CLEANING_SAMPLE = 11  # none
    CLEANING_COMPONENTS = 12  # none
    CALIBRATION_GROUPS = 13  # fold
    SEARCH_POINTS = 14  # none
    STREAMS = 15  # 0: the order of all streams; number of the stream + 1: the stream
    STREAM_TONE = 16  # number of the stream: its room tone
    STREAM_ROOM = 17  # number of the room
    STREAM_WINDOW = 18  # fold, group, epoch, place in the epoch: a training window cut from a stream
    STREAM_ADAPTATION = 19  # fold, group: the windows that standardisation is adapted to
    LIVE_UTTERANCES = 20  # none: which utterances are heard live
    LIVE_FOLD = 21  # fold: the seed of the streams of its test part
    OWN_AUGMENTATION = 22  # fold, group, epoch, place in the epoch: a window that the user's functions change
    AUGMENTED_DATASET = 23  # epoch, place in the epoch: what changes an element of somebody's own dataset


def sequence(seed: int, stream: Stream, *numbers: int) -> np.random.SeedSequence:
    """The numpy seed of one draw.

    Folds and validation speakers are drawn as in all earlier versions: a finished run is evaluated on the folds that
    its models were trained on.

    Args:
        seed: the experiment's.
        stream: what is drawn.
        numbers: what else the draw depends on, each from 0 to 2**32 - 1. A stream has always as many of them.

    Raises:
        ValueError: a number is out of range.
    """
    if not all(0 <= number < 2**32 for number in (seed, *numbers)):
        raise ValueError(f"seed {seed} and numbers {numbers} of stream {stream.name}: each must be in [0, 2**32)")
    if stream in (Stream.FOLDS, Stream.VALIDATION):
        return np.random.SeedSequence([seed, int(stream), *numbers])
    # Numbers in the entropy would collide: SeedSequence fills it up with zeros, so that [1] and [1, 0] are one seed.
    return np.random.SeedSequence(seed, spawn_key=(int(stream), *numbers))


def generator(seed: int, stream: Stream, *numbers: int) -> np.random.Generator:
    """A numpy generator for one draw; the arguments are those of `sequence`."""
    return np.random.default_rng(sequence(seed, stream, *numbers))


def integer(seed: int, stream: Stream, *numbers: int) -> int:
    """A seed in [0, 2**31) for Keras or scikit-learn; the arguments are those of `sequence`."""
    return int(generator(seed, stream, *numbers).integers(2**31))


def pair(seed: int, stream: Stream, *numbers: int) -> NDArray[np.uint32]:
    """The state of a Keras seed generator, or the seed of a stateless TensorFlow operation: uint32 [2], below 2**31.

    The arguments are those of `sequence`.
    """
    return generator(seed, stream, *numbers).integers(0, 2**31, 2).astype(np.uint32)


@dataclasses.dataclass(frozen=True)
class FoldSeeds:
    """The streams of one training.

    Attributes:
        seed: the experiment's.
        fold: number of the fold.
        group: 0 for the fold's own training; k + 1 where its k-th group of speakers is left out for calibration.
    """

    seed: int
    fold: int
    group: int = 0

    def generator(self, stream: Stream, *numbers: int) -> np.random.Generator:
        """A numpy generator for one draw of this training."""
        return generator(self.seed, stream, self.fold, self.group, *numbers)

    def integer(self, stream: Stream, *numbers: int) -> int:
        """A seed in [0, 2**31) for one draw of this training."""
        return integer(self.seed, stream, self.fold, self.group, *numbers)

    def pair(self, stream: Stream, *numbers: int) -> NDArray[np.uint32]:
        """A pair of seeds, uint32 [2], for one draw of this training."""
        return pair(self.seed, stream, self.fold, self.group, *numbers)
