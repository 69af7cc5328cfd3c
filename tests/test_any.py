"""`Any` is rare in the types of the package, and each use gives its reason."""

import ast
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
AT_MOST = 30


def uses(source):
    """Line numbers of `Any` in annotations and aliases."""
    return [n.lineno for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name) and n.id == "Any"] + [
        number
        for number, line in enumerate(source.splitlines(), 1)
        if "Any]" in line and '"' in line  # in a quoted annotation
    ]


def test_any_is_rare_and_has_its_reason():
    files = {f.resolve() for folder in ("ser_keras", "export", "tuning") for f in (REPOSITORY / folder).rglob("*.py")}
    total, without = 0, []
    for file in files:
        source = file.read_text(encoding="utf-8")
        lines = source.splitlines()
        for number in uses(source):
            total += 1
            if "# Any:" not in lines[number - 1] and "# Any:" not in lines[number - 2]:
                without.append(f"{file.relative_to(REPOSITORY)}:{number}")
    assert len(files) > 150 and without == []
    assert 0 < total <= AT_MOST


def test_uses_are_seen():
    assert len(uses("from typing import Any\nx: dict[str, Any]\ny = 'Anybody'\nz: \"list[Any]\"")) == 2
