"""Child processes: what they answer, how they die, and that none outlives its parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ser_keras.common import child_process
from ser_keras.common.child_process import Child, Died, Failed, cause_of_death, ended

ECHO = (
    "from ser_keras.common.child_process import answering\n"
    "with answering() as (stdin, answer):\n"
    "    print('what a library prints', flush=True)\n"
    "    for line in stdin:\n"
    "        if line == b'fail\\n': answer(failure='cannot: ä')\n"
    "        else: answer(line.strip() * 100000)\n"
)


def test_it_answers_and_fails_and_goes_on():
    with Child(ECHO) as child:
        child.send(b"a\n")
        assert child.answer(20) == b"a" * 100000
        child.send(b"fail\n")
        with pytest.raises(Failed, match="^cannot: ä$"):
            child.answer(20)
        child.send(b"bc\n")
        assert child.answer(None) == b"bc" * 100000
    assert child.poll() is not None


@pytest.mark.parametrize(
    ("code", "cause", "how"),
    [
        ("import os; os.abort()", "SIGABRT", "ended by SIGABRT"),
        ("raise SystemExit(3)", "exit code 3", "ended with exit code 3"),
    ],
)
def test_a_death_says_how(code, cause, how):
    with Child(code) as child, pytest.raises(Died) as death:
        child.answer(20)
    assert str(death.value) == cause and death.value.how == how


def test_a_silent_child_is_ended():
    with Child("import signal; signal.pause()") as child, pytest.raises(Died) as death:
        child.answer(0.1)
    assert death.value.how == "gave no answer in 0 s" and child.poll() is not None


def test_a_length_that_nothing_follows_is_no_memory():
    code = "import os, signal; os.write(1, bytes([0] + [255] * 8)); signal.pause()"
    with Child(code) as child, pytest.raises(Died, match="no answer"):
        child.answer(1)


def test_signals_without_a_name():
    assert cause_of_death(-signal.SIGRTMIN - 1) == f"signal {signal.SIGRTMIN + 1}"
    assert ended(-signal.SIGKILL) == "ended by SIGKILL"


def test_no_module_of_the_working_directory_gets_in_between(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    (tmp_path / "ser_keras").mkdir()
    (tmp_path / "ser_keras" / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Child("import json; " + ECHO) as child:
        child.send(b"x\n")
        assert child.answer(20)[:1] == b"x"


def test_a_child_dies_with_its_parent_even_when_busy():
    """The parent is killed, which runs none of its code; the child is in the midst of a request."""
    busy = (
        "import time; from ser_keras.common.child_process import answering\n"
        "with answering() as (stdin, answer):\n"
        "    stdin.readline(); answer(b'on it')\n"
        "    while True: pass\n"
    )
    parent = (
        "import signal; from ser_keras.common.child_process import Child\n"
        f"child = Child({busy!r})\n"
        "child.send(b'go\\n'); child.answer(20); print(child.pid, flush=True); signal.pause()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    pid = int(process.stdout.readline())
    handle = os.pidfd_open(pid)
    process.kill()
    process.communicate()
    ends = child_process.select.poll()
    ends.register(handle, child_process.select.POLLIN)
    assert ends.poll(10_000), "the child outlives its parent"
    os.close(handle)


def test_ending_waits_for_who_ends_by_himself():
    process = child_process.start_python(
        "import sys; sys.stdin.read(1); sys.exit(4)", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    process.stdin.write(b"x")
    assert child_process.end(process, 20) == 4
    assert child_process.end(process) == 4
    stuck = child_process.start_python("import signal; signal.pause()", stdout=subprocess.PIPE, stderr=None)
    began = time.monotonic()
    assert child_process.end(stuck) == -signal.SIGKILL and time.monotonic() - began < 10
