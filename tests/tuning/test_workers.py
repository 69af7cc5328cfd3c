"""Chief and workers over loopback, with trials that only pretend to train."""

import socket
import threading

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.tuning import accounting, distributed, space, workers
from ser_keras.tuning.oracles import make_oracle
from ser_keras.tuning.trials import FoldTuner
from tests.tuning.tiny_space import made, oracle_in
from tests.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


class Pretended:
    """In place of trials.Runner: a trial takes no time, or waits for an event once `began` is set."""

    def __init__(self, folder, hold=None, ran=None, began=None):
        self.folder, self.hold, self.ran = folder / "trials", hold, [] if ran is None else ran
        self.began = began or threading.Event()
        self.watch, self.note = accounting.Stopwatch(), lambda: None

    def __call__(self, trial_id, values, report, *, rival):
        report({"fold_0": 0.5, "folds_done": 1})
        self.began.set()
        if self.hold is not None:
            self.hold.wait(90)
        self.ran.append(trial_id)
        rival()
        score = values["training.learning_rate"]
        return {"fold_1": score, "uar": score, "folds_done": 2, "score": score}


def worker(tmp_path, port, name, patience_s=20, fingerprint="same", **pretended):
    """A worker as `workers.work` makes one."""
    oracle = make_oracle("grid", space.load_space(made(tmp_path)), max_trials=None, max_epochs=9, seed=0)
    runner = Pretended(tmp_path, **pretended)
    tuner = FoldTuner(oracle, runner, tmp_path / "oracle", tuner_id=name)
    client = distributed.Client(
        oracle,
        "127.0.0.1",
        port,
        tuner_id=name,
        fingerprint=fingerprint,
        patience_s=patience_s,
        stopwatch=runner.watch,
    )
    tuner.oracle = client
    return tuner, client


class Working(threading.Thread):
    def __init__(self, tuner, client):
        super().__init__(daemon=True)
        self.tuner, self.client, self.error = tuner, client, None
        self.start()

    def run(self):
        try:
            self.tuner.search()
        except Exception as error:
            self.error = error
        self.client.close()


def chief_of(tmp_path, port=0, **kwargs):
    oracle = oracle_in(tmp_path, keep_ongoing=True, **kwargs)
    return oracle, distributed.Chief(oracle, "127.0.0.1", port, fingerprint="same")


@pytest.mark.smoke
def test_two_workers_share_a_search_despite_a_proxy(tmp_path, monkeypatch, capsys):
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody there
    monkeypatch.delenv("no_proxy", raising=False)
    oracle, chief = chief_of(tmp_path, max_trials=8)
    ran = []
    crew = [Working(*worker(tmp_path, chief.port, f"w{i}", ran=ran)) for i in range(2)]
    chief.wait(lambda: None, seconds=0.02)
    for one in crew:
        one.join(10)
        assert not one.is_alive() and one.error is None
    chief.stop()
    assert sorted(ran) == sorted(oracle.trials) and len(ran) == 8
    assert {t.status for t in oracle.trials.values()} == {"COMPLETED"}
    assert oracle.completed()[0].score == 0.01, "scores travel as they are"
    assert oracle.completed()[0].metrics.get_last_value("fold_0") == 0.5
    assert capsys.readouterr() == ("", "")


def test_a_worker_with_other_data_is_refused_and_takes_nothing(tmp_path):
    oracle, chief = chief_of(tmp_path)
    stranger = Working(*worker(tmp_path, chief.port, "stranger", fingerprint="other"))
    stranger.join(10)
    assert isinstance(stranger.error, SerKerasError) and "other data or other settings" in str(stranger.error)
    assert not oracle.trials and not oracle.tuner_ids
    chief.stop()


