"""openSMILE in a process of its own: with TensorFlow 2.21 in one process, it dies of heap corruption.

Neither side imports TensorFlow. `opensmile` is under the audEERING Research License: see `descriptors/egemaps.py`.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from importlib import metadata, util
from pathlib import Path

import numpy as np

from ser_keras.audio import SAMPLE_RATE, to_int16
from ser_keras.errors import SerKerasError

PACKAGE = "opensmile"
START_S = ANSWER_S = 60  # patience with importing the package, and with an answer
ANSWER_S_PER_S = 10  # and this much more for each second of its audio; it takes about a fortieth
ATTEMPTS = 2
DONE, FAILED = b"\0", b"\1"
CHILD = "from ser_keras.opensmile_process import serve; serve()"


class Died(Exception):
    """The child is gone, or was ended since it gave no answer; the text says how."""


class OpenSmile:
    """One openSMILE feature set at one level. The child starts with the first signal and lives as long as this object.

    Args:
        feature_set: member of `opensmile.FeatureSet`.
        level: member of `opensmile.FeatureLevel`.

    Attributes:
        version: the package's version.

    Raises:
        SerKerasError: the package isn't installed.
    """

    def __init__(self, feature_set, level):
        if util.find_spec(PACKAGE) is None:
            raise SerKerasError(f"this needs the package {PACKAGE}: pip install 'ser-keras[systems]'")
        self.version = metadata.version(PACKAGE)
        self._set, self._level = feature_set, level
        self._child = self._names = None
        self.close = lambda: None

    @property
    def names(self):
        """The features' names, in order.

        Raises:
            SerKerasError: as a call.
        """
        return self._insist(lambda: self._names, "while it started")

    def __call__(self, samples):
        """Features of a signal.

        Args:
            samples: [N] at 16 kHz in [-1, 1].

        Returns:
            [T, features] float32; NaN where openSMILE finds the signal too short.

        Raises:
            SerKerasError: openSMILE refuses the signal, or its process died of it and again after a restart.
        """
        pcm = np.ascontiguousarray(to_int16(samples), "<i2")
        return self._insist(lambda: self._ask(pcm), f"on a signal of {len(pcm) / SAMPLE_RATE:.2f} s")

    def _insist(self, work, when):
        """What `work` gives with a living child, which is started again where it dies of it."""
        for _ in range(ATTEMPTS):
            try:
                if self._child is None:
                    self._start()
                return work()
            except Died as death:
                self.close()
                self._child, how = None, str(death)
        raise SerKerasError(
            f"openSMILE's process died {ATTEMPTS} times {when} ({how}); leave that file out, or where all files fail, "
            f"reinstall the package {PACKAGE} {self.version}"
        )

    def _start(self):
        command = [sys.executable, "-c", CHILD]
        # This package is found where it is; no module of the working directory gets in between.
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment, bufsize=0
            )
        except OSError as error:
            raise SerKerasError(f"openSMILE can't be run in a process of its own: {error.strerror}") from None
        self.close = weakref.finalize(self, _end, self._child)
        self._send(json.dumps({"feature_set": self._set, "level": self._level}).encode() + b"\n")
        self._receive_status(START_S)
        size = int.from_bytes(self._read(4, START_S), "little")
        self._names = tuple(json.loads(self._read(size, START_S)))

    def _ask(self, pcm):
        self._send(len(pcm).to_bytes(8, "little") + pcm.tobytes())
        patience = ANSWER_S + ANSWER_S_PER_S * len(pcm) / SAMPLE_RATE
        self._receive_status(patience)
        shape = np.frombuffer(self._read(16, patience), "<i8")
        return np.frombuffer(self._read(4 * int(shape.prod()), patience), "<f4").reshape(shape)

    def _send(self, data):
        view = memoryview(data)
        try:
            while view:
                view = view[self._child.stdin.write(view) :]
        except (BrokenPipeError, ValueError):
            raise Died(self._how()) from None

    def _receive_status(self, seconds):
        if self._read(1, seconds) == FAILED:
            line = self._read(int.from_bytes(self._read(4, seconds), "little"), seconds)
            raise SerKerasError(f"openSMILE ({self._set}): {line.decode('utf-8')}")

    def _read(self, size, seconds):
        parts, until = b"", time.monotonic() + seconds
        while len(parts) < size:
            if not select.select([self._child.stdout], [], [], max(0, until - time.monotonic()))[0]:
                raise Died(f"no answer in {seconds:.0f} s")
            part = self._child.stdout.read(size - len(parts))
            if not part:
                raise Died(self._how())
            parts += part
        return parts

    def _how(self):
        code = self._child.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _end(child):
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def serve():
    """The child's side: a line of settings on standard input, then signals; answers on what was standard output."""
    stdin, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that the library prints may garble the answers
    request = json.loads(stdin.readline())

    def answer(work):
        try:
            data, failed = DONE + work(), False
        except Exception as error:  # a missing library, a set that it doesn't have, a component that fails
            line = " ".join(f"{type(error).__name__}: {error}".split())[:300].encode("utf-8", "replace")
            data, failed = FAILED + len(line).to_bytes(4, "little") + line, True
        answers.write(data)
        answers.flush()
        return not failed

    extractors = []

    def start():
        import opensmile

        feature_set = getattr(opensmile.FeatureSet, request["feature_set"])
        level = getattr(opensmile.FeatureLevel, request["level"])
        extractors.append(opensmile.Smile(feature_set=feature_set, feature_level=level))
        names = json.dumps(extractors[0].feature_names).encode()
        return len(names).to_bytes(4, "little") + names

    def extract():
        # Exact: openSMILE multiplies by 32768 and truncates.
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        values = extractors[0].process_signal(samples, SAMPLE_RATE).to_numpy("<f4")
        return np.array(values.shape, "<i8").tobytes() + values.tobytes()

    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        working = answer(start)
        while working and len(size := stdin.read(8)) == 8:
            n_bytes = 2 * int.from_bytes(size, "little")
            pcm = stdin.read(n_bytes)
            working = len(pcm) == n_bytes
            if working:
                answer(extract)
