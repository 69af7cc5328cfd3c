"""The stored results, docs/results/*.json: figures with their recipe, its settings, seed and commit.

`python -m tests.docs.results RUN PAGE.SET` adds a run's figures; docs/results/README.md says how pages use them.
"""

import argparse
import collections
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from tests.docs import project

FOLDER = project.ROOT / "docs" / "results"
SETTINGS = "settings.json"
# What a stored result says of itself; every other name in it is a measure with its numbers.
FIELDS = ("recipe", "better", "than", "commit", "seed", "set", "settings", "bundle", "file", "row", "note", "command")

Numbers = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Result:
    """One line of a page's JSON file.

    Attributes:
        of: the set that it stands in, `PAGE.SET`.
        recipes: the recipe; two for a difference (better, than); none for what no recipe makes.
        commit: the commit that ran, abbreviated; empty for a difference.
        changes: what `--set` changed.
        settings: fingerprints of the recipe's settings and of those of the rows that it is made from, keys of
            settings.json.
        numbers: measure -> value, or value and interval, in percent unless its name says otherwise.
        bundle: the shipped bundle that these figures stand in, too, or "".
        file: the model file of that bundle, or "".
        seed: the training seed.
    """

    of: str
    recipes: tuple[str, ...]
    commit: str
    changes: tuple[str, ...]
    settings: tuple[str, ...]
    numbers: Mapping[str, Numbers]
    bundle: str = ""
    file: str = ""
    seed: int | None = None


class Store:
    """All stored results.

    Args:
        folder: where the JSON files are.
        today: (recipe, changes) -> the settings that they stand for today.
        written: recipe -> names of the settings that its file gives today.
    """

    def __init__(
        self,
        folder: Path = FOLDER,
        today: Callable[[str, tuple[str, ...]], Mapping[str, object]] = project.recipe_settings,
        written: Callable[[str], Collection[str]] = project.written_settings,
    ) -> None:
        self.today, self.written = today, written
        self.settings = _read_settings(folder / SETTINGS)
        self.pages = {p.stem: json.loads(p.read_text()) for p in sorted(folder.glob("*.json")) if p.name != SETTINGS}
        self.sets = {
            f"{page}.{name}": [_result(f"{page}.{name}", line) for line in [*content["results"], _chance(content)]]
            for page, sets in self.pages.items()
            for name, content in sets.items()
        }

    @property
    def results(self) -> list[Result]:
        """Every result of every set."""
        return [result for results in self.sets.values() for result in results]

    def differences(self, result: Result) -> list[str]:
        """What in a result's settings is another today, a line each.

        A setting that did not exist then counts where the recipe's file gives it: its default is how it was before.
        A difference of two recipes has the changes of those recipes that changed in all their results on its page.
        """
        if len(result.recipes) == 2:
            page = result.of.partition(".")[0]
            lines = []
            for recipe in result.recipes:
                made_of = [r for r in self.results if r.recipes == (recipe,) and r.of.partition(".")[0] == page]
                changes = [self.differences(r) for r in made_of]
                lines += changes[0] if made_of and all(changes) else []
            return lines
        lines = []
        for recipe, key in zip(_with_sources(result, self.settings), result.settings, strict=True):
            then, now = self.settings[key], self.today(recipe, result.changes)
            compared = then.keys() | (self.written(recipe) & now.keys())
            lines += [
                f"{name} of {recipe} was {then.get(name, 'unknown')}, is {now.get(name, 'gone')}"
                for name in sorted(compared)
                if name not in then or name not in now or not _equal(then[name], now[name])
            ]
        return lines


def _chance(content: Mapping[str, object]) -> dict[str, object]:
    """What guessing reaches in a set, as a result of no recipe; sets of several corpora have several."""
    return {"chance": [round(100 / n, 1) for n in content["classes"]]}


def _with_sources(result: Result, settings: Mapping[str, Mapping[str, object]]) -> list[str]:
    """The recipe of a result, and those that it is made from."""
    return [*result.recipes, *settings[result.settings[0]].get("derived.from", [])] if result.settings else []


def _equal(then: object, now: object) -> bool:
    return then == json.loads(json.dumps(now))


def _result(of: str, line: Mapping[str, object]) -> Result:
    recipe = line.get("recipe")
    return Result(
        of=of,
        recipes=(line["better"], line["than"]) if "better" in line else (recipe,) if recipe else (),
        commit=line.get("commit", ""),
        changes=tuple(line.get("set", ())),
        settings=tuple(line.get("settings", "").split()),
        numbers={name: tuple(value) for name, value in line.items() if name not in FIELDS},
        bundle=line.get("bundle", ""),
        file=line.get("file", ""),
        seed=line.get("seed"),
    )


def _read_settings(file: Path) -> dict[str, dict[str, object]]:
    """Fingerprint -> settings; the file holds what most have in common once."""
    content = json.loads(file.read_text())
    common = content["common"]
    return {
        key: {name: value for name, value in common.items() if name not in entry["without"]} | entry["with"]
        for key, entry in content["settings"].items()
    }


