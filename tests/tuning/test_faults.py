"""Real SIGKILLs of searches and of their workers; `make faults` and, more of them, `make slow`."""

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys

import pytest
import yaml

from tests.made_corpus import write_corpus
from tests.tuning.test_search import SPACE
from tests.waiting import kill_after, wait_until

TRIALS = 4


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    corpus = write_corpus(folder / "corpus", speakers=6, takes=1)
    vary = {"model.filters": [[2], [3]], "training.learning_rate": [0.003, 0.03]}
    tree = {**SPACE, "set": {**SPACE["set"], "training.epochs": 4}, "vary": vary}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return folder / "tiny.yaml", corpus


def command(given, out, *more):
    file, corpus = given
    options = ["--strategy=grid", "--folds=2", "--stop-behind=1", "--lease=5"]
    start = [sys.executable, "-m", "ser_keras", "tune", str(file), f"--corpus=manifest={corpus.parent}"]
    return [*start, *options, f"--out={out}", *more]


def begin(arguments):
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def running_trial(out):
    """Whether some trial has begun to train."""
    return any(out.glob("trials/*/folds/*"))


def children(pid):
    found = []
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            try:
                with open(f"/proc/{folder}/stat") as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == pid:
                        found.append(int(folder))
            except OSError:
                continue
    return found


def check_whole(out, undisturbed):
    """Every trial stands there once, with the figures of a search that nobody disturbed."""
    oracle = json.loads((out / "oracle" / "oracle.json").read_text())
    trials = [json.loads(p.read_text()) for p in sorted((out / "oracle").glob("trial_*/trial.json"))]
    assert [t["status"] for t in trials] == ["COMPLETED"] * TRIALS
    assert sorted(oracle["end_order"]) == sorted(oracle["start_order"]) == [t["trial_id"] for t in trials]
    assert not oracle["ongoing_trials"] and not oracle["retry_queue"]
    assert all(len(o["value"]) == 1 for t in trials for o in t["metrics"]["metrics"]["score"]["observations"])

    def table(folder):
        with open(folder / "trials.csv", newline="") as file:
            return [{k: r[k] for k in ("model.filters", "training.learning_rate", "uar")} for r in csv.DictReader(file)]

    key = lambda r: (r["model.filters"], r["training.learning_rate"])  # noqa: E731
    for one, other in zip(sorted(table(out), key=key), sorted(table(undisturbed), key=key), strict=True):
        assert one == other
    assert (out / "best.yaml").is_file() and (out / "report.html").is_file()


@pytest.fixture(scope="module")
def undisturbed(given, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    done = subprocess.run(command(given, out), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return out


def kill_search(given, out, kills, seed):
    """SIGKILL a search at random moments of its trials, then let it end."""
    draw, killed = random.Random(seed), 0
    for _ in range(kills):
        search = begin(command(given, out))
        before = sum(1 for _ in out.glob("trials/*/log.txt"))
        changed = lambda: running_trial(out) and sum(1 for _ in out.glob("trials/*/log.txt")) >= before  # noqa: B023, E731
        if wait_until(changed, search, seconds=250):
            killed += kill_after(search, draw.uniform(0.2, 6))
        search.communicate()
    done = subprocess.run(command(given, out), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return killed


@pytest.mark.faults
def test_a_search_killed_three_times_finds_what_an_undisturbed_one_does(given, undisturbed, tmp_path):
    assert kill_search(given, tmp_path / "out", 3, seed=1) >= 2
    check_whole(tmp_path / "out", undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_search_killed_twenty_times_finds_what_an_undisturbed_one_does(given, undisturbed, tmp_path):
    kill_search(given, tmp_path / "out", 20, seed=2)
    check_whole(tmp_path / "out", undisturbed)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_workers_and_then_their_chief_are_killed(given, undisturbed, tmp_path):
    out = tmp_path / "out"
    search = begin(command(given, out, "--workers=2"))
    assert wait_until(lambda: running_trial(out), search, seconds=250), search.communicate()[1]
    os.kill(children(search.pid)[0], signal.SIGKILL)
    assert wait_until(lambda: len(list((out / "oracle").glob("trial_*"))) >= 3, search, seconds=250), (
        search.communicate()[1]
    )
    crew = children(search.pid)
    search.send_signal(signal.SIGKILL)
    assert re.search(r"worker\d ended by SIGKILL; it is started again", search.communicate()[1])
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in crew), seconds=20)  # they end with their chief
    done = subprocess.run(command(given, out, "--workers=2"), capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    check_whole(out, undisturbed)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_chief_with_workers_that_join_early_and_late_and_one_that_vanishes(given, undisturbed, tmp_path):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "out"
    join = command(given, out, f"--join=127.0.0.1:{port}")
    early = begin(join)
    chief = begin(command(given, out, f"--chief=127.0.0.1:{port}"))
    assert wait_until(lambda: running_trial(out), chief, seconds=250), chief.communicate()[1]
    early.send_signal(signal.SIGKILL)
    early.communicate()
    stranger = [a.replace("--folds=2", "--folds=3") for a in join]
    refused = subprocess.run(stranger, capture_output=True, text=True, timeout=200)
    assert refused.returncode == 2 and "other data or other settings" in refused.stderr, refused.stderr
    late = begin(join)
    said = chief.communicate(timeout=400)[1]
    assert chief.returncode == 0, said
    assert "nothing was heard of" in said
    assert late.wait(60) == 0, late.communicate()[1]
    check_whole(out, undisturbed)
