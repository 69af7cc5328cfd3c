"""Checks the name and the arguments of a component against its builder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping

from ser_keras.common.errors import BadInput, nearest


def complete_arguments(
    name: str,
    arguments: Mapping[str, object],
    registry: Mapping[str, Callable[..., object]],
    *,
    kind: str,
    supplied: Collection[str] = (),
) -> dict[str, object]:
    """Check a component's name and arguments against its builder and fill in the defaults.

    Args:
        name: the name of the component.
        arguments: its arguments, as far as they are set.
        registry: name -> builder (a function, or a class whose `__init__` counts).
        kind: the word for messages: `frontend` or `model`.
        supplied: names of arguments that the caller supplies itself.

    Returns:
        The component's arguments, complete.

    Raises:
        BadInput: an unknown component or argument, with the nearest valid names.
    """
    if name not in registry:
        raise BadInput(f"no {kind} '{name}'; nearest: {nearest(name, registry)}")
    parameters = inspect.signature(registry[name]).parameters
    free = {
        argument: p.default
        for argument, p in parameters.items()
        if argument not in supplied and p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
    for argument in arguments:
        if argument not in free:
            valid = [f"{kind}.{n}" for n in free]
            raise BadInput(f"unknown setting '{kind}.{argument}'; nearest: {nearest(f'{kind}.{argument}', valid)}")
    missing = [n for n, default in free.items() if default is inspect.Parameter.empty and n not in arguments]
    if missing:
        raise BadInput(f"{kind} '{name}' needs the setting '{kind}.{missing[0]}'")
    return {argument: arguments.get(argument, default) for argument, default in free.items()}
