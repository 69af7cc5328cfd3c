"""What evaluations came to, for people."""

from pathlib import Path

from ser_keras.api.evaluations import LiveEvaluation


def test_what_a_model_comes_to_live():
    figures = {
        "classes": {"anger": 3, "fear": 2, "sadness": 3},
        **{"n": 8, "silent": 1, "uar": 0.5, "uar_ci95": [0.4, 0.6], "wa": 0.51, "changes_a_minute": 7.25},
        **{"first_right": {"median_s": None, "within_2_s": 0.25}, "worst": None},
    }
    four = {**figures, "classes": {"anger": 3, "sadness": 3}, "n": 6, "silent": 0, "uar_ci95": [None, None]}
    content = {"live": {**figures, "four_classes": four}, "leaky_reason": "LEAKY: heard before", "listeners": None}
    assert LiveEvaluation("x-live", Path("out"), content).lines == [
        "x-live: two classes, half a second after the last word: UAR 0.500, WA 0.510 (6 utterances)",
        "x-live: all 3, half a second after the last word: UAR 0.500 [0.400, 0.600], WA 0.510 (8 utterances, "
        "1 without an answer)",
        "two classes: first right never (median), within 2 s in 25 %; the display changes 7.2 times a minute while "
        "somebody speaks",
        "LEAKY: heard before",
    ]
    content["live"]["worst"] = {"by": "tone_dbfs", "group": "-45", "n": 60, "uar": 0.25}
    content["listeners"] = {"n_takes": 7, "share": 0.42}
    lines = LiveEvaluation("x", Path("out"), content).lines
    assert "people who heard 7 of these takes, the sound alone, named 42 % as the actor was asked" in lines
    assert "worst group, by room tone, dBFS: -45, UAR 0.250 of 60 utterances" in lines
