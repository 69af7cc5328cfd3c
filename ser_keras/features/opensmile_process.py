"""openSMILE in a child process: in one process with TensorFlow 2.21, it dies of heap corruption.

Neither side imports TensorFlow. `opensmile` is under the audEERING Research License: see `descriptors/egemaps.py`.
"""

import json
import weakref
from collections.abc import Callable
from importlib import metadata, util
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE, to_int16
from ser_keras.common.child_process import Child, Died, Failed, answering
from ser_keras.common.errors import BadInput, Unavailable

PACKAGE = "opensmile"
START_S = ANSWER_S = 60  # patience with importing the package, and with an answer
ANSWER_S_PER_S = 10  # and this much more for each second of its audio; it takes about a fortieth
ATTEMPTS = 2
Answer = TypeVar("Answer")
CHILD = "from ser_keras.features.opensmile_process import serve; serve()"


class OpenSmile:
    """One openSMILE feature set at one level. The child starts with the first signal and lives as long as this object.

    Args:
        feature_set: member of `opensmile.FeatureSet`.
        level: member of `opensmile.FeatureLevel`.

    Attributes:
        version: the package's version.

    Raises:
        Unavailable: the package is not installed.
    """

    def __init__(self, feature_set: str, level: str) -> None:
        if util.find_spec(PACKAGE) is None:
            raise Unavailable(f"this needs the package {PACKAGE}: pip install 'ser-keras[systems]'")
        self.version = metadata.version(PACKAGE)
        self._set, self._level = feature_set, level
        self.child: Child | None = None
        self._names: tuple[str, ...] = ()
        self.close: Callable[[], object] = lambda: None

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order.

        Raises:
            BadInput, Unavailable: as a call.
        """
        return self._insist(lambda child: self._names, "while it started")

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of a signal.

        Args:
            samples: [N] at 16 kHz in [-1, 1].

        Returns:
            [T, features]; NaN where the signal is too short for openSMILE.

        Raises:
            BadInput: openSMILE refuses the signal.
            Unavailable: its process died of it, and again after a restart.
        """
        pcm = np.ascontiguousarray(to_int16(samples), "<i2")
        return self._insist(lambda child: self._ask(child, pcm), f"on a signal of {len(pcm) / SAMPLE_RATE:.2f} s")

    def _insist(self, work: Callable[[Child], Answer], when: str) -> Answer:
        """The result of `work` with a living child; where the child dies, it is started again."""
        how = ""
        for _ in range(ATTEMPTS):
            try:
                child = self.child or self._start()
                return work(child)
            except Died as death:
                self.close()
                self.child, how = None, str(death)
        raise Unavailable(
            f"openSMILE's process died {ATTEMPTS} times {when} ({how}); leave that file out, or where all files fail, "
            f"reinstall the package {PACKAGE} {self.version}"
        )

    def _start(self) -> Child:
        try:
            child = self.child = Child(CHILD)
        except OSError as error:
            raise Unavailable(f"openSMILE can't be run in a process of its own: {error.strerror}") from None
        self.close = weakref.finalize(self, child.close)
        child.send(json.dumps({"feature_set": self._set, "level": self._level}).encode() + b"\n")
        self._names = tuple(json.loads(self._answer(child, START_S)))
        return child

    def _ask(self, child: Child, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        child.send(len(pcm).to_bytes(8, "little") + pcm.tobytes())
        patience = ANSWER_S + ANSWER_S_PER_S * len(pcm) / SAMPLE_RATE
        content = self._answer(child, patience)
        return np.frombuffer(content, "<f4", offset=16).reshape(np.frombuffer(content, "<i8", count=2))

    def _answer(self, child: Child, patience_s: float) -> bytes:
        try:
            return child.answer(patience_s)
        except Failed as failure:
            raise BadInput(f"openSMILE ({self._set}): {failure}") from None


def serve() -> None:
    """The child's side: a line of settings on standard input, then signals."""
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())

        def succeeds(work: Callable[[], bytes]) -> bool:
            try:
                data = work()
            except Exception as error:  # a missing library, a set that it does not have, a component that fails
                answer(failure=" ".join(f"{type(error).__name__}: {error}".split())[:300])
                return False
            answer(data)
            return True

        extractors = []

        def start() -> bytes:
            import opensmile

            feature_set = getattr(opensmile.FeatureSet, request["feature_set"])
            level = getattr(opensmile.FeatureLevel, request["level"])
            extractors.append(opensmile.Smile(feature_set=feature_set, feature_level=level))
            return json.dumps(extractors[0].feature_names).encode()

        def extract() -> bytes:
            # Exact: openSMILE multiplies by 32768 and truncates.
            samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
            values = extractors[0].process_signal(samples, SAMPLE_RATE).to_numpy("<f4")
            return np.array(values.shape, "<i8").tobytes() + values.tobytes()

        working = succeeds(start)
        while working and len(size := stdin.read(8)) == 8:
            n_bytes = 2 * int.from_bytes(size, "little")
            pcm = stdin.read(n_bytes)
            working = len(pcm) == n_bytes and succeeds(extract)
