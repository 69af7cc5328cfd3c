"""Waiting for what another thread or process does, up to a deadline."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object],
    process: subprocess.Popen | None = None,
    seconds: float = 60,
    *,
    every: float = 0.02,
) -> bool:
    """Wait until a condition holds.

    Args:
        condition: is asked again and again.
        process: whoever is waited for; its end ends the wait.
        seconds: after so many the test fails.
        every: seconds between two questions.

    Returns:
        Whether the condition holds; False: the process ended before.
    """
    until, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < until, f"waited {seconds} s in vain"
        if process is not None and process.poll() is not None:
            return bool(condition())
        pause.wait(every)
    return True


def kill_after(process: subprocess.Popen, seconds: float) -> bool:
    """SIGKILL a process after so many seconds; returns whether it still ran."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    process.kill()
    process.wait()
    return True
