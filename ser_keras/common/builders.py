"""Checks the name and the arguments of a component against its builder."""

import inspect

from ser_keras.common.errors import SerKerasError, nearest


def complete_arguments(name, arguments, registry, kind, *, given=()):
    """Check a component's name and arguments against its builder and fill in the defaults.

    Args:
        name: the name of the component.
        arguments: its arguments, as far as they are set.
        registry: name -> builder (a function, or a class whose `__init__` counts).
        kind: the word for messages: `frontend` or `model`.
        given: names of arguments that the caller supplies itself.

    Returns:
        The component's arguments, complete.

    Raises:
        SerKerasError: an unknown component or argument, with the nearest valid names.
    """
    if name not in registry:
        raise SerKerasError(f"no {kind} '{name}'; nearest: {nearest(name, registry)}")
    parameters = inspect.signature(registry[name]).parameters
    free = {
        argument: p.default
        for argument, p in parameters.items()
        if argument not in given and p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
    for argument in arguments:
        if argument not in free:
            valid = [f"{kind}.{n}" for n in free]
            raise SerKerasError(f"unknown setting '{kind}.{argument}'; nearest: {nearest(f'{kind}.{argument}', valid)}")
    missing = [n for n, default in free.items() if default is inspect.Parameter.empty and n not in arguments]
    if missing:
        raise SerKerasError(f"{kind} '{name}' needs the setting '{kind}.{missing[0]}'")
    return {argument: arguments.get(argument, default) for argument, default in free.items()}
