"""No two draws of an experiment share their random numbers."""

import itertools
import zlib

import numpy as np
import pytest

from ser_keras.common import seeds
from ser_keras.common.seeds import FoldSeeds, Stream

SMALL = range(4)
# How many numbers the draws of a stream depend on, beside the seed.
NUMBERS = {
    Stream.FOLDS: 0,
    Stream.VALIDATION: 1,
    Stream.WEIGHTS: 2,
    Stream.CLASSIFIER: 2,
    Stream.EPOCH_ORDER: 3,
    Stream.LIVE_AUGMENTATION: 3,
    Stream.MIXUP: 3,
    Stream.DROPOUT: 4,
    Stream.LABELLED_SHARE: 2,
    Stream.LABEL_CLEANING: 2,
    Stream.CLEANING_PARTS: 0,
    Stream.CLEANING_SAMPLE: 0,
    Stream.CLEANING_COMPONENTS: 0,
    Stream.CALIBRATION_GROUPS: 1,
    Stream.SEARCH_POINTS: 0,
    Stream.STREAMS: 1,
    Stream.STREAM_TONE: 1,
    Stream.STREAM_ROOM: 1,
    Stream.STREAM_WINDOW: 4,
    Stream.STREAM_ADAPTATION: 2,
    Stream.LIVE_UTTERANCES: 0,
    Stream.LIVE_FOLD: 1,
    Stream.OWN_AUGMENTATION: 4,
    Stream.AUGMENTED_DATASET: 2,
}


def test_no_two_streams_give_the_same_numbers():
    assert set(NUMBERS) == set(Stream)
    drawn = {}
    for seed, (stream, n) in itertools.product(SMALL, NUMBERS.items()):
        for numbers in itertools.product(SMALL, repeat=n):
            first = seeds.generator(seed, stream, *numbers).integers(2**63)
            assert drawn.setdefault(first, (seed, stream, numbers)) == (seed, stream, numbers)
    # Cached copies of the augmentation are drawn from [seed, copy, hash of the samples].
    for seed, copy, samples in itertools.product(SMALL, SMALL, (b"one", b"two", b"")):
        assert np.random.default_rng([seed, copy, 2**31 + zlib.crc32(samples)]).integers(2**63) not in drawn


def test_the_same_draw_gives_the_same_numbers_again():
    mine = FoldSeeds(3, 1, 2)
    for stream in (Stream.EPOCH_ORDER, Stream.MIXUP):
        assert mine.integer(stream, 5) == seeds.integer(3, stream, 1, 2, 5)
        assert mine.generator(stream, 5).random() == seeds.generator(3, stream, 1, 2, 5).random()
    pair = mine.pair(Stream.DROPOUT, 5, 0)
    assert pair.dtype == np.uint32 and pair.shape == (2,) and (pair < 2**31).all()
    assert (pair == seeds.pair(3, Stream.DROPOUT, 1, 2, 5, 0)).all()


def test_folds_are_drawn_as_they_always_were():
    """A run of an older version must be evaluated on the folds that it was trained on."""
    assert seeds.generator(7, Stream.FOLDS).random() == np.random.default_rng([7, 0]).random()
    assert seeds.generator(7, Stream.VALIDATION, 2).random() == np.random.default_rng([7, 1, 2]).random()


@pytest.mark.parametrize("number", [-1, 2**32])
def test_numbers_that_would_collide_are_refused(number):
    with pytest.raises(ValueError, match="must be in"):
        seeds.generator(0, Stream.EPOCH_ORDER, 0, 0, number)
