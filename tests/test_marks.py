"""The lists of tests/conftest.py name tests that are there."""

from tests.conftest import LONG, THOROUGH
from tests.test_layout import REPOSITORY


def test_every_listed_test_is_there():
    for name in (*LONG, *THOROUGH):
        place, _, test = name.partition("::")
        assert f"def {test}" in (REPOSITORY / "tests" / place).read_text(encoding="utf-8"), name
