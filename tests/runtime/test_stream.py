"""Audio of any length as it comes in, the running belief, and the vectors that every port must match."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser_keras.audio.windows import TAIL_RULES
from ser_keras.common.errors import SerKerasError
from ser_keras.export.vectors import signal
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.model import Model, load
from ser_keras.runtime.running_belief import RunningBelief
from tests import small_run


@pytest.fixture
def bundle(tmp_path_factory):
    return small_run.exported(tmp_path_factory)[1]


def mean_model(window=1000, hop=500, tail="drop", gate=None, smoothing=0.0):
    """A model of two classes whose second probability is the window's mean."""
    settings = Settings(("low", "high"), window, hop, tail_rule=tail, speech_gate_dbfs=gate, smoothing_s=smoothing)
    return Model(lambda w: np.array([1 - w.mean(), w.mean()], np.float32), settings, "hand", runtime="none")


# --- the belief


def test_belief_is_the_mean_so_far_until_it_forgets():
    rows = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    never = RunningBelief(None, 0.5)
    assert np.allclose([never.update(r) for r in rows], rows.cumsum(0) / np.arange(1, 10)[:, None])
    fading = RunningBelief(2.0, 0.5)  # N = 4
    found = [fading.update(r) for r in rows]
    assert np.allclose(found[3], rows[:4].mean(0))
    assert np.allclose(found[5], found[4] + (rows[5] - found[4]) / 4)
    at_once = RunningBelief(0, 0.5)
    assert np.allclose([at_once.update(r) for r in rows], rows)


def test_smoothed_over_one_hop_each_window_speaks_for_itself():
    rows = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    belief = RunningBelief(1.0, 1.0)  # N = 1
    assert np.allclose([belief.update(r) for r in rows], rows, atol=1e-15)
    assert belief.update(None) is None  # one window of silence lasts as long
    assert np.array_equal(belief.update(rows[0]), rows[0])


def test_smoothing_is_a_time_constant():
    belief = RunningBelief(5.0, 0.1)
    for _ in range(1000):
        belief.update([1.0, 0.0])
    for _ in range(50):  # five seconds later
        belief.update([0.0, 1.0])
    assert belief.value[0] == pytest.approx(np.exp(-1), abs=0.01)


def test_silence_keeps_the_belief_for_a_while_and_then_ends_it():
    belief = RunningBelief(1.0, 0.5)
    assert belief.update(None) is None
    belief.update([1.0, 0.0])
    assert belief.update(None).tolist() == [1, 0]
    assert belief.update(None) is None  # a second of silence
    belief.update([0.0, 1.0])
    assert belief.value.tolist() == [0, 1]  # begins anew: nothing of the first speaker is left
    belief.update(None)
    belief.update([1.0, 0.0])  # a short pause only
    assert belief.value.tolist() == [0.5, 0.5]
    belief = RunningBelief(2.0, 0.5)
    for row in ([1.0, 0.0], [1.0, 0.0], None, None, None, None, [0.0, 1.0], [1.0, 0.0]):
        belief.update(row)
    assert belief.value.tolist() == [0.5, 0.5]  # the second of two, not the fourth of four


@pytest.mark.parametrize(("smoothing", "hop"), [(-1, 0.5), (float("nan"), 0.5), (1, 0), (1, float("inf"))])
def test_senseless_times_are_refused(smoothing, hop):
    with pytest.raises(SerKerasError, match="must be at least 0"):
        RunningBelief(smoothing, hop)


# --- the stream


def test_blocks_of_any_size_give_the_same_moments(bundle):
    model = load(bundle)
    samples = (0.1 * np.random.default_rng(0).standard_normal(60000)).astype(np.float32)
    whole = list(model.hear([samples]))
    for size in (333, 8192, 20000):
        assert list(model.hear(samples[i : i + size] for i in range(0, len(samples), size))) == whole
    segments = model.predict_samples(samples).segments
    assert [m.probabilities for m in whole] == [s.probabilities for s in segments]
    assert [(m.start, m.end, m.speech) for m in whole] == [(s.start, s.end, s.speech) for s in segments]
    assert whole[-1].belief.keys() == whole[-1].probabilities.keys()


