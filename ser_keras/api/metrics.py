"""What a run or an evaluation came to, as an object."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import DamagedFile, SerKerasError
from ser_keras.common.text import html_table
from ser_keras.evaluation.metrics_json import read_metrics

if TYPE_CHECKING:
    from ser_keras.evaluation.metrics_json import (
        CorpusMetrics,
        FoldMetrics,
        FoldStatistic,
        MetricsJson,
        SegmentMetrics,
        SpeakerMetrics,
    )

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metrics:
    """The metrics of a run or an evaluation; docs/metrics.md says how each is made. NaN where there is no data.

    Attributes:
        protocol: how test and training were kept apart.
        leaky: whether training saw material of the test utterances: the figures then say nothing about new speakers.
        leaky_reason: why, in words; None where it did not.
        uar, uar_ci95: the mean recall of the classes, and its 95 % interval (low, high).
        ci_method: how the interval was made, in words.
        wa: the share of correct utterances.
        macro_f1, ece: the mean F1 of the classes; the expected calibration error.
        per_class_recall, per_class_recall_ci95: class -> recall, and its 95 % interval.
        classes: class -> number of utterances, in the order of the model's outputs.
        confusion: a row a true class, a column a predicted one, in the order of `classes`: numbers of utterances.
        n_utterances, n_speakers: of the test material.
        per_speaker, per_corpus, folds: the same for parts of it; `per_corpus` is empty where there is one corpus.
        folds_mean, folds_sd: mean and standard deviation (n - 1) of UAR and WA over the folds.
        segment: the metrics of single windows; None where the classifier heard whole utterances.
        selection_overlap: how many of the utterances took part in a choice of settings; None where nothing says it.
        seed: of the experiment.
        commit: the version of the code that ran; None where nothing says it.

    Example:
        >>> from ser_keras.evaluation import Predictions, metrics
        >>> table = Predictions(
        ...     file=["a.wav", "b.wav", "c.wav"], true=[0, 1, 1], classes=("anger", "neutral"),
        ...     probabilities=[[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]],
        ... )
        >>> Metrics.from_json(metrics(table, protocol="speaker_independent")).uar
        0.75
    """

    protocol: str
    leaky: bool
    leaky_reason: str | None
    uar: float
    uar_ci95: Interval
    ci_method: str
    wa: float
    macro_f1: float
    ece: float
    per_class_recall: Mapping[str, float]
    per_class_recall_ci95: Mapping[str, Interval]
    classes: Mapping[str, int]
    confusion: Sequence[Sequence[int]]
    n_utterances: int
    n_speakers: int
    per_speaker: Mapping[str, SpeakerMetrics]
    per_corpus: Mapping[str, CorpusMetrics]
    folds: Sequence[FoldMetrics]
    folds_mean: FoldStatistic
    folds_sd: FoldStatistic
    segment: SegmentMetrics | None
    selection_overlap: int | None
    seed: int | None
    commit: str | None

    @classmethod
    def from_json(cls, content: MetricsJson) -> Metrics:
        """The metrics in the content of a metrics.json."""
        return cls(
            protocol=content["protocol"],
            leaky=content["leaky"],
            leaky_reason=content["leaky_reason"],
            uar=_number(content["uar"]),
            uar_ci95=_interval(content["uar_ci95"]),
            ci_method=content["ci_method"],
            wa=_number(content["wa"]),
            macro_f1=_number(content["macro_f1"]),
            ece=_number(content["ece"]),
            per_class_recall={name: _number(recall) for name, recall in content["per_class_recall"].items()},
            per_class_recall_ci95={
                name: _interval(bounds) for name, bounds in content["per_class_recall_ci95"].items()
            },
            classes=content["classes"],
            confusion=content["confusion"],
            n_utterances=content["n_utterances"],
            n_speakers=content["n_speakers"],
            per_speaker=content["per_speaker"],
            per_corpus=content["per_corpus"],
            folds=content["folds"],
            folds_mean=content["folds_mean"],
            folds_sd=content["folds_sd"],
            segment=content["segment"],
            selection_overlap=content["selection_overlap"],
            seed=content["seed"],
            commit=content["commit"],
        )

    @classmethod
    def read(cls, folder: Path) -> Metrics:
        """The metrics in a folder's metrics.json.

        Raises:
            SerKerasError: it is missing, or is no such file.
        """
        try:
            return cls.from_json(read_metrics(folder))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, SerKerasError):
                raise
            raise DamagedFile(folder / "metrics.json", f"is of another version: {error!r}") from error

    def __str__(self) -> str:
        """One line: UAR with its interval, WA, and of what."""
        low, high = self.uar_ci95
        windows = "" if self.segment is None else f"; single windows: UAR {_number(self.segment['uar']):.3f}"
        return (
            f"{'LEAKY ' if self.leaky else ''}{self.protocol}: UAR {self.uar:.3f} [{low:.3f}, {high:.3f}], "
            f"WA {self.wa:.3f} ({self.n_utterances} utterances, {self.n_speakers} speakers, "
            f"{len(self.classes)} classes{windows})"
        )

    def __repr__(self) -> str:
        recalls = ", ".join(f"{name} {value:.3f}" for name, value in self.per_class_recall.items())
        lines = [f"<Metrics: {self}", f" recall: {recalls}", *([f" {self.leaky_reason}"] if self.leaky_reason else [])]
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        rows = [
            (name, n, _percent(self.per_class_recall[name]), _percents(self.per_class_recall_ci95[name]))
            for name, n in self.classes.items()
        ]
        rows.append(("UAR", self.n_utterances, _percent(self.uar), _percents(self.uar_ci95)))
        return html_table(["class", "utterances", "recall, %", "95 % interval"], rows, str(self))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _interval(bounds: Sequence[float | None]) -> Interval:
    low, high = bounds
    return _number(low), _number(high)


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}"


def _percents(bounds: Interval) -> str:
    return "" if any(map(math.isnan, bounds)) else f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"