def test_a_silent_workers_trial_goes_to_a_late_one_and_signs_of_life_keep_a_slow_one(tmp_path):
    oracle, chief = chief_of(tmp_path, max_trials=2, lease_s=4)
    slow_may_go, ran = threading.Event(), []
    slow = Working(*worker(tmp_path, chief.port, "slow", hold=slow_may_go, ran=ran))
    tuner, silent = worker(tmp_path, chief.port, "silent")
    lost = silent.create_trial("silent").trial_id
    silent.fall_silent()  # as if it had been killed
    ended = threading.Thread(target=lambda: chief.wait(lambda: None, seconds=0.05), daemon=True)
    ended.start()
    late = Working(*worker(tmp_path, chief.port, "late", ran=ran))

    def is_taken_over():
        with oracle.guard:  # a trial's status changes before it leaves the ongoing ones
            return oracle.trials[lost].status == "COMPLETED"

    wait_until(is_taken_over)
    # Both had been silent for longer than a lease, but for the signs of life.
    with oracle.guard:
        assert list(oracle.ongoing_trials) == ["slow"]
    slow_may_go.set()
    for thread in (slow, late, ended):
        thread.join(10)
        assert not thread.is_alive()
    chief.stop()
    assert sorted(ran) == ["0000", "0001"] and oracle.is_over


def test_a_killed_chief_comes_back_and_its_workers_go_on(tmp_path):
    _, chief = chief_of(tmp_path, max_trials=6)
    began, hold, ran = threading.Event(), threading.Event(), []
    one = Working(*worker(tmp_path, chief.port, "w", hold=hold, ran=ran, began=began))
    assert began.wait(60)
    chief.stop(grace_s=None)
    hold.set()
    wait_until(lambda: ran)  # the worker reports to nobody
    oracle, again = chief_of(tmp_path, chief.port, max_trials=6)
    again.wait(lambda: None, seconds=0.02)
    one.join(10)
    again.stop()
    assert one.error is None and sorted(ran) == [f"{i:04}" for i in range(6)]
    assert len(oracle.trials) == 6 and oracle.is_over and sorted(oracle.end_order) == sorted(oracle.trials)


def test_a_worker_without_a_chief_waits_and_then_says_so(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = taken.getsockname()[1]
        with pytest.raises(SerKerasError, match="can't be taken"):
            taken.listen()
            distributed.Chief(oracle_in(tmp_path), "127.0.0.1", nobody, fingerprint="same")
    lonely = Working(*worker(tmp_path, nobody, "w", patience_s=1))
    lonely.join(10)
    assert "no chief was heard" in str(lonely.error)


def test_what_fails_in_the_oracle_ends_the_chief(tmp_path, monkeypatch):
    oracle, chief = chief_of(tmp_path)
    monkeypatch.setattr(oracle, "points", None)
    one = Working(*worker(tmp_path, chief.port, "w"))
    with pytest.raises(TypeError):
        chief.wait(lambda: None, seconds=0.02)
    one.join(10)
    assert "the chief failed" in str(one.error)
    chief.stop()


def test_the_chief_says_how_often_to_beat(tmp_path):
    oracle, chief = chief_of(tmp_path, lease_s=7.5)
    _, client = worker(tmp_path, chief.port, "w")
    client.get_space()
    assert client.lease_s == 7.5
    client.close()
    chief.stop()


def test_a_worker_of_an_earlier_search_on_this_port_does_no_harm(tmp_path):
    oracle, chief = chief_of(tmp_path, max_trials=1)
    tuner, client = worker(tmp_path, chief.port, "w")
    lost = client.create_trial("w")
    lost.trial_id = "0044"
    client.update_trial("0044", {"score": 0.9})
    lost.status = "COMPLETED"
    client.end_trial(lost)
    assert oracle.fault is None and list(oracle.trials) == ["0000"] and not oracle.end_order
    client.close()
    chief.stop()


@pytest.mark.parametrize("text", ["localhost", "localhost:", ":80", "a:port", "a:70000"])
def test_an_address_is_host_and_port(text):
    with pytest.raises(SerKerasError, match="`join` .*HOST:PORT"):
        distributed.address(text, "join")


def test_cores_are_shared_out():
    assert workers.shares(2, [0, 1, 2, 3]) == [[0, 1], [2, 3]]
    assert workers.shares(3, [0, 1, 2, 3]) == [[0], [1], [2, 3]]
    assert workers.shares(3, [4, 5]) == [[4], [5], [4]]


def test_a_workers_environment_has_its_threads_its_gpu_and_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://somewhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    found = [workers.environment(i, 3, [i]) for i in range(3)]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in found] == ["2", "5", "2"]
    assert all(e["OMP_NUM_THREADS"] == "1" and "HTTPS_PROXY" not in e for e in found)
