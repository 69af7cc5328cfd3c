"""What the checks of the documents ask the package: the only module here that imports it."""

import argparse
import functools
import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from ser_keras import corpora
from ser_keras.cli import options
from ser_keras.common import row_store
from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import protocols, recipes
from ser_keras.experiment.complaints import setting_names
from ser_keras.experiment.settings import Experiment, dump_yaml
from ser_keras.features import conditions
from ser_keras.reproduction import rows

ROOT = Path(__file__).parents[2]
# How a run is split, drawn and exported is said by the result itself; the rest decides what is trained.
LEFT_OUT = ("recipe", "title", "source", "seed", "corpora", "protocol", "export", "selected_on", "sounds")
FOLDERS = ("augmentation.noise_dir", "augmentation.room_dir")  # places on a machine, no settings of a result


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, anew at each call."""
    return options.parser()


@functools.cache
def names(kind: str) -> frozenset[str]:
    """The names that the command line knows: of recipes, rows (and papers), spaces, corpora, protocols, settings."""
    known = {
        "recipe": recipes.recipes,
        "row": lambda: [*rows.ids(), *(row.paper for row in rows.table().values())],
        "space": lambda: [file.stem for file in (ROOT / "tuning" / "spaces").glob("*.yaml")],
        "corpus": lambda: corpora.CORPORA,
        "protocol": lambda: protocols.PROTOCOLS,
        "setting": lambda: setting_names(Experiment),
    }
    return frozenset(known[kind]())


def condition_problem(condition: str) -> str:
    """Why a condition cannot be parsed, or ""."""
    try:
        conditions.parse(condition)
    except SerKerasError as error:
        return str(error)
    return ""


def setting_problem(recipe: str, changes: tuple[str, ...]) -> str:
    """Why a recipe does not take changes, or "". Imports TensorFlow."""
    try:
        recipe_settings(recipe, changes)
    except SerKerasError as error:
        return str(error)
    return ""


def is_derived(recipe: str) -> bool:
    """Whether a recipe is made from other rows' runs."""
    return "derived" in recipe_tree(recipe)


def rows_of(name: str) -> list[str]:
    """A row, or all rows of a paper."""
    return [row.id for row in rows.select([name])]


@functools.cache
def recipe_tree(recipe: str) -> dict[str, object]:
    """A recipe's YAML as it is written."""
    return recipes.parse_recipe(recipes.recipes()[recipe].read_text(encoding="utf-8"), recipe)


@functools.cache
def recipe_settings(recipe: str, changes: tuple[str, ...] = ()) -> dict[str, object]:
    """The settings of a recipe that decide what is trained: full name -> plain value, with every default.

    Of a row that is made from other rows' runs: how, and `sources` tells from which.
    Imports TensorFlow, since the defaults of front ends and models stand in their builders.

    Args:
        recipe: its id.
        changes: as `--set` takes them.

    Raises:
        SerKerasError: a change that the recipe does not take.
    """
    if derived := recipe_tree(recipe).get("derived"):
        return {f"derived.{name}": value for name, value in derived.items()}
    from ser_keras.experiment import assembly, rules

    experiment = rules.complete(Experiment.from_recipe(recipe, changes))
    flat = flattened(experiment.model_dump())
    version = assembly.EXTRACTORS[experiment.frontend.name].VERSION
    # openSMILE's versions are those of the installed package, which is no setting.
    return flat | ({"frontend.VERSION": version} if isinstance(version, int) else {})


@functools.cache
def written_settings(recipe: str) -> frozenset[str]:
    """The names of the settings that a recipe's file itself gives."""
    return frozenset(flattened(recipe_tree(recipe)))


def flattened(tree: Mapping[str, object]) -> dict[str, object]:
    """The tree of `experiment.yaml` as full name -> plain value, without what `LEFT_OUT` names."""
    flat = {}
    for name, value in tree.items():
        if name not in LEFT_OUT and name != "classes" and isinstance(value, Mapping):
            flat |= {f"{name}.{leaf}": v for leaf, v in value.items()}
        elif name not in LEFT_OUT:
            flat[name] = value
    return flat


def fingerprint(plain: Mapping[str, object]) -> str:
    """A short hash of settings."""
    return row_store.fingerprint(dict(plain))[:12]


@functools.cache
def reported() -> dict[str, frozenset[float]]:
    """Row of a paper -> every figure in percent that the paper reports for it."""
    papers = yaml.safe_load((ROOT / "ser_keras" / "recipes" / "reported.yaml").read_text(encoding="utf-8"))
    return {row: frozenset(_percentages(entry)) for paper in papers.values() for row, entry in paper["rows"].items()}


def _percentages(entry: object) -> list[float]:
    if isinstance(entry, dict):
        return [x for value in entry.values() for x in _percentages(value)]
    if isinstance(entry, list):
        return [x for value in entry for x in _percentages(value)]
    return [100 * entry] if isinstance(entry, float) else []


def run_settings(run: Path) -> dict[str, object]:
    """A run's resolved settings, as its `experiment.yaml` holds them."""
    return yaml.safe_load((run / "experiment.yaml").read_text(encoding="utf-8"))


def anonymous_command(run: Path) -> str:
    """The command that made a run, with PATH and RUN in place of this machine's paths."""
    from ser_keras.export.card import anonymous

    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    return anonymous(provenance["command"], {corpus["name"] for corpus in provenance["corpora"]})


def resolved_yaml(recipe: str, changes: tuple[str, ...], further: Mapping[str, object]) -> str:
    """An `experiment.yaml` as a run of a recipe has it; `further` changes top-level settings."""
    from ser_keras.experiment import rules

    experiment = rules.complete(Experiment.from_recipe(recipe, changes))
    return dump_yaml(experiment.model_dump() | dict(further))


def card_rows(bundle: Path) -> list[str]:
    """The table rows that a bundle's card must have by its bundle.json."""
    from ser_keras.export.card import render

    info = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    files = info.pop("files")
    return [line for line in render(info, files, {}, metrics={}).splitlines() if line.startswith("|")]
