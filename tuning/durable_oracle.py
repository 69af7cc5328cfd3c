"""KerasTuner's oracles, made to survive a kill at any moment: of a worker, of the chief, of the whole search."""

import contextlib
import json
import math
import shutil
import threading
import time
from pathlib import Path

from keras_tuner import Objective
from keras_tuner.engine.trial import Trial

from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import write_atomic

SCORE = Objective("score", "max")
FINISHED = ("COMPLETED", "FAILED")
FAILURES = 5  # so many failed trials in a row end the search
LOSSES = 10  # a trial whose worker vanished so often without finishing a fold has failed


class Durable:
    """What every oracle of ours adds to KerasTuner's.

    - Files are replaced, never half written, and read together: the trials' own files say what is finished, whatever
      `oracle.json` missed when the process was killed. KerasTuner lists such a trial twice or loses it.
    - A trial whose worker isn't heard of for `lease_s` is given back; in KerasTuner it stays RUNNING for ever.
    - What a second worker reports of a finished trial counts for nothing; KerasTuner averages the reports.
    - Nobody is sent home while another's trial may come back.

    Args:
        limit: the greatest number of trials; None: the strategy's own end.
        lease_s: seconds.
        clock: seconds that only grow, for the leases.
        kwargs: what KerasTuner's oracle takes.
    """

    def __init__(self, *, limit=None, lease_s=60.0, clock=time.monotonic, **kwargs):
        # Without a number of trials KerasTuner numbers them with four digits, and a search can be made longer.
        super().__init__(
            objective=SCORE,
            allow_new_entries=False,
            tune_new_entries=False,
            max_consecutive_failed_trials=None,
            **kwargs,
        )
        self.verbose = 0
        self._max_collisions = 1000
        self.limit, self.lease_s, self.clock = limit, lease_s, clock
        self.guard = threading.RLock()  # the chief's server and its own loop both come here
        self.fault = None
        self._leases, self._losses, self._ended = {}, {}, None
        self._before = 0  # so many trials had ended when this process began

    # What workers call.

    def create_trial(self, tuner_id):
        with self._guarded():
            self.heard(tuner_id)
            self.expire()
            return super().create_trial(tuner_id)

    def populate_space(self, trial_id):
        troubled = self.trouble is not None
        over = troubled or self._is_full()
        response = {"status": "STOPPED", "values": None} if over else super().populate_space(trial_id)
        if response["status"] == "STOPPED":
            if self.ongoing_trials:
                return {"status": "IDLE", "values": None}
            if not troubled:  # what failed may be mended, and the search goes on
                self._ended = self._extent()
                self.save()
        return response

    def get_trial(self, trial_id):
        with self._guarded():
            return self.trials.get(trial_id) or self._unknown(trial_id)

    def _unknown(self, trial_id):
        """What a worker that comes from another search is answered: nothing of it is kept."""
        return Trial(self.hyperparameters.copy(), trial_id, "STOPPED")

    def update_trial(self, trial_id, metrics, step=0):
        """Take over what a trial has reached so far; new figures replace old ones."""
        with self._guarded():
            trial = self.trials.get(trial_id)
            if trial is None:
                return self._unknown(trial_id)
            if trial_id not in self.end_order:
                self._losses.pop(trial_id, None)
                for name, value in metrics.items():
                    trial.metrics.metrics.pop(name, None)
                    trial.metrics.register(name, direction="max" if name == SCORE.name else "min")
                    trial.metrics.update(name, value, step=step)
                self._save_trial(trial)
            return trial

    def end_trial(self, trial):
        with self._guarded():
            known = self.trials.get(trial.trial_id)
            if known is None or not _same_values(known, trial):
                return  # of another search that this port or folder had
            # By another worker, or before the chief was killed. (In one process `trial` is `known`: no status to ask.)
            if trial.trial_id in self.end_order:
                self._release(trial.trial_id)
                return
            trial.hyperparameters = known.hyperparameters
            if trial.status == "COMPLETED" and not known.metrics.exists(SCORE.name):
                trial.status, trial.message = "FAILED", "its score never arrived"
            trial.status = "FAILED" if trial.status == "INVALID" else trial.status
            with contextlib.suppress(ValueError):
                self._retry_queue.remove(trial.trial_id)
            super().end_trial(trial)
            self._release(trial.trial_id)
            self.save()

    # Leases.

    def heard(self, tuner_id):
        """A worker is alive."""
        self._leases[tuner_id] = self.clock()

    def expire(self):
        """Give back the trials of workers that weren't heard of for a lease; returns their names."""
        with self._guarded():
            now = self.clock()
            gone = [w for w in {*self.ongoing_trials, *self.tuner_ids} if now - self._leases.get(w, now) > self.lease_s]
            for tuner_id in gone:
                self.give_back(tuner_id)
            return gone

    def give_back(self, tuner_id):
        """A worker is gone: its trial waits for another one."""
        with self._guarded():
            self._leases.pop(tuner_id, None)
            self.tuner_ids.discard(tuner_id)
            trial = self.ongoing_trials.pop(tuner_id, None)
            if trial is None:
                return
            self._losses[trial.trial_id] = self._losses.get(trial.trial_id, 0) + 1
            if self._losses[trial.trial_id] >= LOSSES:
                trial.status, trial.message = "FAILED", f"its worker vanished {LOSSES} times"
                self.end_order.append(trial.trial_id)
                self._save_trial(trial)
            else:
                self._retry_queue.append(trial.trial_id)
            self.save()

    def _release(self, trial_id):
        for tuner_id in [w for w, t in self.ongoing_trials.items() if t.trial_id == trial_id]:
            self.ongoing_trials.pop(tuner_id)

    # How the search stands.

    @property
    def trouble(self):
        """Why no further trial is worth starting, or None; what failed before this start doesn't count."""
        with self.guard:
            last = [self.trials[i] for i in self.end_order[self._before :][-FAILURES:]]
        if len(last) == FAILURES and all(t.status == "FAILED" for t in last):
            said = next(
                (t.message.strip().splitlines()[-1] for t in reversed(last) if t.message), "see the workers' logs"
            )
            return f"{FAILURES} trials in a row failed, the last with: {said}"
        return None

    @property
    def is_over(self):
        """Whether no trial is left to be run, by the limit of today."""
        with self.guard:
            waiting = self.ongoing_trials or self._retry_queue
            return not waiting and (self._ended == self._extent() or self._is_full())

    def _extent(self):
        """How long the search is to be; one that ended goes on where this has grown."""
        return {"limit": self.limit, "n": getattr(self, "n", None)}

    def _is_full(self):
        return self.limit is not None and len(self.trials) >= self.limit

    def completed(self):
        """The completed trials, the best first."""
        with self.guard:
            done = [t for t in self.trials.values() if t.status == "COMPLETED"]
            return sorted(done, key=lambda t: (-t.score, t.trial_id))

    @contextlib.contextmanager
    def _guarded(self):
        with self.guard:
            try:
                yield
            except Exception as error:
                self.fault = error  # KerasTuner's own lock stays held: the chief has to end
                raise

    # Files.

    def get_state(self):
        return {**super().get_state(), "losses": self._losses, "ended": self._ended}

    def save(self):
        write_atomic(self._get_oracle_fname(), json.dumps(self.get_state()))

    def _save_trial(self, trial):
        write_atomic(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", json.dumps(trial.get_state()))

    def reload(self, keep_ongoing=False):
        """Go on with what the files say.

        Args:
            keep_ongoing: leave unfinished trials with their workers, which may live on, until their leases end;
                otherwise they wait for the next worker.

        Raises:
            SerKerasError: the files can't be read.
        """
        folder = Path(self._project_dir)
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
        ongoing = {w: i for w, i in state["ongoing_trials"].items() if i in self.trials}
        order = [i for i in state["start_order"] if i in self.trials]
        state |= {"ongoing_trials": ongoing, "start_order": order, "display": self._display.get_state()}
        self.set_state(state)
        self._losses, self._ended = state["losses"], state["ended"]
        finished = [i for i, t in self.trials.items() if t.status in FINISHED]
        self.end_order = [*(i for i in dict.fromkeys(self.end_order) if i in finished)]
        self.end_order += [i for i in finished if i not in self.end_order]
        self._before = len(self.end_order)
        kept = {w: t for w, t in self.ongoing_trials.items() if keep_ongoing and t.trial_id not in finished}
        self.ongoing_trials = kept
        for tuner_id in kept:
            self.heard(tuner_id)
        with_workers = {t.trial_id for t in kept.values()}
        self._retry_queue = [i for i in reversed(order) if i not in finished and i not in with_workers]
        self._tried_so_far = set()
        self._id_to_hash.clear()
        for trial in self.trials.values():
            self._record_values(trial)


def _same_values(known, trial):
    """Whether two trials of one name stand for the same settings; numbers travel in single precision."""
    theirs = trial.hyperparameters.values
    for name, value in known.hyperparameters.values.items():
        other = theirs.get(name, value)
        near = isinstance(value, float) and isinstance(other, int | float) and math.isclose(value, other, rel_tol=1e-5)
        if other != value and not near:
            return False
    return True


def _read_trial(file):
    try:
        return Trial.from_state(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, OSError) as error:
        raise SerKerasError(f"{file} can't be read: {error}") from None
