"""Formats for people."""

import doctest

import pytest

from ser_keras.common import text
from ser_keras.common.text import duration, html_table, number_word, of_ten


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


def test_tables_for_notebooks_are_escaped():
    table = html_table(
        ["a & b"],
        [
            [
                "<script>",
            ],
            [None],
            [0],
        ],
        caption="x < y",
    )
    assert "<caption>x &lt; y</caption>" in table and "<th>a &amp; b</th>" in table
    assert "<td>&lt;script&gt;</td>" in table and "<td></td>" in table and "<td>0</td>" in table


def test_the_examples_run():
    result = doctest.testmod(text)
    assert result.attempted and not result.failed