def test_each_moment_comes_as_soon_as_its_window_is_whole():
    given = []

    def blocks():
        for i in range(10):
            given.append(i)
            yield np.full(500, 0.5, np.float32)

    moments = mean_model().hear(blocks())
    next(moments)
    assert given == [0, 1]
    next(moments)
    assert given == [0, 1, 2]


def test_levels_speech_and_belief():
    loud, quiet = np.full(1000, 0.5), np.full(2000, 0.001)
    moments = list(mean_model(gate=-40, smoothing=0.05).hear([loud, quiet, loud]))
    assert [m.speech for m in moments] == [True, True, False, False, False, True, True]
    assert moments[0].level_dbfs == pytest.approx(-6.02, abs=0.01)
    assert [m.belief is None for m in moments] == [False, False, False, True, True, False, False]


def test_what_is_not_finite_counts_as_nothing_and_what_is_loud_is_clipped():
    wave = np.array([np.nan, np.inf, -np.inf, 3, -3, 0.5] * 200)
    [moment] = mean_model(window=1200, hop=1200).hear([wave])
    assert moment.probabilities["high"] == pytest.approx(0.5 / 6, abs=1e-6)


@pytest.mark.parametrize("block", [np.zeros((10, 2), np.float32), np.zeros(10, np.int16), np.float32(0)])
def test_other_blocks_are_refused(block):
    with pytest.raises(SerKerasError, match="expected floats"):
        list(mean_model().hear([block]))


