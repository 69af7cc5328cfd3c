"""Looks into a `.keras` file before Keras opens it: what its config names may be imported, and must be harmless.

The `config.json` of such a file names a module and a class for each object, and Keras imports the module (some versions
any module). So a file may name only what Keras has to build models of, classes that are registered already, and modules
that the user named (`common.plugins`). See `SECURITY.md`.
"""

from __future__ import annotations

import builtins
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras

from ser_keras.common.errors import BadInput, Damaged, NotFound, SerKerasError
from ser_keras.common.plugins import import_trusted, is_trusted

CONFIG = "config.json"
# Modules of Keras that hold parts of models. Others (`keras.utils`, `keras.saving`) write, fetch and execute files.
FUNCTIONS = ("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers")
CLASSES = (*FUNCTIONS, "dtype_policies", "layers", "models", "optimizers", "quantizers", "random")
CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__")  # layers that carry code
VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__tuple__")


def check(path: Path) -> None:
    """Refuse a `.keras` file whose config names what it should not; import the modules of it that the user named.

    Args:
        path: the file.

    Raises:
        NotFound: there is no such file.
        Damaged: it is no zip file, or its config is no JSON.
        BadInput: it names a module that nobody trusts, or a layer that carries code.
    """
    if not path.is_file():
        raise NotFound(f"{path} cannot be loaded: there is no such file")
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read(CONFIG))
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile) as error:
        raise Damaged(f"{path} cannot be loaded: it is no Keras model, or it is damaged ({error})") from error
    if isinstance(config, dict):
        config.pop("compile_config", None)  # Keras does not look at it either, since models are not compiled
    for named in _objects(config):
        _check_object(named, path)


def _objects(config: object) -> Iterator[Mapping[str, object]]:
    """Every description of an object within a config, at any depth."""
    waiting = [config]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, dict):
            if "class_name" in tree:
                yield tree
            waiting += tree.values()
        elif isinstance(tree, list):
            waiting += tree


def _check_object(named: Mapping[str, object], path: Path) -> None:
    """Refuse one object of a config; see `check`."""
    kind, module = named["class_name"], named.get("module")
    function = kind == "function"
    name = named.get("config") if function else kind
    # Keras takes what is registered under this name, whatever the module.
    if _is_registered(name if function else named.get("registered_name", kind)):
        return
    if kind in CODE:
        raise BadInput(
            f"{path} is not opened: it holds a {kind} layer, which carries code of its own; write a layer class in its "
            "place and register it with Keras"
        )
    if module is None or kind in VALUES:  # nothing is imported
        return
    if _is_part_of_keras(str(module), str(name), function=function):
        return
    if is_trusted(str(module)) and not _is_within(str(module), "keras"):
        try:
            import_trusted(str(module))
        except SerKerasError as error:
            raise type(error)(f"{path} cannot be loaded: {error}") from error
        return
    if _is_within(str(module), "keras") or module == "builtins":
        raise BadInput(f"{path} is not opened: it names {module}:{name}, which is no part of a Keras model")
    if _is_within(str(module), "ser_keras"):
        raise BadInput(f"{path} cannot be loaded: it names {module}:{name}, which this version does not have")
    raise BadInput(
        f"{path} is not opened: it names {module}:{name}, and opening it would import that module; if you trust it, "
        f"name it yourself: `plugins` {str(module).partition('.')[0]}"
    )


def _is_registered(name: object) -> bool:
    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _is_part_of_keras(module: str, name: str, *, function: bool) -> bool:
    """Whether a name is a class, or a plain function, that Keras has for building models."""
    if module == "builtins":  # as Keras writes its own functions; not Python's `eval`
        return function and not hasattr(builtins, name)
    parts = module.split(".")
    if parts[0] != "keras":
        return False
    parts = parts[2:] if parts[1:2] == ["src"] else parts[1:]
    if function:
        return parts[:1] != [] and parts[0] in FUNCTIONS
    # Classes begin with a capital; `keras.models.load_model` is none.
    return name[:1].isupper() and (parts[0] in CLASSES if parts else module == "keras")
