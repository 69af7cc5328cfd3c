"""The run directory: atomic writes, provenance, one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

import yaml

from ser_keras.common import plugins
from ser_keras.common.errors import DamagedFile, MissingFile, SerKerasError, Unavailable, write_error
from ser_keras.common.files import read_json
from ser_keras.common.row_store import fingerprint
from ser_keras.corpora.attributions import ESC10_CREDIT, ESC10_LICENCE, ESC10_TITLE
from ser_keras.corpora.noises import SoundFile
from ser_keras.experiment.provenance import Record
from ser_keras.experiment.recipes import Tree
from ser_keras.experiment.settings import Experiment


class CorpusRecord(TypedDict):
    """What experiment.yaml says of a corpus; equal fingerprints are equal audio, labels and speakers."""

    name: str
    title: str
    licence: str
    n_utterances: int
    n_speakers: int
    speakers: list[str]
    hours: float
    fingerprint: str


class SoundRecord(TypedDict):
    """What experiment.yaml says of a folder of noises or rooms; equal fingerprints are equal audio, kinds and sources.

    `licence` is that of the collection, or those of its files; `attributions` has a line for each source, and before
    them one for the collection where its maker is known.
    """

    name: str
    licence: str
    n_files: int
    attributions: list[str]
    fingerprint: str


def sound_records(files: Sequence[SoundFile]) -> list[SoundRecord]:
    """The records of the noises and rooms that a training hears, one a collection.

    Args:
        files: those that are used; of what `corpora.noises.read_folder` returns the part `training`.
    """
    names = sorted({file.collection for file in files})
    return [_sound_record(name, [file for file in files if file.collection == name]) for name in names]


def _sound_record(name: str, files: Sequence[SoundFile]) -> SoundRecord:
    licences = ", ".join(sorted({file.licence for file in files}))
    first = {file.source: file.attribution for file in reversed(files)}
    collected = [ESC10_CREDIT] if name == ESC10_TITLE else []
    return {
        "name": name,
        "licence": f"{ESC10_LICENCE}; clips: {licences}" if name == ESC10_TITLE else licences,
        "n_files": len(files),
        "attributions": [*collected, *(first[source] for source in sorted(first))],
        "fingerprint": fingerprint(sorted([file.digest, file.kind, file.source] for file in files)),
    }


class RunDirectory:
    """A run directory.

    Args:
        path: the directory.

    `experiment`, `metrics` and `provenance` read their files when asked.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def existing(cls, path: str | Path) -> RunDirectory:
        """The run at `path`.

        Raises:
            SerKerasError: it is no run directory.
        """
        run = cls(path)
        if not run.settings_file.is_file():
            raise SerKerasError(f"{path} is no run directory (no experiment.yaml in it); `ser-keras train` makes one")
        return run

    @property
    def settings_file(self) -> Path:
        """The resolved settings; there from the start."""
        return self.path / "experiment.yaml"

    @property
    def experiment(self) -> Tree:
        """The resolved settings, with `corpora` and `sounds`, as plain data."""
        try:
            return yaml.safe_load(self.settings_file.read_text(encoding="utf-8"))
        except OSError as error:
            kind = MissingFile if isinstance(error, FileNotFoundError) else DamagedFile
            raise kind(self.settings_file, f"can't be read: {error.strerror or error}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DamagedFile(self.settings_file, f"can't be read: {error}") from None

    def trained_with(self) -> tuple[Experiment, list[CorpusRecord], Record]:
        """What experiment.yaml holds: (settings, the corpora, what the initial weights were).

        One's own parts that the settings name are imported.

        Raises:
            SerKerasError: it is not that of a run, or it names a module that the user did not name.
        """
        tree = self.experiment
        if not isinstance(tree, dict) or "corpora" not in tree:
            raise SerKerasError(f"{self.settings_file} isn't that of a run: it names no corpora")
        corpora, start = tree.pop("corpora"), tree.pop("init", None) or {}
        tree.pop("sounds", None)
        experiment = Experiment.from_tree(tree, self.settings_file)
        plugins.import_named_in(tree)
        return experiment, corpora, start

    def require_final(self) -> None:
        """Refuse a run without its final model.

        Raises:
            SerKerasError: it isn't finished; the line says how to go on with it.
        """
        if not (self.final / "fold.json").is_file():
            raise SerKerasError(
                f"{self.path} isn't finished; `ser-keras train ... --resume --out {self.path}` goes on with it"
            )

    @property
    def metrics(self) -> Record:
        """metrics.json; there once all folds are done."""
        return read_json(self.path / "metrics.json")

    @property
    def provenance(self) -> Record:
        """provenance.json; there from the start."""
        return read_json(self.path / "provenance.json")

    @property
    def final(self) -> Path:
        """The directory of the model that was trained on all speakers."""
        return self.path / "final"

    def fold(self, number: int) -> Path:
        """The directory of a fold."""
        return self.path / "folds" / str(number)

    def folds(self) -> list[Path]:
        """The directories of the folds that are done, in order."""
        done = [p.parent for p in self.path.glob("folds/*/fold.json")]
        return sorted(done, key=lambda p: int(p.name))

    @property
    def heard_file(self) -> Path:
        """A hash of each utterance's samples, a line each."""
        return self.path / "heard.txt"

    @property
    def finished(self) -> bool:
        """Whether all folds are done and pooled."""
        return (self.path / "metrics.json").is_file()

    @contextlib.contextmanager
    def locked(self) -> Iterator[RunDirectory]:
        """Hold the directory for this process; the lock falls with the process, however it ends.

        Raises:
            Unavailable: another process holds it.
            NotWritable: the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = open(self.path / ".lock", "a+", encoding="utf-8")  # noqa: SIM115 - closed below
        except OSError as error:
            raise write_error(f"cannot use {self.path}: {error.strerror}", error) from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise Unavailable(
                    f"{self.path} is in use by another process (pid {holder}); wait for it or choose another `out`"
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield self

    def sweep(self) -> None:
        """Remove the half-written files of killed processes; call it under the lock."""
        for left in self.path.rglob(".partial-*"):
            with contextlib.suppress(OSError):
                left.unlink()

    def clear(self) -> None:
        """Remove what a run writes, and nothing else, so that it can start afresh; the lock stays."""
        for name in ("folds", "final", "evaluations", "tensorboard", "bundle"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (
            *("experiment.yaml", "provenance.json", "metrics.json", "predictions.csv", "segments.csv"),
            *("confusion.csv", "confusion.png", "learning_curves.png", "report.html", "heard.txt"),
        ):
            with contextlib.suppress(FileNotFoundError):
                (self.path / name).unlink()
