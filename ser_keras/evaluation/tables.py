"""The tables of a run or an evaluation: predictions, confusion, metrics."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ser_keras.common.files import write_atomic, write_json
from ser_keras.evaluation.metrics_json import MetricsJson, metrics
from ser_keras.evaluation.predictions import Predictions

if TYPE_CHECKING:  # pydantic is no package of the base install
    from ser_keras.experiment.settings import Experiment


def confusion_csv(matrix: ArrayLike, classes: Sequence[str]) -> str:
    """confusion.csv as text: a row a true class, a column a predicted one, counts of utterances."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["true", *classes])
    writer.writerows([name, *row] for name, row in zip(classes, np.asarray(matrix).tolist(), strict=True))
    return buffer.getvalue()


def write_tables(
    folder: Path,
    experiment: Experiment,
    utterances: Predictions,
    *,
    segments: Predictions | None,
    protocol: str,
    leaky_reason: str | None,
    commit: str | None,
    selected_on: Collection[str] = (),
) -> MetricsJson:
    """Write the tables of a folder; `metrics.json` comes last and marks them whole.

    Args:
        folder: where `predictions.csv`, `segments.csv`, `confusion.csv` and `metrics.json` go.
        experiment: whose seed, classes and `selected_on` are used.
        utterances: one row an utterance.
        segments: one row a window, or None where the system has no windows.
        protocol: name of the protocol.
        leaky_reason: why the metrics leak, in words; None where they do not.
        commit: the commit that ran.
        selected_on: speakers or corpora on whom something else than the settings was chosen: the initial weights.

    Returns:
        The content of metrics.json.

    Raises:
        SerKerasError: there are no predictions, or the folder cannot be written.
    """
    selection = {*experiment.selected_on, *selected_on}
    heard = zip(utterances.speaker, utterances.corpus, strict=True)
    (folder / "metrics.json").unlink(missing_ok=True)  # it marks the tables whole
    content = metrics(
        utterances,
        segments,
        protocol=protocol,
        leaky=leaky_reason is not None,
        leaky_reason=leaky_reason,
        seed=experiment.seed,
        commit=commit,
        selection_overlap=sum(not selection.isdisjoint(each) for each in heard),
    )
    utterances.write_csv(folder / "predictions.csv")
    if segments is not None:
        segments.write_csv(folder / "segments.csv")
    write_atomic(folder / "confusion.csv", confusion_csv(content["confusion"], list(experiment.classes)))
    write_json(folder / "metrics.json", content)
    return content
