"""The name of the default model stands in one line; what else needs it reads that line."""

import re
import subprocess

import pytest

from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED, find
from tests.test_layout import REPOSITORY

NAMING = "ser_keras/runtime/bundle.py"
PATTERN = r'^DEFAULT_MODEL = "(\w+)"$'
READERS = (
    "web_demo/tools/shipped.mjs",
    "android_demo/buildSrc/src/main/groovy/ShippedBundle.groovy",
    "android_demo/checks/run.py",
    "android_demo/app/src/test/kotlin/org/serkeras/demo/core/ModelBundleTest.kt",
)
DOCUMENTS = ("README.md", "docs/mobile-developer.md")
FOR_PEOPLE = (*DOCUMENTS, "docs/demo-user.md")
HOW_OFTEN = re.compile(r"the right one of (\w+)(?: emotions)? in about ([^|]{1,20}?) of ten")
FOLDERS = ("ser_keras", "export", "tuning", "tests", "benchmarks", "web_demo", "android_demo", ".ci", ".github")


def test_one_line_names_the_default_and_the_demos_can_read_it():
    assert re.findall(PATTERN, (REPOSITORY / NAMING).read_text(), re.MULTILINE) == [DEFAULT_MODEL]
    for name in READERS:
        text = (REPOSITORY / name).read_text()
        assert "DEFAULT_MODEL = " in text and "runtime" in text and "bundle.py" in text, name
    assert (PRETRAINED / DEFAULT_MODEL / "bundle.json").is_file()


def test_no_program_names_the_folder_of_a_shipped_model():
    command = ["git", "ls-files", "--", *FOLDERS]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("no git checkout")
    shipped = "|".join(path.parent.name for path in PRETRAINED.glob("*/bundle.json") if path.parent.name != "multi")
    named = re.compile(rf"""pretrained["']?\s*[,/]\s*["']?({shipped})\b""", re.IGNORECASE)
    programs = [n for n in listed if n.endswith((".py", ".mjs", ".js", ".kt", ".groovy", ".gradle", ".properties"))]
    texts = {name: (REPOSITORY / name).read_text(encoding="utf-8") for name in programs}
    assert len(texts) > 300 and [name for name, text in texts.items() if named.search(text)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_the_default(name):
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert f"`ser_keras/pretrained/{DEFAULT_MODEL}`" in text


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_documents_say_how_often_it_is_right_as_its_bundle_does(name):
    """In a room of four emotions, on recordings of all that it tells apart."""
    stated = dict(HOW_OFTEN.findall(find().reach))
    text = " ".join((REPOSITORY / name).read_text(encoding="utf-8").split())
    printed = [pair for pair in HOW_OFTEN.findall(text) if pair[1] != "N"]  # the form of the sentence
    assert "four" in dict(printed) and [pair for pair in printed if stated.get(pair[0]) != pair[1]] == []
