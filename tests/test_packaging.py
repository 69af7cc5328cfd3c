"""What is in a wheel: every module, the data beside them, and nothing that belongs elsewhere."""

import email
import subprocess
import sys
import zipfile

import pytest
import tomllib

from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED
from tests.source_tree import ROOT, copy_source_tree, package_files

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of the sources as they are, built by pip."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = copy_source_tree(folder / "sources")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(sources)]
    subprocess.run(command, check=True, capture_output=True, timeout=250)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    """The wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_list_of_packages_names_every_folder_that_holds_code():
    folders = {name.rpartition("/")[0].replace("/", ".") for name in package_files("*.py")}
    assert sorted(folders) == sorted(SETTINGS["tool"]["setuptools"]["packages"])


def test_a_wheel_holds_every_module(names):
    modules = package_files("*.py")
    assert {name for name in names if name.endswith(".py")} == modules
    assert {"ser_keras/export/convert.py", "ser_keras/tuning/search.py", "ser_keras/cli/main.py"} <= modules


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        ("py.typed", "ser_keras/py.typed"),
        ("corpora/*.csv", "ser_keras/corpora/esc10.csv"),
        ("*.html", "ser_keras/evaluation/reports/base.html"),
        ("recipes/*.yaml", "ser_keras/recipes/reported.yaml"),
        ("spaces/*.yaml", "ser_keras/tuning/spaces/he2019.yaml"),
        (f"pretrained/{DEFAULT_MODEL}/*", f"ser_keras/pretrained/{DEFAULT_MODEL}/model.tflite"),
    ],
)
def test_a_wheel_holds_the_data_beside_the_modules(names, pattern, example):
    data = package_files(pattern)
    assert example in data
    assert data <= names, sorted(data - names)


def test_a_wheel_puts_nothing_else_into_an_environment(names):
    [metadata] = {name.partition("/")[0] for name in names} - {"ser_keras"}
    assert metadata.endswith(".dist-info")
    assert not [name for name in names if "pretrained/multi/" in name], "its licence isn't the project's"
    allowed = {".py", ".yaml", ".html", ".csv", ".typed"}
    beside = {n for n in names if n.startswith("ser_keras/") and not n.startswith("ser_keras/pretrained/")}
    assert not [name for name in beside if not name.endswith(tuple(allowed))]


def test_a_wheel_says_what_it_is(wheel, names):
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in names if name.endswith("/METADATA")]
        [entry_points] = [name for name in names if name.endswith("/entry_points.txt")]
        header = email.message_from_bytes(archive.read(metadata))
        assert "ser-keras = ser_keras.cli.main:main" in archive.read(entry_points).decode()
    assert header["Name"] == "ser-keras" and header["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_an_installed_wheel_finds_its_parts(wheel, tmp_path):
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(tmp_path / "site")]
    command = [sys.executable, "-m", "pip", "install", *options, str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    labels = (PRETRAINED / DEFAULT_MODEL / "labels.txt").read_text().split()
    code = (
        "import sys; site = sys.argv[1]; sys.path.insert(0, site)\n"
        "import ser_keras, ser_keras.export.names, ser_keras.tuning.space\n"
        "from ser_keras.experiment.recipes import recipes\n"
        "from ser_keras.experiment.settings import Experiment\n"
        "from ser_keras.reproduction import ids\n"
        "from ser_keras.runtime.model import load\n"
        "for module in (ser_keras, ser_keras.export.names, ser_keras.tuning.space):\n"
        "    assert module.__file__.startswith(site), module.__file__\n"
        "assert Experiment.from_recipe('anand2015.r2') and len(recipes()) > 50 and len(ids()) > 50\n"
        "assert all(ser_keras.tuning.space.load_space(name) for name in ser_keras.tuning.space.spaces())\n"
        f"assert list(load().classes) == {labels}\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "site")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
