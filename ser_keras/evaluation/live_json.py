"""The content of the metrics.json of an evaluation that was heard live; docs/live.md describes the keys."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from ser_keras.common.files import read_json
from ser_keras.corpora.listeners import ListenersAccuracy
from ser_keras.evaluation.metrics_json import Bounds


class FirstRight(TypedDict):
    """Seconds from the first word to the first right answer.

    `median_s` is None where half of the utterances or more never got one; `within_2_s` is a share of all.
    """

    median_s: float | None
    within_2_s: float | None


class DisplayMetrics(TypedDict):
    """What a display said of the utterances of some classes; None where there is no data.

    `confusion`: a row a true class, a column a displayed one, and a last column for no answer. `ece` and the mean
    probabilities of the displayed class leave out utterances without an answer.
    """

    classes: dict[str, int]
    n: int
    silent: int
    uar: float | None
    uar_ci95: Bounds
    ci_method: str
    wa: float | None
    per_class_recall: dict[str, float | None]
    confusion: list[list[int]]
    first_right: FirstRight
    changes_a_minute: float | None
    unsettled_a_minute: float | None
    ece: float | None
    probability_when_right: float | None
    probability_when_wrong: float | None


class GroupMetrics(TypedDict):
    """A group of the utterances of the four classes."""

    n: int
    uar: float | None


class WorstGroup(TypedDict):
    """The group with the lowest UAR: `group` of the groups `by` which utterances are told apart."""

    by: str
    group: str
    n: int
    uar: float


class LiveMetrics(DisplayMetrics):
    """What a display says half a second after the last word, over all classes of the model and over four.

    `four_classes` is None where the model has fewer than two of them. `groups`: what tells utterances apart -> the
    group's name -> its figures, over the four classes. `worst` is None where no group is large enough.
    """

    delay_s: float
    four_classes: DisplayMetrics | None
    groups: dict[str, dict[str, GroupMetrics]]
    worst: WorstGroup | None


class StreamSettingsJson(TypedDict):
    """What the streams were drawn from; `utterances_limit` None: all utterances were heard."""

    utterances_limit: int | None
    n_streams: int
    hours: float
    utterances: int
    level_dbfs: list[float]
    pause_s: list[float]
    tone_dbfs: list[float]
    tones: list[str]
    room_share: float
    microphone_share: float
    codec: str


class LiveEvaluationJson(TypedDict):
    """The content of metrics.json.

    `listeners`: how often people named the emotions of the same takes, by their sound alone; None where nobody asked
    them.
    """

    protocol: str
    leaky: bool
    leaky_reason: str | None
    model: str
    corpora: list[str]
    n_utterances: int
    n_available: int
    n_speakers: int
    selection_overlap: int
    seed: int
    commit: str | None
    streams: StreamSettingsJson
    live: LiveMetrics
    listeners: ListenersAccuracy | None


def read_live(folder: Path) -> LiveEvaluationJson:
    """The content of the metrics.json of a folder `NAME-live`.

    Raises:
        SerKerasError: it is missing, or is no JSON.
    """
    content: LiveEvaluationJson = read_json(folder / "metrics.json")
    return content
