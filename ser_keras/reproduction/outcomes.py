"""What became of a row under a protocol, and its figures."""

import csv
import dataclasses
import functools
from pathlib import Path

from ser_keras.common.errors import BadSetting, SerKerasError
from ser_keras.common.files import read_json
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import Run
from ser_keras.features import conditions
from ser_keras.reproduction import metrics, rows
from ser_keras.training import reevaluation


@dataclasses.dataclass(eq=False)
class Outcome:
    """A row under a protocol, run or refused.

    Attributes:
        row: rows.Row.
        protocol: the protocol's name.
        folder: `OUT/ROW/PROTOCOL`, or the evaluation in it.
        condition: that of the test audio, as text; None: as it is.
        corpora: names of those that it was run on.
        problem: why there are no figures, one line; None where there are, or where the row is a picture.
        reason: the problem, less the row that it was found in: equal where settings are refused alike.
        seconds: what running it took.
    """

    row: rows.Row
    protocol: str
    folder: Path
    condition: str | None = None
    corpora: tuple = ()
    problem: str | None = None
    reason: str | None = None
    seconds: float | None = None

    @property
    def leaky(self):
        return PROTOCOLS[self.protocol].leaky

    @property
    def setup(self):
        """What rows that stand in one table share: the protocol, and the condition where there is one."""
        return self.protocol if self.condition is None else f"{self.protocol}, {self.condition}"

    @property
    def reported(self):
        """(reported test figure, its deviation over folds), None where there is none."""
        return self.row.reported(self.protocol, self.condition, self.corpora)

    @property
    def by_speaker(self):
        """Whether figures are means over speakers, each of the classes that he or she has."""
        return self.protocol == metrics.BY_SPEAKER

    def refuse(self, error: SerKerasError) -> None:
        """Note why there are no figures."""
        self.problem = " ".join(str(error).split())
        self.reason = " ".join(error.reason.split()) if isinstance(error, BadSetting) else self.problem

    def read_figures(self):
        """(figure, UAR) from their tables.

        Raises:
            SerKerasError: these are missing or damaged.
        """
        return self.figure, self.uar

    @property
    def has_figures(self):
        return self.problem is None and self.row.level is not None

    @functools.cached_property
    def judged(self):
        return metrics.read(self.folder)

    @functools.cached_property
    def figure(self):
        """In the paper's measure, at the paper's level."""
        return metrics.figure(self.judged.at(self.row.level), self.row.measure, self.by_speaker)

    @functools.cached_property
    def over_folds(self):
        """(mean, standard deviation) of the figure over folds; None for one fold."""
        return metrics.over_folds(self.judged.at(self.row.level), self.row.measure, self.by_speaker)

    @functools.cached_property
    def uar(self):
        """UAR by utterance; where speakers are run one at a time, its mean over speakers."""
        return metrics.figure(self.judged.utterances, "uar", self.by_speaker)

    @functools.cached_property
    def metrics(self):
        return read_json(self.folder / "metrics.json")

    @functools.cached_property
    def derived_from_class(self):
        """Corpora whose activation and valence, as the row was trained with, follow from the emotion alone."""
        run = self._run
        return run.provenance.get("derived_from_class", []) if (run.path / "provenance.json").is_file() else []

    @functools.cached_property
    def epochs(self):
        """Epochs that each fold was trained; empty where nothing was."""
        return sorted({read_json(fold / "fold.json").get("epochs") or 0 for fold in self._folds()} - {0})

    @functools.cached_property
    def trained_to(self):
        """(lowest, highest) training accuracy of the folds' last epochs, as they were trained (with dropout); or None.

        A fold far below the others didn't learn: its learning rate doesn't suit it.
        """
        last = []
        for fold in self._folds():
            with open(fold / "history.csv", newline="", encoding="utf-8") as file:
                last += [float(row["accuracy"]) for row in list(csv.DictReader(file))[-1:] if row.get("accuracy")]
        return (min(last), max(last)) if last else None

    @property
    def _run(self):
        return Run(self.folder.parents[1] if self.condition else self.folder)

    def _folds(self):
        return self._run.folds()


def outcome_of(directory, corpora, row, protocol, condition):
    """The Outcome of a job in the directory of a reproduction; `corpora` are the names of those that are given."""
    folder = directory / row.id / protocol
    if condition is not None:
        folder = folder / "evaluations" / reevaluation.name_of("test", conditions.parse(condition))
    return Outcome(row, protocol, folder, condition, corpora)
