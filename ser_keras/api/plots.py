"""The plots of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation.reports import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ser_keras.api.metrics import Metrics
    from ser_keras.evaluation.reports.run_data import History


class Plots:
    """The plots of a run, each a matplotlib figure; a notebook shows it, and `figure.savefig(path)` writes it.

    Args:
        metrics: the run's.
        history: the run's, of which `learning_curves` are drawn.

    Example:
        run.plots.confusion().savefig("confusion.png")
    """

    def __init__(self, metrics: Metrics, history: Mapping[str, History]) -> None:
        self._metrics, self._history = metrics, history

    def confusion(self) -> Figure:
        """The confusion matrix of the test utterances."""
        return plots.confusion(self._metrics.confusion, tuple(self._metrics.classes))

    def per_class(self) -> Figure:
        """Recall of each class with its 95 % interval, and chance."""
        metrics = self._metrics
        chance = 1 / len(metrics.classes)
        return plots.per_class(metrics.per_class_recall, metrics.per_class_recall_ci95, chance)

    def per_speaker(self) -> Figure:
        """UAR of each speaker, and of all utterances."""
        return plots.per_speaker(self._metrics.per_speaker, self._metrics.uar)

    def learning_curves(self) -> Figure:
        """Accuracy and loss over epochs, of each fold and of the final model.

        Raises:
            SerKerasError: the model was not trained in epochs.
        """
        figure = plots.learning_curves(self._history)
        if figure is None:
            raise SerKerasError("there are no learning curves: the model was not trained in epochs")
        return figure
