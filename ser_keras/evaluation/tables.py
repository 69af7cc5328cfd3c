"""The tables of a run or an evaluation: predictions, confusion, metrics."""

import csv
import io

import numpy as np


def confusion_csv(matrix, classes):
    """confusion.csv as text: a row a true class, a column a predicted one, counts of utterances."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["true", *classes])
    writer.writerows([name, *row] for name, row in zip(classes, np.asarray(matrix).tolist(), strict=True))
    return buffer.getvalue()
