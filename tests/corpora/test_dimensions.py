"""Activation and valence: ratings become levels, and emotions where a corpus rates nothing."""

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.dimensions import EMOTION_LEVELS, LEVELS, dimension_levels
from ser_keras.corpora.emotions import EMOTIONS
from ser_keras.corpora.utterance import Utterance


def utterance(emotion="anger", corpus="rated", activation=None, valence=None):
    return Utterance("/nowhere/a.wav", emotion, "s", corpus, activation=activation, valence=valence)


def test_ratings_become_levels_at_their_borders():
    ratings = [1, 2, 2.01, 2.5, 3, 3.99, 4, 5]
    found = dimension_levels([utterance(activation=r, valence=6 - r) for r in ratings])
    assert found.activation.tolist() == [0, 0, 1, 1, 1, 1, 2, 2]
    assert found.valence.tolist() == [2, 2, 1, 1, 1, 1, 0, 0]
    assert found.activation.dtype == found.valence.dtype == "int32"
    assert found.derived == ()


def test_without_ratings_the_emotion_decides_and_it_is_said():
    found = dimension_levels([utterance(emotion) for emotion in EMOTIONS])
    pairs = dict(zip(EMOTIONS, zip(found.activation.tolist(), found.valence.tolist(), strict=True), strict=True))
    # The table of SYSTEMS.md, section 5: + is 2, 0 is 1, - is 0.
    assert pairs == {
        "anger": (2, 0),
        "boredom": (0, 0),
        "calm": (0, 2),
        "disgust": (1, 0),
        "fear": (2, 0),
        "happiness": (2, 2),
        "neutral": (1, 1),
        "sadness": (0, 0),
        "surprise": (2, 1),
        "contempt": (-1, -1),
        "excitement": (-1, -1),
        "frustration": (-1, -1),
        "other": (-1, -1),
    }
    assert found.derived == ("rated",)
    assert set(EMOTION_LEVELS) < set(EMOTIONS) and LEVELS == ("low", "middle", "high")


def test_what_a_rated_corpus_leaves_out_stays_unknown():
    found = dimension_levels(
        [
            utterance("happiness", "rated", activation=1),
            utterance("happiness", "rated", activation=float("nan")),
            utterance("happiness", "unrated"),
        ]
    )
    assert found.activation.tolist() == [0, -1, 2]
    # No utterance of either corpus is rated on valence.
    assert found.valence.tolist() == [2, 2, 2]
    assert found.derived == ("rated", "unrated")
    assert dimension_levels([utterance(activation=3, valence=3), utterance("fear", "b")]).derived == ("b",)


def test_none_at_all():
    found = dimension_levels([])
    assert found.activation.shape == found.valence.shape == (0,) and found.derived == ()


@pytest.mark.parametrize("rating", [0.5, 7, -1, float("inf")])
def test_a_rating_on_another_scale_is_refused(rating):
    with pytest.raises(SerKerasError, match=r"a.wav \(rated\): valence is .*isn't on the scale from 1 to 5; rescale"):
        dimension_levels([utterance(activation=3, valence=rating)])
