"""From predictions to metrics: UAR, WA, macro F1, intervals, per class, per speaker, per fold. numpy only."""

from ser_keras.evaluation.intervals import (
    Estimate,
    Interval,
    PairedDifference,
    bootstrap_ci,
    mean_of_speakers,
    paired_difference,
    recall_intervals,
)
from ser_keras.evaluation.measures import MEASURES, Measure, confusion, ece, macro_f1, recalls, uar, wa
from ser_keras.evaluation.metrics_json import MetricsJson, metrics, read_metrics
from ser_keras.evaluation.predictions import Predictions
from ser_keras.evaluation.tables import confusion_csv

__all__ = [
    "MEASURES",
    "Estimate",
    "Interval",
    "Measure",
    "MetricsJson",
    "PairedDifference",
    "Predictions",
    "bootstrap_ci",
    "confusion",
    "confusion_csv",
    "ece",
    "macro_f1",
    "mean_of_speakers",
    "metrics",
    "paired_difference",
    "read_metrics",
    "recall_intervals",
    "recalls",
    "uar",
    "wa",
]
