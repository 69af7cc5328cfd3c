"""Recipes as plain data: found, read from YAML, changed by `a.b=value`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from ser_keras.common.errors import SerKerasError, nearest

Tree = dict[str, Any]  # Any: plain data of YAML, whose values are of several kinds

COMPONENTS = ("frontend", "model", "head")
COMPONENT_NAMES = tuple(f"{component}.name" for component in COMPONENTS)
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


def recipe_tree(recipe: str | Path) -> tuple[Tree, str]:
    """The plain data of a recipe, and what messages call it.

    Args:
        recipe: a recipe's id, or the path of a YAML file.

    Raises:
        SerKerasError: no such recipe, with the nearest names; or the file holds none.
    """
    shipped, name = recipes(), str(recipe)
    text, where = read_named("recipe", name, shipped)
    tree = parse_recipe(text, where)
    if "derived" in tree:
        sources = " and ".join(tree["derived"].get("from") or [])
        raise SerKerasError(f"{where} is made from the run of {sources}: `ser-keras reproduce {where}` runs both")
    tree.setdefault("recipe", name if name in shipped else Path(name).stem)
    return tree, where


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


def parse_change(change: str) -> tuple[str, Any]:  # Any: a value of YAML
    """The setting and the value of `a.b=value`; the value is read as YAML.

    Raises:
        SerKerasError: it says something else.
    """
    name, equals, value = change.partition("=")
    if not equals:
        raise SerKerasError(f"`changes` {change}: write name=value, as in training.epochs=20")
    try:
        return name.strip(), as_number(yaml.safe_load(value))
    except yaml.YAMLError:
        raise SerKerasError(f"`changes` {change}: the value is no YAML") from None


def apply_changes(tree: Tree, changes: Iterable[tuple[str, Any]]) -> None:  # Any: values of YAML
    """Change settings in place. Another model, front end or head comes without the settings of the one before.

    Args:
        tree: a recipe's plain data.
        changes: (full name of a setting, value).

    Raises:
        SerKerasError: a name leads through a value.
    """
    # Names first: settings of the new component stand whatever the order of the changes.
    for name, value in sorted(changes, key=lambda change: change[0] not in COMPONENT_NAMES):
        if name in COMPONENT_NAMES:
            component = name.partition(".")[0]
            if (tree.get(component) or {}).get("name") != value:
                tree[component] = {}
        *branches, leaf = name.split(".")
        node = tree
        for branch in branches:
            if node.get(branch) is None:
                node[branch] = {}
            node = node[branch]
            if not isinstance(node, dict):
                raise SerKerasError(f"`changes` {name}: '{branch}' is a value, not a branch of settings")
        node[leaf] = value
