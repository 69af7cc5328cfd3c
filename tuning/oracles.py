"""The strategies: KerasTuner's oracles and two of ours, all of them durable."""

from keras_tuner import oracles
from keras_tuner.engine.oracle import Oracle

from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.seeds import Stream
from ser_keras.tuning.durable_oracle import Durable


class RandomOracle(Durable, oracles.RandomSearchOracle):
    """Random draws from the space, none twice."""

    def __init__(self, **kwargs):
        super().__init__(max_trials=None, **kwargs)


class _Bayesian(oracles.BayesianOptimizationOracle):
    def populate_space(self, trial_id):
        response = super().populate_space(trial_id)
        # Of discrete settings the process may name a point that was tried.
        if response["values"] is not None and self._duplicate(response["values"]):
            return self._random_populate_space()
        return response


class BayesianOracle(Durable, _Bayesian):
    """A Gaussian process over the trials so far; where KerasTuner's names a point again, one is drawn."""

    def __init__(self, **kwargs):
        super().__init__(max_trials=None, **kwargs)


class HyperbandOracle(Durable, oracles.HyperbandOracle):
    """KerasTuner's Hyperband: many short trials, the better ones trained on."""

    def first_round(self):
        """How many trials its first bracket begins with, for how many epochs."""
        bracket = self._get_num_brackets() - 1
        return self._get_size(bracket, 0), self._get_epochs(bracket, 0)


class _Points(Oracle):
    """The points of a list, one after the other."""

    def __init__(self, *, points, **kwargs):
        super().__init__(max_trials=None, **kwargs)
        self.points = points

    def populate_space(self, trial_id):
        values = next((p for p in self.points if not self._duplicate(p)), None)
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}


class GridOracle(Durable, _Points):
    """Every point of a grid, in order.

    Args:
        points: what `Space.grid` gives.
    """


class _TwoStages(_Points):
    def __init__(self, *, points, n, stages, seed, **kwargs):
        sample = seeds.generator(seed, Stream.SEARCH_POINTS).permutation(len(points))[:n]
        first = [{**points[i], "tuner/epochs": stages.epochs, "tuner/stage": 1} for i in sample]
        super().__init__(points=first, seed=seed, **kwargs)
        self.n, self.stages = n, stages

    def populate_space(self, trial_id):
        response = super().populate_space(trial_id)
        if response["status"] == "RUNNING":
            return response
        if self.ongoing_trials:  # the first stage's ranking isn't known yet, or nothing is left to do
            return {"status": "IDLE", "values": None}
        for best in self.finalists():
            values = {**best.hyperparameters.values, "tuner/epochs": self.stages.long_epochs, "tuner/stage": 2}
            values["tuner/trial_id"] = best.trial_id
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return response

    def finalists(self):
        """The best trials of the first stage."""
        first = [t for t in self.completed() if t.hyperparameters.values.get("tuner/stage") == 1]
        return first[: self.stages.finalists]


class RandomGridOracle(Durable, _TwoStages):
    """Anand & Verma's randomised grid (2015, section 3.1): a sample of the grid for a few epochs, the best few long.

    Args:
        points: what `Space.grid` gives.
        n: how many of them; None: all.
        stages: space.TwoStages.
        seed: decides the sample.
    """


def make_oracle(strategy, space, *, max_trials, max_epochs, seed, **kwargs):
    """The oracle of a strategy.

    Args:
        strategy: a name in STRATEGIES.
        space: Space.
        max_trials: greatest number of trials; None: the strategy's own end. Of `random_grid`: of its first stage.
        max_epochs: the longest training of `hyperband`.
        seed: decides what is drawn.
        kwargs: `lease_s`, `clock`.

    Raises:
        SerKerasError: a grid over a range without steps, or fewer points or trials than `hyperband` begins with.
    """
    # KerasTuner takes 0 for "draw a seed".
    common = {"hyperparameters": space.hyperparameters(), "seed": seed + 1, **kwargs}
    if strategy == "grid":
        return GridOracle(points=space.grid(), limit=max_trials, **common)
    if strategy == "random_grid":
        return RandomGridOracle(points=space.grid(), n=max_trials, stages=space.stages, **common)
    if strategy == "hyperband":
        oracle = HyperbandOracle(max_epochs=max_epochs, limit=max_trials, **common)
        _refuse_short(oracle, space, max_trials, max_epochs)
        return oracle
    return {"random": RandomOracle, "bayesian": BayesianOracle}[strategy](limit=max_trials, **common)


def _refuse_short(oracle, space, max_trials, max_epochs):
    """Hyperband trains nothing long before its first round is full, and KerasTuner's ends without a word."""
    size, epochs = oracle.first_round()
    begins = f"hyperband over {max_epochs} epochs begins with {size} trials of {epochs}"
    if max_trials is not None and max_trials < size:
        raise SerKerasError(f"--max-trials {max_trials}: {begins} and would train none longer; give {size} at least")
    if (points := space.n_points()) is not None and points < size:
        raise SerKerasError(
            f"space {space.name} has {points} points: {begins}; take --strategy grid, or fewer training.epochs"
        )


STRATEGIES = ("grid", "random_grid", "random", "hyperband", "bayesian")
