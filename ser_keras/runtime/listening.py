"""`ser-keras listen`: the running belief in the terminal; microphone, file or pipe. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import itertools
import json
import queue
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Protocol, TextIO, TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_keras.audio import reading
from ser_keras.audio.samples import SAMPLE_RATE, from_int16
from ser_keras.common.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from ser_keras.runtime.model import Model, Moment

BLOCK_S = 0.05
QUEUED_BLOCKS = 100  # 5 s: what waits while the machine is busy; beyond that the oldest goes
SILENT_AFTER_S = 5.0  # a microphone that gives nothing for so long is gone
METER_DBFS = -80.0  # left end of the level meter

Blocks: TypeAlias = Iterator[NDArray[np.float32]]  # [n] each, 16 kHz mono


class _InputStream(Protocol):
    """An open microphone of sounddevice."""

    def __enter__(self) -> _InputStream: ...
    def __exit__(self, *arguments: object) -> None: ...


# sounddevice hands over (samples [n, 1], n, the time, a status).
Callback: TypeAlias = Callable[[NDArray[np.float32], int, object, object], None]


# --- where audio comes from


def file_blocks(path: str | Path) -> reading.Stream:
    """Blocks of an audio file of any rate and channel count; raises as `ser_keras.audio.reading.stream`."""
    return reading.stream(path, int(BLOCK_S * SAMPLE_RATE))


def raw_blocks(stream: IO[bytes]) -> Blocks:
    """Blocks of raw audio as it comes in.

    Args:
        stream: binary stream of 16-bit little-endian mono samples at 16 kHz, without a header.

    Yields:
        float32 [n] in [-1, 1).

    Raises:
        BadInput: what comes in is a WAV file, or nothing at all.
    """
    read = getattr(stream, "read1", stream.read)  # what is there already, instead of waiting for a whole block
    rest, first = b"", True
    while content := read(2 * int(BLOCK_S * SAMPLE_RATE)):
        rest += content
        if first and len(rest) < 4:
            continue
        if first and rest[:4] == b"RIFF":
            raise BadInput(
                "the pipe carries a WAV file, not raw samples: give its path, or make raw ones: "
                f"sox FILE -t raw -r {SAMPLE_RATE} -c 1 -e signed -b 16 - | ser-keras listen -"
            )
        whole = len(rest) // 2 * 2
        yield from_int16(np.frombuffer(rest[:whole], "<i2"))
        rest, first = rest[whole:], False
    if first:
        raise BadInput("the pipe carries no audio: 16-bit little-endian mono samples at 16 kHz are expected")


def microphone_blocks(device: int | str | None = None) -> Blocks:
    """Blocks of a microphone, for as long as they are taken; older ones are dropped where the taker is too slow.

    Args:
        device: its number or a part of its name; None: the system's default.

    Yields:
        float32 [n], 16 kHz mono.

    Raises:
        BadInput: no such microphone, or several.
        Unavailable: sounddevice or PortAudio is not installed, there is no microphone, it is taken, or it goes away.
    """
    sounddevice = _sounddevice()
    waiting: queue.Queue[NDArray[np.float32]] = queue.Queue(QUEUED_BLOCKS)

    def take(data: NDArray[np.float32], frames: int, time: object, status: object) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(data[:, 0].copy())

    rate, stream = _open(sounddevice, _input_device(sounddevice, device), take)
    resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, quality="HQ")
    with stream:
        while True:
            try:
                block = waiting.get(timeout=SILENT_AFTER_S)
            except queue.Empty:
                raise Unavailable(
                    "the microphone gives no audio any more: was it unplugged, or taken by another program?"
                ) from None
            yield block if resampler is None else resampler.resample_chunk(block)


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise Unavailable("listening needs the package 'sounddevice': pip install 'ser-keras[listen]'") from None
    except OSError:
        raise Unavailable(
            "listening needs the PortAudio library: apt install libportaudio2 (Debian, Ubuntu), "
            "dnf install portaudio (Fedora)"
        ) from None
    module: ModuleType = sounddevice
    return module


def _input_device(sounddevice: ModuleType, device: int | str | None) -> int | None:
    """The number of a microphone, None for the default one."""
    names = {i: d["name"] for i, d in enumerate(sounddevice.query_devices()) if d["max_input_channels"] > 0}
    if not names:
        raise Unavailable("no microphone was found: plug one in, or give a file, or pipe audio into `listen -`")
    if device is None:
        return None
    if str(device).isdigit() and int(device) in names:
        return int(device)
    alike = [i for i, name in names.items() if str(device).lower() in name.lower()]
    if len(alike) != 1:
        listed = ", ".join(f"{i} ({name})" for i, name in names.items() if not alike or i in alike)
        what = "several microphones match" if alike else "no microphone"
        raise BadInput(f"{what} '{device}'; there are: {listed}")
    return alike[0]


def _open(sounddevice: ModuleType, device: int | None, callback: Callback) -> tuple[int, _InputStream]:
    """(sampling rate, stream) at 16 kHz, or at the device's own rate where it refuses that."""
    try:
        native_rate = round(sounddevice.query_devices(device, "input")["default_samplerate"])
        for rate in dict.fromkeys((SAMPLE_RATE, native_rate)):
            try:
                return rate, sounddevice.InputStream(
                    samplerate=rate,
                    blocksize=round(BLOCK_S * rate),
                    device=device,
                    channels=1,
                    dtype="float32",
                    callback=callback,
                )
            except sounddevice.PortAudioError as error:
                refused = error
    except (sounddevice.PortAudioError, ValueError) as error:
        refused = error
    raise Unavailable(
        f"the microphone can't be opened: {refused.args[0]}; is another program using it? (`device` chooses another)"
    )


