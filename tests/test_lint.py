"""`make lint` checks the types of every package, those at the top level of the repository too.

It takes a minute: `make lint-reach` runs it, in CI after `make lint`.
"""

import subprocess
import sys

import pytest

from tests.source_tree import copy_source_tree

MISTAKE = '\n\ndef planted() -> int:\n    """Returns what it must not."""\n    return "text"\n'


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_type_errors_in_every_package_are_reported(tmp_path):
    """A type checker that doesn't find a package says nothing at all about it."""
    sources = copy_source_tree(tmp_path / "sources")
    places = ["export/names.py", "tuning/directory.py", "ser_keras/common/text.py"]
    for place in places:
        with open(sources / place, "a", encoding="utf-8") as file:
            file.write(MISTAKE)
    # the recipe of `make lint` itself, with the packages that are installed here
    command = ["make", "--assume-old=install", "lint", f"VENV={sys.prefix}"]
    lint = subprocess.run(command, cwd=sources, capture_output=True, text=True, timeout=550)
    assert lint.returncode != 0
    for place in places:
        module = place if place.startswith("ser_keras/") else f"ser_keras/{place}"
        errors = [line for line in lint.stdout.splitlines() if f"{module}:" in line and "[return-value]" in line]
        assert len(errors) == 1, f"{module}\n{lint.stdout[-2000:]}{lint.stderr[-2000:]}"
