"""Calls name what they pass: no call splats a tuple or list literal, in which swapped values would not show."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def splatted_literals(source):
    """Lines of calls with a starred tuple or list literal."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            starred = [a for a in node.args if isinstance(a, ast.Starred) and isinstance(a.value, ast.Tuple | ast.List)]
            lines += [argument.lineno for argument in starred]
    return lines


def test_no_call_splats_a_literal():
    files = {file for folder in ("ser_keras", "export", "tuning") for file in (REPOSITORY / folder).rglob("*.py")}
    names = {str(file.relative_to(REPOSITORY)): file for file in files}
    lines = {name: splatted_literals(file.read_text(encoding="utf-8")) for name, file in names.items()}
    assert len(files) > 150 and {name: at for name, at in lines.items() if at} == {}


@pytest.mark.parametrize(
    ("source", "n"), [("f(*(a, b), *[c])", 2), ("f(a, b=1)", 0), ("f(*more)", 0), ("[*(1, 2)]", 0)]
)
def test_splatted_literals_are_seen(source, n):
    assert len(splatted_literals(source)) == n
