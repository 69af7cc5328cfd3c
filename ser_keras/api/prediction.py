"""Which emotion is heard in files. Imports no TensorFlow: the base installation does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import overload

from ser_keras.runtime.model import Model, Result, load


@overload  # a text is an iterable of texts, too: the first signature that fits counts
def predict(  # type: ignore[overload-overlap]
    audio: str | os.PathLike[str], model: Model | str | os.PathLike[str] | None = None, *, hop_s: float | None = None
) -> Result: ...


@overload
def predict(
    audio: Iterable[str | os.PathLike[str]],
    model: Model | str | os.PathLike[str] | None = None,
    *,
    hop_s: float | None = None,
) -> list[Result]: ...


def predict(
    audio: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    model: Model | str | os.PathLike[str] | None = None,
    *,
    hop_s: float | None = None,
) -> Result | list[Result]:
    """Which emotion is heard in a file, or in each of several. For many calls, `load` the model once.

    Args:
        audio: a file of any rate and length, or several.
        model: as `ser_keras.load` takes it, or a loaded model; None: the model that the package ships.
        hop_s: seconds from window to window; None: the model's own.

    Returns:
        A result; of several files a list, in order.

    Raises:
        SerKerasError: a file that cannot be read, or no such model.

    Example:
        >>> import ser_keras
        >>> from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED
        >>> file = PRETRAINED / DEFAULT_MODEL / "reference.wav"
        >>> [result.emotion == ser_keras.predict(file).emotion for result in ser_keras.predict([file, file])]
        [True, True]
    """
    ready = model if isinstance(model, Model) else load(model)
    if isinstance(audio, str | os.PathLike):
        return ready.predict(os.fspath(audio), hop_s=hop_s)
    return [ready.predict(os.fspath(file), hop_s=hop_s) for file in audio]
