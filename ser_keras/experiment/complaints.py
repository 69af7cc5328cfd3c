"""What a settings tree does not allow, as one line."""

from __future__ import annotations

import inspect
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ser_keras.common.errors import nearest


def first_complaint(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that pydantic complains of, as one line.

    Args:
        error: what pydantic raised.
        model: the root of the settings, for the nearest valid names.
    """
    problem = error.errors()[0]
    path = ".".join(str(p) for p in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown setting '{path}'; nearest: {nearest(path, setting_names(model))}"
    got = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
    return f"{path + ': ' if path else ''}{complaint(problem)}{got if path else ''}"


def complaint(problem: ErrorDetails) -> str:
    """What pydantic says of one problem, or what our own check said that it passes on."""
    return str(problem["ctx"]["error"]) if problem["type"] == "value_error" else problem["msg"]


def setting_names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every setting's full name, for messages and documentation."""
    names = []
    for name, field in model.model_fields.items():
        branch = branch_of(field)
        names.append(prefix + name)
        if branch is not None and branch.model_config.get("extra") == "forbid":  # others take names that nobody lists
            names += setting_names(branch, f"{prefix}{name}.")
    return names


def branch_of(field: FieldInfo) -> type[BaseModel] | None:
    """The class of the settings that a setting holds, also where it may be null; None: it holds a value."""
    kinds = [
        kind
        for kind in (field.annotation, *get_args(field.annotation))
        if inspect.isclass(kind) and get_origin(kind) is None
    ]
    return next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
