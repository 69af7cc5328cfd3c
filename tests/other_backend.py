"""A process under Keras's JAX backend, in which nothing can import TensorFlow; the tests of a process share it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SERVER = """
import json, os, sys, traceback
sys.modules["tensorflow"] = None  # any import of it fails
import keras
assert keras.backend.backend() == "jax"
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
while line := sys.stdin.readline():
    job, failure = json.loads(line), ""
    os.chdir(job["folder"])
    try:
        exec(compile(job["code"], "code under JAX", "exec"), {"__name__": "code"})
    except BaseException:
        failure = traceback.format_exc()
    print(json.dumps(failure), file=answers, flush=True)
"""


class JaxProcess:
    """Runs code in a process under JAX.

    Args:
        log: the file that its standard error goes to.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(log, "w"),  # noqa: SIM115 - the process has it
            env=environment,
            text=True,
        )

    def run(self, code: str, folder: Path) -> None:
        """Run code in a folder; what it raises fails the test."""
        self.process.stdin.write(json.dumps({"code": textwrap.dedent(code), "folder": str(folder)}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the process under JAX ended: {self.log.read_text()[-2000:]}"
        assert not (failure := json.loads(answer)), failure

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def jax_process(tmp_path_factory):
    """Code under Keras's JAX backend; see `JaxProcess`."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs jax (pip install -c constraints/reference.txt jax)")
    process = JaxProcess(tmp_path_factory.mktemp("jax") / "errors.txt")
    yield process
    process.close()
