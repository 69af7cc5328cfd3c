"""What a display says while people speak: made beliefs over time, and what must come of them."""

import json

import numpy as np
import pytest

from ser_keras.evaluation import live

CLASSES = ("anger", "fear", "happiness", "neutral", "sadness")
SURE = 0.8


def belief(name):
    """A row that is for a class; None: nothing on the display."""
    if name is None:
        return np.full(len(CLASSES), np.nan)
    row = np.full(len(CLASSES), (1 - SURE) / (len(CLASSES) - 1))
    row[CLASSES.index(name)] = SURE
    return row


def said(name, start, end, *, speaker="a/1", level_dbfs=-20.0, gender="female", language="Polish"):
    return live.LiveUtterance(
        file=f"{name}-{start}.wav",
        true=CLASSES.index(name),
        corpus="made",
        speaker=speaker,
        gender=gender,
        language=language,
        fold=0,
        level_dbfs=level_dbfs,
        speech_start_s=start,
        speech_end_s=end,
    )


def heard(utterances, shown, *, number=0, tone_dbfs=-65.0, in_room=False):
    """A stream with a window each second, the first of which ends at 1 s."""
    return live.HeardStream(
        number=number,
        utterances=tuple(utterances),
        tone="pink",
        tone_dbfs=tone_dbfs,
        in_room=in_room,
        through_microphone=False,
        codec="none",
        times=np.arange(1.0, len(shown) + 1),
        beliefs=np.array([belief(name) for name in shown]),
    )


def test_the_display_is_read_half_a_second_after_the_last_word():
    stream = heard(
        [said("anger", 1.0, 3.5), said("neutral", 6.0, 7.4)],
        [None, "fear", "fear", "anger", "fear", "fear", "neutral", "anger"],
    )
    first, second = live.answers(stream)
    assert CLASSES[first.shown] == "anger", "the window that ends at 4.0 s, half a second after the last word, counts"
    assert CLASSES[second.shown] == "neutral", "the one that ends at 8 s comes too late"
    np.testing.assert_allclose(first.belief, belief("anger"))


def test_the_first_right_answer_is_timed_from_the_first_word():
    shown = ["anger", "fear", "anger", "anger", "fear", "neutral"]
    first, second = live.answers(heard([said("anger", 1.5, 2.5), said("neutral", 4.5, 5.2)], shown))
    assert first.first_right_s == pytest.approx(1.5), "what stood there before the first word is no answer to it"
    assert second.first_right_s == pytest.approx(1.5)
    [never, _] = live.answers(heard([said("neutral", 1.5, 2.5), said("fear", 4.5, 5.2)], shown))
    assert never.first_right_s == np.inf, "at 6 s the next utterance has begun"


def test_changes_are_counted_while_an_utterance_is_said():
    shown = ["fear", "anger", "neutral", None, "anger", "sadness", "sadness"]
    [answer] = live.answers(heard([said("anger", 1.5, 5.0)], shown))
    assert answer.changes == 3, "fear, anger, neutral, anger: nothing on the display is no class"
    assert answer.unsettled == 2, "the one away from what was left there must be"
    assert answer.seconds == pytest.approx(4.0)
    [settled] = live.answers(heard([said("fear", 1.5, 2.5)], shown))
    assert (settled.changes, settled.unsettled) == (2, 2), "away from the right class is a change too many"
    [early] = live.answers(heard([said("fear", 0.2, 0.4)], shown))
    assert (early.changes, early.shown) == (0, live.NO_CLASS)


def test_nothing_on_the_display_is_wrong_and_counted():
    streams = [heard([said("anger", 0.0, 1.0, speaker=f"a/{i}")], ["anger" if i % 4 else None]) for i in range(8)]
    streams += [heard([said("sadness", 0.0, 1.0, speaker=f"a/{i}")], ["sadness"]) for i in range(8)]
    metrics = live.live_metrics(streams, CLASSES)
    assert (metrics["n"], metrics["silent"]) == (16, 2)
    assert metrics["per_class_recall"]["anger"] == 0.75 and metrics["per_class_recall"]["sadness"] == 1.0
    assert metrics["uar"] == pytest.approx(0.875) and metrics["wa"] == pytest.approx(14 / 16)
    low, high = metrics["uar_ci95"]
    assert low < 0.875 < high and "speakers with replacement" in metrics["ci_method"]
    assert metrics["confusion"][0] == [6, 0, 0, 0, 0, 2], "the last column: no answer"
    assert metrics["probability_when_right"] == pytest.approx(SURE) and metrics["probability_when_wrong"] is None
    assert metrics["ece"] == pytest.approx(1 - SURE)
    json.dumps(metrics, allow_nan=False)


def test_four_classes_choose_among_themselves():
    row = belief("fear")
    row[CLASSES.index("neutral")] += 0.01
    stream = heard([said("neutral", 0.0, 1.0), said("fear", 3.0, 4.0)], ["fear"] * 5)
    stream.beliefs[:] = row
    metrics = live.live_metrics([stream], CLASSES)
    four = metrics["four_classes"]
    assert metrics["wa"] == 0.5 and four["wa"] == 1.0
    assert four["n"] == 1 and list(four["classes"]) == list(live.FOUR_CLASSES)
    assert metrics["groups"]["language"] == {"Polish": {"n": 1, "uar": 1.0}}
    assert live.live_metrics([stream], ("anger", "fear", "x", "y", "z"))["four_classes"] is None


def test_an_answer_that_never_comes_is_infinitely_late():
    streams = [heard([said("anger", 0.0, 1.0)], ["anger" if i < 3 else "fear"]) for i in range(5)]
    assert live.live_metrics(streams, CLASSES)["first_right"] == {"median_s": 1.0, "within_2_s": 0.6}
    never = live.live_metrics(streams[2:], CLASSES)["first_right"]
    assert never["median_s"] is None and never["within_2_s"] == pytest.approx(1 / 3)


def test_the_worst_group_is_named_where_it_is_large_enough():
    def streams(n, shown, **options):
        tone = {"tone_dbfs": options.pop("tone_dbfs", -65.0)}
        return [heard([said("anger", 0.0, 1.0, **options)], [shown], **tone) for _ in range(n)]

    soft = {"level_dbfs": -39.0, "gender": "male"}
    all_streams = streams(70, "anger") + streams(30, "sadness", **soft) + streams(20, "anger", **soft)
    all_streams += streams(20, "happiness", tone_dbfs=-45.0)
    metrics = live.live_metrics(all_streams, CLASSES)
    groups = metrics["groups"]
    assert groups["level_dbfs"]["-40 to -33"]["n"] == 50 and groups["level_dbfs"]["-26 to -19"]["n"] == 90
    assert list(groups["tone_dbfs"]) == ["-65", "-45"] and groups["tone_dbfs"]["-45"] == {"n": 20, "uar": 0.0}
    assert metrics["worst"]["n"] >= 50, "of 20 utterances all are wrong, but these are few"
    assert metrics["worst"] == {"by": "level_dbfs", "group": "-40 to -33", "n": 50, "uar": 0.4}
    assert live.live_metrics(streams(60, "sadness"), CLASSES)["worst"] is None, "one group is all utterances"


def test_levels_fall_into_bands_of_7_db():
    bands = [live.level_band(level) for level in (-45.0, -40.0, -33.1, -33.0, -12.0, -3.0)]
    assert bands == ["-40 to -33"] * 3 + ["-33 to -26"] + ["-19 to -12"] * 2
