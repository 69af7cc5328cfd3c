"""Writes audio files that are broken, odd or hostile, for every test that reads audio."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000


def write_broken_audio(folder):
    """Write the files into a new or existing folder.

    Returns:
        dict: file name -> what `ser_keras.audio.reading.load` must do with it: `ok`, `error` (AudioError) or `warning`
        (Audio whose `warnings` aren't empty). Every `ok` and `warning` is a second long, ADPCM up to a block more.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = {**_unreadable(), **_truncated(), **_lying_headers(), **_samples(), **_kinds(), **_names()}
    expected = {}
    for name, (what, content) in files.items():
        (folder / name).write_bytes(content)
        expected[name] = what
    (folder / "folder.wav").mkdir(exist_ok=True)
    expected["folder.wav"] = "error"
    for name, target in (("dangling.wav", "nowhere.wav"), ("loop.wav", "loop.wav"), ("link.wav", "plain.wav")):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
        expected[name] = "ok" if name == "link.wav" else "error"
    if not (folder / "pipe.wav").exists():
        os.mkfifo(folder / "pipe.wav")
    expected["pipe.wav"] = "error"
    expected["missing.wav"] = "error"
    return expected


def speech(seconds=1.0, rate=RATE, channels=1, seed=0):
    """A vowel-like sound with noise, float64 [n] or [n, channels], peak 0.5."""
    t = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 8)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    tone = tone + 0.05 * np.random.default_rng(seed).standard_normal(len(t))
    tone = 0.5 * tone / np.abs(tone).max()
    return tone if channels == 1 else np.stack([tone * 0.9**c for c in range(channels)], axis=1)


