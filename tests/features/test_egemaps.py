"""eGeMAPS by openSMILE: its process, what it gives for known signals, and what happens when it dies."""

import gc
import importlib.util
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from ser_keras.common.builders import complete_arguments
from ser_keras.common.errors import SerKerasError
from ser_keras.features import opensmile_process
from ser_keras.features.descriptors import (
    DESCRIPTORS,
    CompareFunctionals,
    EgemapsFunctionals,
    EgemapsLld,
)

RATE = 16000


def need_opensmile():
    # Not importorskip: in the process of TensorFlow 2.21 it does harm.
    if importlib.util.find_spec("opensmile") is None:
        pytest.skip("needs opensmile (pip install 'ser-keras[systems]')")


@pytest.fixture(scope="module")
def lld():
    need_opensmile()
    return EgemapsLld()


@pytest.fixture(scope="module")
def functionals():
    need_opensmile()
    return EgemapsFunctionals()


def voice(hz, n=RATE, amplitude=0.2):
    """Harmonics up to 4 kHz that fall by 6 dB an octave."""
    t = np.arange(n) / RATE
    return sum(amplitude / k * np.sin(2 * np.pi * k * hz * t) for k in range(1, int(4000 / hz))).astype(np.float32)


def noise(n, seed=0):
    return (0.05 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def pid(descriptors):
    return descriptors.smile.child.pid


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(opensmile_process.util, "find_spec", lambda name: None)
    for name in ("egemaps_lld", "egemaps_functionals", "compare_functionals"):
        with pytest.raises(SerKerasError, match=r"needs the package opensmile: pip install 'ser-keras\[systems\]'"):
            DESCRIPTORS[name]()


def test_an_unknown_set_is_refused():
    settings = complete_arguments("egemaps_lld", {}, DESCRIPTORS, kind="frontend")
    assert settings == {"feature_set": "eGeMAPSv02"}
    with pytest.raises(SerKerasError, match="feature_set is 'eGeMAPS'; nearest: eGeMAPSv"):
        EgemapsLld("eGeMAPS")


def test_low_level_descriptors_of_known_voices(lld):
    windows = np.stack([voice(110), voice(220), voice(110, amplitude=0.02), noise(RATE)])
    found = lld(windows)
    assert found.shape == (4, 96, 25, 1) and found.dtype == np.float32
    assert found.shape[1:] == lld.compute_output_shape((None, RATE))[1:]
    assert len(lld.names) == len(set(lld.names)) == 25
    values = dict(zip(lld.names, np.moveaxis(found[:, 20:70, :, 0], 2, 0), strict=True))
    semitones = values["F0semitoneFrom27.5Hz_sma3nz"]
    np.testing.assert_allclose(np.median(semitones[:3], axis=1), [24, 36, 24], atol=0.2)
    loudness = values["Loudness_sma3"].mean(axis=1)
    assert loudness[0] > 1.5 * loudness[2] > 0
    # In the order given.
    np.testing.assert_array_equal(lld(windows[[1]]), found[[1]])
    assert lld(np.zeros((0, RATE))).shape == (0, 96, 25, 1)


@pytest.mark.parametrize("n", [960, 1119, 1120, 5999, 8800])
def test_frames_are_as_many_as_announced(lld, n):
    assert lld(noise(n)[None]).shape == lld.compute_output_shape((1, n))


def test_older_sets_have_fewer_descriptors():
    need_opensmile()
    older = EgemapsLld("eGeMAPSv01b")
    assert older(noise(2000)[None]).shape == older.compute_output_shape((1, 2000)) == (1, 8, 23, 1)
    assert len(older.names) == 23 and older.get_config() == {"feature_set": "eGeMAPSv01b"}


def test_padding_is_still_and_computed_as_if_whole(lld, monkeypatch):
    padded = np.concatenate([voice(150, 9000), noise(3000), np.zeros(20000, np.float32)])[None]
    quick = lld(padded)
    np.testing.assert_array_equal(quick[:, 80:], np.repeat(quick[:, 80:81], quick.shape[1] - 80, axis=1))
    monkeypatch.setattr("ser_keras.features.descriptors.egemaps.TAIL", 10**6)
    np.testing.assert_array_equal(lld(padded), quick)


def test_what_opensmile_cannot_compute_is_0(functionals, monkeypatch):
    monkeypatch.setattr(functionals, "smile", lambda samples: np.array([[np.nan, 2, np.inf, -np.inf]], np.float32))
    assert functionals(noise(2000)).tolist() == [[0, 2, 0, 0]]


def test_functionals_are_one_row_of_88(functionals):
    low, high = (functionals(voice(hz)) for hz in (110, 220))
    assert low.shape == (1, 88) and low.dtype == np.float32
    assert functionals.takes == "utterance" and functionals.compute_output_shape((None, None)) == (None, 88)
    assert functionals.row_starts(12345).tolist() == [0]
    assert len(functionals.names) == len(set(functionals.names)) == 88
    mean = functionals.names.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    assert (low[0, mean], high[0, mean]) == pytest.approx((24, 36), abs=0.3)


def test_compare_s_functionals_are_one_row_of_6373():
    need_opensmile()
    compare = CompareFunctionals()
    low, high = (compare(voice(hz)) for hz in (110, 220))
    assert low.shape == (1, 6373) and compare.compute_output_shape((None, None)) == (None, 6373)
    assert len(compare.names) == len(set(compare.names)) == 6373
    mean = compare.names.index("F0final_sma_amean")
    assert (low[0, mean], high[0, mean]) == pytest.approx((110, 220), rel=0.03)
    for samples in (np.zeros(3000), noise(7), 50 * noise(1000)):
        assert np.isfinite(compare(samples)).all()
    assert complete_arguments("compare_functionals", {}, DESCRIPTORS, kind="frontend") == {}


def test_sound_of_any_kind_gives_finite_values(lld, functionals):
    strange = noise(3000)
    strange[100:200], strange[300], strange[400] = np.nan, np.inf, -np.inf
    for samples in (np.zeros(3000), np.ones(3000), -np.ones(3000), 50 * noise(3000), strange, noise(7), np.zeros(1)):
        assert np.isfinite(functionals(samples)).all()
        if len(samples) >= lld.least_samples:
            assert np.isfinite(lld(samples[None])).all()
    np.testing.assert_array_equal(functionals(noise(700)), functionals(np.pad(noise(700), (0, 260))))
    assert functionals(noise(700)).any()
    # Full scale must not wrap round to negative: 16 bits end at 32767.
    np.testing.assert_array_equal(
        functionals(1.5 * voice(200, amplitude=1)), functionals(np.clip(1.5 * voice(200, amplitude=1), -1, 1))
    )
    np.testing.assert_array_equal(lld(np.ones((1, 3000))), lld(np.full((1, 3000), 32767 / 32768)))
    for samples, message in ((noise(959)[None], "959 samples is too short, it needs at least 960"), (noise(9), "give")):
        with pytest.raises(SerKerasError, match=message):
            lld(samples)
    with pytest.raises(SerKerasError, match="give one dimension"):
        functionals(noise(2000)[None])


def test_its_process_is_started_again_once(functionals, monkeypatch):
    expected, first = functionals(noise(3000)), pid(functionals)
    assert np.array_equal(functionals(noise(3000)), expected) and pid(functionals) == first
    os.kill(first, signal.SIGSEGV)
    assert np.array_equal(functionals(noise(3000)), expected)
    assert pid(functionals) != first
    # Stopped, it doesn't answer.
    os.kill(pid(functionals), signal.SIGSTOP)
    monkeypatch.setattr(opensmile_process, "ANSWER_S", 1)
    began = time.monotonic()
    assert np.array_equal(functionals(noise(3000)), expected)
    assert time.monotonic() - began > 1


@pytest.mark.parametrize(
    ("child", "message"),
    [
        ("import os; os.abort()", r"died 2 times on a signal of 0\.19 s \(SIGABRT\); leave that file out"),
        ("raise SystemExit(3)", r"died 2 times on a signal of 0\.19 s \(exit code 3\)"),
        (
            "from ser_keras.features import opensmile_process as o; "
            "import sys; sys.modules['opensmile'] = None; o.serve()",
            r"openSMILE \(eGeMAPSv02\): ModuleNotFoundError: import of opensmile halted",
        ),
    ],
)
def test_a_process_that_never_works_is_one_line(monkeypatch, child, message):
    monkeypatch.setattr(opensmile_process.util, "find_spec", lambda name: True)
    monkeypatch.setattr(opensmile_process.metadata, "version", lambda name: "2.6.0")
    monkeypatch.setattr(opensmile_process, "CHILD", child)
    descriptors = EgemapsFunctionals()
    for _ in range(2):
        with pytest.raises(SerKerasError, match=message) as error:
            descriptors(noise(3000))
        assert "\n" not in str(error.value)


@pytest.mark.smoke
def test_tensorflow_stays_out_of_its_process(functionals):
    functionals(noise(2000))
    own, child = (Path(f"/proc/{number}/maps") for number in ("self", pid(functionals)))
    if not own.exists():
        pytest.skip("needs /proc to see what a process has loaded")
    import tensorflow  # noqa: F401

    assert "libtensorflow" in own.read_text() and "libSMILEapi" not in own.read_text()
    assert "libtensorflow" not in child.read_text() and "libSMILEapi" in child.read_text()


def test_its_process_ends_with_it():
    need_opensmile()
    descriptors = EgemapsFunctionals()
    descriptors(noise(2000))
    child = descriptors.smile.child
    assert child.poll() is None
    del descriptors
    gc.collect()
    assert child.poll() is not None
