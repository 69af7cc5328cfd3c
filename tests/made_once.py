"""Folders that a test session makes once, whichever of its processes wants them first."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

LISTING = "listing.json"  # beside the folder: what it held when it was made
State = dict[str, list[int]]


def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of a session share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made_once"


def made_once(place: Path, make: Callable[[Path], object]) -> Path:
    """A folder that the first process makes and all others wait for; nobody may change it.

    Args:
        place: the folder.
        make: makes it, given its path; what it did before it failed is thrown away.

    Returns:
        `place`.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    listing = place.with_name(f"{place.name}.{LISTING}")
    with open(place.with_name(f"{place.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not listing.is_file():
            shutil.rmtree(place, ignore_errors=True)
            make(place)
            listing.write_text(json.dumps(state_of(place)))
    return place


def state_of(folder: Path) -> State:
    """Size and time of change of every file below a folder; the lock of a run does not count."""
    stats = {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(stats.items()) if name != ".lock"}


def is_unchanged(place: Path) -> bool:
    """Whether a folder is still as `made_once` left it."""
    return state_of(place) == json.loads(place.with_name(f"{place.name}.{LISTING}").read_text())
