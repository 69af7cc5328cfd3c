"""Tiny runs that tests share: each is trained once a session. `quick` settings train in about a second a fold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from tests.made_corpus import write_corpus
from tests.made_once import is_unchanged, made_once

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_keras.experiment.run import RunDirectory
    from ser_keras.experiment.settings import Experiment

QUICK = (
    *("classes={anger: [anger], neutral: [neutral], sadness: [sadness]}", "protocol.folds=2", "training.epochs=4"),
    *("training.batch_size=16", "training.learning_rate=0.01", "model.filters=[4]", "model.hidden=8"),
    *("model.replace_anomalous=null", "cleaning.drop_mislabelled=0"),
)
ONE_EPOCH = "training.epochs=1"


def quick(*changes: str) -> Experiment:
    """Settings of a tiny net on the spectrogram pair, with changes."""
    from ser_keras.experiment.settings import Experiment

    return Experiment.from_recipe("anand2015.r2", [*QUICK, *changes])


def probabilities(run: RunDirectory) -> NDArray[np.float64]:
    """[n, n_classes] what a run gave its test utterances."""
    from ser_keras.evaluation import Predictions

    return Predictions.read_csv(run.path / "predictions.csv").probabilities


class TrainedRuns:
    """Trained runs, for tests to read; a test that changes one takes a copy.

    Args:
        folder: where they lie, for all processes of the session.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lent: set[Path] = set()

    @property
    def corpus(self) -> list[tuple[str, Path]]:
        """36 generated vowels of four speakers and three emotions, as (registry name, path)."""
        place = made_once(self.folder / "vowels", write_corpus)
        self._lent.add(place)
        return [("manifest", place / "manifest.csv")]

    def run(self, experiment: Experiment, **options: object) -> RunDirectory:
        """The run of an experiment on `corpus`, trained by whoever wants it first; to be read alone.

        Args:
            experiment: settings.
            options: `only_fold`, `refit`: see `crossvalidation.train`.
        """
        from ser_keras.experiment.run import RunDirectory
        from ser_keras.training import crossvalidation

        corpus, key = self.corpus, json.dumps([experiment.model_dump(mode="json"), options], sort_keys=True)
        place = self.folder / "runs" / hashlib.sha256(key.encode()).hexdigest()[:16]

        def train(out: Path) -> None:
            with mock.patch.dict(os.environ, SER_KERAS_CACHE=str(self.folder / "cache")):
                crossvalidation.train(experiment, corpus, out, **options)

        made_once(place, train)
        self._lent.add(place)
        return RunDirectory(place)

    def copy(self, folder: Path, experiment: Experiment, **options: object) -> RunDirectory:
        """The same run in a folder of its own, to be changed."""
        from ser_keras.experiment.run import RunDirectory

        return RunDirectory(shutil.copytree(self.run(experiment, **options).path, folder))

    def check(self) -> None:
        """Fails where a lent folder was changed."""
        lent, self._lent = self._lent, set()
        assert not [str(place) for place in lent if not is_unchanged(place)], "a test changed what tests share"
