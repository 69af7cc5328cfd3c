"""What a report says of a model that was heard live."""

import shutil

import numpy as np

from ser_keras.evaluation.live_words import BY, details, headline
from ser_keras.evaluation.reports import write_report
from ser_keras.evaluation.reports.plots import DARK, png
from ser_keras.evaluation.reports.stream_picture import draw_stream
from tests.evaluation import made_live
from tests.evaluation.reports.made_run import Page, size


def test_the_report_has_a_section_for_each_evaluation(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    assert "Heard live" not in Page(write_report(copy)).text
    content = made_live.write(copy / "evaluations" / "ravdess-live")
    made_live.write(copy / "evaluations" / "casia-live", leaky=True, leaky_reason="LEAKY: heard")
    (copy / "evaluations" / "bad-live").mkdir()
    (copy / "evaluations" / "bad-live" / "metrics.json").write_text("{")
    page = Page(write_report(copy))
    worst = content["live"]["worst"]
    for words in (
        "Heard live",
        "On speakers that it never heard, in a room: right in",
        "LEAKY, on speech or speakers that it was trained on, in a room",
        "80 of 90 utterances of 8 speakers, in 20 streams",
        "codec none: final model on ravdess, heard live.",
        f"room tone, dBFS -65 {content['live']['groups']['tone_dbfs']['-65']['n']}",
        f"{100 * worst['uar']:.1f} % (worst)",
        "metrics.json can't be read",
    ):
        assert words in page.text.replace("\u202f", " "), words
    pictures = [a for t, a in page.tags if t == "img" and a["alt"].startswith("A stream")]
    assert len(pictures) == 2 and pictures[0]["width"] == "1000"


def test_the_headline_counts_cases_in_ten(tmp_path):
    content = made_live.write(tmp_path / "x")
    four = content["live"]["four_classes"]
    four |= {"uar": 0.53, "uar_ci95": [0.5, 0.56]}
    assert headline(content) == (
        "On speakers that it never heard, in a room: right in five of ten cases of four classes "
        "(UAR 0.530, 95 % interval 0.500 to 0.560; guessing: 2.5 of ten)."
    )
    content |= {"protocol": "speaker_dependent, heard live"}
    assert headline(content).startswith("On utterances that it never heard")
    content["live"] |= {"four_classes": None, "uar": 0.31}
    assert "right in three of ten cases of five classes" in headline(content)


def test_the_details_name_listeners_and_what_was_chosen_on_these_speakers(tmp_path):
    listeners = {"n_takes": 70, "share": 0.42, "recalls": {}, "uar_six": None, "uar_four": None}
    content = made_live.write(tmp_path / "x", listeners=listeners, selection_overlap=80)
    text = details(content)
    assert "70 of these takes, the sound alone, named 42 % as the actor was asked" in text
    assert "chosen on these speakers or corpora (80 utterances): the figures are too good" in text
    worst = content["live"]["worst"]
    assert f"The worst group, by {BY[worst['by']]}: {worst['group']}, UAR {worst['uar']:.3f}" in text


def test_the_picture_shows_silence_and_many_classes():
    stream = made_live.heard(1)[0]
    stream.beliefs[:] = np.nan
    classes = [f"$class {i}" for i in range(5)]
    image = png(draw_stream(np.zeros(17 * 16000, np.float32), stream, classes, theme=DARK))
    assert size(image) == (1600, 800)
