"""Where a result comes from: command, commit, machine, versions, time."""

from __future__ import annotations

import contextlib
import platform
import shlex
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from ser_keras.common.hardware import hardware
from ser_keras.common.version import __version__

Record = dict[str, Any]  # Any: JSON, whose values are of several kinds

PACKAGES = (
    *("tensorflow", "tensorflow-cpu", "keras", "numpy", "tensorflow-io", "keras-tuner", "librosa", "soundfile"),
    *("soxr", "ai-edge-litert", "ai-edge-quantizer", "tflite-runtime", "scikit-learn"),
)


def provenance(before: Record | None = None) -> Record:
    """Where a result comes from: command, commit, machine, versions, time.

    Args:
        before: the record of what is gone on with: it stays, and this start is added to its `resumed`.
    """
    versions = {"ser-keras": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    commit, dirty = _commit()
    record: Record = {
        "command": shlex.join(["ser-keras", *sys.argv[1:]]),
        "commit": commit,
        "dirty": dirty,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": hardware(),
        "versions": versions,
    }
    return record if before is None else {**before, "resumed": [*before.get("resumed", []), record]}


def _commit() -> tuple[str | None, bool | None]:
    """The source's git commit and whether it was changed; (None, None) for an installed package."""
    package = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=package, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != package.parent:
            return None, None
        return git("rev-parse", "--short=12", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None
