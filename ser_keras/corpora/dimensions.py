"""Activation and valence of utterances as three levels: from the corpus's ratings, or from the emotion."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.utterance import Utterance

Dimension = Literal["activation", "valence"]
DIMENSIONS: tuple[Dimension, Dimension] = ("activation", "valence")
LEVELS = ("low", "middle", "high")
RATINGS = (1, 5)
LOW, HIGH = 2, 4  # a rating of at most 2 is low, of at least 4 high
UNKNOWN = -1

# Our choice: levels of activation and valence where a corpus has no ratings. Emotions that aren't here have none.
EMOTION_LEVELS = {
    "anger": ("high", "low"),
    "boredom": ("low", "low"),
    "calm": ("low", "high"),
    "disgust": ("middle", "low"),
    "fear": ("high", "low"),
    "happiness": ("high", "high"),
    "neutral": ("middle", "middle"),
    "sadness": ("low", "low"),
    "surprise": ("high", "middle"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class DimensionLevels:
    """Levels of some utterances.

    Attributes:
        activation, valence: int32 [n], index into `LEVELS`, -1 where unknown.
        derived: names of the corpora, sorted, whose activation or valence (or both) follows from the emotion alone;
            reports call theirs "derived from the class".
    """

    activation: NDArray[np.int32]
    valence: NDArray[np.int32]
    derived: tuple[str, ...]


def dimension_levels(utterances: Sequence[Utterance]) -> DimensionLevels:
    """Activation and valence of utterances as levels.

    A corpus that rates any of its utterances (on activation, say) counts as rated: what it left out stays unknown,
    rather than being filled in from the emotion. Any other corpus takes its levels from `EMOTION_LEVELS`.

    Reference: M. Neumann, Convolutional Neural Network based Speech Emotion Recognition, 2016; its talk says neither
    where the levels' borders lie nor how the labels are made. Our choice: `EMOTION_LEVELS`.

    Args:
        utterances: with ratings from 1 (low) to 5 (high).

    Returns:
        DimensionLevels.

    Raises:
        SerKerasError: a rating outside 1 to 5.
    """
    levels: dict[str, NDArray[np.int32]] = {}
    derived: set[str] = set()
    for place, dimension in enumerate(DIMENSIONS):
        ratings = [_rating(u, dimension) for u in utterances]
        rated = {u.corpus for u, rating in zip(utterances, ratings, strict=True) if rating is not None}
        derived |= {u.corpus for u in utterances} - rated
        levels[dimension] = np.array(
            [
                _level_of_rating(rating) if u.corpus in rated else _level_of_emotion(u.emotion, place)
                for u, rating in zip(utterances, ratings, strict=True)
            ],
            np.int32,
        )
    return DimensionLevels(**levels, derived=tuple(sorted(derived)))


def _rating(utterance: Utterance, dimension: Dimension) -> float | None:
    """An utterance's rating, None where there is none."""
    rating = utterance.activation if dimension == "activation" else utterance.valence
    if rating is None or math.isnan(rating):
        return None
    if not RATINGS[0] <= rating <= RATINGS[1]:
        raise SerKerasError(
            f"{utterance.name} ({utterance.corpus}): {dimension} is {rating:g}, which isn't on the scale from "
            f"{RATINGS[0]} to {RATINGS[1]}; rescale the corpus's ratings or leave them out"
        )
    return rating


def _level_of_rating(rating: float | None) -> int:
    if rating is None:
        return UNKNOWN
    return LEVELS.index("low" if rating <= LOW else "high" if rating >= HIGH else "middle")


def _level_of_emotion(emotion: str, place: int) -> int:
    return LEVELS.index(EMOTION_LEVELS[emotion][place]) if emotion in EMOTION_LEVELS else UNKNOWN
