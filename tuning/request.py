"""What a search is asked to do."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.tuning.objective import Objective, measure_of, parse_limit
from ser_keras.tuning.oracles import STRATEGIES, Strategy

DEFAULT_TRIALS = 20  # of the strategies that have no end of their own


@dataclasses.dataclass
class Request:
    """What a search is asked to do; `DIR/search.yaml` holds it.

    Attributes:
        space: name or path.
        corpora: (registry name, path) of each.
        strategy: a name in STRATEGIES.
        max_trials: greatest number of trials; None: the whole grid, or 20.
        changes: `a.b=value` strings that hold for all trials.
        folds: inner folds of a trial.
        test_speakers: names, or None for fold 0 of five speaker groups.
        outer_folds: nested cross-validation over so many groups of test speakers, or None.
        objective: `uar`, `int8_kb`, `latency_ms`, or one's own: `module:name` or the name of an entry point.
        limits: strings like `int8_kb<=500`.
        stop_behind: share of UAR behind the best trial at which a trial is stopped.
        seed: of the strategy's draws; the trainings take the recipe's.
        workers: processes on this machine.
        lease_s: seconds after which a silent worker's trial is given to another.
    """

    space: str
    corpora: Sequence[tuple[str, str | Path]]
    strategy: Strategy = "random"
    _: dataclasses.KW_ONLY
    max_trials: int | None = None
    changes: list[str] = dataclasses.field(default_factory=list)
    folds: int = 3
    test_speakers: list[str] | None = None
    outer_folds: int | None = None
    objective: str = "uar"
    limits: list[str] = dataclasses.field(default_factory=list)
    stop_behind: float = 0.1
    seed: int = 0
    workers: int = 1
    lease_s: float = 60.0

    def __post_init__(self) -> None:
        self.corpora = [(name, str(path)) for name, path in self.corpora]
        if self.strategy not in STRATEGIES:
            raise SerKerasError(f"`strategy`: no '{self.strategy}'; nearest: {nearest(self.strategy, STRATEGIES)}")
        measure_of(self.objective, "objective")
        for text in self.limits:
            parse_limit(text)
        if self.max_trials is None and self.strategy in ("random", "bayesian", "random_grid"):
            self.max_trials = DEFAULT_TRIALS
        least = {"max_trials": 1, "folds": 2, "outer_folds": 2, "workers": 0, "seed": 0, "stop_behind": 0, "lease_s": 1}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise SerKerasError(f"`{name}` {value}: must be {smallest} at least")
        if self.test_speakers and self.outer_folds:
            raise SerKerasError("`test_speakers` and `outer_folds` exclude each other: outer folds test every speaker")

    @property
    def goal(self) -> Objective:
        """What the search maximises, or minimises, under its limits."""
        return Objective(self.objective, tuple(parse_limit(text) for text in self.limits))
