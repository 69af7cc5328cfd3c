"""KerasTuner's private members under public names: no other module touches them.

KerasTuner may change them in any release, so pyproject bounds its version, and a test names each member and fails when
the installed version lacks one. `PRIVATE_MEMBERS` and the imports from `keras_tuner.src` are the whole list.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import grpc
from keras_tuner import oracles
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.oracle import Oracle
from keras_tuner.engine.trial import Trial
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client
from keras_tuner.src.engine import conditions

from ser_keras.tuning.values import Values

# class -> its private members that this module uses or replaces
PRIVATE_MEMBERS: Mapping[type, tuple[str, ...]] = {
    Oracle: (
        "_display",
        "_duplicate",
        "_get_oracle_fname",
        "_get_trial_dir",
        "_id_to_hash",
        "_max_collisions",
        "_project_dir",
        "_record_values",
        "_retry_queue",
        "_save_trial",
        "_set_project_dir",
        "_tried_so_far",
    ),
    oracles.BayesianOptimizationOracle: ("_random_populate_space",),
    oracles.HyperbandOracle: ("_get_epochs", "_get_num_brackets", "_get_size"),
    BaseTuner: ("_try_run_and_update_trial",),
    oracle_client.OracleClient: ("_oracle",),
}

conditions.print = lambda *_: None  # KerasTuner 1.4.8 prints a condition's first value at every call


class Answer(TypedDict):
    """What `populate_space` answers: `status` RUNNING with `values`, IDLE (ask again) or STOPPED (the end)."""

    status: str
    values: Values | None


class OpenOracle(Oracle):
    """An oracle with what KerasTuner keeps private under public names.

    A base for mixins: a class that also inherits from one of KerasTuner's oracles has that one's behaviour.
    """

    @property
    def retry_queue(self) -> list[str]:
        """Ids of the trials that wait for a worker, the next one last."""
        return self._retry_queue

    @retry_queue.setter
    def retry_queue(self, trial_ids: list[str]) -> None:
        self._retry_queue = trial_ids

    @property
    def max_collisions(self) -> int:
        """After so many draws of settings that were tried before, the space counts as used up."""
        return self._max_collisions

    @max_collisions.setter
    def max_collisions(self, n: int) -> None:
        self._max_collisions = n

    def set_project_folder(self, folder: Path) -> None:
        """Keep the oracle's files in a folder, which is made when it is first asked for."""
        self._set_project_dir(str(folder.parent), folder.name)

    @property
    def project_folder(self) -> Path:
        return Path(self._project_dir)

    @property
    def oracle_file(self) -> Path:
        return Path(self._get_oracle_fname())

    def trial_file(self, trial_id: str) -> Path:
        return Path(self._get_trial_dir(trial_id)) / "trial.json"

    def save_trial(self, trial: Trial) -> None:
        """Write a trial's own file; KerasTuner's methods call it, too."""
        super()._save_trial(trial)

    def _save_trial(self, trial: Trial) -> None:
        self.save_trial(trial)

    def is_tried(self, values: Values) -> bool:
        """Whether a trial of these settings exists."""
        return self._duplicate(values)

    def record_tried(self, trials: list[Trial]) -> None:
        """Make the settings of these trials those that exist, and no others."""
        self._tried_so_far: set[str] = set()
        self._id_to_hash.clear()
        for trial in trials:
            self._record_values(trial)

    def display_state(self) -> dict[str, object]:
        """What `set_state` wants of the display, which is off."""
        return self._display.get_state()


class OpenBayesianOracle(oracles.BayesianOptimizationOracle):
    """KerasTuner's Gaussian process, with its random draw."""

    def random_point(self) -> Answer:
        """A point that no trial has, or the end where there is none."""
        return self._random_populate_space()


class OpenHyperbandOracle(oracles.HyperbandOracle):
    """KerasTuner's Hyperband, with the size of its rounds."""

    def first_round(self) -> tuple[int, int]:
        """(How many trials its first bracket begins with, for how many epochs)."""
        bracket = self._get_num_brackets() - 1
        return self._get_size(bracket, 0), self._get_epochs(bracket, 0)


class OpenTuner(BaseTuner):
    """KerasTuner's loop over trials, with the step that runs one open to be replaced."""

    def run_and_report(self, trial: Trial) -> None:
        """Run a trial, report its figures and set its status; KerasTuner's own retries what crashed."""
        super()._try_run_and_update_trial(trial)

    def _try_run_and_update_trial(self, trial: Trial) -> None:
        self.run_and_report(trial)


class OpenClient(oracle_client.OracleClient):
    """KerasTuner's client of a chief's oracle, on a channel that the caller makes.

    Not KerasTuner's `__init__`: that takes its address from the environment, and a channel that heeds proxies.

    Args:
        oracle: an oracle of the same space, for what needs no call.
        tuner_id: this worker's name, different for each.
        channel: to the chief.
    """

    def __init__(self, oracle: Oracle, tuner_id: str, channel: grpc.Channel) -> None:
        self._oracle, self.tuner_id = oracle, tuner_id
        self.multi_worker, self.should_report = False, True
        self.stub = protos.get_service_grpc().OracleStub(channel)


def serve_oracle(oracle: Oracle, server: grpc.Server) -> None:
    """Let a gRPC server answer the calls of workers with an oracle's methods."""
    protos.get_service_grpc().add_OracleServicer_to_server(oracle_chief.OracleServicer(oracle), server)
