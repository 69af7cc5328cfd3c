"""KerasTuner's oracles, made to survive a kill at any moment: of a worker, of the chief, of the whole search."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypedDict, TypeVar

from keras_tuner import Objective
from keras_tuner.engine.trial import Trial

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic
from ser_keras.tuning.keras_tuner_private import Answer, OpenOracle
from ser_keras.tuning.values import Figures

if TYPE_CHECKING:
    import keras_tuner

SCORE = Objective("score", "max")
FINISHED = ("COMPLETED", "FAILED")
FAILURES = 5  # so many failed trials in a row end the search
LOSSES = 10  # a trial whose worker vanished so often without finishing a fold has failed

P = ParamSpec("P")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class Options:
    """What every oracle takes.

    Attributes:
        hyperparameters: the space.
        seed: decides what is drawn, from 1 (KerasTuner takes 0 for "draw a seed").
        limit: the greatest number of trials; None: the strategy's own end.
        lease_s: seconds after which a silent worker's trial is given back.
        clock: seconds that only grow, for the leases.
    """

    hyperparameters: keras_tuner.HyperParameters
    seed: int
    limit: int | None = None
    lease_s: float = 60.0
    clock: Callable[[], float] = time.monotonic


class Extent(TypedDict):
    """How long a search is to be: the most trials, and those of the first stage of a randomised grid."""

    limit: int | None
    n: int | None


def guarded(method: Callable[Concatenate[Durable, P], R]) -> Callable[Concatenate[Durable, P], R]:
    """Run a method under the oracle's guard, one at a time; what it raises is the oracle's fault and ends the chief.

    KerasTuner's own lock, taken within, stays held when a method raises: no other call would ever get through.
    """

    @functools.wraps(method)
    def under_guard(self: Durable, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.guard:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:
                self.fault = error
                raise

    return under_guard


class Durable(OpenOracle):
    """What every oracle of ours adds to KerasTuner's.

    A search has one oracle, in the process of its chief. Workers call `create_trial`, `update_trial`, `get_trial` and
    `end_trial`: the `trials.FoldTuner` of the same process directly, other processes by gRPC (`distributed.Client`
    there, `distributed.Chief` here). The chief itself calls `expire` and reads `is_over`, `trouble` and `fault` again
    and again; `workers.Crew` calls `give_back` for a process that it saw die.

    A trial travels like this. `create_trial` gives a worker the trial that it has already, or one that lost its
    worker (`retry_queue`), or a new one whose values the strategy gives in `draw`. The worker reports with
    `update_trial` after every fold, and ends it with `end_trial` as COMPLETED or FAILED. What a worker holds is a copy
    made by gRPC; the oracle's own in `trials` is the one that counts, and `oracle/trial_ID/trial.json` is what a kill
    leaves of it. A worker is told IDLE (ask again) while another worker's trial may return to the queue, and STOPPED at
    the end.

    - Files are replaced, never half written, and read together: the trials' own files say what is finished, whatever
      `oracle.json` missed when the process was killed. KerasTuner lists such a trial twice or loses it.
    - A trial whose worker isn't heard of for `lease_s` is given back; in KerasTuner it stays RUNNING for ever.
    - What a second worker reports of a finished trial counts for nothing; KerasTuner averages the reports.
    - No worker is stopped while another worker's trial may return to the queue.

    Args:
        options: what every strategy takes.
        of_strategy: what KerasTuner's oracle of the strategy takes beside these.
    """

    # KerasTuner's: the trials that were ever given to a worker.
    trials: dict[str, Trial]  # trial_id -> Trial
    ongoing_trials: dict[str, Trial]  # tuner_id -> Trial that this worker runs
    start_order: list[str]  # trial_ids in the order of their start
    end_order: list[str]  # trial_ids in the order of their end
    tuner_ids: set[str]  # workers that have asked for a trial and weren't sent home

    def __init__(self, options: Options, **of_strategy: int | None) -> None:
        # Without a number of trials KerasTuner numbers them with four digits, and a search can be made longer.
        super().__init__(
            objective=SCORE,
            hyperparameters=options.hyperparameters,
            seed=options.seed,
            allow_new_entries=False,
            tune_new_entries=False,
            max_consecutive_failed_trials=None,
            **of_strategy,
        )
        self.verbose = 0
        self.max_collisions = 1000
        self.limit, self.lease_s, self.clock = options.limit, options.lease_s, options.clock
        self.guard = threading.RLock()  # the chief's server and its own loop both come here
        self.fault: Exception | None = None  # what a method raised: the chief ends with it
        self._leases: dict[str, float] = {}  # tuner_id -> the clock when the worker was last heard of
        self._losses: dict[str, int] = {}  # trial_id -> how often its worker vanished since it last reported
        self._ended: Extent | None = None  # how long the search was when it came to its end
        self._ended_before = 0  # so many trials had ended when this process began

    # What workers call.

    @guarded
    def create_trial(self, tuner_id: str) -> Trial:
        """The next trial of a worker; its status is RUNNING, IDLE (ask again) or STOPPED (go home)."""
        self.heard(tuner_id)
        self.expire()
        return super().create_trial(tuner_id)

    def draw(self, trial_id: str) -> Answer:
        """The values of a new trial: KerasTuner's strategy says; a strategy of ours replaces this method."""
        return super().populate_space(trial_id)

    def populate_space(self, trial_id: str) -> Answer:
        """What `draw` gives, unless the search is over; `create_trial` calls it."""
        troubled = self.trouble is not None
        over = troubled or self._is_full()
        answer: Answer = {"status": "STOPPED", "values": None} if over else self.draw(trial_id)
        if answer["status"] == "STOPPED":
            if self.ongoing_trials:
                return {"status": "IDLE", "values": None}
            if not troubled:  # what failed may be mended, and the search goes on
                self._ended = self.extent()
                self.save()
        return answer

    @guarded
    def get_trial(self, trial_id: str) -> Trial:
        """A trial by its id; one that this search doesn't have is STOPPED."""
        return self.trials.get(trial_id) or self._unknown(trial_id)

    def _unknown(self, trial_id: str) -> Trial:
        """The answer to a worker that comes from another search: nothing of it is kept."""
        return Trial(self.hyperparameters.copy(), trial_id, "STOPPED")

    @guarded
    def update_trial(self, trial_id: str, metrics: Figures, step: int = 0) -> Trial:
        """Take over what a trial has reached so far; new figures replace old ones."""
        trial = self.trials.get(trial_id)
        if trial is None:
            return self._unknown(trial_id)
        if trial_id not in self.end_order:
            self._losses.pop(trial_id, None)
            for name, value in metrics.items():
                trial.metrics.metrics.pop(name, None)
                trial.metrics.register(name, direction="max" if name == SCORE.name else "min")
                trial.metrics.update(name, value, step=step)
            self.save_trial(trial)
        return trial

    @guarded
    def end_trial(self, trial: Trial) -> None:
        """Take over that a trial is COMPLETED or FAILED."""
        ours = self.trials.get(trial.trial_id)
        if ours is None or not _same_values(ours, trial):
            return  # of another search that this port or folder had
        # By another worker, or before the chief was killed. (In one process `trial` is `ours`: no status to ask.)
        if trial.trial_id in self.end_order:
            self._release(trial.trial_id)
            return
        trial.hyperparameters = ours.hyperparameters
        if trial.status == "COMPLETED" and not ours.metrics.exists(SCORE.name):
            trial.status, trial.message = "FAILED", "its score never arrived"
        trial.status = "FAILED" if trial.status == "INVALID" else trial.status
        with contextlib.suppress(ValueError):
            self.retry_queue.remove(trial.trial_id)
        super().end_trial(trial)
        self._release(trial.trial_id)
        self.save()

    # Leases.

    def heard(self, tuner_id: str) -> None:
        """A worker is alive."""
        self._leases[tuner_id] = self.clock()

    @guarded
    def expire(self) -> list[str]:
        """Give back the trials of workers that weren't heard of for a lease; returns their names."""
        now = self.clock()
        workers = {*self.ongoing_trials, *self.tuner_ids}
        silent = [tuner_id for tuner_id in workers if now - self._leases.get(tuner_id, now) > self.lease_s]
        for tuner_id in silent:
            self.give_back(tuner_id)
        return silent

    @guarded
    def give_back(self, tuner_id: str) -> None:
        """A worker is gone: its trial waits for another one."""
        self._leases.pop(tuner_id, None)
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is None:
            return
        self._losses[trial.trial_id] = self._losses.get(trial.trial_id, 0) + 1
        if self._losses[trial.trial_id] >= LOSSES:
            trial.status, trial.message = "FAILED", f"its worker vanished {LOSSES} times"
            self.end_order.append(trial.trial_id)
            self.save_trial(trial)
        else:
            self.retry_queue.append(trial.trial_id)
        self.save()

    def _release(self, trial_id: str) -> None:
        """Nobody runs this trial any more."""
        for tuner_id in [w for w, trial in self.ongoing_trials.items() if trial.trial_id == trial_id]:
            self.ongoing_trials.pop(tuner_id)

    # How the search stands.

    @property
    @guarded
    def trouble(self) -> str | None:
        """Why no further trial is worth starting, or None; what failed before this start doesn't count."""
        last = [self.trials[trial_id] for trial_id in self.end_order[self._ended_before :][-FAILURES:]]
        if len(last) == FAILURES and all(trial.status == "FAILED" for trial in last):
            messages = [trial.message.strip().splitlines()[-1] for trial in reversed(last) if trial.message]
            reason = messages[0] if messages else "see the workers' logs"
            return f"{FAILURES} trials in a row failed, the last with: {reason}"
        return None

    @property
    @guarded
    def is_over(self) -> bool:
        """Whether no trial is left to be run, by the limit of today."""
        waiting = self.ongoing_trials or self.retry_queue
        return not waiting and (self._ended == self.extent() or self._is_full())

    def extent(self) -> Extent:
        """How long the search is to be; one that ended goes on where this has grown."""
        return {"limit": self.limit, "n": None}

    def _is_full(self) -> bool:
        return self.limit is not None and len(self.trials) >= self.limit

    def expected_trials(self) -> int | None:
        """How many trials there will be in all, or None where nobody knows."""
        return self.limit

    @guarded
    def completed(self) -> list[Trial]:
        """The completed trials, the best first."""
        completed = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        return sorted(completed, key=lambda trial: (-trial.score, trial.trial_id))

    # Files.

    def get_state(self) -> dict[str, object]:
        return {**super().get_state(), "losses": self._losses, "ended": self._ended}

    def save(self) -> None:
        write_atomic(self.oracle_file, json.dumps(self.get_state()))

    def save_trial(self, trial: Trial) -> None:
        write_atomic(self.trial_file(trial.trial_id), json.dumps(trial.get_state()))

    def reload(self, keep_ongoing: bool = False) -> None:
        """Go on with what the files say.

        Args:
            keep_ongoing: leave unfinished trials with their workers, which may live on, until their leases end;
                otherwise they wait for the next worker.

        Raises:
            SerKerasError: the files can't be read.
        """
        folder = self.project_folder
        try:
            state = json.loads((folder / "oracle.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            state = None
        except ValueError as error:
            raise SerKerasError(f"{folder / 'oracle.json'} can't be read: {error}") from None
        self.trials = {}
        for file in sorted(folder.glob("trial_*/trial.json")):
            trial = _read_trial(file)
            if state is None or trial.trial_id not in state["start_order"]:
                shutil.rmtree(file.parent)  # killed before anybody was given it
            else:
                self.trials[trial.trial_id] = trial
        for empty in [p for p in folder.glob("trial_*") if not (p / "trial.json").is_file()]:
            shutil.rmtree(empty)
        if state is None:
            return
        ongoing = {tuner_id: i for tuner_id, i in state["ongoing_trials"].items() if i in self.trials}
        order = [i for i in state["start_order"] if i in self.trials]
        state |= {"ongoing_trials": ongoing, "start_order": order, "display": self.display_state()}
        self.set_state(state)
        self._losses, self._ended = state["losses"], state["ended"]
        finished = [i for i, trial in self.trials.items() if trial.status in FINISHED]
        self.end_order = [*(i for i in dict.fromkeys(self.end_order) if i in finished)]
        self.end_order += [i for i in finished if i not in self.end_order]
        self._ended_before = len(self.end_order)
        self.ongoing_trials = {
            tuner_id: trial
            for tuner_id, trial in self.ongoing_trials.items()
            if keep_ongoing and trial.trial_id not in finished
        }
        for tuner_id in self.ongoing_trials:
            self.heard(tuner_id)
        with_workers = {trial.trial_id for trial in self.ongoing_trials.values()}
        self.retry_queue = [i for i in reversed(order) if i not in finished and i not in with_workers]
        self.record_tried(list(self.trials.values()))


def _same_values(ours: Trial, theirs: Trial) -> bool:
    """Whether two trials of one name stand for the same settings; numbers travel in single precision."""
    values = theirs.hyperparameters.values
    for name, value in ours.hyperparameters.values.items():
        other = values.get(name, value)
        near = isinstance(value, float) and isinstance(other, int | float) and math.isclose(value, other, rel_tol=1e-5)
        if other != value and not near:
            return False
    return True


def _read_trial(file: Path) -> Trial:
    try:
        return Trial.from_state(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, OSError) as error:
        raise SerKerasError(f"{file} can't be read: {error}") from None
