"""TensorBoard starts as it is installed, and shows what training logged."""

import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

SECONDS = 120  # after which TensorBoard is ended, whatever it does
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")


@pytest.fixture(scope="module")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A folder as a run has it, and the loss of each epoch that was logged there."""
    folder = tmp_path_factory.mktemp("run") / "tensorboard"
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    callback = keras.callbacks.TensorBoard(folder / "0", write_graph=False)
    history = model.fit(x, x.sum(axis=1), epochs=3, verbose=0, callbacks=[callback])
    return folder, history.history["loss"]


@pytest.fixture
def tensorboard(log_folder: tuple[Path, list[float]]) -> Iterator[tuple[subprocess.Popen, str]]:
    """The `tensorboard` command of this environment as a child process, and its address."""
    folder, _ = log_folder
    command = [Path(sys.executable).with_name("tensorboard"), "--logdir", folder, "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if address := ADDRESS.search(line):
                break
        else:
            pytest.fail("TensorBoard ended before it named its address:\n" + "".join(lines))
        # Nobody reads what it prints later on: a full pipe would stop it.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield process, address.group()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()


def read_json(address: str) -> object:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(address, timeout=SECONDS) as response:
        return json.load(response)


@pytest.mark.smoke
def test_a_logged_scalar_is_read_back(
    tensorboard: tuple[subprocess.Popen, str], log_folder: tuple[Path, list[float]]
) -> None:
    process, address = tensorboard
    _, loss = log_folder
    scalars = f"{address}data/plugin/scalars/scalars?run=0%2Ftrain&tag=epoch_loss"
    points = []
    while len(points) < len(loss):
        try:
            points = read_json(scalars)
        except urllib.error.HTTPError as error:  # it serves before it has read the folder
            assert error.code in (400, 404), error.read().decode()
        try:
            process.wait(0.2)  # seconds between two questions; the watchdog bounds them all
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"TensorBoard ended with {process.returncode} and showed {points} of {loss}")
    assert [step for _, step, _ in points] == [0, 1, 2]
    np.testing.assert_allclose([value for _, _, value in points], loss, rtol=1e-6)
