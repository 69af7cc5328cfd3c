"""`ser_keras.runtime.listening`: pipes, files and microphones as blocks, and what the terminal shows of them."""

import io
import json
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import soundfile

from ser_keras.audio.samples import from_int16
from ser_keras.cli.main import main
from ser_keras.common.errors import SerKerasError
from ser_keras.runtime import bundle, listening
from ser_keras.runtime.model import Moment, load
from tests.messages import one_line

CLIP = bundle.PRETRAINED / bundle.DEFAULT_MODEL / "reference.wav"


class Pipe(io.RawIOBase):
    """Gives pieces as they come, like a pipe does."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read1(self, size):
        return self.pieces.pop(0) if self.pieces else b""


# --- pipes


@pytest.mark.parametrize("sizes", [(1,), (3, 5), (1600,), (2, 1, 7, 4000)])
def test_a_pipe_is_heard_whole_however_it_is_cut(sizes):
    samples = np.random.default_rng(0).integers(-32768, 32767, 5000, dtype=np.int16)
    content, pieces = samples.astype("<i2").tobytes(), []
    while content:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(content[:size])
        content = content[size:]
    found = np.concatenate(list(listening.raw_blocks(Pipe(pieces))))
    assert np.array_equal(found, from_int16(samples))


def test_half_a_sample_at_the_end_is_left_out():
    assert sum(map(len, listening.raw_blocks(Pipe([b"\x01\x00\x02\x00\x03"])))) == 2


@pytest.mark.parametrize(
    ("pieces", "says"), [([], "no audio"), ([b"RI", b"FF\x00\x00"], "WAV file"), ([b"\x01"], "no audio")]
)
def test_a_pipe_with_something_else_is_one_line(pieces, says):
    with pytest.raises(SerKerasError) as error:
        list(listening.raw_blocks(Pipe(pieces)))
    assert says in one_line(error)


def test_the_command_hears_a_pipe_as_predict_hears_the_file():
    samples, _ = soundfile.read(CLIP, dtype="int16")
    command = [sys.executable, "-m", "ser_keras", "listen", "-", "--json"]
    done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr
    [moment] = [json.loads(line) for line in done.stdout.splitlines()]
    model = load()
    assert moment["belief"] == pytest.approx(model.predict(CLIP).probabilities, abs=1e-6)
    assert (moment["start"], moment["end"], moment["speech"]) == (0, model.window_samples / 16000, True)


# --- files


def test_a_file_of_any_rate_gives_a_line_a_window(capsys, tmp_path):
    model = load()
    window_s, hop_s = model.window_samples / 16000, model.settings.hop_samples / 16000
    wave = 0.1 * np.random.default_rng(0).standard_normal((round(44100 * (window_s + 4 * hop_s)), 2))
    soundfile.write(tmp_path / "noise.wav", wave, 44100)
    assert main(["listen", str(tmp_path / "noise.wav")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[0].split()[0] == f"{window_s:.2f}"
    assert lines[-1].split()[0] == f"{window_s + 4 * hop_s:.2f}"


def test_silence_is_no_speech(capsys, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000 * 3), 16000)
    assert main(["listen", str(tmp_path / "silence.wav")]) == 0
    assert all("no speech" in line for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("source", ["no/such.wav", "README.md"])
def test_a_file_that_is_no_audio_is_exit_code_2(capsys, source):
    assert main(["listen", source]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.strip().splitlines()) == 1


def test_a_terminal_is_no_pipe(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    assert main(["listen", "-"]) == 2
    assert "arecord" in capsys.readouterr().err


# --- what is shown


def moment(speech=True, belief=(0.7, 0.2, 0.1), level=-30.0):
    names = ("anger", "boredom", "happiness")
    held = None if belief is None else dict(zip(names, belief, strict=True))
    return Moment(0.5, 2.5, level, speech, dict.fromkeys(names, 1 / 3), held)


def test_the_picture_has_one_size_and_fits():
    shown = [moment(), moment(False), moment(False, None, -200.0), moment(level=0.0)]
    for columns in (30, 79, 200):
        pictures = [listening.screen(m, columns) for m in shown]
        assert len({len(rows) for rows in pictures}) == 1
        assert max(len(row) for rows in pictures for row in rows) <= columns


def test_the_picture_says_what_is_heard_and_what_is_not():
    rows = "\n".join(listening.screen(moment(), 79))
    assert "ANGER" in rows and "> anger" in rows and "70%" in rows and "-30 dB" in rows
    rows = "\n".join(listening.screen(moment(False), 79))
    assert "no speech" in rows and "ANGER" not in rows and ">" not in rows and "70%" in rows  # the belief stays
    rows = "\n".join(listening.screen(moment(False, None, -200.0), 79))
    assert "no speech" in rows and "silent" in rows


def test_bars_are_as_long_as_the_belief():
    rows = [row for row in listening.screen(moment(belief=(1.0, 0.5, 0.0)), 79) if "%" in row]
    filled = [row.count("█") for row in rows]
    assert filled[0] == 2 * filled[1] > 0 == filled[2]


def test_a_picture_is_drawn_over_the_last_one():
    out = io.StringIO()
    listening.show([moment(), moment()], out, redraw=True)
    height = len(listening.screen(moment(), 79))
    assert out.getvalue().count(f"\x1b[{height}A") == 1
    assert out.getvalue().count("\n") == 2 * height


# --- microphones, played by a module that looks like sounddevice


class PortAudioError(Exception):
    pass


def fake_sounddevice(names=("Built-in",), own=48000, refuses=(), samples=None, block=None):
    """A sounddevice whose streams play `samples` at their rate, in blocks, and then nothing."""
    devices = [{"name": "Speaker", "max_input_channels": 0, "default_samplerate": 48000.0}]
    devices += [{"name": name, "max_input_channels": 2, "default_samplerate": float(own)} for name in names]
    opened = []

    class InputStream:
        def __init__(self, samplerate, blocksize, device, channels, dtype, callback):
            if samplerate in refuses:
                raise PortAudioError("Invalid sample rate", -9997)
            opened.append((samplerate, device))
            self.size, self.callback = block or blocksize, callback

        def __enter__(self):
            def play():
                wave = np.zeros(0, np.float32) if samples is None else samples
                for at in range(0, len(wave), self.size):
                    piece = wave[at : at + self.size]
                    self.callback(piece[:, np.newaxis], len(piece), None, None)

            self.thread = threading.Thread(target=play)
            self.thread.start()
            self.thread.join()  # all has come in before anything is taken

        def __exit__(self, *error):
            pass

    def query_devices(device=None, kind=None):
        return devices if kind is None else devices[1 if device is None else device]

    return types.SimpleNamespace(
        InputStream=InputStream, query_devices=query_devices, PortAudioError=PortAudioError, opened=opened
    )


@pytest.fixture
def use(monkeypatch):
    def use(module):
        monkeypatch.setitem(sys.modules, "sounddevice", module)
        monkeypatch.setattr(listening, "SILENT_AFTER_S", 0.05)
        return module

    return use


def heard(device=None):
    """What a microphone gives until it falls silent, and the line that it ends with."""
    blocks = []
    with pytest.raises(SerKerasError) as error:
        for block in listening.microphone_blocks(device):
            blocks.append(block)
    return np.concatenate(blocks) if blocks else None, one_line(error)


def test_a_microphone_is_heard_and_its_end_is_told(use):
    samples = np.random.default_rng(0).uniform(-1, 1, 16000).astype(np.float32)
    module = use(fake_sounddevice(samples=samples))
    found, line = heard()
    assert np.array_equal(found, samples) and "unplugged" in line
    assert module.opened == [(16000, None)]


def test_a_microphone_that_refuses_16_khz_is_resampled(use):
    tone = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000).astype(np.float32)
    module = use(fake_sounddevice(samples=tone, refuses=(16000,)))
    found, _ = heard()
    assert module.opened == [(48000, None)]
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / 16000)
    assert len(found) > 15000 and np.abs(found - expected)[500:-500].max() < 1e-3


def test_what_nobody_takes_is_dropped_from_its_old_end(use):
    samples = np.arange(listening.QUEUED_BLOCKS * 800 + 1600, dtype=np.float32)
    use(fake_sounddevice(samples=samples))
    assert np.array_equal(heard()[0], samples[1600:])


def test_microphones_are_chosen_by_number_or_name(use):
    module = use(fake_sounddevice(names=("Built-in", "USB one", "USB two"), samples=np.zeros(800, np.float32)))
    for chosen in ("2", "usb ONE"):
        heard(chosen)
        assert module.opened[-1] == (16000, 2)
    for wrong, says in (("usb", "several"), ("phone", "no microphone 'phone'"), ("0", "no microphone '0'")):
        line = heard(wrong)[1]
        assert says in line and "USB two" in line


def test_what_keeps_a_microphone_from_being_heard_is_one_line(use, monkeypatch, capsys):
    use(fake_sounddevice(names=()))
    assert "no microphone was found" in heard()[1]
    use(fake_sounddevice(refuses=(16000, 48000)))
    assert "Invalid sample rate" in heard()[1]
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(["listen"]) == 2
    assert "pip install 'ser-keras[listen]'" in capsys.readouterr().err


def test_a_missing_portaudio_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert "libportaudio2" in heard()[1]
