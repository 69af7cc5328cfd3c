"""What can be said of the Android demo without its tools; `make android` compiles and runs it."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "android_demo"
MAIN = DEMO / "app/src/main"
ANDROID = "{http://schemas.android.com/apk/res/android}"
sys.path.insert(0, str(DEMO / "checks"))


def elements(path):
    return list(ET.parse(path).iter())


def layouts():
    return sorted(MAIN.glob("res/layout*/*.xml"))


def colors(folder):
    return {e.get("name"): e.text for e in elements(MAIN / "res" / folder / "colors.xml") if e.tag == "color"}


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (3, 5, 7)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2's contrast ratio, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_app_may_use_the_microphone_and_nothing_else():
    permissions = [e.get(f"{ANDROID}name") for e in elements(MAIN / "AndroidManifest.xml") if "permission" in e.tag]
    assert permissions == ["android.permission.RECORD_AUDIO"]


@pytest.mark.parametrize("theme", ["values", "values-night"])
def test_text_and_bars_stand_out_from_what_is_behind_them(theme):
    named = colors("values") | colors(theme)
    for text, behind in product(["text", "text_secondary"], ["background"]):
        assert contrast(named[text], named[behind]) >= 4.5, (text, behind)
    assert contrast(named["text"], named["problem_background"]) >= 4.5
    assert contrast(named["on_accent"], named["accent"]) >= 4.5
    bars = [name for name in named if name.startswith("class_")]
    assert len(bars) == 8
    for name in [*bars, "accent"]:
        assert contrast(named[name], named["background"]) >= 3, name


def test_night_has_every_color_that_a_class_or_text_uses():
    day, night = colors("values"), colors("values-night")
    assert set(day) - set(night) == {"launcher_background"}


def test_texts_grow_with_the_persons_font_size():
    found = 0
    for path in layouts():
        for element in elements(path):
            size = element.get(f"{ANDROID}textSize")
            if size:
                found += 1
                assert size.endswith("sp") and float(size[:-2]) >= 14, (path.name, size)
            if element.tag in ("TextView", "Button"):  # a fixed height would cut large letters off
                assert element.get(f"{ANDROID}layout_height") in ("wrap_content", "match_parent"), path.name
    assert found > 5


def test_no_text_is_written_into_layouts_or_code_for_people():
    for path in layouts():
        for element in elements(path):
            for name in ("text", "contentDescription", "hint"):
                value = element.get(f"{ANDROID}{name}")
                assert value is None or value.startswith("@string/"), (path.name, value)


def test_what_a_finger_hits_is_large_enough_and_changes_are_spoken():
    answer = elements(MAIN / "res/layout/answer.xml")
    buttons = [e for e in answer if e.tag == "Button"]
    assert len(buttons) == 4
    assert all(int(b.get(f"{ANDROID}minHeight")[:-2]) >= 48 for b in buttons)
    live = {e.get(f"{ANDROID}id"): e.get(f"{ANDROID}accessibilityLiveRegion") for e in answer}
    assert live["@+id/emotion"] == "polite" and live["@+id/problem"] == "assertive"
    # drawn views have nothing that a screen reader could read but what they say of themselves
    for view in ("BarsView", "TimelineView"):
        assert "contentDescription = " in (MAIN / f"kotlin/org/serkeras/demo/{view}.kt").read_text()


def test_both_orientations_hold_the_same_views():
    included = [
        [e.get("layout") for e in elements(MAIN / "res" / folder / "main.xml") if e.tag == "include"]
        for folder in ("layout", "layout-land")
    ]
    assert included[0] == included[1] == ["@layout/answer", "@layout/pictures"]


def test_every_string_is_used_and_every_used_string_is_there():
    there = {e.get("name") for e in elements(MAIN / "res/values/strings.xml") if e.tag == "string"}
    sources = [*MAIN.rglob("*.kt"), *layouts(), MAIN / "AndroidManifest.xml"]
    used = {m for p in sources for m in re.findall(r"(?:R\.string\.|@string/)(\w+)", p.read_text())}
    assert used == there


def test_registries_are_named_by_gradles_own_words():
    settings = (DEMO / "settings.gradle").read_text()
    assert settings.count("google()") == settings.count("mavenCentral()") == 2
    for path in DEMO.rglob("*.gradle"):
        assert "http" not in path.read_text(), path


def test_tools_are_pinned():
    tools = json.loads((DEMO / "checks/tools.json").read_text())
    for tool in tools:
        assert tool["version"][0].isdigit() and re.fullmatch("[0-9a-f]{64}", tool["sha256"]), tool["name"]
        assert tool["licence"] and tool["why"]


SIGNATURES = """
import typing
class Base(java.lang.Object):
    LIMIT: typing.ClassVar[int] = ...
    def inherited(self, name: str | java.lang.String, /) -> None: ...
class Thing(Base):
    def __init__(self, count: int | java.jint | java.lang.Integer, /) -> None: ...
    def read(self, into: java.chaquopy.JavaArrayJShort, count: int | java.jint | java.lang.Integer, /) -> int: ...
    @staticmethod
    def made(seconds: float | java.jfloat | java.lang.Float, /) -> Thing: ...
"""


@pytest.mark.parametrize(
    "member, right",
    [
        ("public android.t.Thing(int);", True),
        ("public android.t.Thing(long);", False),
        ("public int read(short[], int);", True),
        ("public int read(float[], int);", False),
        ("public int read(short[]);", False),
        ("public static android.t.Thing made(float);", True),
        ("public static android.t.Thing made(int);", False),
        ("public void inherited(java.lang.String);", True),
        ("public static final int LIMIT = 3;", True),
        ("public static final int LIMITS = 3;", False),
        ("public void invented();", False),
        ("public void standInHelp(int);", True),
    ],
)
def test_the_stand_in_may_have_nothing_that_android_has_not(tmp_path, member, right):
    import signatures

    (tmp_path / "t").mkdir()
    (tmp_path / "t/__init__.pyi").write_text(SIGNATURES)
    described = f"public class android.t.Thing extends android.t.Base {{\n  {member}\n}}\n"
    wrong = signatures.compare(described, tmp_path)[1]
    assert (wrong == []) == right


def test_a_class_that_android_has_not_is_found(tmp_path):
    import signatures

    (tmp_path / "t").mkdir()
    (tmp_path / "t/__init__.pyi").write_text(SIGNATURES)
    assert signatures.compare("public class android.t.Other {\n}\n", tmp_path)[1] == ["class android.t.Other"]


def test_a_changed_download_is_refused(tmp_path, monkeypatch):
    import tools

    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/a.whl").write_bytes(b"something else")
    listed = [
        {"name": "a", "version": "1", "registry": "PyPI", "file": "a.whl", "sha256": 64 * "0", "take": {"a": ["a.jar"]}}
    ]
    (tmp_path / "tools.json").write_text(json.dumps(listed))
    monkeypatch.setattr(tools, "LIST", tmp_path / "tools.json")
    with pytest.raises(tools.CheckError, match="not what was pinned") as error:
        tools.fetch(tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "downloads/a.whl").exists()


def test_a_missing_tool_is_said_in_one_line():
    import tools

    with pytest.raises(tools.CheckError, match="no `surely-not-there` on this machine; install it"):
        tools.call(["surely-not-there"], "looking")
