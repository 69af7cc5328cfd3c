"""The parts of a search that its chief and its workers have in common."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.row_store import fingerprint
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.training.data.labelled_audio import read_corpora
from ser_keras.tuning import accounting, holdout
from ser_keras.tuning.oracles import make_oracle
from ser_keras.tuning.space import check, load_space
from ser_keras.tuning.trials import Runner

if TYPE_CHECKING:
    from ser_keras.tuning.durable_oracle import Durable
    from ser_keras.tuning.holdout import Split
    from ser_keras.tuning.request import Request


class Search:
    """The parts of a search that its chief and its workers have in common.

    Args:
        request: what it is asked to do.
        quiet: don't say what of the corpora was dropped.

    Attributes:
        goal: what it maximises, or minimises.
        watch: seconds of this process by part.
        started: `time.monotonic()` when this process began its work.
        space: what varies.
        materials: prepared material of any trial.
        prepared: that of the starting recipe.
        splits: test speakers and others, of each outer fold.
        data: a hash of what the corpora hold.

    Raises:
        SerKerasError: the space, the corpora or the options aren't right; nothing was written.
    """

    def __init__(self, request: Request, quiet: bool = False) -> None:
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

    def oracle(self) -> Durable:
        """A new oracle of the search's strategy."""
        return make_oracle(
            self.request.strategy,
            self.space,
            max_trials=self.request.max_trials,
            max_epochs=self.space.start.training.epochs,
            seed=self.request.seed,
            lease_s=self.request.lease_s,
        )

    def identity(self, split: Split) -> str:
        """A hash of what may not change while a search goes on: data, space, strategy, folds and test speakers."""
        request = dataclasses.asdict(self.request)
        decides = {name: request[name] for name in ("strategy", "folds", "objective", "limits", "seed")}
        if sources := self.goal.sources:
            decides["sources"] = sources
        return fingerprint(self.data, self.described, decides, list(split.test))

    def fingerprint(self, split: Split) -> str:
        """What a worker must share with its chief: the search, and when a trial is stopped."""
        return fingerprint(self.identity(split), self.request.stop_behind)

    @property
    def described(self) -> dict[str, object]:
        """The space as plain data, with the recipe that it starts from."""
        axes = [dataclasses.asdict(axis) for axis in self.space.axes]
        described: dict[str, object] = {"start": self.space.experiment({}).model_dump(mode="json"), "axes": axes}
        if self.request.strategy == "random_grid":
            described["stages"] = self.space.stages.model_dump(mode="json")
        return described

    def runner(self, split: Split, folder: Path, note: Callable[[], None]) -> Runner:
        """What runs the trials of one split in `folder/trials`; `note` is called after each."""
        return Runner(
            self.space,
            self.materials,
            lambda prepared: holdout.inner_folds(prepared, split, self.request.folds),
            objective=self.goal,
            stop_behind=self.request.stop_behind,
            folder=folder / "trials",
            watch=self.watch,
            note=note,
            keep=self.request.strategy == "hyperband",
        )