# --- what is shown


def line(moment: Moment) -> str:
    """One moment as a line of text."""
    if not moment.speech or moment.belief is None:
        return f"{moment.end:7.2f} s  no speech  ({moment.level_dbfs:.1f} dBFS)"
    top = _top(moment.belief)
    return f"{moment.end:7.2f} s  {top:<10} {moment.belief[top]:4.0%}"


def screen(moment: Moment, columns: int) -> list[str]:
    """One moment as a picture of text: the emotion, a bar a class, the level.

    Args:
        moment: what is shown.
        columns: width of the terminal, at least 30.

    Returns:
        Rows of text, the same number for every moment of a model.
    """
    belief = moment.belief or dict.fromkeys(moment.probabilities, 0.0)
    top = _top(belief) if moment.speech else None
    name_width = max(map(len, belief))
    bar_width = max(4, columns - name_width - 12)
    rows = ["", f"  {top.upper() if top else 'no speech'}", ""]
    for name, p in belief.items():
        mark = ">" if name == top else " "
        rows.append(f"{mark} {name:<{name_width}} {_bar(p, bar_width)} {p:4.0%}")
    share = min(1.0, max(0.0, 1 - moment.level_dbfs / METER_DBFS))
    level = f"{moment.level_dbfs:.0f} dB" if moment.level_dbfs > METER_DBFS else "silent"
    rows += ["", f"  {'level':<{name_width}} {_bar(share, bar_width)} {level}", ""]
    return [row[:columns].rstrip() for row in rows]


def _top(belief: dict[str, float]) -> str:
    """The class that is believed most."""
    return max(belief, key=lambda name: belief[name])


def _bar(share: float, width: int) -> str:
    filled = round(share * width)
    return "█" * filled + "·" * (width - filled)


def show(moments: Iterable[Moment], out: TextIO | None = None, *, as_json: bool = False, redraw: bool = False) -> None:
    """Print moments as they come.

    Args:
        moments: of `Model.hear`.
        out: text stream; None: standard output.
        as_json: a JSON object a line.
        redraw: a picture that moves in place, for terminals; otherwise a line a moment.
    """
    out = out or sys.stdout
    drawn = 0
    for moment in moments:
        if as_json:
            text = json.dumps(dataclasses.asdict(moment))
        elif redraw:
            rows = screen(moment, max(30, shutil.get_terminal_size().columns - 1))
            # up to where the last picture began, and each row cleared to its end
            text = (f"\x1b[{drawn}A" if drawn else "") + "\x1b[K\n".join(rows) + "\x1b[K"
            drawn = len(rows)
        else:
            text = line(moment)
        print(text, file=out, flush=True)


def listen(
    model: Model, source: str | Path | None = None, device: int | str | None = None, *, as_json: bool = False
) -> None:
    """Listen until the audio ends; a microphone's doesn't.

    Args:
        model: what listens.
        source: None: the microphone; `-`: raw audio on standard input (`raw_blocks`); or an audio file's path.
        device: as in `microphone_blocks`.
        as_json: as in `show`.

    Raises:
        AudioError, BadInput, Unavailable: as the sources.
    """
    blocks: Iterable[NDArray[np.float32]]
    if source is None:
        blocks = microphone_blocks(device)
    elif source == "-":
        if sys.stdin.isatty():
            raise BadInput(
                f"`listen -` reads raw audio from a pipe: arecord -t raw -f S16_LE -r {SAMPLE_RATE} -c 1 | "
                "ser-keras listen -"
            )
        blocks = raw_blocks(sys.stdin.buffer)
    else:
        blocks = file_blocks(source)
    live = source in (None, "-")
    blocks = iter(blocks)
    first = next(blocks, None)  # whatever can't be opened says so now
    blocks = blocks if first is None else itertools.chain([first], blocks)
    if not as_json:
        print(model.reach, file=sys.stderr)
    if live and not as_json:
        window_s = model.window_samples / SAMPLE_RATE
        print(f"Listening; the first answer comes after {window_s:g} s. Ctrl+C ends it.", file=sys.stderr)
    show(model.hear(blocks), as_json=as_json, redraw=live and sys.stdout.isatty())
