"""What a run directory says, for people: plots, the report of one run, the comparison of several."""

from ser_keras.evaluation.reports.run_report import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
