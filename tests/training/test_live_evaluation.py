"""Models heard live: tiny runs on generated vowels, and streams made again from their manifest."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import soundfile

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation.live_json import read_live
from ser_keras.features.streams.plan import LiveSettings
from ser_keras.features.streams.render import Renderer
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.model import Model
from ser_keras.training import live_evaluation, live_streams
from ser_keras.training.leaks import Heard
from ser_keras.training.live_evaluation import LiveRequest
from ser_keras.training.live_manifest import rebuild
from tests.made_corpus import write_corpus
from tests.trained_runs import quick

SETTINGS = LiveSettings(utterances=4, microphone_share=0.0, level_dbfs=(-20.0, -12.0), tone_dbfs=(-75.0,))
REQUEST = LiveRequest(SETTINGS, seed=3)


def rows(folder):
    return list(csv.DictReader((folder / "predictions.csv").read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def run(trained, tmp_path):
    return trained.copy(tmp_path / "run", quick())


def test_each_fold_s_model_hears_its_own_test_speakers(run, monkeypatch):
    rendered = {}
    render = Renderer.render

    def remember(self, stream):
        samples = rendered[stream.seed, stream.number] = render(self, stream)
        return samples

    monkeypatch.setattr(Renderer, "render", remember)
    [(name, folder, content)] = live_evaluation.evaluate_live(run, request=REQUEST)
    assert folder == run.path / "evaluations" / "test-live" and name == folder.name
    assert content == read_live(folder) and not content["leaky"]
    table = rows(folder)
    assert len({row["file"] for row in table}) == len(table) == content["n_utterances"] == 36
    for number in (0, 1):
        fold = json.loads((run.fold(number) / "fold.json").read_text())
        assert {row["speaker"] for row in table if row["fold"] == str(number)} == set(fold["test"])
    assert content["live"]["n"] == 36 and sum(map(sum, content["live"]["confusion"])) == 36
    assert (folder / "stream.png").read_bytes()[:4] == b"\x89PNG"

    paths = run.provenance["corpora_paths"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert len(manifest["streams"]) == len(rendered) == 10
    for number in (0, 9):
        stream = manifest["streams"][number]
        again = rebuild(folder, number, list(paths.items()))
        np.testing.assert_array_equal(again, rendered[stream["seed"], stream["number"]])


def test_the_final_model_hears_other_people_and_a_leak_is_named(run, tmp_path):
    other = write_corpus(tmp_path / "other", speakers=2, seed=5)
    table = other.parent / "new.csv"
    table.write_text(other.read_text(encoding="utf-8").replace(",s0,", ",x0,").replace(",s1,", ",x1,"))
    request = LiveRequest(SETTINGS, seed=1, limit=8)
    corpora = [("manifest", table), ("manifest", other)]
    (name, folder, content), (_, _, leaky) = live_evaluation.evaluate_live(run, corpora, request)
    assert name == folder.name == "manifest-new-live"
    assert (content["n_utterances"], content["n_available"], content["n_speakers"]) == (8, 18, 2)
    assert content["leaky_reason"] is None and "2 of these speakers" in leaky["leaky_reason"]
    assert content["streams"]["utterances_limit"] == 8
    assert [row["speaker"] for row in rows(folder)].count("manifest/x0") == 4, "evenly spread over the speakers"
    coded = LiveRequest(dataclasses.replace(SETTINGS, codec="telephone"), limit=4)
    [(name, _, through)] = live_evaluation.evaluate_live(run, [("manifest", table)], coded)
    assert name == "manifest-new-telephone-live", "what was heard without a codec stays"
    assert through["protocol"] == "final model on manifest, through telephone, heard live"
    assert read_live(folder) == content
    [(_, _, again)] = live_evaluation.evaluate_live(run, [("manifest", table)], request)
    assert again == content, "the seed decides everything"


TONES = {"anger": 3000.0, "happiness": 1500.0, "neutral": 700.0, "sadness": 300.0}  # Hz


def by_frequency(window):
    """Probabilities of a model that knows the tones' frequencies."""
    spectrum = np.abs(np.fft.rfft(window))
    power = np.array([spectrum[round(hz * len(window) / 16000) + np.arange(-20, 21)].max() for hz in TONES.values()])
    return (power / power.sum()).astype(np.float32)


@pytest.fixture
def tones(tmp_path):
    """A table of 24 tones of four speakers, 0.4 s each."""
    lines, wave = ["path,emotion,speaker,gender"], np.arange(6400) / 16000
    for i in range(24):
        emotion = list(TONES)[i % 4]
        soundfile.write(tmp_path / f"{i}.wav", 0.3 * np.sin(2 * np.pi * TONES[emotion] * wave), 16000)
        lines.append(f"{i}.wav,{emotion},s{i // 6},{('female', 'male')[i // 12]}")
    (tmp_path / "tones.csv").write_text("\n".join(lines))
    return tmp_path / "tones.csv"


