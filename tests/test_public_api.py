"""`import ser_keras`: what it offers, and that it costs nothing before it is used."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ser_keras
from ser_keras.audio import samples
from tests.test_layout import modules

REPOSITORY = Path(__file__).parents[1]


def test_every_public_name_is_there_and_shown():
    assert set(ser_keras.__all__) <= set(dir(ser_keras))
    for name in ser_keras.__all__:
        assert getattr(ser_keras, name) is not None
    assert len(set(ser_keras.__all__)) == len(ser_keras.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        ser_keras.lod  # noqa: B018


def test_checkers_see_the_names_that_programs_get():
    """The imports under TYPE_CHECKING, the lazy ones and `__all__` are the same list."""
    tree = ast.parse((REPOSITORY / "ser_keras" / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = {alias.name: node.module for node in block.body for alias in node.names}
    assert {*imports, "__version__"} == set(ser_keras.__all__)
    for name, module in imports.items():
        public = getattr(ser_keras, name)  # imports the module
        assert getattr(sys.modules[module], name) is public


def test_importing_is_light():
    code = "import sys; before = set(sys.modules); import ser_keras; print(sorted(set(sys.modules) - before))"
    names = ast.literal_eval(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert [n for n in names if n.split(".")[0] != "ser_keras"] in ([], ["importlib"]), names
    assert "ser_keras.runtime" not in names


EXAMPLES = {  # module -> least number of lines that its examples run
    "ser_keras": 4,
    "ser_keras.api.bundle": 5,
    "ser_keras.api.metrics": 3,
    "ser_keras.api.prediction": 4,
    "ser_keras.augmentation": 7,
    "ser_keras.experiment.settings": 3,
    "ser_keras.features.frontends.log_mel": 7,
    "ser_keras.features.frontends.log_spectrogram": 7,
    "ser_keras.features.frontends.mfcc": 7,
    "ser_keras.features.frontends.spectrogram_image": 7,
    "ser_keras.features.frontends.spectrogram_pair": 7,
    "ser_keras.features.frontends.statistics": 7,
    "ser_keras.layers": 9,
    "ser_keras.measures": 10,
    "ser_keras.models.layers.standardization": 9,
    "ser_keras.protocols": 16,
    "ser_keras.runtime.model": 12,
}


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted >= EXAMPLES[module] and result.failed == 0


@pytest.mark.parametrize("rate", [8000, 44100])
def test_samples_at_another_rate_are_refused_in_a_line_that_helps(rate):
    wave = np.sin(np.arange(2 * rate) / 9).astype(np.float32)
    with pytest.raises(ser_keras.BadInput) as error:
        ser_keras.load().predict_samples(wave, rate)
    line = str(error.value)
    assert "\n" not in line and f"soxr.resample(samples, {rate}, 16000)" in line


def test_results_know_their_types():
    import typing

    assert typing.get_type_hints(ser_keras.Result)["segments"] == tuple[ser_keras.Segment, ...]
    assert typing.get_type_hints(ser_keras.Moment)["belief"] == dict[str, float] | None
    assert typing.get_type_hints(ser_keras.Model.predict)["return"] is ser_keras.Result


def test_the_sampling_rate_is_stated_once():
    files = [f for folder in ("ser_keras", "export", "tuning") for f in (REPOSITORY / folder).rglob("*.py")]
    stated = [f for f in files if "SAMPLE_RATE = " in f.read_text(encoding="utf-8")]
    assert {f.resolve() for f in stated} == {Path(samples.__file__).resolve()}


def test_no_public_name_is_that_of_a_module():
    """Importing `ser_keras.export` sets the attribute `export` of `ser_keras`: it would replace a function."""
    names = sorted(set(modules()) - {"ser_keras.__main__"})
    code = (
        "import importlib, os, types, ser_keras\n"
        "os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')\n"
        f"for name in {names}: importlib.import_module(name)\n"
        "for name in ser_keras.__all__:\n"
        "    public = getattr(ser_keras, name)\n"
        "    assert not isinstance(public, types.ModuleType), name\n"
        "    assert callable(public) or name == '__version__', name\n"
        "    for attribute in vars(public) if isinstance(public, type) else ():\n"
        "        assert not isinstance(getattr(public, attribute), types.ModuleType), (name, attribute)\n"
        "assert isinstance(ser_keras.export, types.ModuleType) and isinstance(ser_keras.api.run, types.ModuleType)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_former_name_leads_to_the_one_that_took_its_place(monkeypatch):
    assert set(ser_keras.DEPRECATED).isdisjoint(ser_keras.__all__)
    monkeypatch.setitem(ser_keras.DEPRECATED, "classify", ("predict", "2.0"))
    line = "ser_keras.classify is called ser_keras.predict now; version 2.0 will be without the former name"
    with pytest.warns(DeprecationWarning, match=line) as warned:
        assert ser_keras.classify is ser_keras.predict
    assert warned[0].filename == __file__


def test_every_former_name_leads_somewhere():
    for successor, version in ser_keras.DEPRECATED.values():
        assert successor in ser_keras.__all__ and version[0].isdigit()


def test_a_name_whose_packages_are_missing_says_how_to_get_them():
    code = (
        "import sys; sys.modules['pydantic'] = None\n"
        "import ser_keras\n"
        "try: ser_keras.Experiment\n"
        "except ser_keras.Unavailable as error: print(error)\n"
    )
    line = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert line.startswith("this needs the package 'pydantic': pip install 'ser-keras[train-cpu]'")
