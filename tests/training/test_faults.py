"""Real SIGKILLs, processes in each other's way and a full disk, through the command line; `make faults`."""

import json
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from ser_keras.evaluation import Predictions
from tests.made_corpus import write_corpus
from tests.waiting import kill_after, wait_until

pytestmark = pytest.mark.faults

SETTINGS = (
    *("protocol.folds=2", "training.epochs=40", "training.batch_size=16", "model.filters=[4]", "model.hidden=8"),
    *("model.dropout=0.3",),
)


def command(*arguments):
    return [sys.executable, "-m", "ser_keras", *map(str, arguments)]


def train_command(corpus, out, *more):
    chosen = [f"--set={s}" for s in SETTINGS]
    return command("train", f"--corpus=manifest={corpus}", "--recipe=anand2015.r2", *chosen, f"--out={out}", *more)


def run(arguments, **keywords):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=280, **keywords)


def killed(arguments, seconds, lock=None):
    """SIGKILL a command so many seconds after its start, or after it took `lock`; returns whether it still ran."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(arguments, start_new_session=True, **quiet) as process:
        if lock is not None:
            wait_until(lambda: lock.is_file() and lock.read_text() == str(process.pid), process)
        return kill_after(process, seconds)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    done = run(train_command(corpus, out))
    assert done.returncode == 0, done.stderr
    return out


def test_train_killed_three_times_predicts_what_an_undisturbed_run_does(corpus, whole, tmp_path):
    draw, lock = random.Random(2), tmp_path / "run" / ".lock"
    train = train_command(corpus, tmp_path / "run", "--resume")
    cut = [killed(train, draw.uniform(0.5, 4), lock) for _ in range(3)]
    assert cut[0], "the machine was too fast for this test to kill anything"
    done = run(train)
    assert done.returncode == 0, done.stderr
    tables = [Predictions.read_csv(folder / "predictions.csv") for folder in (whole, tmp_path / "run")]
    np.testing.assert_allclose(tables[1].probabilities, tables[0].probabilities, atol=1e-6)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["uar"] > 0


def test_export_killed_three_times_leaves_the_old_bundle_or_the_new_one_whole(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    started = time.monotonic()
    assert (done := run(command("export", tmp_path / "run", "--out", tmp_path / "bundle"))).returncode == 0, done.stderr
    seconds = time.monotonic() - started
    wav = tmp_path / "bundle" / "reference.wav"
    draw = random.Random(3)
    for _ in range(3):
        killed(command("export", tmp_path / "run", "--out", tmp_path / "bundle"), draw.uniform(0.3, 1.0) * seconds)
        heard = run(command("predict", wav, "--model", tmp_path / "bundle", "--json"))
        assert heard.returncode == 0, heard.stderr
    assert run(command("export", tmp_path / "run", "--out", tmp_path / "bundle")).returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == ["bundle", "run"]


def test_two_trainings_in_one_run_directory(corpus, whole, tmp_path):
    first = subprocess.Popen(
        train_command(corpus, tmp_path / "run", "--resume"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert wait_until((tmp_path / "run" / "experiment.yaml").exists, first), first.communicate()[1]
    second = run(train_command(corpus, tmp_path / "run", "--resume"))
    assert second.returncode == 2 and "in use by another process" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert first.wait(280) == 0, first.communicate()[1]
    first.communicate()
    tables = [Predictions.read_csv(folder / "predictions.csv") for folder in (whole, tmp_path / "run")]
    np.testing.assert_allclose(tables[1].probabilities, tables[0].probabilities, atol=1e-6)


def test_a_full_disk_is_one_line_and_resuming_goes_on(corpus, whole, tmp_path):
    """`ulimit -f` makes writes fail as a full disk does."""
    arguments = train_command(corpus, tmp_path / "run", "--resume")
    limited = run(["bash", "-c", 'trap "" XFSZ; ulimit -f 60; exec "$@"', "-", *arguments])
    assert limited.returncode == 2, limited.stderr
    last = limited.stderr.strip().splitlines()[-1]
    assert last.startswith("ser-keras: ") and "cannot write" in last and "Traceback" not in limited.stderr
    assert run(arguments).returncode == 0
    tables = [Predictions.read_csv(folder / "predictions.csv") for folder in (whole, tmp_path / "run")]
    np.testing.assert_allclose(tables[1].probabilities, tables[0].probabilities, atol=1e-6)