def test_a_model_without_a_run_is_heard(tones, tmp_path):
    settings = Settings(tuple(TONES), 16000, 1600, speech_gate_dbfs=-60.0, smoothing_s=0.2)
    model = Model(by_frequency, settings, "made", runtime="")
    heard = Heard.of({"selected_on": ["manifest/s0"]})
    [(name, folder, content)] = live_evaluation.evaluate_live_model(
        model,
        [("manifest", tones)],
        tmp_path / "out",
        classes={name: [name] for name in TONES},
        heard=heard,
        request=REQUEST,
    )
    assert folder == tmp_path / "out" / "manifest-tones-live" and content["selection_overlap"] == 6
    figures = content["live"]
    assert figures["wa"] == 1.0 and figures["silent"] == 0
    four = figures["four_classes"]
    assert four["uar"] == 1.0 and four["n"] == 24 and four["first_right"]["within_2_s"] == 1.0
    assert four["first_right"]["median_s"] < 1.0 and figures["unsettled_a_minute"] < figures["changes_a_minute"]
    assert set(figures["groups"]["gender"]) == {"female", "male"} and "language" not in figures["groups"]


def test_a_changed_corpus_gives_no_stream_again(run, tmp_path):
    table = write_corpus(tmp_path / "other", speakers=2, seed=5)
    [(_, folder, _)] = live_evaluation.evaluate_live(run, [("manifest", table)], LiveRequest(SETTINGS, limit=4))
    write_corpus(tmp_path / "other", speakers=2, seed=6)
    with pytest.raises(SerKerasError, match="is not the audio that the stream was made of"):
        rebuild(folder, 0, [("manifest", table)])
    with pytest.raises(SerKerasError, match="holds streams 0 to 0, and no stream 1"):
        rebuild(folder, 1, [("manifest", table)])


def test_a_killed_evaluation_leaves_no_result(run, monkeypatch):
    def die(*arguments, **options):
        raise KeyboardInterrupt

    [(_, folder, _)] = live_evaluation.evaluate_live(run, request=LiveRequest(SETTINGS, limit=4))
    assert (folder / "metrics.json").is_file()
    monkeypatch.setattr(live_evaluation, "write_answers", die)
    with pytest.raises(KeyboardInterrupt):
        live_evaluation.evaluate_live(run, request=LiveRequest(SETTINGS, limit=8))
    assert not (folder / "metrics.json").exists(), "half a result is none"


def test_what_listeners_heard_stands_beside(tmp_path):
    (tmp_path / "AudioWAV").mkdir()
    lines = ["take,voice_vote"]
    for i, (code, emotion) in enumerate({"ANG": "A", "NEU": "N", "SAD": "N"}.items()):
        take = f"{1001 + i}_DFA_{code}_XX"
        soundfile.write(tmp_path / "AudioWAV" / f"{take}.wav", 0.3 * np.sin(np.arange(6400) / (i + 2)), 16000)
        lines.append(f"{take},{emotion}")
    (tmp_path / "voice_votes.csv").write_text("\n".join(lines) + "\n")
    model = Model(by_frequency, Settings(tuple(TONES), 16000, 1600), "made", runtime="")
    [(_, _, content)] = live_evaluation.evaluate_live_model(
        model,
        [("cremad", tmp_path)],
        tmp_path / "out",
        classes={name: [name] for name in TONES},
        heard=Heard.of({}),
        request=REQUEST,
    )
    listeners = content["listeners"]
    assert listeners["n_takes"] == 3 and listeners["share"] == pytest.approx(2 / 3)
    assert set(content["live"]["groups"]["language"]) == {"en"}


def test_what_is_heard_is_spread_over_speakers_and_corpora():
    class Said:
        def __init__(self, corpus, speaker):
            self.corpus, self.speaker = corpus, speaker

    utterances = [Said("a", "a/1")] * 2 + [Said("a", "a/2")] * 20 + [Said("a", "a/3")] * 20 + [Said("b", None)] * 30
    members = live_streams.spread(utterances, 12, 0)
    counts = {who: sum(utterances[i].speaker == who for i in members) for who in ("a/1", "a/2", "a/3", None)}
    assert counts == {"a/1": 2, "a/2": 5, "a/3": 5, None: 12}
    assert (members == live_streams.spread(utterances, 12, 0)).all()
    assert (members != live_streams.spread(utterances, 12, 1)).any()
    assert len(live_streams.spread(utterances, None, 0)) == len(utterances)
