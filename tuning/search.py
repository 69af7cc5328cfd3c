"""The parts of a search that its chief and its workers have in common."""

import dataclasses
import logging
import time

from ser_keras.common.row_store import fingerprint
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.training.data.labelled_audio import read_corpora
from ser_keras.tuning import accounting, holdout
from ser_keras.tuning.oracles import make_oracle
from ser_keras.tuning.space import check, load_space
from ser_keras.tuning.trials import Runner


class Search:
    """The parts of a search that its chief and its workers have in common.

    Args:
        request: Request.
        quiet: don't say what of the corpora was dropped.

    Raises:
        SerKerasError: the space, the corpora or the options aren't right; nothing was written.
    """

    def __init__(self, request, quiet=False):
        self.request, self.goal, self.watch = request, request.goal, accounting.Stopwatch()
        self.started = time.monotonic()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns that each trial's net is a new one
        with self.watch.part("start"):
            self.space = load_space(request.space, request.changes)
            check(self.space)
            self.materials = holdout.Materials(read_corpora(request.corpora))
        start = self.space.experiment({})
        with self.watch.part("data"), tensorflow_session(start):
            self.prepared = self.materials(start, quiet)
        self.splits = holdout.splits(self.prepared, request.test_speakers, request.outer_folds)
        for split in self.splits:
            holdout.inner_folds(self.prepared, split, request.folds)
        self.data = holdout.data_fingerprint(self.prepared)
        self.oracle()  # a grid without steps is refused now

    def oracle(self, **kwargs):
        asked = self.request
        epochs = self.space.start.training.epochs
        return make_oracle(
            asked.strategy,
            self.space,
            max_trials=asked.max_trials,
            max_epochs=epochs,
            seed=asked.seed,
            lease_s=asked.lease_s,
            **kwargs,
        )

    def identity(self, split):
        """A hash of what may not change while a search goes on: data, space, strategy, folds and test speakers."""
        asked = dataclasses.asdict(self.request)
        decides = {name: asked[name] for name in ("strategy", "folds", "objective", "limits", "seed")}
        return fingerprint(self.data, self.described, decides, list(split.test))

    def fingerprint(self, split):
        """What a worker must share with its chief: the search, and when a trial is stopped."""
        return fingerprint(self.identity(split), self.request.stop_behind)

    @property
    def described(self):
        """The space as plain data, with the recipe that it starts from."""
        axes = [dataclasses.asdict(axis) for axis in self.space.axes]
        found = {"start": self.space.experiment({}).model_dump(mode="json"), "axes": axes}
        if self.request.strategy == "random_grid":
            found["stages"] = self.space.stages.model_dump(mode="json")
        return found

    def runner(self, split, folder, note):
        return Runner(
            self.space,
            self.materials,
            lambda prepared: holdout.inner_folds(prepared, split, self.request.folds),
            self.goal,
            self.request.stop_behind,
            folder / "trials",
            self.watch,
            note,
            keep=self.request.strategy == "hyperband",
        )