MEMORY = """
import resource, sys
import numpy as np
import ser_keras
model = ser_keras.load(sys.argv[1])
second = (0.05 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)
n = sum(1 for _ in model.hear(second for _ in range(int(sys.argv[2]))))
print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize(("seconds", "windows"), [(600, 1171), pytest.param(3600, 7031, marks=pytest.mark.slow)])
def test_an_hour_takes_no_more_memory_than_a_minute(bundle, seconds, windows):
    def run(seconds):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(bundle), str(seconds)], capture_output=True, text=True, check=True
        )
        return map(int, done.stdout.split())

    short, held = run(60)
    long, most = run(seconds)
    assert (short, long) == (117, windows)
    assert most - held < 4000  # KB


def test_stereo_at_another_rate_is_the_same_speech(bundle, tmp_path):
    """The mean of the channels, resampled: as close to the original as resampling there and back is."""
    import soxr

    t = np.arange(32000) / 16000
    wave = 0.3 * np.sin(2 * np.pi * 300 * t) * (1 + 0.3 * np.sin(2 * np.pi * 4 * t))
    high = soxr.resample(wave, 16000, 44100, quality="HQ")
    soundfile.write(tmp_path / "a.wav", np.column_stack([1.2 * high, 0.8 * high]), 44100, subtype="FLOAT")
    model = load(bundle)
    found, expected = model.predict(tmp_path / "a.wav"), model.predict_samples(wave.astype(np.float32))
    assert list(found.probabilities.values()) == pytest.approx(list(expected.probabilities.values()), abs=0.02)


# --- vectors.json, by arithmetic that shares nothing with the library


@pytest.fixture(params=["made", "shipped"])
def ported(request, bundle):
    """(bundle.json, vectors.json, reference clip, folder)."""
    from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED

    folder = bundle if request.param == "made" else PRETRAINED / DEFAULT_MODEL
    clip, _ = soundfile.read(folder / "reference.wav", dtype="int16")
    info, vectors = (json.loads((folder / name).read_text()) for name in ("bundle.json", "vectors.json"))
    return info, vectors, clip / np.float32(32768), folder


def made(parts, clip):
    return np.concatenate([np.tile(clip, p["samples"] // len(clip) + 1)[: p["samples"]] * p["gain"] for p in parts])


def test_vectors_of_windows(ported):
    _, vectors, _, _ = ported
    assert {case["tail_rule"] for case in vectors["windows"]} == set(TAIL_RULES)
    for case in vectors["windows"]:
        n, window, hop = case["samples"], case["window_samples"], case["hop_samples"]
        starts = [0]
        while starts[-1] + hop + window <= n:
            starts.append(starts[-1] + hop)
        if case["tail_rule"] == "pad" and starts[-1] + window < n and starts[-1] + hop < n:
            starts.append(starts[-1] + hop)
        assert case["starts"] == starts, case


def test_vectors_of_the_gate(ported):
    _, vectors, clip, _ = ported
    passed = set()
    for case in vectors["gate"]["cases"]:
        wave = made(case["signal"], clip).astype(float)
        power = (wave**2).mean()
        level = 10 * np.log10(power) if power else -200
        assert case["level_dbfs"] == pytest.approx(level, abs=vectors["gate"]["tolerance_db"])
        for name, gate in vectors["gate"]["speech_gate_dbfs"].items():
            assert case["passes"][name] == (gate is None or level >= gate)
            passed.add((name, case["passes"][name]))
    assert {("bundle", True), ("bundle", False), ("other", True), ("other", False)} <= passed


def test_vectors_of_the_belief(ported):
    _, vectors, _, _ = ported
    for case in vectors["belief"]["cases"]:
        smoothing = float("inf") if case["smoothing_s"] is None else case["smoothing_s"]
        belief, n, silent, most = None, 0, 0, max(1, smoothing / case["hop_s"])
        for row, expected in zip(case["probabilities"], case["beliefs"], strict=True):
            if row is None:
                silent += 1
                if silent * case["hop_s"] >= smoothing:
                    belief, n = None, 0
            else:
                silent, n = 0, n + 1
                before = belief or row
                belief = [b + (p - b) / min(n, most) for b, p in zip(before, row, strict=True)]
            assert (belief is None) == (expected is None)
            assert belief is None or belief == pytest.approx(expected, abs=vectors["belief"]["tolerance"])


def test_vectors_hold_a_belief_that_is_smoothed_over_one_hop(bundle):
    cases = json.loads((bundle / "vectors.json").read_text())["belief"]["cases"]
    [case] = [case for case in cases if case["smoothing_s"] == case["hop_s"]]
    for row, belief in zip(case["probabilities"], case["beliefs"], strict=True):
        assert (row is None) == (belief is None)
        assert row is None or belief == pytest.approx(row, abs=1e-12)


@pytest.mark.smoke
def test_vectors_of_whole_streams(ported):
    info, vectors, clip, folder = ported
    stream = vectors["stream"]
    assert stream["classes"] == info["classes"] and stream["model"] == info["default"]
    model, seen = load(folder), set()
    for case in stream["cases"]:
        samples = made(case["signal"], clip)
        assert np.array_equal(samples, signal(case["signal"], clip))
        found = list(model.hear(np.array_split(samples, 7)))
        assert len(found) == len(case["windows"])
        for moment, expected in zip(found, case["windows"], strict=True):
            assert (round(moment.start * 16000), round(moment.end * 16000)) == (expected["start"], expected["end"])
            assert moment.level_dbfs == pytest.approx(expected["level_dbfs"], abs=0.01)
            assert moment.speech == expected["speech"]
            assert list(moment.probabilities.values()) == pytest.approx(
                expected["probabilities"], abs=stream["tolerance"]
            )
            seen.add((moment.speech, moment.belief is None))
            assert (moment.belief is None) == (expected["belief"] is None)
            if moment.belief is not None:
                assert list(moment.belief.values()) == pytest.approx(expected["belief"], abs=stream["tolerance"])
        result = model.predict_samples(samples)
        assert (result.emotion, result.speech) == (case["file"]["emotion"], case["file"]["speech"])
        assert list(result.probabilities.values()) == pytest.approx(
            case["file"]["probabilities"], abs=stream["tolerance"]
        )
    # Silence without a belief, and with a kept one where it may outlast a window.
    outlasts = info["smoothing_s"] > info["hop_samples"] / info["sample_rate"]
    assert seen == {(True, False), (False, True), *([(False, False)] if outlasts else [])}
