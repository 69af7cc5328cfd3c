"""Checks the name and the arguments of a component against its builder."""

import inspect

from ser_keras.common.errors import SerKerasError, nearest


def complete_arguments(component, registry, kind, given=()):
    """Check a component's name and arguments against its builder and fill in the defaults.

    Args:
        component: the Component from the settings.
        registry: name -> builder (a function, or a class whose `__init__` counts).
        kind: the word for messages: `frontend` or `model`.
        given: names of arguments that the caller supplies itself.

    Returns:
        The component's arguments, complete.

    Raises:
        SerKerasError: an unknown component or argument, with the nearest valid names.
    """
    if component.name not in registry:
        raise SerKerasError(f"no {kind} '{component.name}'; nearest: {nearest(component.name, registry)}")
    parameters = inspect.signature(registry[component.name]).parameters
    free = {
        name: p.default
        for name, p in parameters.items()
        if name not in given and p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
    }
    arguments = component.arguments()
    for name in arguments:
        if name not in free:
            valid = [f"{kind}.{n}" for n in free]
            raise SerKerasError(f"unknown setting '{kind}.{name}'; nearest: {nearest(f'{kind}.{name}', valid)}")
    missing = [n for n, default in free.items() if default is inspect.Parameter.empty and n not in arguments]
    if missing:
        raise SerKerasError(f"{kind} '{component.name}' needs the setting '{kind}.{missing[0]}'")
    return {name: arguments.get(name, default) for name, default in free.items()}
