"""eSpeak NG through ctypes, in a process of its own.

The library keeps one global state a process, is GPL-3.0-or-later, and a fault in it kills the process: so a child
process loads it, and this one only reads samples from a pipe. Base installations don't have it: the extra `demo` does.
"""

import ctypes
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError

MISSING = "eSpeak NG is not installed: pip install 'ser-keras[demo]' (eSpeak NG is GPL-3.0-or-later)"

# Values of eSpeak NG's speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_SYNTH_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

_HEADER = struct.Struct("<ii")  # (sampling rate in Hz, bytes that follow)


class Job(TypedDict):
    """One text to speak.

    Attributes:
        text: what is said.
        voice: the lines of an eSpeak NG voice file.
        rate: words a minute.
        seed: of the library's noise.
    """

    text: str
    voice: str
    rate: int
    seed: int


def speak(jobs: Sequence[Job]) -> Generator[tuple[NDArray[np.int16], int], None, None]:
    """Speak a list of texts, one after another, in one child process.

    The samples depend on eSpeak NG's version and on the whole list up to the text, since the library carries the
    phase of its pitch flutter from one text to the next; they don't depend on the process.

    Args:
        jobs: the texts, in order.

    Yields:
        (int16 array [n], sampling rate in Hz) for each job, in order.

    Raises:
        SerKerasError: eSpeak NG isn't installed, or it failed or died.
    """
    if find_spec("espeakng_loader") is None:
        raise SerKerasError(MISSING)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("jobs.json", "errors.txt")]
        with open(paths[0], "w", encoding="utf-8") as f:
            json.dump(jobs, f)
        with open(paths[1], "w+", encoding="utf-8", errors="replace") as errors:
            command = [sys.executable, "-c", "from ser_keras.corpora.synthetic.espeak import serve; serve()", folder]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
            assert child.stdout is not None
            try:
                for number in range(len(jobs)):
                    header = child.stdout.read(_HEADER.size)
                    rate, n_bytes = _HEADER.unpack(header) if len(header) == _HEADER.size else (0, 1)
                    data = child.stdout.read(n_bytes)
                    if len(data) < n_bytes:
                        child.wait()
                        errors.seek(0)
                        reason = (errors.read().strip().splitlines() or [f"exit code {child.returncode}"])[-1]
                        raise SerKerasError(f"eSpeak NG failed at text {number + 1} of {len(jobs)}: {reason}")
                    yield np.frombuffer(data, "<i2"), rate
            finally:
                child.stdout.close()
                child.kill()
                child.wait()


def serve() -> None:
    """The child's side of `speak`: speak the jobs of the folder named in argv, samples to standard output."""
    import espeakng_loader

    folder = sys.argv[-1]
    with open(os.path.join(folder, "jobs.json"), encoding="utf-8") as f:
        jobs = json.load(f)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, os.fsencode(espeakng_loader.get_data_path()), _DONT_EXIT)
    if rate <= 0:
        sys.exit(f"espeak_Initialize returned {rate}; data in {espeakng_loader.get_data_path()}")
    pieces: list[bytes] = []

    def collect(samples: int | None, count: int, events: int | None) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _SYNTH_CALLBACK(collect)  # a name, so that it lives as long as the library calls it
    library.espeak_SetSynthCallback(callback)
    voice_file = os.path.join(folder, "voice")
    for job in jobs:
        with open(voice_file, "w", encoding="utf-8") as f:
            f.write(job["voice"])
        text = job["text"].encode()
        status = library.espeak_SetVoiceByFile(os.fsencode(voice_file))
        status = status or library.espeak_SetParameter(_PARAMETER_RATE, job["rate"], 0)
        library.espeak_ng_SetRandSeed(job["seed"])
        pieces.clear()
        status = status or library.espeak_Synth(text, len(text) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        status = status or library.espeak_Synchronize()
        data = b"".join(pieces)
        if status or not data.strip(b"\0"):
            sys.exit(f"status {status} and {len(data)} bytes of sound for '{job['text']}'")
        sys.stdout.buffer.write(_HEADER.pack(rate, len(data)) + data)
        sys.stdout.buffer.flush()
