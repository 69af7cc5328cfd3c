"""How often a model is right, as its bundle.json says it, in sentences for people: in a room first, on files second.

The demos for browsers and Android say the same (`web_demo/src/card.js`, `ModelBundle.kt`).
"""

from __future__ import annotations

import math

from ser_keras.common.files import Json
from ser_keras.common.text import number_word, of_ten

NOT_LIVE = "How often it is right on people in a room was not measured live."
NOT_ON_FILES = "How often it is right on recordings of speakers that it never heard was not measured."
CHOSEN_ON = "Its settings were chosen on such recordings of these people, so expect less."
# Protocols that test on speakers of whom the model heard nothing, as experiment.protocols has them.
OTHER_SPEAKERS = ("speaker_independent", "cross_corpus")


def reach_in_words(info: Json) -> str:
    """Say how often a model is right.

    Args:
        info: content of a bundle.json; what is not there, or is no such thing, was not measured.

    Returns:
        One line.
    """
    origin = _mapping(info.get("created_from"))
    return f"{_live(info, origin)} {_on_files(info, origin)}"


def _live(info: Json, origin: Json) -> str:
    """The first of the evaluations heard live, where it was of people of whom the model had heard nothing."""
    evaluations = info.get("live")
    first = _mapping(evaluations[0]) if isinstance(evaluations, list) and evaluations else {}
    uar, classes = _share(first.get("uar")), first.get("classes")
    protocol = str(first.get("protocol", "")).partition(",")[0]
    own_folds = protocol == origin.get("protocol")
    unseen = first.get("leaky") is False and not (own_folds and protocol not in OTHER_SPEAKERS)
    if uar is None or not unseen or not isinstance(classes, list):
        return NOT_LIVE
    sentence = (
        "On people that it never heard, in a room, it names the right one of "
        f"{number_word(len(classes))} emotions in about {of_ten(uar)} of ten cases."
    )
    return f"{sentence} {CHOSEN_ON}" if first.get("chosen_on") else sentence


def _on_files(info: Json, origin: Json) -> str:
    """Of all recordings: the UAR beside it is a mean over emotions, and no share of cases."""
    estimate = _mapping(_mapping(info.get("uar_estimate")).get(info.get("default")))
    share, classes = _share(estimate.get("wa")), info.get("classes")
    unseen = origin.get("protocol") in OTHER_SPEAKERS and not origin.get("leaky")
    if share is None or not unseen or not isinstance(classes, list):
        return NOT_ON_FILES
    return (
        "On recordings like those that it learned from, of speakers that it never heard: the right one of "
        f"{number_word(len(classes))} in about {of_ten(share)} of ten."
    )


def _mapping(value: Json) -> Json:
    return value if isinstance(value, dict) else {}


def _share(value: Json) -> float | None:
    """A number from 0 to 1; None where it is no such thing."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number and 0 <= value <= 1 else None