def encode(samples, rate=RATE, format="WAV", subtype=None, endian=None):
    """The bytes of an audio file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format, subtype=subtype, endian=endian)
    return buffer.getvalue()


def wav(data, rate=RATE, channels=1, bits=16, kind=1, claimed=None, riff=None):
    """A WAV file of 44 header bytes and `data`, with any claims in its header."""
    align = channels * bits // 8
    claimed = len(data) if claimed is None else claimed
    riff = (36 + claimed) & 0xFFFFFFFF if riff is None else riff
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + fmt + b"data" + struct.pack("<I", claimed) + data


def pcm16(samples):
    return (np.asarray(samples) * 32767).astype("<i2").tobytes()


def _unreadable():
    noise = np.random.default_rng(1).bytes(20000)
    whole = encode(speech(), subtype="PCM_16")
    return {
        "zero_bytes.wav": ("error", b""),
        "one_byte.wav": ("error", b"R"),
        "text.wav": ("error", b"This is no audio. " * 500),
        "text.vox": ("error", b"This is no audio. " * 500),
        "html.mp3": ("error", b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * 50),
        "noise.flac": ("error", noise),
        "zeros.wav": ("error", bytes(20000)),
        "only_riff.wav": ("error", whole[:12]),
        "no_data_chunk.wav": ("error", whole[:36]),
        "no_fmt_chunk.wav": (
            "error",
            b"RIFF" + struct.pack("<I", 1012) + b"WAVEdata" + struct.pack("<I", 1000) + bytes(1000),
        ),
        "no_frames.wav": ("error", wav(b"")),
        "unknown_codec.wav": ("error", wav(pcm16(speech()), kind=0x1234)),
        "zero_channels.wav": ("error", wav(pcm16(speech()), channels=0)),
        "zero_rate.wav": ("error", wav(pcm16(speech()), rate=0)),
        "damaged.flac": ("error", _damaged(encode(speech(), format="FLAC"))),
        "damaged.ogg": ("error", _damaged(encode(speech(), format="OGG"))),
    }


def _truncated():
    files = {}
    for suffix, format in (("wav", "WAV"), ("flac", "FLAC"), ("ogg", "OGG"), ("mp3", "MP3"), ("aiff", "AIFF")):
        whole = encode(speech(), format=format)
        files[f"half.{suffix}"] = ("error", whole[: len(whole) // 2])
        files[f"head.{suffix}"] = ("error", whole[:60])
    files["half_float.wav"] = ("error", encode(speech(), subtype="FLOAT")[:30000])
    files["half_rf64.wav"] = ("error", encode(speech(), format="RF64", subtype="PCM_16")[:16000])
    files["half_w64.w64"] = ("error", encode(speech(), format="W64", subtype="PCM_16")[:16000])
    files["one_frame_short.wav"] = ("error", wav(pcm16(speech()), claimed=32002))
    return files


def _lying_headers():
    data = pcm16(speech())
    flac = bytearray(encode(speech(), format="FLAC"))
    endless, unknown = bytearray(flac), bytearray(flac)
    endless[21:26] = bytes([flac[21] & 0xF0 | 0x0E]) + b"\xff" * 4
    unknown[21:26] = bytes([flac[21] & 0xF0]) + bytes(4)
    rf64 = bytearray(encode(speech(), format="RF64", subtype="PCM_16"))
    ds64 = rf64.index(b"ds64") + 16
    rf64[ds64 : ds64 + 8] = struct.pack("<Q", 1 << 42)
    return {
        "claims_4_gb.wav": ("error", wav(data, claimed=4_000_000_000)),
        "claims_1_gb.wav": ("error", wav(data, claimed=1 << 30)),
        "claims_4_tb_rf64.wav": ("error", bytes(rf64)),
        "claims_a_month.flac": ("error", bytes(endless)),
        "unknown_length.flac": ("ok", bytes(unknown)),
        "streamed_ffmpeg.wav": ("ok", wav(data, claimed=0xFFFFFFFF, riff=0xFFFFFFFF)),
        "streamed_sox.wav": ("ok", wav(data, claimed=0x7FFFF000, riff=0x7FFFF024)),
        "never_closed.wav": ("ok", wav(data, claimed=0, riff=0)),
        "never_closed_36.wav": ("ok", wav(data, claimed=0, riff=36)),
        "empty_with_list_chunk.wav": ("error", wav(b"LIST" + struct.pack("<I", 4) + b"INFO", claimed=0)),
        "trailing_list_chunk.wav": ("ok", wav(data + b"LIST" + struct.pack("<I", 4) + b"INFO", claimed=len(data))),
        "rate_1_hz.wav": ("error", wav(data, rate=1)),
        "rate_4_ghz.wav": ("error", wav(data, rate=0xFFFFFFFF)),
        "channels_65535.wav": ("error", wav(data, channels=65535)),
        "channels_1000.wav": ("ok", wav(pcm16(np.repeat(speech()[:, None], 1000, axis=1)), channels=1000)),
    }


def _samples():
    x = speech()
    with_nan, with_inf, first_nan, loud = x.copy(), x.copy(), x.copy(), x.copy()
    with_nan[9000], with_inf[9000], first_nan[0] = np.nan, -np.inf, np.nan
    loud[9000] = 1.5
    return {
        "nan.wav": ("error", encode(with_nan, subtype="FLOAT")),
        "nan_first.wav": ("error", encode(first_nan, subtype="DOUBLE")),
        "infinite.wav": ("error", encode(with_inf, subtype="FLOAT")),
        "beyond_float32.wav": ("error", encode(x * 1e300, subtype="DOUBLE")),
        "unscaled_float.wav": ("error", encode(x * 32768, subtype="FLOAT")),
        "float_above_1.wav": ("warning", encode(loud, subtype="FLOAT")),
        "silence.wav": ("warning", encode(np.zeros(RATE), subtype="PCM_16")),
        "dither_only.wav": ("warning", wav(np.random.default_rng(2).integers(-2, 3, RATE).astype("<i2").tobytes())),
        "constant.wav": ("warning", encode(np.full(RATE, 0.5), subtype="PCM_16")),
        "clipped.wav": ("warning", encode(np.clip(x * 8, -1, 1), subtype="PCM_16")),
        "opposed_stereo.wav": ("warning", encode(np.stack([x, -x], axis=1), subtype="PCM_16")),
        "dc_offset.wav": ("ok", encode(x * 0.5 + 0.3, subtype="PCM_16")),
        "full_scale.wav": ("ok", encode(x * 2 * 32767 / 32768, subtype="PCM_16")),
        "one_sample.wav": ("error", wav(b"\0\x10")),
        "nine_ms.wav": ("error", encode(x[:144], subtype="PCM_16")),
    }


def _kinds():
    x = speech()
    files = {
        "plain.wav": encode(x, subtype="PCM_16"),
        "stereo.wav": encode(speech(channels=2), subtype="PCM_16"),
        "six_channels.wav": encode(speech(channels=6), subtype="PCM_16"),
        "8_bit.wav": encode(x, subtype="PCM_U8"),
        "24_bit.wav": encode(x, subtype="PCM_24"),
        "32_bit.wav": encode(x, subtype="PCM_32"),
        "float64.wav": encode(x, subtype="DOUBLE"),
        "mu_law.wav": encode(speech(rate=8000), 8000, subtype="ULAW"),
        "adpcm.wav": encode(x, subtype="IMA_ADPCM"),
        "extensible.wav": encode(x, format="WAVEX", subtype="PCM_16"),
        "big_endian.wav": encode(x, subtype="PCM_16", endian="BIG"),
        "rf64.wav": encode(x, format="RF64", subtype="PCM_16"),
        "w64.w64": encode(x, format="W64", subtype="PCM_16"),
        "aiff_inside.wav": encode(x, format="AIFF", subtype="PCM_16"),
        "mp3_inside.wav": encode(x, format="MP3"),
        "wav_inside.flac": encode(x, subtype="PCM_16"),
        "wav_inside.raw": encode(x, subtype="PCM_16"),
        "plain.flac": encode(x, format="FLAC"),
        "plain.ogg": encode(x, format="OGG"),
        "opus.ogg": encode(x, format="OGG", subtype="OPUS"),
        "plain.mp3": encode(x, format="MP3"),
        "no_suffix": encode(x, format="FLAC"),
    }
    for rate in (8000, 11025, 44100, 48000, 96000, 192000):
        files[f"rate_{rate}.wav"] = encode(speech(rate=rate), rate, subtype="PCM_16")
    return {name: ("ok", content) for name, content in files.items()}


def _names():
    content = encode(speech(), subtype="PCM_16")
    return {
        "Zażółć gęślą 声音 😀.wav": ("ok", content),
        "two\nlines.wav": ("ok", content),
        "broken\nlines.wav": ("error", content[:2000]),
        " leading space.wav": ("ok", content),
        "percent%s{0}.wav": ("ok", content),
        "UPPER.WAV": ("ok", content),
        os.fsdecode(b"latin1_\xe9.wav"): ("ok", content),
        os.fsdecode(b"latin1_broken_\xe9.wav"): ("error", content[:2000]),
    }


def _damaged(content):
    """The same with 500 bytes in the middle overwritten."""
    middle = len(content) // 2
    return content[:middle] + np.random.default_rng(3).bytes(500) + content[middle + 500 :]
