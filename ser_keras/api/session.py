"""What surrounds every piece of work of the public functions: progress, quiet libraries, one line for what is missing.

The functions of this room import TensorFlow when they work, and never before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ser_keras.common.errors import Unavailable
from ser_keras.common.extras import missing_package
from ser_keras.common.progress import reporting

if TYPE_CHECKING:
    from ser_keras.common.progress import Callback


def quiet_tensorflow() -> None:
    """TensorFlow's start-up lines say nothing to a user; its errors still come through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextlib.contextmanager
def at_work(callback: Callback | None = None) -> Iterator[None]:
    """Work of a public function: its stages go to `callback`, and a package that is missing is one line.

    Args:
        callback: as `progress.reporting` takes it.

    Raises:
        Unavailable: a package is not installed; the line names the extra that brings it.
    """
    quiet_tensorflow()
    with reporting(callback):
        try:
            yield
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("ser_keras"):
                raise
            raise Unavailable(missing_package(error.name)) from error
