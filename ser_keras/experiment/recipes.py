"""Recipes as settings: read from YAML, changed by `a.b=value`, written back."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ser_keras.common.errors import BadSetting, SerKerasError, nearest
from ser_keras.experiment.settings import Experiment, Settings, Tree

REPORTED = "reported"  # what the papers report, as data: beside the recipes, but none itself


def recipes() -> dict[str, Traversable]:
    """Name -> resource of every recipe in the package, in order of name."""
    folder = resources.files("ser_keras.recipes")
    files = {p.name.removesuffix(".yaml"): p for p in folder.iterdir() if p.name.endswith(".yaml")}
    del files[REPORTED]
    return dict(sorted(files.items()))


def read_named(kind: str, name: str, shipped: Mapping[str, Traversable]) -> tuple[str, str]:
    """The text of a YAML file that comes with the package, or of one's own, and what messages call it.

    Args:
        kind: the word for messages: `recipe` or `space`.
        name: a name in `shipped`, or a path.
        shipped: name -> resource.

    Raises:
        SerKerasError: neither, with the nearest names; or it can't be read.
    """
    if name in shipped:
        return shipped[name].read_text(encoding="utf-8"), name
    if not Path(name).is_file():
        raise SerKerasError(f"no {kind} '{name}'; nearest: {nearest(name, shipped)} (or give the path of a YAML file)")
    try:
        return Path(name).read_text(encoding="utf-8"), str(name)
    except (OSError, UnicodeDecodeError) as error:
        raise SerKerasError(f"{kind} {name} can't be read: {error}") from None


def as_number(value: Any) -> Any:  # Any: a value of YAML
    """What YAML 1.1 reads as text, as in 1e-3, as the number that was meant; anything else as it is."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def load_experiment(recipe: str, changes: Iterable[str] = ()) -> Experiment:
    """The settings of a recipe with changes applied.

    Args:
        recipe: a recipe's id, or the path of a YAML file.
        changes: strings `a.b=value`; the value is read as YAML.

    Raises:
        SerKerasError: no such recipe, an unknown name (with the nearest valid ones), or a value that doesn't fit.
    """
    shipped = recipes()
    text, where = read_named("recipe", recipe, shipped)
    tree = parse_recipe(text, where)
    if "derived" in tree:
        sources = " and ".join(tree["derived"].get("from") or [])
        raise SerKerasError(f"{where} is made from the run of {sources}: `ser-keras reproduce {where}` runs both")
    tree.setdefault("recipe", Path(recipe).stem if recipe not in shipped else recipe)
    for change in changes:
        _apply(tree, change)
    return from_tree(tree, where)


def from_tree(tree: Tree, where: Path | str = "settings") -> Experiment:
    """Validate plain data (a parsed `experiment.yaml` without its `corpora`)."""
    try:
        return Experiment(**tree)
    except ValidationError as error:
        raise BadSetting(where, _first(error)) from None


def parse_recipe(text: str, where: Path | str) -> Tree:
    """A recipe's plain data.

    Raises:
        SerKerasError: no YAML, or no mapping.
    """
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SerKerasError(f"{where} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise SerKerasError(f"{where} holds no settings (a YAML mapping is expected)")
    return tree


def _apply(tree: Tree, change: str) -> None:
    name, equals, value = change.partition("=")
    if not equals:
        raise SerKerasError(f"--set {change}: write name=value, as in training.epochs=20")
    *branches, leaf = name.strip().split(".")
    node = tree
    for branch in branches:
        if node.get(branch) is None:
            node[branch] = {}
        node = node[branch]
        if not isinstance(node, dict):
            raise SerKerasError(f"--set {change}: '{branch}' is a value, not a branch of settings")
    try:
        node[leaf] = as_number(yaml.safe_load(value))
    except yaml.YAMLError:
        raise SerKerasError(f"--set {change}: the value is no YAML") from None


def _first(error: ValidationError) -> str:
    """The first thing that pydantic complains of, as one line."""
    problem = error.errors()[0]
    path = ".".join(str(p) for p in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown setting '{path}'; nearest: {nearest(path, setting_names())}"
    got = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
    return f"{path + ': ' if path else ''}{complaint(problem)}{got if path else ''}"


def complaint(problem: ErrorDetails) -> str:
    """What pydantic says of one problem, or what our own check said that it passes on."""
    return str(problem["ctx"]["error"]) if problem["type"] == "value_error" else problem["msg"]


def setting_names(model: type[Settings] = Experiment, prefix: str = "") -> list[str]:
    """Every setting's full name, for messages and documentation."""
    names = []
    for name, field in model.model_fields.items():
        kinds = [t for t in (field.annotation, *getattr(field.annotation, "__args__", ())) if inspect.isclass(t)]
        branch = next((t for t in kinds if issubclass(t, Settings)), None)
        names.append(prefix + name)
        if branch is not None:
            names += setting_names(branch, f"{prefix}{name}.")
    return names
