"""Formats for people."""

import pytest

from ser_keras.common.text import duration, number_word, of_ten


@pytest.mark.parametrize(
    ("seconds", "rough", "exact"),
    [
        (0.4, "0 s", "0 s"),
        (59.6, "60 s", "1 min 00 s"),
        (119, "119 s", "1 min 59 s"),
        (200, "3 min", "3 min 20 s"),
        (3720, "62 min", "1 h 02 min"),
        (9000, "2.5 h", "2 h 30 min"),
    ],
)
def test_durations(seconds, rough, exact):
    assert duration(seconds) == rough and duration(seconds, exact=True) == exact


def test_numbers_as_words():
    assert [number_word(n) for n in (0, 4, 10, 11)] == ["none", "four", "ten", "11"]
    words = ["none", "none", "one", "five", "five", "ten"]
    assert [of_ten(share) for share in (0, 0.049, 0.05, 0.45, 0.5499, 1)] == words
