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
    from ser_keras.api.bundle import Bundle
    from ser_keras.api.corpus import Corpus
    from ser_keras.api.evaluations import Evaluation, LiveEvaluation
    from ser_keras.api.metrics import Metrics
    from ser_keras.api.prediction import predict
    from ser_keras.api.reproducing import reproduce
    from ser_keras.api.run import Run
    from ser_keras.api.training import estimate, evaluate, evaluate_live, train
    from ser_keras.api.tuning import tune
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
    from ser_keras.common.progress import Bars, Step
    from ser_keras.experiment.settings import Experiment
    from ser_keras.runtime.model import Model, Moment, Result, Segment, load

__all__ = [
    "AudioError",
    "BadInput",
    "Bars",
    "Bundle",
    "Corpus",
    "Damaged",
    "DiskFull",
    "Evaluation",
    "Experiment",
    "LiveEvaluation",
    "Metrics",
    "Model",
    "Moment",
    "NotFound",
    "NotWritable",
    "Result",
    "Run",
    "Segment",
    "SerKerasError",
    "Step",
    "Unavailable",
    "__version__",
    "estimate",
    "evaluate",
    "evaluate_live",
    "load",
    "predict",
    "reproduce",
    "train",
    "tune",
]

_MODULES = {
    "ser_keras.api.bundle": ("Bundle",),
    "ser_keras.api.corpus": ("Corpus",),
    "ser_keras.api.evaluations": ("Evaluation", "LiveEvaluation"),
    "ser_keras.api.metrics": ("Metrics",),
    "ser_keras.api.prediction": ("predict",),
    "ser_keras.api.reproducing": ("reproduce",),
    "ser_keras.api.run": ("Run",),
    "ser_keras.api.training": ("estimate", "evaluate", "evaluate_live", "train"),
    "ser_keras.api.tuning": ("tune",),
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
    "ser_keras.common.progress": ("Bars", "Step"),
    "ser_keras.experiment.settings": ("Experiment",),
    "ser_keras.runtime.model": ("Model", "Moment", "Result", "Segment", "load"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

DEPRECATED: dict[str, tuple[str, str]] = {}
"""Former public name -> (the public name that took its place, the version that will be without the former one)."""


if not TYPE_CHECKING:  # or checkers would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name in DEPRECATED:
            return _deprecated(name)
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'ser_keras' has no attribute '{name}'")
        try:
            value = getattr(importlib.import_module(_MODULE_OF[name]), name)
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        globals()[name] = value
        return value


def _deprecated(name: str) -> object:
    """What took a former name's place, with a warning."""
    import warnings

    successor, version = DEPRECATED[name]
    line = f"ser_keras.{name} is called ser_keras.{successor} now; version {version} will be without the former name"
    warnings.warn(line, DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(__name__), successor)


def _missing(error: ModuleNotFoundError) -> Exception:
    """The error of a public name whose packages are not installed: which extra brings them."""
    from ser_keras.common.errors import Unavailable
    from ser_keras.common.extras import missing_package

    return error if (error.name or "").startswith("ser_keras") else Unavailable(missing_package(error.name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
