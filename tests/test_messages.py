"""Messages of the library name arguments and settings: a Python user has no flags."""

import ast
import re

import pytest

from ser_keras.cli.texts import with_flags
from tests.test_layout import modules

FLAG = re.compile(r"(?<![\w-])--[a-z]")
COMMANDS = ("ser_keras.export.card", "ser_keras.experiment.provenance")  # they take commands apart, and call git


def flags_in_messages(source):
    """Lines of texts with a flag that are no command to type and no docstring."""
    tree = ast.parse(source)
    passed_over = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed_over |= {id(part) for part in node.values}
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            text = node.value
        else:
            continue
        if FLAG.search(re.sub(r"`ser-keras [^`]*`", "", text)):
            lines.append(node.lineno)
    return lines


def test_no_message_of_the_library_names_a_flag():
    sources = {
        name: file.read_text(encoding="utf-8")
        for name, file in modules().items()
        if not name.startswith("ser_keras.cli") and name not in COMMANDS
    }
    named = {name: lines for name, source in sources.items() if (lines := flags_in_messages(source))}
    assert len(sources) > 200 and named == {}


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ('raise ValueError(f"{path} is taken; choose another --out")', 1),
        ('raise ValueError("choose others with --host and --port")', 1),
        ('say(f"go on with `ser-keras train ... --out {path} --resume`")', 0),
        ('"""What `--set` does."""', 0),
        ('x = "a -- b"', 0),
    ],
)
def test_flags_are_seen(source, n):
    assert len(flags_in_messages(source)) == n


def test_the_terminal_shows_flags_for_arguments():
    flags = {"out": "--out", "resume": "--resume", "changes": "--set"}
    said = "`changes` a: choose another `out`, or `resume=True`; `model.name` and `fold` stay"
    assert with_flags(said, flags) == "--set a: choose another --out, or --resume; `model.name` and `fold` stay"
