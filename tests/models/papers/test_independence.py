"""A paper's module stands on shared layers, not on another paper's module."""

import ast
from pathlib import Path

import pytest

from ser_keras.models import papers

MODULES = sorted(Path(papers.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_of_a_paper_imports_another_s(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imports = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    imports += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    assert imports and not [name for name in imports if name.startswith("ser_keras.models.papers")]
