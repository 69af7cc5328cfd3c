"""Audio files of many kinds and what `ser_keras` says of them, for the app to say the same."""

import json

import numpy as np
import soundfile
import soxr

import ser_keras
from ser_keras.audio.containers import STREAMING_SIZES

RATE = 16000
# file rate, subtype, channels, the largest difference allowed: at other rates two resamplers are compared
KINDS = [
    (16000, "PCM_16", 1, 1e-5),
    (16000, "PCM_24", 2, 1e-4),
    (16000, "FLOAT", 1, 1e-4),
    (8000, "PCM_U8", 1, 1e-2),
    (22050, "PCM_16", 1, 1e-3),
    (44100, "PCM_24", 2, 1e-3),
    (48000, "FLOAT", 2, 1e-3),
    (96000, "PCM_32", 1, 1e-3),
]


def make(bundle, folder):
    """Write the files and `expected.json` into `folder`.

    Args:
        bundle: its reference clip is the voice in them: forwards, a pause, quieter and backwards, and a remainder.
        folder: Path, made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clip = soundfile.read(bundle / "reference.wav", dtype="float32")[0]
    pause = np.zeros(3 * RATE, np.float32)
    voice = np.concatenate([clip, clip[::-1], pause, clip / 8, clip[: RATE // 3]])
    model = ser_keras.load(str(bundle))

    def expected(path, tolerance):
        result = model.predict(path)
        segments = [{"speech": s.speech, "probabilities": list(s.probabilities.values())} for s in result.segments]
        whole = list(result.probabilities.values())
        entry = {"file": path.name, "tolerance": tolerance, "probabilities": whole, "segments": segments}
        return {**entry, "seconds": result.segments[-1].end}

    entries = []
    for rate, subtype, channels, tolerance in KINDS:
        path = folder / f"{rate}-{subtype}-{channels}.wav"
        samples = voice if rate == RATE else np.clip(soxr.resample(voice, RATE, rate), -1, 1)
        soundfile.write(path, np.stack([samples * gain for gain in (1, 0.8)[:channels]], axis=1), rate, subtype)
        entries.append(expected(path, tolerance))
    whole = (folder / entries[0]["file"]).read_bytes()
    size = whole.index(b"data") + 4
    for unknown in (0, *sorted(STREAMING_SIZES)):
        path = folder / f"streamed-{unknown:x}.wav"
        path.write_bytes(whole[:size] + unknown.to_bytes(4, "little") + whole[size + 4 :])
        entries.append(expected(path, entries[0]["tolerance"]))
    (folder / "expected.json").write_text(json.dumps(entries))
