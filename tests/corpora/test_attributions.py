"""Whom to credit for a sound file, and its licence."""

from pathlib import Path

import pytest

from ser_keras.corpora.attributions import UNSTATED, Credits, esc10, freesound_clip, is_esc10, licence_in


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("CC BY 4.0", "CC BY 4.0"),
        ("by nfrae [CC-BY]", "CC BY"),
        ("by inchadney [CC-BY-NC]", "CC BY-NC"),
        ("CC BY-NC-SA 4.0", "CC BY-NC-SA 4.0"),
        ("Creative Commons Attribution 3.0 Unported", "CC BY 3.0"),
        ("Creative Commons Attribution-NonCommercial 3.0", "CC BY-NC 3.0"),
        ("Creative Commons Attribution-ShareAlike 4.0", "CC BY-SA 4.0"),
        ("http://creativecommons.org/licenses/by-nc/3.0/", "CC BY-NC 3.0"),
        ("CC BY, see https://creativecommons.org/licenses/by/4.0/", "CC BY 4.0"),
        ("CC BY-ND 4.0", "CC BY-ND 4.0"),
        ("[CC0]", "CC0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0"),
        ("[CC-Sampling+]", "CC Sampling Plus"),
        ("Apache License Version 2.0", "Apache-2.0"),
        ("CC BY 4.0, but rain.wav: CC0", UNSTATED),
        ("All rights reserved", UNSTATED),
        ("", UNSTATED),
    ],
)
def test_a_licence_is_read_from_a_text_that_names_one(text, licence):
    assert licence_in(text) == licence


def test_every_clip_of_esc10_has_its_uploader_its_title_and_a_licence():
    assert len(esc10()) == 304
    for clip, row in esc10().items():
        assert is_esc10(Path(f"{clip}-A.ogg")) and row["author"] and row["title"]
        assert row["licence"] in ("CC0", "CC BY", "CC Sampling Plus")


def test_esc10_and_esc50_are_told_apart_by_the_clip(tmp_path):
    credits = Credits(tmp_path)
    rain, alarm = (credits.of(tmp_path / name) for name in ("1-17367-A-10.wav", "3-131943-A-37.wav"))
    assert rain.licence == "CC0" and "by cognito perceptu, Freesound clip 17367" in rain.attribution
    assert alarm.licence == "CC BY-NC 3.0", "ESC-50's; ESC-10 has another part of this recording, in another fold"
    assert "https://freesound.org/s/131943/" in alarm.attribution
    assert is_esc10(Path("2-131943-A.ogg")) and not is_esc10(Path("3-131943-A.ogg"))
    assert freesound_clip(Path("1-17367-A.ogg")) == "17367" and freesound_clip(Path("rain-17367.ogg")) is None


def test_a_table_names_authors_and_licences(tmp_path):
    (tmp_path / "clips.csv").write_text("FileName,Uploader,License,x\nsub/a.wav,Ann,CC BY 4.0,1\nb.wav,,,2\n")
    (tmp_path / "other.csv").write_text("filename,duration\na.wav,2\n")
    credits = Credits(tmp_path)
    a, b, c = (credits.of(tmp_path / "sub" / name) for name in ("a.wav", "b.wav", "c.wav"))
    assert a.attribution == "a.wav by Ann, CC BY 4.0" and a.licence == "CC BY 4.0"
    assert b.attribution == f"b.wav by an unnamed author, {UNSTATED}" and b.licence == UNSTATED
    assert c.licence == UNSTATED


def test_a_text_credits_the_files_that_it_names_and_all_are_under_its_one_licence(tmp_path):
    (tmp_path / "ATTRIBUTION.md").write_text("# Noises, CC BY 4.0\n\n- hum_2.wav: recorded by Bo\n- [fan.ogg]: by Cy\n")
    credits = Credits(tmp_path)
    assert credits.of(tmp_path / "hum_2.flac").attribution == "hum_2.wav: recorded by Bo"
    assert credits.of(tmp_path / "fan.wav").attribution == "[fan.ogg]: by Cy"
    unnamed = credits.of(tmp_path / "hum.wav")
    assert unnamed.attribution == f"hum.wav of {tmp_path.name}, see its ATTRIBUTION.md"
    assert {unnamed.licence, credits.of(tmp_path / "fan.wav").licence} == {"CC BY 4.0"}


def test_a_folder_that_says_nothing_states_no_licence(tmp_path):
    credit = Credits(tmp_path).of(tmp_path / "hum.wav")
    assert credit.licence == UNSTATED and credit.attribution == f"hum.wav of {tmp_path.name}"
