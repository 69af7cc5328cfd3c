"""What became of a row under a protocol, and its metrics."""

from __future__ import annotations

import csv
import dataclasses
import functools
from pathlib import Path

from ser_keras.common.errors import BadSetting, SerKerasError
from ser_keras.common.files import read_json
from ser_keras.evaluation import Estimate, MetricsJson, Predictions, read_metrics
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import RunDirectory
from ser_keras.features import conditions
from ser_keras.reproduction import rows
from ser_keras.reproduction.metrics import BY_SPEAKER, Judged, OverFolds, estimate, over_folds, read
from ser_keras.reproduction.result import RowResult
from ser_keras.training import reevaluation


@dataclasses.dataclass(eq=False)
class Outcome:
    """A row under a protocol, run or refused.

    Attributes:
        row: what is reproduced.
        protocol: the protocol's name.
        folder: `OUT/ROW/PROTOCOL`, or the evaluation in it.
        condition: that of the test audio, as text; None: as it is.
        corpora: names of those that it was run on.
        problem: why there are no metrics, one line; None where there are, or where the row is a picture.
        reason: the problem, less the row that it was found in: equal where settings are refused alike.
        seconds: what running it took.
    """

    row: rows.Row
    protocol: str
    folder: Path
    condition: str | None = None
    corpora: tuple[str, ...] = ()
    problem: str | None = None
    reason: str | None = None
    seconds: float | None = None

    @property
    def leaky(self) -> bool:
        return PROTOCOLS[self.protocol].leaky

    @property
    def setup(self) -> str:
        """What rows that stand in one table share: the protocol, and the condition where there is one."""
        return self.protocol if self.condition is None else f"{self.protocol}, {self.condition}"

    @property
    def reported(self) -> rows.Reported:
        """The reported test figure and its deviation over folds, None where there is none."""
        return self.row.reported(self.protocol, self.condition, self.corpora)

    @property
    def by_speaker(self) -> bool:
        """Whether metrics are means over speakers, each of the classes that he or she has."""
        return self.protocol == BY_SPEAKER

    def refuse(self, error: SerKerasError) -> None:
        """Note why there are no metrics."""
        self.problem = " ".join(str(error).split())
        self.reason = " ".join(error.reason.split()) if isinstance(error, BadSetting) else self.problem

    @property
    def has_metrics(self) -> bool:
        return self.problem is None and self.row.level is not None

    @functools.cached_property
    def judged(self) -> Judged:
        return read(self.folder)

    @property
    def table(self) -> Predictions:
        """What was judged, at the paper's level.

        Raises:
            SerKerasError: a table is missing or damaged; or there is none of this level.
        """
        table = self.judged.at(self.row.level)
        if table is None:
            raise SerKerasError(f"{self.row.id} is reported by {self.row.level}, and judged utterances alone")
        return table

    @functools.cached_property
    def metric(self) -> Estimate:
        """In the paper's measure, at the paper's level."""
        return estimate(self.table, self.row.require_measure(), self.by_speaker)

    @functools.cached_property
    def over_folds(self) -> OverFolds:
        """Mean and standard deviation of the metric over folds; None for one fold."""
        return over_folds(self.table, self.row.require_measure(), self.by_speaker)

    @functools.cached_property
    def uar(self) -> Estimate:
        """UAR by utterance; where speakers are run one at a time, its mean over speakers."""
        return estimate(self.judged.utterances, "uar", self.by_speaker)

    @functools.cached_property
    def metrics(self) -> MetricsJson:
        return read_metrics(self.folder)

    def result(self) -> RowResult:
        """What became of it, as data.

        Raises:
            SerKerasError: a table is missing or damaged; or there is none of the paper's level.
        """
        judged = self.has_metrics
        return RowResult(
            id=self.row.id,
            paper=self.row.paper,
            where=self.row.where,
            protocol=self.protocol,
            condition=self.condition,
            leaky=self.leaky,
            folder=self.folder,
            measure=self.row.measure,
            level=self.row.level,
            estimate=self.metric if judged else None,
            uar=self.uar if judged else None,
            n=len(self.table) if judged else None,
            reported=self.reported.test,
            reported_deviation=self.reported.deviation,
            seconds=self.seconds,
            problem=self.problem,
        )

    def read_all(self) -> None:
        """Reads the tables and computes what is shown of them.

        Raises:
            SerKerasError: a table is missing or damaged; or there is none of the paper's level.
        """
        _ = self.table, self.metric, self.uar

    @functools.cached_property
    def derived_from_class(self) -> list[str]:
        """Corpora whose activation and valence, as the row was trained with, follow from the emotion alone."""
        run = self._run
        if not (run.path / "provenance.json").is_file():
            return []
        corpora: list[str] = run.provenance.get("derived_from_class", [])
        return corpora

    @functools.cached_property
    def epochs(self) -> list[int]:
        """Epochs that each fold was trained; empty where nothing was."""
        return sorted({read_json(fold / "fold.json").get("epochs") or 0 for fold in self._folds()} - {0})

    @functools.cached_property
    def trained_to(self) -> tuple[float, float] | None:
        """(lowest, highest) training accuracy of the folds' last epochs, as they were trained (with dropout); or None.

        A fold far below the others didn't learn: its learning rate doesn't suit it.
        """
        last: list[float] = []
        for fold in self._folds():
            with open(fold / "history.csv", newline="", encoding="utf-8") as file:
                last += [float(row["accuracy"]) for row in list(csv.DictReader(file))[-1:] if row.get("accuracy")]
        return (min(last), max(last)) if last else None

    @property
    def _run(self) -> RunDirectory:
        return RunDirectory(self.folder.parents[1] if self.condition else self.folder)

    def _folds(self) -> list[Path]:
        folds: list[Path] = self._run.folds()
        return folds


def outcome_of(directory: Path, corpora: tuple[str, ...], job: rows.Job) -> Outcome:
    """The Outcome of a job in the directory of a reproduction; `corpora` are the names of those that it is run on."""
    folder = directory / job.row.id / job.protocol
    if job.condition is not None:
        folder = folder / "evaluations" / reevaluation.name_of("test", conditions.parse(job.condition))
    return Outcome(job.row, job.protocol, folder, condition=job.condition, corpora=corpora)
