"""eSpeak NG through ctypes, in a child process.

The library keeps one global state a process, is GPL-3.0-or-later, and a fault in it kills the process: so a child
process loads it, and this one only reads samples from a pipe. Base installations don't have it: the extra `demo` does.
"""

import ctypes
import json
import os
import tempfile
from collections.abc import Generator, Iterator, Sequence
from importlib.util import find_spec
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.child_process import Child, Died, Failed, answering
from ser_keras.common.errors import Unavailable

MISSING = "eSpeak NG is not installed: pip install 'ser-keras[demo]' (eSpeak NG is GPL-3.0-or-later)"

# Values of eSpeak NG's speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_SYNTH_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

CHILD = "from ser_keras.corpora.synthetic.espeak import serve; serve()"
PATIENCE_S = 60  # with one text, the library's loading included
RATE_BYTES = 4  # of the sampling rate before the samples, little-endian


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
        Unavailable: eSpeak NG is not installed, or it failed or died.
    """
    if find_spec("espeakng_loader") is None:
        raise Unavailable(MISSING)
    with tempfile.TemporaryDirectory() as folder, Child(CHILD) as child:
        for number in range(len(jobs)):
            try:
                if number == 0:
                    child.send(json.dumps({"folder": folder, "jobs": jobs}).encode() + b"\n")
                content = child.answer(PATIENCE_S)
            except (Died, Failed) as error:
                raise Unavailable(f"eSpeak NG failed at text {number + 1} of {len(jobs)}: {error}") from None
            yield np.frombuffer(content, "<i2", offset=RATE_BYTES), int.from_bytes(content[:RATE_BYTES], "little")


def serve() -> None:
    """The child's side of `speak`: a line with the jobs on standard input; of each, the rate and the samples."""
    with answering() as (stdin, answer):
        request = json.loads(stdin.readline())
        try:
            for rate, samples in _spoken(request["jobs"], request["folder"]):
                answer(rate.to_bytes(RATE_BYTES, "little") + samples)
        except BrokenPipeError:
            raise
        except Exception as error:  # no library for this machine, or a text that it refuses
            answer(failure=" ".join(str(error).split())[:300])


def _spoken(jobs: Sequence[Job], folder: str) -> Iterator[tuple[int, bytes]]:
    """(sampling rate in Hz, int16 samples) of each job; voice files go to the folder."""
    import espeakng_loader

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
        raise OSError(f"espeak_Initialize returned {rate}; data in {espeakng_loader.get_data_path()}")
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
            raise ValueError(f"status {status} and {len(data)} bytes of sound for '{job['text']}'")
        yield rate, data
