"""One's own parts without a fork: objects of the user's modules, named `module:name`, and entry points of packages.

Importing a module executes it. So a module that a run, a checkpoint or a bundle names is imported only if the user
named it, too (`trust`, `use`), or if it belongs to an installed entry point of one of `GROUPS`; see `SECURITY.md`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypedDict, TypeVar

from ser_keras.common.errors import BadInput, NotFound, SerKerasError, cause

Entry = TypeVar("Entry")

GROUPS = (
    "ser_keras.models",
    "ser_keras.frontends",
    "ser_keras.augmentations",
    "ser_keras.corpora",
    "ser_keras.conditions",
    "ser_keras.objectives",
)
"""The entry point groups, one a registry."""

_OWN_PART = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
trusted_modules: dict[str, None] = {}  # in the order in which they were named


def is_own_part(name: object) -> bool:
    """Whether a name is of the form `module:name`."""
    return isinstance(name, str) and _OWN_PART.fullmatch(name) is not None


def module_of(name: str) -> str:
    """The module of `module:name`; a module's name is its own."""
    return name.partition(":")[0]


def name_of(part: object) -> str:
    """The name `module:name` of a class or function that the user holds; its module is trusted.

    Raises:
        BadInput: it cannot be found again by a name, as a lambda or a function within a function.
    """
    module, path = getattr(part, "__module__", None), getattr(part, "__qualname__", None)
    name = f"{module}:{path}"
    namesake: object = sys.modules.get(str(module))
    for step in str(path).split("."):
        namesake = getattr(namesake, step, None)
    if namesake is not part:
        raise BadInput(f"{part!r} has no name by which a run could find it again: define it at the top of a module")
    trust(name)
    return name


def trust(*names: str) -> None:
    """Allow modules to be imported: the user named them.

    Args:
        names: of modules or packages, which stand for all their modules; or `module:name`.
    """
    for name in names:
        trusted_modules[module_of(name)] = None


def trust_named_in(tree: object) -> None:
    """Allow the modules that the user's settings name: see `named_in`."""
    trust(*named_in(tree))


def import_named_in(tree: object) -> None:
    """Import the modules that stored settings name, so that their layers are registered with Keras.

    Raises:
        SerKerasError: the user did not name one of them, or it cannot be imported.
    """
    for name in named_in(tree):
        import_trusted(module_of(name))


class Shared(TypedDict):
    """What a child process is told, as JSON has it: the modules that the user named, and where Python looks."""

    modules: list[str]
    path: list[str]


def shared() -> Shared:
    """What a child process needs so that it finds the user's parts."""
    return {"modules": list(trusted_modules), "path": [os.path.abspath(folder) for folder in sys.path]}


def adopt(told: Shared) -> None:
    """In a child process: look where its parent looks, trust what it trusts, and import what is there of it.

    Raises:
        SerKerasError: the import of a module fails.
    """
    sys.path += [folder for folder in told["path"] if folder not in sys.path]
    for module in told["modules"]:
        with contextlib.suppress(NotFound):  # said once a part of it is looked up
            if module != "__main__":
                use([module])


def source_digest(name: str) -> str | None:
    """A hash of the file of an imported module that is not of this package; None where it has none.

    Args:
        name: the module, or `module:name`.
    """
    module = module_of(name)
    file = getattr(sys.modules.get(module), "__file__", None)
    if module.partition(".")[0] == "ser_keras" or file is None:
        return None
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return None


def named_in(tree: object) -> list[str]:
    """Each `name` of the form `module:name` in plain data, at any depth, once."""
    names: dict[str, None] = {}
    if isinstance(tree, Mapping):
        if is_own_part(tree.get("name")):
            names[tree["name"]] = None
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        for value in tree:
            names |= dict.fromkeys(named_in(value))
    return list(names)


def use(names: Iterable[str]) -> None:
    """Trust modules and import them now, so that their layers are registered with Keras.

    Raises:
        SerKerasError: one cannot be imported.
    """
    for name in names:
        trust(name)
        import_trusted(module_of(name))


def is_trusted(module: str) -> bool:
    """Whether a module may be imported."""
    parts = module.split(".")
    above = {".".join(parts[: i + 1]) for i in range(len(parts))}
    return not above.isdisjoint(trusted_modules) or module in _entry_point_modules()


def _entry_point_modules() -> set[str]:
    return {point.module for group in GROUPS for point in entry_points(group=group)}


def import_trusted(module: str) -> object:
    """Import a module that the user named; the working directory is searched last.

    Raises:
        SerKerasError: nobody named it, it is not there, or its import fails.
    """
    if not is_trusted(module):
        raise BadInput(
            f"the module {module} is not imported, since only the file names it; if you trust it, name it yourself: "
            f"`plugins` {module.partition('.')[0]}"
        )
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
    if module == "__main__":
        return sys.modules[module]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            trusted_modules.pop(module, None)  # a misspelt name: child processes would look for it, too
            raise NotFound(
                f"there is no module {error.name}: install it, or run from the folder that it is in"
            ) from error
        raise BadInput(f"the module {module} cannot be imported: {cause(error)}") from error
    except Exception as error:
        raise BadInput(f"the module {module} cannot be imported: {cause(error)}") from error


class Registry(MutableMapping[str, Entry]):
    """Name -> part: those of this package, those of installed packages (entry points), and one's own (`module:name`).

    Iteration gives this package's names and the entry points'; a lookup takes one's own, too. A name of this package
    is never replaced by an entry point.

    Args:
        entries: this package's.
        kind: the word for messages: `model`, `corpus`.
        group: the entry point group, one of `GROUPS`.
        check: object -> whether it can be such a part.
        expected: what a part has to be, for the message about an object that is something else.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        *,
        kind: str,
        group: str,
        check: Callable[[object], bool],
        expected: str,
    ) -> None:
        self.kind, self.group = kind, group
        self._entries, self._check, self._expected = dict(entries), check, expected
        self._loaded: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name in self._entries:
            return self._entries[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Entry:
        """One's own part, or an entry point.

        Raises:
            KeyError: the name is neither.
            SerKerasError: it cannot be imported, or is something else than a part of this kind.
        """
        if is_own_part(name):
            module, _, attribute = name.partition(":")
            try:
                part: object = import_trusted(module)
            except SerKerasError as error:
                raise type(error)(f"{self.kind} {name}: {error}") from error
            for step in attribute.split("."):
                if not hasattr(part, step):
                    if module == "__main__":
                        raise NotFound(f"{self.kind} {name}: it is of a notebook or script; put it into a module")
                    raise NotFound(f"{self.kind} {name}: the module {module} has no {attribute}")
                part = getattr(part, step)
        elif (point := self._points().get(name)) is not None:
            try:
                part = point.load()
            except Exception as error:
                raise BadInput(
                    f"{self.kind} {name}: the entry point {point.value} cannot be loaded: {cause(error)}"
                ) from error
        else:
            raise KeyError(name)
        if not self._check(part):
            raise BadInput(f"{self.kind} {name} is {_described(part)}; expected: {self._expected}")
        return part  # type: ignore[return-value]  # `check` has looked at it

    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def __contains__(self, name: object) -> bool:
        return name in self._entries or (isinstance(name, str) and (is_own_part(name) or name in self._points()))

    def __setitem__(self, name: str, entry: Entry) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._entries
        yield from (name for name in self._points() if name not in self._entries)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _described(part: object) -> str:
    return f"the class {part.__name__}" if isinstance(part, type) else f"an object of type {type(part).__name__}"