def write_settings(file: Path, settings: Mapping[str, Mapping[str, object]]) -> None:
    """Write settings.json: a line for each fingerprint, without what most have in common."""
    values = collections.defaultdict(collections.Counter)
    for flat in settings.values():
        for name, value in flat.items():
            values[name][json.dumps(value)] += 1
    common = {
        name: json.loads(count.most_common(1)[0][0])
        for name, count in sorted(values.items())
        if 2 * count.most_common(1)[0][1] > len(settings)
    }
    lines = {
        key: {
            "with": {name: value for name, value in flat.items() if name not in common or common[name] != value},
            "without": [name for name in common if name not in flat],
        }
        for key, flat in sorted(settings.items())
    }
    file.write_text(f'{{\n"common": {_lines(common, "{}")},\n"settings": {_lines(lines, "{}")}\n}}\n')


def write_page(file: Path, page: Mapping[str, Mapping[str, object]]) -> None:
    """Write a page's JSON file: a line for each result."""
    sets = {}
    for name, content in page.items():
        heads = [f"  {json.dumps(key)}: {json.dumps(v)}" for key, v in content.items() if key != "results"]
        heads.append(f'  "results": {_lines(content["results"], "[]")}')
        sets[name] = "{\n" + ",\n".join(heads) + "\n}"
    file.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {text}" for name, text in sets.items()) + "\n}\n")


def _lines(content: Mapping[str, object] | Sequence[object], ends: str) -> str:
    entries = (
        [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
        if isinstance(content, Mapping)
        else [json.dumps(value) for value in content]
    )
    return ends[0] + "\n" + ",\n".join(f"   {entry}" for entry in entries) + "\n" + ends[1]


def record(run: Path, of: str, changes: Iterable[str] = (), folder: Path = FOLDER) -> dict[str, object]:
    """Add a run's figures to a set, which is made where it is missing.

    Args:
        run: a run directory that `ser-keras train` wrote.
        of: the set, `PAGE.SET`.
        changes: changes of the recipe that are not in the run's command, as of `ser-keras demo`.
        folder: where the JSON files are.

    Returns:
        The line that was added.

    Raises:
        ValueError: the run is of other settings than today's recipe with these changes.
    """
    provenance = json.loads((run / "provenance.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    experiment = project.run_settings(run)
    recipe = experiment["recipe"]
    words = shlex.split(provenance["command"])
    given = [value for option, value in zip(words, words[1:], strict=False) if option == "--set"] + list(changes)
    names = {change: change.partition("=")[0] for change in given}
    left_out = {*project.LEFT_OUT, *project.FOLDERS}
    kept = tuple(c for c in given if left_out.isdisjoint({names[c], names[c].partition(".")[0]}))
    now = json.loads(json.dumps(project.recipe_settings(recipe, kept)))
    then = project.flattened(experiment) | {"classes": now["classes"]}  # a run drops classes without utterances
    then |= {name: now[name] for name in project.FOLDERS if name in then}
    if strange := [f"{name} is {then.get(name)}" for name in then if then[name] != now.get(name)]:
        raise ValueError(f"{run} is not of today's {recipe} with {list(kept)}: {'; '.join(strange)}")
    line = {"recipe": recipe, "commit": provenance["commit"][:7], "seed": experiment["seed"]}
    line |= {"set": list(kept)} if kept else {}
    line |= {"settings": project.fingerprint(now), "command": project.anonymous_command(run)}
    for level, part in (("utterance", metrics), ("window", metrics["segment"])):
        if part:
            line[f"UAR by {level}"] = [round(100 * x, 1) for x in (part["uar"], *part["uar_ci95"])]
            line[f"WA by {level}"] = [round(100 * part["wa"], 1)]
    name, _, part = of.partition(".")
    page = json.loads((folder / f"{name}.json").read_text()) if (folder / f"{name}.json").exists() else {}
    corpora = ", ".join(corpus["title"] for corpus in provenance["corpora"])
    corpus = f"{corpora}: {metrics['n_utterances']} utterances of {metrics['n_speakers']} speakers"
    head = {"corpus": corpus, "classes": [len(metrics["classes"])], "protocol": metrics["protocol"]}
    page.setdefault(part, head | {"results": []})["results"].append(line)
    write_page(folder / f"{name}.json", page)
    write_settings(folder / SETTINGS, _read_settings(folder / SETTINGS) | {line["settings"]: now})
    return line


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Add a run's figures to docs/results/PAGE.json.")
    parser.add_argument("run", type=Path)
    parser.add_argument("of", metavar="PAGE.SET")
    parser.add_argument("--set", action="append", default=[], help="what changed the recipe beside the run's command")
    arguments = parser.parse_args()
    try:
        print(json.dumps(record(arguments.run, arguments.of, arguments.set)))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
