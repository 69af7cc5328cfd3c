"""The directory of a search: which search it belongs to, and the files of its processes."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.recipes import parse_recipe
from ser_keras.experiment.settings import dump_yaml

if TYPE_CHECKING:
    from ser_keras.tuning.search import Search

MAY_CHANGE = ("max_trials", "workers", "lease_s", "stop_behind")  # when a search goes on


def same_search(out: Path, search: Search) -> None:
    """Write search.yaml, or refuse to go on with another search."""
    file = out / "search.yaml"
    request = dataclasses.asdict(search.request)
    request["corpora"] = sorted(name for name, _ in search.request.corpora)
    now = {"name": request.pop("space"), "request": request, "space": search.described, "data": search.data}
    now["test_speakers"] = [list(split.test) for split in search.splits]
    now = parse_recipe(dump_yaml(_plain(now)), file)
    if file.is_file():
        before = parse_recipe(file.read_text(encoding="utf-8"), file)
        if before.get("data") != now["data"]:
            raise SerKerasError(f"{out} holds a search on other data; give the corpora that it was started with")
        changed = [
            f"{key}: {before['request'].get(key)} is now {value}"
            for key, value in now["request"].items()
            if key not in MAY_CHANGE and before["request"].get(key) != value
        ]
        if changed or any(before[key] != now[key] for key in ("space", "test_speakers")):
            raise SerKerasError(
                f"{out} holds another search ({'; '.join(changed) or 'the space or its recipe was changed'}); "
                "choose another `out`"
            )
    elif (out / "oracle").exists() or (out / "experiment.yaml").exists():
        raise SerKerasError(f"{out} holds something else; choose another `out`")
    write_atomic(file, dump_yaml(now))
    source = out / "provenance.json"
    write_json(source, provenance(read_json(source) if source.is_file() else None))


def claim(folder: Path, identity: str) -> None:
    """Take a folder for a search's trials, or refuse it: numbers of trials mean other settings in another search.

    Args:
        folder: of the search, or a worker's own.
        identity: `Search.identity`.

    Raises:
        SerKerasError: it holds another search's trials.
    """
    file = folder / "identity"
    if file.is_file() and file.read_text(encoding="utf-8").strip() != identity:
        raise SerKerasError(f"{folder} holds trials of another search; choose another `out`")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, f"{identity}\n")


def _plain(value: object) -> object:
    """The same of dicts and lists alone, as YAML has it."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def session_file(folder: Path, name: str) -> Path:
    """Where one process of a search keeps account of its time."""
    return folder / "time" / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.json"
