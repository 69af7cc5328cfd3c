"""The guides for one's own data, model and front end, followed as they are written."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ser_keras.cli.main import main
from ser_keras.common import plugins
from ser_keras.corpora import CORPORA
from tests.made_corpus import write_corpus

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
OF_A_PROCESS_OF_ITS_OWN = ("export", "tune")  # they start child processes, which must find the module by themselves


def steps(page):
    """(language, file name or "", text) of each block that the reader is to type, in order."""
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return [block for block in blocks if block[0] in ("bash", "python", "yaml")]


def run_command(line):
    program, *arguments = shlex.split(line.replace("\\\n", " "))
    assert program == "ser-keras"
    if arguments[0] in OF_A_PROCESS_OF_ITS_OWN:
        command = [str(Path(sys.executable).parent / "ser-keras"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
    else:
        assert main(arguments) == 0, line


@pytest.mark.parametrize("page", ["your-own-data.md", "your-own-model.md", "your-own-front-end.md"])
def test_the_guide_works_as_it_is_written(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugins, "trusted_modules", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_corpus(tmp_path / "speech")
    before, n_commands = set(sys.modules), 0
    try:
        for language, file, text in steps(page):
            if file:
                Path(file).write_text(text, encoding="utf-8")
            elif language == "bash":
                run_command(text)
                n_commands += 1
            else:
                script = tmp_path / "step.py"
                script.write_text(text, encoding="utf-8")
                runpy.run_path(str(script))
    finally:
        CORPORA.pop("acme", None)  # other tests look at every corpus
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
                del sys.modules[name]
    assert n_commands >= 3


def test_the_table_of_the_guide_is_read(tmp_path):
    """The rows that the guide shows are rows that the reader takes."""
    from ser_keras.corpora.readers import manifest

    page = (DOCS / "your-own-data.md").read_text(encoding="utf-8")
    table = re.search(r"^```\n(path,.*?)^```", page, re.M | re.S)
    assert table is not None
    write_corpus(tmp_path)
    (tmp_path / "manifest.csv").write_text(table[1], encoding="utf-8")
    assert [u.emotion for u in manifest.READER.scan(tmp_path).utterances] == ["anger", "neutral"]
