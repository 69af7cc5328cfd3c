"""The strategies: KerasTuner's oracles and two of ours, all of them durable."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from keras_tuner import oracles
from keras_tuner.engine.trial import Trial

from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import Stream
from ser_keras.tuning.durable_oracle import Durable, Extent, Options
from ser_keras.tuning.keras_tuner_private import Answer, OpenBayesianOracle, OpenHyperbandOracle
from ser_keras.tuning.values import Values

if TYPE_CHECKING:
    from ser_keras.tuning.space import Space
    from ser_keras.tuning.spacefile import TwoStages

Strategy = Literal["grid", "random_grid", "random", "hyperband", "bayesian"]
STRATEGIES: tuple[Strategy, ...] = ("grid", "random_grid", "random", "hyperband", "bayesian")


class RandomOracle(Durable, oracles.RandomSearchOracle):
    """Random draws from the space, none twice."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, max_trials=None)


class BayesianOracle(Durable, OpenBayesianOracle):
    """A Gaussian process over the trials so far; where KerasTuner's names a point again, one is drawn."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, max_trials=None)

    def draw(self, trial_id: str) -> Answer:
        answer = super().draw(trial_id)
        # Of discrete settings the process may name a point that was tried.
        if answer["values"] is not None and self.is_tried(answer["values"]):
            return self.random_point()
        return answer


class HyperbandOracle(Durable, OpenHyperbandOracle):
    """KerasTuner's Hyperband: many short trials, the better ones trained on.

    Args:
        options: what every oracle takes.
        max_epochs: of the longest trial.
    """

    def __init__(self, options: Options, max_epochs: int) -> None:
        super().__init__(options, max_epochs=max_epochs)


class GridOracle(Durable):
    """Every point of a grid, in order.

    Args:
        options: what every oracle takes.
        points: what `Space.grid` gives: the values of each trial.
    """

    def __init__(self, options: Options, points: Sequence[Values]) -> None:
        super().__init__(options, max_trials=None)
        self.points = list(points)

    def draw(self, trial_id: str) -> Answer:
        values = next((point for point in self.points if not self.is_tried(point)), None)
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}

    def expected_trials(self) -> int | None:
        return min(len(self.points), self.limit or len(self.points))


class RandomGridOracle(GridOracle):
    """Anand & Verma's randomised grid (2015, section 3.1): a sample of the grid for a few epochs, the best few long.

    Args:
        options: what every oracle takes; its seed decides the sample.
        points: what `Space.grid` gives.
        n: how many of them; None: all.
        stages: epochs of both stages, and how many trials reach the second.
    """

    def __init__(self, options: Options, points: Sequence[Values], *, n: int | None, stages: TwoStages) -> None:
        sample = seeds.generator(options.seed, Stream.SEARCH_POINTS).permutation(len(points))[:n]
        first: list[Values] = [{**points[i], "tuner/epochs": stages.epochs, "tuner/stage": 1} for i in sample]
        super().__init__(options, first)
        self.n, self.stages = n, stages

    def draw(self, trial_id: str) -> Answer:
        answer = super().draw(trial_id)
        if answer["status"] == "RUNNING":
            return answer
        if self.ongoing_trials:  # the first stage's ranking isn't known yet, or nothing is left to do
            return {"status": "IDLE", "values": None}
        for best in self.finalists():
            values = {**best.hyperparameters.values, "tuner/epochs": self.stages.long_epochs, "tuner/stage": 2}
            values["tuner/trial_id"] = best.trial_id
            if not self.is_tried(values):
                return {"status": "RUNNING", "values": values}
        return answer

    def finalists(self) -> list[Trial]:
        """The best trials of the first stage."""
        first = [trial for trial in self.completed() if trial.hyperparameters.values.get("tuner/stage") == 1]
        return first[: self.stages.finalists]

    def extent(self) -> Extent:
        return {"limit": self.limit, "n": self.n}

    def expected_trials(self) -> int | None:
        return len(self.points) + min(self.stages.finalists, len(self.points))


def make_oracle(
    strategy: Strategy,
    space: Space,
    *,
    max_trials: int | None,
    max_epochs: int,
    seed: int,
    lease_s: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
) -> Durable:
    """The oracle of a strategy.

    Args:
        strategy: a name in STRATEGIES.
        space: what varies.
        max_trials: greatest number of trials; None: the strategy's own end. Of `random_grid`: of its first stage.
        max_epochs: the longest training of `hyperband`.
        seed: decides what is drawn.
        lease_s: seconds after which a silent worker's trial is given back.
        clock: seconds that only grow, for the leases.

    Raises:
        SerKerasError: a grid over a range without steps, or fewer points or trials than `hyperband` begins with.
    """
    options = Options(space.hyperparameters(), seed + 1, limit=max_trials, lease_s=lease_s, clock=clock)
    if strategy == "grid":
        return GridOracle(options, space.grid())
    if strategy == "random_grid":
        # `n` limits its first stage; the second follows whatever that leaves.
        unlimited = dataclasses.replace(options, limit=None)
        return RandomGridOracle(unlimited, space.grid(), n=max_trials, stages=space.stages)
    if strategy == "hyperband":
        oracle = HyperbandOracle(options, max_epochs)
        _refuse_short(oracle, space, max_trials, max_epochs=max_epochs)
        return oracle
    return RandomOracle(options) if strategy == "random" else BayesianOracle(options)


def _refuse_short(oracle: HyperbandOracle, space: Space, max_trials: int | None, *, max_epochs: int) -> None:
    """Hyperband trains nothing long before its first round is full, and KerasTuner's ends without a word."""
    size, epochs = oracle.first_round()
    begins = f"hyperband over {max_epochs} epochs begins with {size} trials of {epochs}"
    if max_trials is not None and max_trials < size:
        raise SerKerasError(f"`max_trials` {max_trials}: {begins} and would train none longer; give {size} at least")
    if (points := space.n_points()) is not None and points < size:
        raise SerKerasError(
            f"space {space.name} has {points} points: {begins}; take `strategy` grid, or fewer training.epochs"
        )
