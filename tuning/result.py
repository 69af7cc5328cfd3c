"""What a search came to, as data."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.text import html_table
from ser_keras.tuning.objective import short_name

if TYPE_CHECKING:
    from ser_keras.evaluation import PairedDifference
    from ser_keras.experiment.settings import Experiment
    from ser_keras.tuning.outcome import TrialResult

SHOWN = 10  # trials in a notebook's table


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetAsideScore:
    """A score on the test speakers, who were set aside before the search.

    Attributes:
        speakers: who they are.
        uar: UAR by utterance, a fraction.
        interval: its 95 % interval, (low, high).
        wa: accuracy, a fraction.
        n: how many utterances.
        narrow: whether the interval is too narrow for new speakers, since these are few.
        overlap: how many of the utterances took part in choosing the starting recipe; 0 where the figure is honest.
        figures: name -> value of the objective, and of limits, of one's own.
    """

    speakers: tuple[str, ...]
    uar: float
    interval: tuple[float, float]
    wa: float
    n: int
    narrow: bool
    overlap: int
    figures: Mapping[str, float]

    def __str__(self) -> str:
        low, high = self.interval
        narrow = ", too narrow: few speakers" if self.narrow else ""
        return f"UAR {self.uar:.3f} [{low:.3f}, {high:.3f}{narrow}]{self.further_text}"

    @property
    def further_text(self) -> str:
        """What was measured beside UAR, as the end of a phrase: `, war 0.61`."""
        return "".join(f", {short_name(name)} {value:.4g}" for name, value in self.figures.items())


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class SearchResult:
    """What a search came to.

    Of a nested search, `test`, `start` and `difference` are over the test speakers of all outer folds, everybody;
    `best`, `recipe` and `experiment` are those of the outer fold whose winner was the best in validation: in UAR, or in
    the objective where that is one's own.

    Attributes:
        folder: the search's directory.
        report: its page; of a nested search the folder that holds those of the outer folds.
        space: the space's name.
        objective: what was maximised, or minimised: `uar`, `int8_kb`, `my_package.metrics:war`, ...
        trials: all of them, those that may win first, the best first. None of a nested search: `outer` has them.
        best: the winner.
        experiment: the winner's settings, for `train`.
        recipe: a file that holds them.
        test: the winner on the test speakers.
        start: the starting recipe on the test speakers.
        difference: winner minus starting recipe there, in UAR.
        looks: how many different winners of this search were scored on the test speakers: the figure is honest at 1.
        outer: the results of a nested search's outer folds; empty otherwise.
        fold: of which outer fold, counted from 0, `best` is; None where the search is not nested.
    """

    folder: Path
    report: Path
    space: str
    objective: str
    trials: tuple[TrialResult, ...]
    best: TrialResult
    experiment: Experiment
    recipe: Path
    test: SetAsideScore
    start: SetAsideScore
    difference: PairedDifference
    looks: int
    outer: tuple[SearchResult, ...] = ()
    fold: int | None = None

    def __repr__(self) -> str:
        of = f"{len(self.outer)} outer folds" if self.outer else f"{len(self.trials)} trials"
        who = f"{self.test.n} utterances of {len(self.test.speakers)} test speakers"
        return (
            f"<SearchResult: {of} of {self.space}, objective {self.objective}\n"
            f" best: trial {self.best.id} ({self.best.settings_text}), validation {self.best}\n"
            f" {who}: {self.test}; starting recipe {self.start.uar:.3f}{self.start.further_text}\n"
            f" {self.folder}>"
        )

    def _repr_html_(self) -> str:
        if self.outer:
            folds = [(k, r.best.id, r.best.settings_text, r.best, r.test) for k, r in enumerate(self.outer)]
            caption = f"{self.space}, nested: test {self.test}, {self.test.n} utterances"
            return html_table(("outer fold", "winner", "settings", "validation", "test"), folds, caption=caption)
        statuses = collections.Counter(t.status for t in self.trials)
        counts = ", ".join(f"{n} {status}" for status, n in statuses.items())
        caption = f"{self.space}: {len(self.trials)} trials ({counts}); the best on the test speakers: {self.test}"
        rows = [(t.rank, t.id, t.settings_text, t, t.status) for t in self.trials[:SHOWN]]
        return html_table(("rank", "trial", "settings", "result", "status"), rows, caption=caption)
