"""What a display says while people speak, judged: pure functions of the beliefs over streams of utterances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_keras.evaluation import intervals, measures
from ser_keras.evaluation.labels import Floats, Labels
from ser_keras.evaluation.live_json import DisplayMetrics, FirstRight, GroupMetrics, LiveMetrics, WorstGroup
from ser_keras.evaluation.metrics_json import without_nan

DELAY_S = 0.5  # a display is judged so long after the last word
SOON_S = 2.0  # from the first word to the first right answer
FOUR_CLASSES = ("anger", "happiness", "neutral", "sadness")
LEVEL_EDGES_DBFS = (-40, -33, -26, -19, -12)
WORST_OF = 50  # a group of fewer utterances is not called the worst
NO_CLASS = -1  # the display shows nothing


@dataclass(frozen=True)
class LiveUtterance:
    """One utterance of a stream.

    Attributes:
        file: name of the audio file.
        true: index of its class.
        corpus: name of the corpus.
        speaker, gender, language: None where unknown; the language as a BCP 47 tag.
        fold: the fold in whose test part it is.
        level_dbfs: active speech level in the stream.
        speech_start_s, speech_end_s: where the first word begins and the last one ends, seconds within the stream.
    """

    file: str
    true: int
    corpus: str
    speaker: str | None
    gender: str | None
    language: str | None
    fold: int
    level_dbfs: float
    speech_start_s: float
    speech_end_s: float


@dataclass(frozen=True, eq=False)
class HeardStream:
    """A stream, and what a display said of it.

    Attributes:
        number: of the stream, as its manifest has it.
        utterances: in order of time.
        tone: kind of the room tone.
        tone_dbfs: its level.
        in_room: whether the speech was heard in a simulated room.
        through_microphone: whether it went through a microphone response.
        codec: what it went through at the end.
        times: [m] seconds, ascending: the end of each window.
        beliefs: [m, n_classes] what the display showed from then on; a row of NaN: nothing.
    """

    number: int
    utterances: tuple[LiveUtterance, ...]
    tone: str
    tone_dbfs: float
    in_room: bool
    through_microphone: bool
    codec: str
    times: Floats
    beliefs: Floats


@dataclass(frozen=True, eq=False)
class Answer:
    """What a display made of one utterance.

    Attributes:
        utterance: the utterance.
        stream: the stream that it is in.
        belief: [n_classes] on the display `DELAY_S` after the last word; NaN: nothing.
        shown: index of its largest entry, or `NO_CLASS`.
        first_right_s: seconds from the first word to the first right answer of a window that ends after it; infinite
            where there is none before the next utterance begins.
        changes: how often the displayed class changed from the first word to `DELAY_S` after the last.
        unsettled: the same without one change that must be: away from what an earlier utterance left there.
        seconds: that time.
    """

    utterance: LiveUtterance
    stream: HeardStream
    belief: Floats
    shown: int
    first_right_s: float
    changes: int
    unsettled: int
    seconds: float


def answers(stream: HeardStream, columns: Sequence[int] | None = None) -> list[Answer]:
    """What the display said of each utterance of a stream.

    Args:
        stream: the stream, heard.
        columns: indices of the classes that the display chooses from; utterances of others are left out. None: all.

    Returns:
        An answer an utterance. Beliefs and `shown` are those of `columns`, in their order, with sum 1.
    """
    columns = list(range(stream.beliefs.shape[1])) if columns is None else list(columns)
    beliefs = stream.beliefs[:, columns]
    beliefs = beliefs / np.maximum(beliefs.sum(axis=1, keepdims=True), 1e-30)  # NaN stays
    shown = shown_classes(beliefs)
    starts = [u.speech_start_s for u in stream.utterances]
    result = []
    for i, utterance in enumerate(stream.utterances):
        if utterance.true not in columns:
            continue
        true, start = columns.index(utterance.true), utterance.speech_start_s
        end = utterance.speech_end_s + DELAY_S
        following = starts[i + 1] if i + 1 < len(starts) else math.inf
        heard = (stream.times > start) & (stream.times < following)
        right = stream.times[heard & (shown == true)]
        last = int(np.searchsorted(stream.times, end, side="right")) - 1
        belief = beliefs[last] if last >= 0 else np.full(len(columns), np.nan)
        before = int(np.searchsorted(stream.times, start, side="right")) - 1
        left = int(shown[before]) if before >= 0 else NO_CLASS
        changes = _changes(np.concatenate([[left], shown[before + 1 : last + 1]]))
        must = changes > 0 and left not in (NO_CLASS, true)
        result.append(
            Answer(
                utterance,
                stream,
                belief,
                shown=int(shown[last]) if last >= 0 else NO_CLASS,
                first_right_s=float(right[0]) - start if len(right) else math.inf,
                changes=changes,
                unsettled=changes - must,
                seconds=end - start,
            )
        )
    return result


def shown_classes(beliefs: Floats) -> Labels:
    """[m] the class of each row of beliefs [m, n_classes], the first of equals; `NO_CLASS` where it is NaN."""
    nothing = np.isnan(beliefs).any(axis=1)
    return np.where(nothing, NO_CLASS, np.where(nothing[:, None], 0.0, beliefs).argmax(axis=1)).astype(np.int64)


def _changes(shown: NDArray[np.int64]) -> int:
    """How often another class is shown than before; nothing on the display is no class."""
    classes = shown[shown != NO_CLASS]
    return int((np.diff(classes) != 0).sum())


def live_metrics(streams: Sequence[HeardStream], classes: Sequence[str]) -> LiveMetrics:
    """Everything that the key `live` of metrics.json holds; docs/live.md describes it.

    Args:
        streams: all streams, heard.
        classes: names of the classes in the order of the beliefs' columns.

    Returns:
        Plain Python values, ready for JSON: figures without data are None.
    """
    whole = [answer for stream in streams for answer in answers(stream)]
    four = [classes.index(name) for name in FOUR_CLASSES if name in classes]
    of_four = [answer for stream in streams for answer in answers(stream, four)] if len(four) > 1 else []
    groups = _groups(of_four, four) if of_four else {}
    metrics: LiveMetrics = {
        "delay_s": DELAY_S,
        **_display_metrics(whole, classes, range(len(classes))),
        "four_classes": _display_metrics(of_four, [classes[i] for i in four], four) if of_four else None,
        "groups": groups,
        "worst": worst_group(groups),
    }
    return without_nan(metrics)


def _display_metrics(told: Sequence[Answer], classes: Sequence[str], columns: Sequence[int]) -> DisplayMetrics:
    """The figures of some answers.

    Args:
        told: one an utterance.
        classes: names of the classes that the display chose from.
        columns: what their indices are in the utterances' `true`.
    """
    n_classes = len(classes)
    true, shown = _labels(told, columns)
    speakers = [answer.utterance.speaker for answer in told]
    low, high, method = intervals.bootstrap_ci(true, shown, speakers, n_classes=n_classes + 1)
    answered = shown < n_classes
    beliefs = np.array([answer.belief for answer in told]).reshape(-1, n_classes)[answered]
    largest, hit = beliefs.max(axis=1, initial=0.0), (true == shown)[answered]
    minutes = sum(answer.seconds for answer in told) / 60
    counts = np.bincount(true, minlength=n_classes)
    recalls = measures.recalls(true, shown, n_classes + 1)[:n_classes]
    return {
        "classes": {name: int(n) for name, n in zip(classes, counts, strict=True)},
        "n": len(told),
        "silent": int((~answered).sum()),
        "uar": measures.uar(true, shown, n_classes + 1),
        "uar_ci95": [low, high],
        "ci_method": method,
        "wa": measures.wa(true, shown),
        "per_class_recall": dict(zip(classes, recalls.tolist(), strict=True)),
        "confusion": measures.confusion(true, shown, n_classes + 1)[:n_classes].tolist(),
        "first_right": _first_right(told),
        "changes_a_minute": sum(answer.changes for answer in told) / minutes if minutes else math.nan,
        "unsettled_a_minute": sum(answer.unsettled for answer in told) / minutes if minutes else math.nan,
        "ece": measures.ece(true[answered], beliefs),
        "probability_when_right": _mean(largest[hit]),
        "probability_when_wrong": _mean(largest[~hit]),
    }


def _labels(told: Sequence[Answer], columns: Sequence[int]) -> tuple[Labels, Labels]:
    """True and displayed class [n] of each answer; one class more than there are stands for nothing displayed."""
    order = {column: i for i, column in enumerate(columns)}
    true = np.array([order[answer.utterance.true] for answer in told], np.int64)
    shown = np.array([answer.shown for answer in told], np.int64)
    return true, np.where(shown == NO_CLASS, len(order), shown)


def _first_right(told: Sequence[Answer]) -> FirstRight:
    seconds = np.array([answer.first_right_s for answer in told])
    if not len(seconds):
        return {"median_s": None, "within_2_s": None}
    median = float(np.median(seconds))
    return {
        "median_s": median if math.isfinite(median) else None,
        "within_2_s": float((seconds <= SOON_S).mean()),
    }


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _groups(told: Sequence[Answer], columns: Sequence[int]) -> dict[str, dict[str, GroupMetrics]]:
    """What tells utterances apart -> group -> its figures; utterances of whom it is not known are in no group."""
    true, shown = _labels(told, columns)
    by: dict[str, list[str | None]] = {
        "level_dbfs": [level_band(a.utterance.level_dbfs) for a in told],
        "tone_dbfs": [f"{a.stream.tone_dbfs:g}" for a in told],
        "tone": [a.stream.tone for a in told],
        "room": ["simulated room" if a.stream.in_room else "as recorded" for a in told],
        "microphone": ["microphone response" if a.stream.through_microphone else "as recorded" for a in told],
        "codec": [a.stream.codec for a in told],
        "gender": [a.utterance.gender for a in told],
        "language": [a.utterance.language for a in told],
        "corpus": [a.utterance.corpus for a in told],
    }
    groups: dict[str, dict[str, GroupMetrics]] = {}
    for what, names in by.items():
        of_name = np.array([name or "" for name in names])
        figures: dict[str, GroupMetrics] = {}
        for name in _ordered({name for name in names if name}):
            rows = of_name == name
            figures[name] = {"n": int(rows.sum()), "uar": measures.uar(true[rows], shown[rows], len(columns) + 1)}
        if figures:
            groups[what] = figures
    return groups


def level_band(level_dbfs: float) -> str:
    """The band of 7 dB that a speech level lies in; levels beyond the outer edges belong to the outer bands."""
    inner = LEVEL_EDGES_DBFS[1:-1]
    i = int(np.searchsorted(inner, level_dbfs, side="right"))
    return f"{LEVEL_EDGES_DBFS[i]} to {LEVEL_EDGES_DBFS[i + 1]}"


def _ordered(names: set[str]) -> list[str]:
    """Levels from soft to loud, other names by the alphabet."""

    def key(name: str) -> tuple[float, str]:
        try:
            return float(name.partition(" ")[0]), ""
        except ValueError:
            return math.inf, name

    return sorted(names, key=key)


def worst_group(groups: dict[str, dict[str, GroupMetrics]], at_least: int = WORST_OF) -> WorstGroup | None:
    """The group with the lowest UAR among those that divide the utterances and have at least so many of them."""
    worst: WorstGroup | None = None
    for by, of_kind in groups.items():
        for name, figures in of_kind.items() if len(of_kind) > 1 else ():
            uar = figures["uar"]
            if figures["n"] < at_least or uar is None or math.isnan(uar):
                continue
            if worst is None or uar < worst["uar"]:
                worst = {"by": by, "group": name, "n": figures["n"], "uar": uar}
    return worst
