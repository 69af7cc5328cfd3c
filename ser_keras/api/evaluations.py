"""What evaluations of models came to, as objects."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.api.metrics import Metrics
from ser_keras.common.text import html_table

if TYPE_CHECKING:
    from ser_keras.evaluation.live_json import DisplayMetrics, LiveEvaluationJson


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One evaluation of a run's models.

    Attributes:
        name: what it goes by: the corpus (of the run's own test folds: `test`) and the condition.
        folder: holds its tables: `predictions.csv`, `segments.csv`, `confusion.csv`, `metrics.json`.
        metrics: what it came to.
    """

    name: str
    folder: Path
    metrics: Metrics

    def __repr__(self) -> str:
        return f"<Evaluation {self.name}: {self.metrics}\n {self.folder}>"

    def _repr_html_(self) -> str:
        return dataclasses.replace(self.metrics, protocol=f"{self.name}: {self.metrics.protocol}")._repr_html_()


@dataclasses.dataclass(frozen=True)
class LiveEvaluation:
    """What a display says half a second after the last word of each utterance; docs/live.md says how it is heard.

    Attributes:
        name: what it goes by: the corpus and how it was heard.
        folder: holds `metrics.json`, the answers, the manifest of the streams and a picture of one.
        content: of its metrics.json.
    """

    name: str
    folder: Path
    content: LiveEvaluationJson

    @property
    def figures(self) -> DisplayMetrics:
        """The figures that speak for a model: of the four classes, or of all where it has fewer than two of these."""
        from ser_keras.evaluation.live_words import headline_figures

        return headline_figures(self.content)[0]

    @property
    def uar(self) -> float:
        """The mean recall of the classes of `figures`; NaN where nothing was heard."""
        value = self.figures["uar"]
        return math.nan if value is None else value

    @property
    def leaky(self) -> bool:
        """Whether the model was trained on this speech or these speakers."""
        return self.content["leaky"]

    @property
    def lines(self) -> list[str]:
        """What it came to, for people: the figures of the four classes and of all, how soon, how steadily, the worst
        group."""
        from ser_keras.evaluation.live_words import headline_figures, worst_words

        content, live = self.content, self.content["live"]
        figures, classes = headline_figures(content)
        lines = [f"{self.name}: {_line(figures, classes)}"]
        if len(figures["classes"]) < len(live["classes"]):
            lines.append(f"{self.name}: {_line(live, 'all ' + str(len(live['classes'])))}")
        first = figures["first_right"]
        median = "never" if first["median_s"] is None else f"after {first['median_s']:.1f} s"
        lines.append(
            f"{classes}: first right {median} (median), within 2 s in {100 * (first['within_2_s'] or 0):.0f} %; "
            f"the display changes {figures['changes_a_minute']:.1f} times a minute while somebody speaks"
        )
        if worst := live["worst"]:
            lines.append(worst_words(worst))
        if (listeners := content["listeners"]) and listeners["share"] is not None:
            lines.append(
                f"people who heard {listeners['n_takes']} of these takes, the sound alone, named "
                f"{100 * listeners['share']:.0f} % as the actor was asked"
            )
        return [*lines, *([content["leaky_reason"]] if content["leaky_reason"] else [])]

    def __repr__(self) -> str:
        return "\n ".join([f"<LiveEvaluation {self.lines[0]}", *self.lines[1:], f"{self.folder}>"])

    def _repr_html_(self) -> str:
        figures = self.figures
        recalls = ((name, n, figures["per_class_recall"][name]) for name, n in figures["classes"].items())
        rows = [(name, n, None if recall is None else f"{100 * recall:.1f}") for name, n, recall in recalls]
        return html_table(["class", "utterances", "recall, %"], rows, self.lines[0])


def _line(figures: DisplayMetrics, classes: str) -> str:
    low, high = figures["uar_ci95"]
    bounds = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    silent = f", {figures['silent']} without an answer" if figures["silent"] else ""
    return (
        f"{classes}, half a second after the last word: UAR {figures['uar']:.3f}{bounds}, WA {figures['wa']:.3f} "
        f"({figures['n']} utterances{silent})"
    )
