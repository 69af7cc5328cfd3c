"""The tables of a run or an evaluation: predictions, confusion, metrics."""

import csv
import io

import numpy as np

from ser_keras.common.files import write_atomic, write_json
from ser_keras.evaluation.metrics_json import metrics


def confusion_csv(matrix, classes):
    """confusion.csv as text: a row a true class, a column a predicted one, counts of utterances."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["true", *classes])
    writer.writerows([name, *row] for name, row in zip(classes, np.asarray(matrix).tolist(), strict=True))
    return buffer.getvalue()


def write_tables(folder, experiment, utterances, segments, *, protocol, leaky_reason, commit, selected_on=()):
    """Write the tables of a folder; `metrics.json` comes last and marks them whole.

    `selected_on` are speakers on whom something else than the settings was chosen: the initial weights.
    """
    chosen_on = {*experiment.selected_on, *selected_on}
    (folder / "metrics.json").unlink(missing_ok=True)  # it marks the tables whole
    figures = metrics(
        utterances,
        segments,
        protocol=protocol,
        leaky=leaky_reason is not None,
        leaky_reason=leaky_reason,
        seed=experiment.seed,
        commit=commit,
        selection_overlap=sum(speaker in chosen_on for speaker in utterances.speaker),
    )
    utterances.write_csv(folder / "predictions.csv")
    if segments is not None:
        segments.write_csv(folder / "segments.csv")
    write_atomic(folder / "confusion.csv", confusion_csv(figures["confusion"], list(experiment.classes)))
    write_json(folder / "metrics.json", figures)
    return figures
