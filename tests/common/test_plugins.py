"""One's own parts: who may be imported, and what a lookup says."""

import subprocess
import sys

import pytest

from ser_keras.common import plugins
from ser_keras.common.errors import BadInput, NotFound, SerKerasError

PARTS = "VALUE = 3\nclass Nest:\n    inner = 4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on Python's path; nothing is trusted, and what was imported is forgotten afterwards."""
    monkeypatch.setattr(plugins, "trusted_modules", {})
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def registry(group="ser_keras.models"):
    return plugins.Registry(
        {"shipped": 1}, kind="number", group=group, check=lambda part: isinstance(part, int), expected="a number"
    )


def install(folder, point, name="their-package"):
    """An installed distribution with an entry point, as pip leaves it."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ser_keras.models]\n{point}\n")


def test_a_part_is_looked_up_by_module_and_name(folder):
    (folder / "parts_a.py").write_text(PARTS)
    plugins.trust("parts_a")
    numbers = registry()
    assert numbers["parts_a:VALUE"] == 3 and numbers["parts_a:Nest.inner"] == 4 and numbers["shipped"] == 1
    assert "parts_a:VALUE" in numbers and "gone" not in numbers and list(numbers) == ["shipped"]
    with pytest.raises(KeyError):
        numbers["gone"]


def test_a_module_that_the_user_did_not_name_is_not_imported(folder):
    (folder / "parts_b.py").write_text("raise SystemExit('executed')")
    with pytest.raises(BadInput, match="the module parts_b is not imported.*`plugins` parts_b"):
        registry()["parts_b:VALUE"]
    with pytest.raises(BadInput, match="not imported"):
        plugins.import_named_in({"model": {"name": "parts_b:VALUE"}})
    plugins.trust("parts")  # a name that begins alike is another module
    with pytest.raises(BadInput, match="not imported"):
        registry()["parts_b:VALUE"]
    with pytest.raises(BadInput, match="not imported"):
        registry()["os:getpid"]  # nor one that is imported already


def test_a_package_stands_for_its_modules(folder):
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("")
    (folder / "pack" / "numbers.py").write_text(PARTS)
    plugins.use(["pack"])
    assert registry()["pack.numbers:VALUE"] == 3


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("parts_c:GONE", NotFound, "number parts_c:GONE: the module parts_c has no GONE"),
        ("parts_c:Nest", BadInput, "number parts_c:Nest is the class Nest; expected: a number"),
        ("parts_gone:VALUE", NotFound, "number parts_gone:VALUE: there is no module parts_gone"),
        ("broken:VALUE", BadInput, "number broken:VALUE: the module broken cannot be imported: ZeroDivisionError"),
        ("lacking:VALUE", BadInput, "the module lacking cannot be imported: ModuleNotFoundError: No module named 'no_"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(folder, name, kind, line):
    (folder / "parts_c.py").write_text(PARTS)
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "lacking.py").write_text("import no_such_package\n")
    plugins.trust(name)
    with pytest.raises(kind, match=line) as error:
        registry()[name]
    assert "\n" not in str(error.value)


def test_entry_points_of_installed_packages_are_parts(folder):
    (folder / "theirs.py").write_text(PARTS)
    install(folder, "three = theirs:VALUE")
    numbers = registry()
    assert numbers["three"] == 3 and "three" in numbers and list(numbers) == ["shipped", "three"]
    assert numbers["theirs:VALUE"] == 3, "a module of an installed entry point may be imported"
    assert "three" not in registry("ser_keras.corpora")


def test_an_entry_point_replaces_no_part_of_this_package(folder):
    (folder / "theirs.py").write_text(PARTS)
    install(folder, "shipped = theirs:VALUE")
    assert registry()["shipped"] == 1


def test_an_entry_point_that_cannot_be_loaded_is_named(folder):
    install(folder, "three = gone:VALUE")
    with pytest.raises(BadInput, match="number three: the entry point gone:VALUE cannot be loaded: Module"):
        registry()["three"]


def test_names_in_settings():
    tree = {"model": {"name": "a.b:c"}, "list": [{"name": "d:e"}], "note": "f:g", "frontend": {"name": "log_mel"}}
    assert plugins.named_in(tree) == ["a.b:c", "d:e"]


def test_a_part_in_hand_has_a_name(folder):
    (folder / "parts_d.py").write_text("class Layer:\n    pass\n")
    import parts_d

    assert plugins.name_of(parts_d.Layer) == "parts_d:Layer" and plugins.is_trusted("parts_d")
    with pytest.raises(BadInput, match="has no name by which a run could find it again"):
        plugins.name_of(lambda: None)


def test_a_child_process_trusts_what_its_parent_trusts(folder):
    (folder / "parts_e.py").write_text(PARTS)
    plugins.trust("parts_e", "gone_since", "__main__")
    code = (
        f"from ser_keras.common import plugins; plugins.adopt({plugins.shared()!r}); import sys; "
        "print('parts_e' in sys.modules, plugins.is_trusted('parts_e'), plugins.is_trusted('os'))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "True", "False"]


def test_a_misspelt_module_is_not_told_to_child_processes(folder):
    (folder / "parts_f.py").write_text(PARTS)
    for name in ("parts_ff", "parts_f"):
        plugins.trust(name)
    with pytest.raises(NotFound, match="there is no module parts_ff"):
        plugins.import_trusted("parts_ff")
    assert "parts_f" in plugins.shared()["modules"] and "parts_ff" not in plugins.shared()["modules"]


def test_a_broken_plugin_is_one_kind_of_error(folder):
    with pytest.raises(SerKerasError, match="there is no module gone_for_good"):
        plugins.use(["gone_for_good"])
