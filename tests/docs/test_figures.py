"""The figures in README and docs are the stored results, of today's recipes."""

import csv
import functools
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.docs import commands, figures, project, results

ROOT = project.ROOT
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BUNDLES = ROOT / "ser_keras" / "pretrained"
# Rows of docs/results/own-model.md -> the conditions of bundle.json, in the same order.
CONDITIONS = {
    "white noise at 20 / 10 dB": ("white noise at 20 dB SNR", "white noise at 10 dB SNR"),
    "pink noise at 20 dB": ("pink noise at 20 dB SNR",),
    "gain of -12 / +12 dB (clips)": ("gain of -12 dB", "gain of +12 dB"),
    "telephone": ("telephone line (300-3400 Hz, mu-law)",),
    "reverberation of .5 / 1 s": ("reverberation of 0.5 s", "reverberation of 1 s"),
    "first 1 s / .5 s": ("first 1 s", "first 0.5 s"),
}
CORPORA = {"EMO-DB": "emodb", "RAVDESS": "ravdess", "nEMO": "nemo"}


@functools.cache
def stored() -> results.Store:
    return results.Store()


@functools.cache
def log() -> list[dict[str, str]]:
    with open(results.FOLDER / "loso-log.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def percent(row: dict[str, str]) -> tuple[float, ...]:
    return tuple(round(100 * float(row[name]), 1) for name in ("uar", "ci95_low", "ci95_high"))


@functools.cache
def checker() -> figures.Checker:
    return figures.Checker(stored(), project.reported(), {percent(row) for row in log()})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_figure_of_a_page_is_a_stored_result_or_says_where_it_comes_from(page: Path) -> None:
    assert checker().problems(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")) == []


def test_every_stored_result_has_its_page_recipe_settings_and_an_interval_around_its_value() -> None:
    store = stored()
    for result in store.results:
        page = result.of.partition(".")[0]
        assert (results.FOLDER / f"{page}.md").is_file(), result
        assert set(result.recipes) <= project.names("recipe"), result
        assert set(result.settings) <= set(store.settings), result
        assert bool(result.settings) == (len(result.recipes) == 1), result
        if len(result.recipes) == 2:
            trained = {r.recipes[0] for r in store.results if len(r.recipes) == 1 and r.of.startswith(f"{page}.")}
            assert set(result.recipes) <= trained, f"{page}.json has no result of one side of {result.recipes}"
        for numbers in result.numbers.values():
            if len(numbers) == 3 and "condition" not in result.of:
                assert numbers[1] <= numbers[0] <= numbers[2], result


def test_settings_are_stored_under_their_fingerprints() -> None:
    assert [key for key, flat in stored().settings.items() if project.fingerprint(flat) != key] == []


def test_stored_commands_are_commands_of_today() -> None:
    lines = [
        (of, command)
        for page, sets in stored().pages.items()
        for of, content in sets.items()
        for command in [*content.get("commands", ()), *(r["command"] for r in content["results"] if "command" in r)]
    ]
    text = "```\n" + "\n".join(command for _, command in lines) + "\n```\n"
    assert lines
    assert commands.problems("docs/results/*.json", text, ROOT) == []


def test_the_log_of_our_own_models_agrees_with_the_stored_results() -> None:
    for row in log():
        same = [
            result
            for of in ("own-model.emodb", "own-model.multi")
            for result in stored().sets[of]
            if (result.recipes, result.commit, result.seed) == ((row["recipe"],), row["commit"], int(row["seed"]))
            and not result.file
        ]
        for result in same:
            assert percent(row) in (result.numbers.get("UAR"), result.numbers.get("EMO-DB")), row


def test_results_of_shipped_bundles_are_those_of_bundle_json_and_card() -> None:
    compared = 0
    for result in stored().results:
        if not result.bundle:
            continue
        info = json.loads((BUNDLES / result.bundle / "bundle.json").read_text())
        assert (info["created_from"]["recipe"],) == result.recipes
        assert info["created_from"]["commit"].startswith(result.commit)
        card = (BUNDLES / result.bundle / "model_card.md").read_text(encoding="utf-8").splitlines()
        measured = {c["condition"]: c["uar"] for c in info["conditions"]}
        for name, numbers in result.numbers.items():
            if result.file:
                estimate, latency = info["uar_estimate"][result.file], info["latency"][result.file]
                expected = {
                    "UAR": tuple(round(100 * x, 1) for x in (estimate["uar"], *estimate["ci95"])),
                    "WA": (round(100 * estimate["wa"], 1),),
                    "KB": (round((BUNDLES / result.bundle / result.file).stat().st_size / 1000),),
                    "ms": (round(latency["median_ms"], 1),),
                }[name]
            elif name in CONDITIONS:
                expected = tuple(round(100 * measured[condition], 1) for condition in CONDITIONS[name])
            elif name in CORPORA:
                [printed] = [line for line in card if line.startswith(f"| {CORPORA[name]} |") and "[" in line]
                expected = tuple(round(100 * float(x), 1) for x in re.findall(r"0\.\d{3}", printed)[:3])
            else:
                continue
            assert numbers == expected, (result.of, name)
            compared += 1
    assert compared == 12


@pytest.mark.parametrize("bundle", sorted(path.parent.name for path in BUNDLES.glob("*/bundle.json")))
def test_the_figures_of_a_shipped_card_are_those_of_bundle_json(bundle: str) -> None:
    card = (BUNDLES / bundle / "model_card.md").read_text(encoding="utf-8").splitlines()
    rows = project.card_rows(BUNDLES / bundle)
    assert len(rows) > 15
    assert [row for row in rows if row not in card] == []


@pytest.fixture
def small(tmp_path: Path) -> figures.Checker:
    """Two results of recipes that have not changed, one of a recipe that has, and a difference."""
    settings = {"aaa": {"epochs": 20}, "bbb": {"epochs": 30}}
    lines = [
        {"recipe": "p.r1", "commit": "1111111", "seed": 0, "settings": "aaa", "UAR": [59.7, 54.4, 64.6], "WA": [61.2]},
        {"recipe": "p.r2", "commit": "1111111", "seed": 0, "settings": "aaa", "UAR": [63.9, 56.4, 70.8], "WA": [66.3]},
        {"recipe": "p.r3", "commit": "2222222", "seed": 0, "settings": "bbb", "UAR": [67.5, 59.4, 74.2], "WA": [70.5]},
        {"better": "p.r1", "than": "p.r3", "UAR": [-7.8, -11.5, -4.3]},
    ]
    results.write_page(tmp_path / "p.json", {"emodb": {"corpus": "c", "classes": [6], "results": lines}})
    results.write_settings(tmp_path / "settings.json", settings)
    store = results.Store(tmp_path, today=lambda recipe, changes: {"epochs": 20}, written=lambda recipe: ["epochs"])
    return figures.Checker(store, {"p.r1": {36.8}})


TABLE = """<!-- results: p.emodb -->

| row | reported | UAR | WA |
| --- | --- | --- | --- |
"""


@pytest.mark.parametrize(
    "text",
    [
        "`p.r1` reaches 59.7 [54.4, 64.6].",
        TABLE + "| `r1` | 36.8 | **59.7** [54.4, 64.6] | 61.2 |",
        TABLE + "| `r1` | 36.8 | 59.7 [54.4, 64.6] | |\n| | | | 61.2 |",
        TABLE + "| `r3` (recipe of 2222222, since changed) | | 67.5 [59.4, 74.2] | 70.5 |",
        "All of one (recipe of 2222222, since changed).\n\n" + TABLE + "| `r3` | | 67.5 [59.4, 74.2] | 70.5 |",
        "| row | UAR |\n| --- | --- |\n| r1 > r3 (recipe of , since changed) | |",
        "```\nUAR 0.597 [0.544, 0.646]\n```",
        "<!-- results: p.emodb -->\n\nUAR .64, guessing 16.7.",
        "<!-- figures: a stopwatch -->\n\nIt takes 1.5 s on Python 3.11 (CC BY 4.0), `0.5` in code.",
        "It takes 15 s.",
    ],
)
def test_figures_that_are_stored_pass(small: figures.Checker, text: str) -> None:
    assert small.problems("page", text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`p.r1` reaches 59.8 [54.4, 64.6].", "59.8 [54.4, 64.6] is no stored result in any set"),
        ("`p.r1` reaches 59.7 [54.4, 64.7].", "is no stored result"),
        (TABLE + "| `r1` | 36.8 | 59.7 [54.4, 64.6] | 61.3 |", "61.3 is no stored result of p.r1 in p.emodb"),
        (TABLE + "| `r2` | | 59.7 [54.4, 64.6] | |", "is no stored result of p.r2"),
        (TABLE + "| `r1` | | 59.7 [54.4, 64.6] | |\n| | | 63.9 [56.4, 70.8] | |", "is no stored result of p.r1"),
        (TABLE + "| `r1` | | 61.2 | |", "61.2 is no stored result of p.r1"),
        (TABLE + "| `r1` | 36.9 | | |", "36.9 is no stored result"),
        (TABLE + "| `r2` | 36.8 | | |", "36.8 is no stored result of p.r2"),
        (TABLE + "| `r3` | | 67.5 [59.4, 74.2] | |", "has changed (epochs of p.r3 was 30, is 20)"),
        (TABLE + "| `r3` (recipe of 1111111, since changed) | | 67.5 [59.4, 74.2] | |", "recipe of 2222222"),
        ("r1 > r3: -7.8 [-11.5, -4.3]", "has changed"),
        ("```\nUAR 0.598 [0.544, 0.646]\n```", "is no stored result"),
        ("It takes 1.5 s.", "1.5: nothing says where this comes from"),
        ("<!-- figures: a stopwatch -->\n\n1.5 s\n\n# Next\n\n1.6 s", "1.6: nothing says"),
        ("<!-- results: p.ravdess -->\n\n59.7", "no set of results 'p.ravdess'"),
        ("<!-- figures: anything -->\n\n59.8 [54.4, 64.6]", "is no stored result"),
    ],
)
def test_a_figure_that_fell_behind_is_named_with_its_line(small: figures.Checker, text: str, problem: str) -> None:
    problems = small.problems("page", text)
    assert len(problems) == 1
    assert problem in problems[0]
    assert problems[0].startswith(f"page:{len(text.rstrip('`').rstrip().splitlines())}: ")


def test_a_changed_recipe_is_seen_in_every_figure_that_was_of_it() -> None:
    """The rows of anand2015.r2 stayed in README when its epochs became 20."""
    store = results.Store(today=lambda r, c: project.recipe_settings(r, c) | {"training.epochs": 25})
    page = (results.FOLDER / "spine.md").read_text(encoding="utf-8")
    problems = figures.Checker(store, project.reported()).problems("spine.md", page)
    assert any("training.epochs of anand2015.r2 was 20, is 25" in problem for problem in problems)


def test_a_setting_that_is_new_counts_only_where_a_recipe_gives_it(tmp_path: Path) -> None:
    line = {"recipe": "p.r1", "commit": "1111111", "seed": 0, "settings": "aaa", "UAR": [59.7, 54.4, 64.6]}
    results.write_page(tmp_path / "p.json", {"emodb": {"corpus": "c", "classes": [6], "results": [line]}})
    results.write_settings(tmp_path / "settings.json", {"aaa": {"epochs": 20}})
    for written, expected in (([], []), (["cleaning"], ["cleaning of p.r1 was unknown, is 0.5"])):
        store = results.Store(tmp_path, lambda r, c: {"epochs": 20, "cleaning": 0.5}, lambda r, w=written: w)
        assert store.differences(store.sets["p.emodb"][0]) == expected


def run_directory(folder: Path, **changed: object) -> Path:
    """What `train` leaves of a run of anand2015.r2 with 12 epochs, as far as `record` reads it."""
    folder.mkdir()
    part = {"uar": 0.67917, "uar_ci95": [0.58766, 0.7683], "wa": 0.68}
    metrics = part | {"protocol": "speaker_independent", "n_utterances": 480, "n_speakers": 8}
    metrics |= {"classes": dict.fromkeys("abcdef", 80), "segment": part | {"wa": 0.55}}
    command = "ser-keras train --corpus synthetic=/here --recipe anand2015.r2 --set training.epochs=12 --out /there"
    provenance = {
        "command": command,
        "commit": "cb39916b5576",
        "corpora": [{"name": "synthetic", "title": "Synthetic"}],
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "provenance.json").write_text(json.dumps(provenance))
    (folder / "experiment.yaml").write_text(project.resolved_yaml("anand2015.r2", ("training.epochs=12",), changed))
    return folder


def test_a_run_is_recorded_with_its_figures_settings_and_command(tmp_path: Path) -> None:
    shutil.copytree(results.FOLDER, tmp_path / "results")
    results.record(run_directory(tmp_path / "run"), "demo.synthetic", folder=tmp_path / "results")
    [result, chance] = results.Store(tmp_path / "results").sets["demo.synthetic"]
    assert (result.recipes, result.commit, result.changes) == (("anand2015.r2",), "cb39916", ("training.epochs=12",))
    assert result.numbers["UAR by utterance"] == (67.9, 58.8, 76.8)
    assert result.numbers["WA by window"] == (55.0,)
    assert chance.numbers["chance"] == (16.7,)
    store = results.Store(tmp_path / "results")
    assert store.differences(result) == []
    assert store.settings.keys() >= stored().settings.keys()
    [line] = store.pages["demo"]["synthetic"]["results"]
    assert "--corpus synthetic=PATH" in line["command"]
    assert "/there" not in line["command"]


def test_a_run_of_other_settings_than_the_recipe_is_not_recorded(tmp_path: Path) -> None:
    run = run_directory(tmp_path / "run", hop_s=0.4)
    with pytest.raises(ValueError, match=r"hop_s is 0\.4"):
        results.record(run, "spine.synthetic", folder=results.FOLDER)
