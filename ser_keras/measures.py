"""Measures of classification on anybody's arrays, with intervals; numpy only.

Labels are integers 0 .. n_classes - 1, in lists or arrays; `encode` makes them of names. Every measure is a fraction in
[0, 1], and NaN where there is no data. `MEASURES` holds the measures that take probabilities, by name.

Example:
    Which of two systems is better, and how sure is that?

    >>> from ser_keras import measures
    >>> classes = ["anger", "neutral"]
    >>> true = measures.encode(["anger", "neutral"] * 20, classes)
    >>> system = measures.encode(["anger", "neutral", "neutral", "neutral"] * 10, classes)
    >>> measures.uar(true, system, len(classes))
    0.75
    >>> speakers = [f"speaker {i % 8}" for i in range(40)]
    >>> low, high, method = measures.bootstrap_ci(true, system, speakers, n_classes=2)
    >>> bool(0.5 <= low < 0.75 < high <= 1)
    True
    >>> other = measures.encode(["neutral"] * 40, classes)
    >>> measures.paired_difference(true, system, other, speakers=speakers, n_classes=2)["difference"]
    0.25
"""

from ser_keras.evaluation.intervals import (
    Estimate,
    Interval,
    PairedDifference,
    bootstrap_ci,
    mean_of_speakers,
    paired_difference,
    recall_intervals,
)
from ser_keras.evaluation.labels import encode
from ser_keras.evaluation.measures import MEASURES, Measure, confusion, ece, macro_f1, recalls, uar, wa

__all__ = [
    "MEASURES",
    "Estimate",
    "Interval",
    "Measure",
    "PairedDifference",
    "bootstrap_ci",
    "confusion",
    "ece",
    "encode",
    "macro_f1",
    "mean_of_speakers",
    "paired_difference",
    "recall_intervals",
    "recalls",
    "uar",
    "wa",
]
