"""Model cards."""

import json

from ser_keras.evaluation.live_words import worst_words
from ser_keras.experiment.run import RunDirectory
from ser_keras.export import card
from ser_keras.export.provenance import conditions, live_estimates
from tests import small_run
from tests.evaluation import made_live
from tests.export.converted import FILES, index


def test_card_says_what_a_reader_must_know(bundle):
    text = (bundle / "model_card.md").read_text()
    info = index(bundle)
    for name in FILES:
        assert info["files"][name]["sha256"] in text
    estimate_ = info["uar_estimate"]["model.tflite"]
    latency = info["latency"]["model.tflite"]
    for part in (
        "| `model.tflite` (default) | int8 weights, float arithmetic |",
        f"{latency['median_ms']:.2f} / {latency['two_threads']['median_ms']:.2f}",
        "runs on windows, not chunk by chunk",
        "In worse conditions\n\nNot measured",
        f"{estimate_['uar']:.3f}",
        f"[{estimate_['ci95'][0]:.3f}, {estimate_['ci95'][1]:.3f}]",
        "CC0-1.0",
        "speaker_independent",
        "ser-keras train --corpus toy=PATH --recipe toy --out RUN",
        "Not for decisions about people",
        *small_run.CLASSES,
    ):
        assert part in text
    assert "Leaky" not in text and "Synthetic" not in text


def test_card_names_the_median_speaker_and_what_a_class_holds(run, bundle):
    info = index(bundle)
    assert list(info["class_emotions"]) == list(small_run.CLASSES)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["per_speaker"] = {f"s{i}": {"uar": uar} for i, uar in enumerate((0.9, 0.1, 0.4, 0.2))}
    first = small_run.CLASSES[0]
    info["class_emotions"][first] = [first, "calm"]
    text = card.render(info, info["files"], {}, metrics=metrics)
    assert "from 0.100 (s1) to 0.900 (s0), median 0.300, over 4 speakers" in text
    assert f"{len(small_run.CLASSES)} classes: {first} ({first} or calm), " in text


def test_card_says_that_free_corpora_ask_for_nothing(run, bundle):
    info = index(bundle)
    for terms, asked in (("CC0-1.0", True), ("CC BY 4.0", False)):
        info["created_from"]["corpora"][0]["licence"] = terms
        info["created_from"]["corpora"][1:] = []
        found = "No corpus asks anything of the weights" in card.render(info, info["files"], {}, metrics={})
        assert found is (asked and not info["created_from"].get("init"))


def test_card_warns_of_leaks_and_of_synthetic_speech(run, bundle):
    info = index(bundle)
    info["created_from"]["corpora"].append({"name": "synthetic", "title": "", "licence": "", "n_utterances": 1})
    info["created_from"]["corpora"][-1]["n_speakers"] = 1
    metrics = {**json.loads((run / "metrics.json").read_text()), "leaky": True, "leaky_reason": "chunks on both sides"}
    text = card.render(info, info["files"], {}, metrics=metrics)
    assert "Leaky evaluation" in text and "chunks on both sides" in text and "Synthetic speech" in text
    assert "no human voice" in text


def test_card_hides_paths_of_commands():
    command = "ser-keras train --corpus emodb=/data/emo --corpus=nemo=/x --recipe a --out '/home/me/my run' --set a.b=c"
    expected = "ser-keras train --corpus emodb=PATH --corpus=nemo=PATH --recipe a --out RUN --set a.b=c"
    assert card.anonymous(command, ["emodb", "nemo"]) == expected
    assert card.anonymous("broken 'quote", []) == ""
    told = card.anonymous("ser-keras train --set augmentation.noise_dir=/home/me/noises", [])
    assert told == "ser-keras train --set augmentation.noise_dir=NOISES"


def test_card_s_command_trains_the_whole_run_whatever_call_was_its_first():
    for part in ("--fold 3", "--fold=3", "--resume", "--fold 0 --resume"):
        command = f"ser-keras train --recipe a {part} --out /home/me/run --set seed=1"
        assert card.anonymous(command, []) == "ser-keras train --recipe a --out RUN --set seed=1"


def test_card_says_first_what_a_person_gets_in_a_room(run, bundle, tmp_path):
    assert "## What it reaches in a room\n\nNot measured" in (bundle / "model_card.md").read_text()
    copy = tmp_path / "run"
    made_live.write(copy / "evaluations" / "test-live", protocol="speaker_independent, heard live")
    made_live.write(copy / "evaluations" / "emodb-live", selection_overlap=9, corpora=["emodb"])
    made_live.write(copy / "evaluations" / "seen-live", leaky=True, leaky_reason="LEAKY: heard")
    coded = {"n_streams": 1, "hours": 0.1, "codec": "opus"}
    made_live.write(copy / "evaluations" / "casia-opus-live", streams=coded)
    listeners = {"n_takes": 9, "share": 0.42, "recalls": {}, "uar_six": None, "uar_four": None}
    unseen = made_live.write(copy / "evaluations" / "ravdess-live", listeners=listeners)
    live = live_estimates(RunDirectory(copy))
    assert [each["name"] for each in live] == [
        "ravdess-live",
        "test-live",
        "emodb-live",
        "casia-opus-live",
        "seen-live",
    ]
    assert [each["name"] for each in live if each["chosen_on"]] == ["emodb-live"] and live[4]["leaky"]
    four = unseen["live"]["four_classes"]
    assert live[0]["uar"] == four["uar"] and live[0]["n"] == four["n"] and len(live[0]["classes"]) == 4
    assert live[0]["worst"] == unseen["live"]["worst"] and live[0]["listeners"] == 0.42
    text = card.render(index(bundle) | {"live": live}, index(bundle)["files"], {}, metrics={})
    room, files = text.index("## What it reaches in a room"), text.index("## What it reaches on files of the corpus")
    assert room < files and text.index(f"**{live[0]['headline']}**") < files
    more = [{**live[0], "name": "nemo-live", "uar": 0.2}, *live]
    more = card.render(index(bundle) | {"live": more}, index(bundle)["files"], {}, metrics={})
    assert f"Mean of nemo, ravdess: UAR {(live[0]['uar'] + 0.2) / 2:.3f}; lowest 0.200 (nemo)." in more
    assert "Mean of" not in text, (
        "the folds' own speakers, a codec's and those that settings were chosen on don't count"
    )
    assert "| emodb (recipe chosen on these) | 4 |" in text and "| seen (**trained on these**) | 4 |" in text
    assert "- ravdess: people who heard the same takes, the sound alone, named 42 %" in text
    assert f"- ravdess: {worst_words(unseen['live']['worst'])}." in text


def test_what_was_heard_live_is_no_condition(tmp_path):
    made_live.write(tmp_path / "evaluations" / "test-live")
    assert conditions(RunDirectory(tmp_path)) == []
