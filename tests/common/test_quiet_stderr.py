"""Standard error: what C++ libraries write past Python stays off the terminal, the rest arrives."""

import concurrent.futures
import os

import pytest

from ser_keras.common.quiet_stderr import silenced_stderr, without_info_lines


def test_info_lines_are_dropped_and_others_passed_on(capfd):
    with without_info_lines():
        os.write(2, b"INFO: greetings\nERROR: a fault\nWARNING: All log messages before\nlast, unended")
    assert capfd.readouterr().err == "ERROR: a fault\nlast, unended"


def test_everything_is_dropped_and_then_nothing(capfd):
    with silenced_stderr():
        os.write(2, b"a banner\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_an_error_inside_passes_with_what_was_written(capfd):
    with pytest.raises(KeyError), without_info_lines():
        os.write(2, b"ERROR: before\n")
        raise KeyError
    assert capfd.readouterr().err == "ERROR: before\n"


def test_both_at_once_in_many_threads_and_nested(capfd):
    before = os.fstat(2)

    def work(i):
        with silenced_stderr() if i % 2 else without_info_lines():
            with without_info_lines():
                os.write(2, b"INFO: inner\n")
            os.write(2, f"line {i}\n".encode())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(60)))
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
    assert sorted(capfd.readouterr().err.splitlines()) == sorted(f"line {i}" for i in range(0, 60, 2))


def test_without_standard_error_nothing_happens():
    place = os.dup(2)
    try:
        os.close(2)
        with silenced_stderr(), without_info_lines():
            pass
    finally:
        os.dup2(place, 2)
        os.close(place)
