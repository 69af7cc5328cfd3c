"""The run directory: atomic writes, provenance, one process at a time."""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

import yaml

from ser_keras.common.errors import DamagedFile, MissingFile, SerKerasError, Unavailable, write_error
from ser_keras.common.files import read_json
from ser_keras.experiment.recipes import from_tree


class Run:
    """A run directory.

    Args:
        path: the directory.

    `experiment`, `metrics` and `provenance` read their files when asked.
    """

    def __init__(self, path):
        self.path = Path(path)

    @classmethod
    def existing(cls, path):
        """The run at `path`.

        Raises:
            SerKerasError: it is no run directory.
        """
        run = cls(path)
        if not run.settings_file.is_file():
            raise SerKerasError(f"{path} is no run directory (no experiment.yaml in it); `ser-keras train` makes one")
        return run

    @property
    def settings_file(self):
        return self.path / "experiment.yaml"

    @property
    def experiment(self):
        """The resolved settings, with `corpora`, as plain data."""
        try:
            return yaml.safe_load(self.settings_file.read_text(encoding="utf-8"))
        except OSError as error:
            kind = MissingFile if isinstance(error, FileNotFoundError) else DamagedFile
            raise kind(self.settings_file, f"can't be read: {error.strerror or error}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DamagedFile(self.settings_file, f"can't be read: {error}") from None

    def trained_with(self):
        """What experiment.yaml holds: (settings, the corpora, what the initial weights were).

        Raises:
            SerKerasError: it is not that of a run.
        """
        tree = self.experiment
        if not isinstance(tree, dict) or "corpora" not in tree:
            raise SerKerasError(f"{self.settings_file} isn't that of a run: it names no corpora")
        corpora, start = tree.pop("corpora"), tree.pop("init", None) or {}
        return from_tree(tree, self.settings_file), corpora, start

    def require_final(self):
        """Refuse a run without its final model.

        Raises:
            SerKerasError: it isn't finished; the line says how to go on with it.
        """
        if not (self.final / "fold.json").is_file():
            raise SerKerasError(
                f"{self.path} isn't finished; `ser-keras train ... --resume --out {self.path}` goes on with it"
            )

    @property
    def metrics(self):
        return read_json(self.path / "metrics.json")

    @property
    def provenance(self):
        return read_json(self.path / "provenance.json")

    @property
    def final(self):
        return self.path / "final"

    def fold(self, number):
        return self.path / "folds" / str(number)

    def folds(self):
        """The directories of the folds that are done, in order."""
        done = [p.parent for p in self.path.glob("folds/*/fold.json")]
        return sorted(done, key=lambda p: int(p.name))

    @property
    def heard_file(self):
        """A hash of each utterance's samples, a line each."""
        return self.path / "heard.txt"

    @property
    def finished(self):
        return (self.path / "metrics.json").is_file()

    @contextlib.contextmanager
    def locked(self):
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
                    f"{self.path} is in use by another process (pid {holder}); wait for it or choose another --out"
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield self

    def sweep(self):
        """Remove the half-written files of killed processes; call it under the lock."""
        for left in self.path.rglob(".partial-*"):
            with contextlib.suppress(OSError):
                left.unlink()

    def clear(self):
        """Remove what a run writes, and nothing else, so that it can start afresh; the lock stays."""
        for name in ("folds", "final", "evaluations", "tensorboard", "bundle"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (
            *("experiment.yaml", "provenance.json", "metrics.json", "predictions.csv", "segments.csv"),
            *("confusion.csv", "confusion.png", "learning_curves.png", "report.html", "heard.txt"),
        ):
            with contextlib.suppress(FileNotFoundError):
                (self.path / name).unlink()
