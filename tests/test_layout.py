"""The rooms of the code import downwards alone, and no module stands beside them."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOMS = (
    *("common", "audio", "corpora", "features", "models", "experiment", "evaluation", "runtime", "training"),
    *("export", "tuning", "reproduction", "api", "cli"),
)
DATA = ("pretrained", "recipes", "web")  # folders of ser_keras without code
# modules beside the rooms, for other people's code: they see every room, and no room sees them
PUBLIC = ("augmentation", "layers", "measures", "protocols")
FOLDERS = {"ser_keras": "ser_keras", "ser_keras.export": "export", "ser_keras.tuning": "tuning"}


def modules():
    """Module name -> file, of the whole package."""
    files = {}
    for package, folder in FOLDERS.items():
        for file in (REPOSITORY / folder).rglob("*.py"):
            parts = file.relative_to(REPOSITORY / folder).with_suffix("").parts
            if package != "ser_keras" or parts[0] not in ("export", "tuning"):  # links to these may lie there
                files[".".join([package, *parts]).removesuffix(".__init__")] = file
    return files


def imported(source, names):
    """The modules among `names` that a source imports, also inside functions."""
    targets = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            targets |= {full if (full := f"{module}.{a.name}") in names else module for a in node.names}
        elif isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
    return targets & names


def room(module):
    return module.split(".")[1] if "." in module else ""


def wrong_imports(graph):
    """Lines on imports that run upwards, out of the rooms, or from `runtime` to more than common and audio."""
    lines = []
    for module, targets in graph.items():
        if room(module) not in ROOMS:  # __init__, __main__ and public modules see everything
            continue
        below = ROOMS[: ROOMS.index(room(module)) + 1]
        if room(module) == "runtime":
            below = ("common", "audio", "runtime")
        lines += [f"{module} imports {target}" for target in sorted(targets) if room(target) not in below]
    return lines


@pytest.fixture(scope="module")
def graph():
    files = modules()
    return {name: imported(file.read_text(encoding="utf-8"), set(files)) - {name} for name, file in files.items()}


def test_every_module_is_in_a_room(graph):
    outside = {name for name in graph if room(name) not in (*ROOMS, *DATA)}
    assert outside == {"ser_keras", "ser_keras.__main__", *(f"ser_keras.{name}" for name in PUBLIC)}
    assert {room(name) for name in graph} >= set(ROOMS)


def test_imports_run_downwards(graph):
    assert wrong_imports(graph) == []


def test_no_imports_in_a_circle(graph):
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_lazy_and_circular_imports_are_seen():
    names = {"ser_keras.common.files", "ser_keras.cli.main", "ser_keras.runtime.model", "ser_keras.features.base"}
    lazy = imported("def f():\n    from ser_keras.cli import main", names)
    assert wrong_imports({"ser_keras.common.files": lazy}) == ["ser_keras.common.files imports ser_keras.cli.main"]
    assert wrong_imports({"ser_keras.runtime.model": {"ser_keras.features.base"}})
    assert wrong_imports({"ser_keras.cli.main": {"ser_keras.layers"}})
    assert not wrong_imports({"ser_keras.layers": {"ser_keras.cli.main"}})
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


@pytest.mark.parametrize(
    "module",
    [
        "features.opensmile_process",  # openSMILE dies of heap corruption beside TensorFlow 2.21
        "corpora.synthetic.espeak",
        "runtime.isolated_interpreter",
        "runtime.benchmark",
        "tuning.worker_main",
    ],
)
def test_a_child_process_starts_without_tensorflow(module):
    """Its module is not in a package whose __init__ imports Keras."""
    code = f"import sys, ser_keras.{module}; sys.exit(bool({{'keras', 'tensorflow'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
