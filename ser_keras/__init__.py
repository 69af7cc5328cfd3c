"""ser-keras: speech emotion recognition trained in Keras, judged honestly, and run on a phone.

The names below are the public ones. They are imported when they are first used, so that `import ser_keras` stays light.

Example:
    >>> import ser_keras
    >>> from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED
    >>> model = ser_keras.load()
    >>> result = model.predict(PRETRAINED / DEFAULT_MODEL / "reference.wav")
    >>> result.emotion in model.classes
    True
"""

from __future__ import annotations

import importlib

from ser_keras.common.version import __version__

TYPE_CHECKING = False  # checkers take it for True by its name; importing `typing` would double the time of this import
if TYPE_CHECKING:
    from ser_keras.audio.containers import AudioError
    from ser_keras.common.errors import (
        BadInput,
        Damaged,
        DiskFull,
        NotFound,
        NotWritable,
        SerKerasError,
        Unavailable,
    )
    from ser_keras.runtime.model import Model, Moment, Result, Segment, load

__all__ = [
    "AudioError",
    "BadInput",
    "Damaged",
    "DiskFull",
    "Model",
    "Moment",
    "NotFound",
    "NotWritable",
    "Result",
    "Segment",
    "SerKerasError",
    "Unavailable",
    "__version__",
    "load",
]

_MODULES = {
    "ser_keras.audio.containers": ("AudioError",),
    "ser_keras.common.errors": (
        "BadInput",
        "Damaged",
        "DiskFull",
        "NotFound",
        "NotWritable",
        "SerKerasError",
        "Unavailable",
    ),
    "ser_keras.runtime.model": ("Model", "Moment", "Result", "Segment", "load"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # or checkers would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'ser_keras' has no attribute '{name}'")
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
