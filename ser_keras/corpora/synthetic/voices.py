"""How the synthetic corpus sounds: its speakers, its emotions, and what makes an utterance of them.

eSpeak NG does what a formant synthesiser can (F0, tempo, formants, aspiration, creak); vocal effort, the microphone
and the room are put on afterwards.
"""

import dataclasses
import hashlib
import math

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.corpora.synthetic.espeak import Job


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A neutral voice: F0 in Hz, F0 range in semitones, vocal tract scale, words a minute, eSpeak phoneme table."""

    gender: str
    f0: float
    range: float
    formants: float
    rate: float
    phonemes: str


SPEAKERS = {
    "s01": Speaker("female", 196.0, 7.0, 1.13, 172, "en"),
    "s02": Speaker("male", 108.0, 7.0, 1.00, 166, "en-us"),
    "s03": Speaker("female", 218.0, 6.0, 1.17, 180, "en-us"),
    "s04": Speaker("male", 125.0, 6.0, 1.04, 178, "en-rp"),
    "s05": Speaker("female", 180.0, 8.0, 1.09, 164, "en-rp"),
    "s06": Speaker("male", 98.0, 6.5, 0.95, 158, "en-n"),
    "s07": Speaker("female", 207.0, 7.5, 1.15, 168, "en-wm"),
    "s08": Speaker("male", 118.0, 8.0, 1.01, 174, "en"),
}


@dataclasses.dataclass(frozen=True)
class Expression:
    """How an emotion departs from the same speaker's neutral speech.

    Attributes:
        f0: semitones of the mean.
        range: natural logarithm of the ratio of F0 ranges in semitones.
        rate: natural logarithm of the ratio of speaking rates.
        level: dB.
        tilt: dB an octave above 500 Hz; positive is a tense voice with more energy in high frequencies.
        breath: aspiration noise, in eSpeak NG's units.
        rough: amplitude modulation of alternate glottal cycles (creak), 0 to 7.
        tremor: slow irregular F0 modulation, in eSpeak NG's units of flutter.
        lips: natural logarithm of the scale of the first two formants (spread lips).
    """

    f0: float
    range: float
    rate: float
    level: float
    tilt: float
    breath: float
    rough: float
    tremor: float
    lips: float

    def values(self) -> NDArray[np.float64]:
        return np.array(dataclasses.astuple(self))


# Directions after Burkhardt & Sendlmeier 2000 and four other studies, smaller where theirs are extreme:
# docs/synthetic-corpus.md sets these numbers beside the published ones.
EXPRESSIONS = {
    "anger": Expression(4.5, 0.45, 0.16, 6.0, 2.5, 0.0, 3.0, 0.0, 0.02),
    "boredom": Expression(-2.5, -0.6, -0.18, -2.5, -1.2, 0.0, 1.0, 0.0, -0.02),
    "disgust": Expression(-1.5, 0.1, -0.15, -1.0, 0.8, 2.0, 5.0, 0.0, -0.04),
    "fear": Expression(7.5, 0.0, 0.22, 0.0, -0.5, 6.0, 0.0, 8.0, 0.02),
    "happiness": Expression(5.0, 0.55, 0.10, 3.0, 1.0, 0.0, 0.0, 0.0, 0.08),
    "neutral": Expression(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sadness": Expression(-1.5, -0.45, -0.24, -6.0, -2.5, 10.0, 0.0, 5.0, -0.02),
}
# What one standard deviation of variation is in each of the above.
SPREAD = Expression(2.0, 0.25, 0.09, 2.5, 1.2, 4.0, 1.5, 3.0, 0.03)
# A speaker expresses all emotions more or less strongly, and each one in an own way; each utterance varies again.
STRENGTH = (0.75, 1.1)
MANNER = 0.6
VARIATION = 0.65


def _random(*key: str | int) -> np.random.Generator:
    """A generator of its own for each key (a speaker's, an utterance's, ...), whatever the order of work."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, "<u4"))


def _expression(seed: int, name: str, emotion: str, number: int) -> Expression:
    """The utterance's departure from the speaker's neutral voice: the emotion's, the speaker's way, the moment's."""
    values = VARIATION * _random(seed, name, "moment", emotion, number).standard_normal(9) * SPREAD.values()
    if emotion != "neutral":
        strength = _random(seed, name, "strength").uniform(*STRENGTH)
        manner = MANNER * _random(seed, name, "manner", emotion).standard_normal(9)
        values += strength * EXPRESSIONS[emotion].values() + manner * SPREAD.values()
    return Expression(*values.tolist())


def job(seed: int, name: str, emotion: str, number: int, text: str) -> Job:
    """What eSpeak NG is asked to speak: a job for `espeak.speak`.

    Args:
        seed: of the corpus.
        name: of the speaker, a key of SPEAKERS.
        emotion: a key of EXPRESSIONS.
        number: of the sentence; its departures from the emotion's mean hang on it.
        text: the sentence.
    """
    speaker = SPEAKERS[name]
    e = _expression(seed, name, emotion, number)
    mean = speaker.f0 * 2 ** (e.f0 / 12)
    octaves = speaker.range * math.exp(e.range) / 12
    # eSpeak NG's F0 lies between these two; in these sentences its median is at about .7 of the way.
    low = max(mean * 2 ** (-0.7 * octaves), 55.0)
    high = low * 2**octaves
    # A voice file's pitch moves its formants too (voices.c: a quarter of the relative change); taken back here.
    tract = 100 * speaker.formants / (1 + (round(low) - 82) / 82 / 4)
    lips = tract * math.exp(e.lips)
    breath = max(e.breath, 0.0)
    lines = [
        f"name {name}",
        "language en-gb",
        f"phonemes {speaker.phonemes}",
        f"pitch {round(low)} {round(high)}",
        f"flutter {round(max(2 + e.tremor, 0))}",
        f"roughness {round(min(max(e.rough, 0), 7))}",
        *(f"formant {n} {round(lips if n in (1, 2) else tract)} 100 100" for n in range(9)),
    ]
    if breath >= 0.5:
        lines.append("breath " + " ".join(str(round(breath * share)) for share in (0.2, 0.6, 1, 1, 1, 1, 0.5, 0.5)))
        lines.append(f"voicing {round(100 - min(1.5 * breath, 40))}")
    rate = round(min(max(speaker.rate * math.exp(e.rate), 90), 320))
    noise = int(_random(seed, name, "breath", emotion, number).integers(2**31))
    return {"text": text, "voice": "\n".join(lines) + "\n", "rate": rate, "seed": noise}


def record(samples: NDArray[np.int16], rate: int, seed: int, name: str, emotion: str, number: int) -> NDArray[np.int16]:
    """Give an utterance its vocal effort, and the colour, gain and noise of the speaker's recording.

    Args:
        samples: int16 [n] of eSpeak NG.
        rate: their sampling rate in Hz.
        seed, name, emotion, number: as for `job`.

    Returns:
        int16 [n] at 16 kHz.
    """
    wave = samples.astype(np.float32) / 32768
    heard = np.flatnonzero(np.abs(wave) > 0.003)
    margin = rate // 20
    wave = soxr.resample(wave[max(heard[0] - margin, 0) : heard[-1] + margin], rate, SAMPLE_RATE)
    e = _expression(seed, name, emotion, number)
    low, high, gain, floor = _random(seed, name, "room").uniform([-4, -4, -3, 30], [4, 4, 3, 45])

    n = 1 << (len(wave) + 4096).bit_length()  # room for the filter's tail, and a length that the FFT is quick at
    frequency = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    octave = np.log2(np.maximum(frequency, 62.5) / 500)
    colour = low * np.exp(-((octave + 1.5) ** 2)) + high * np.exp(-((octave - 3) ** 2))
    decibels = colour + e.tilt * np.clip(octave, 0, 3.5)
    wave = np.fft.irfft(np.fft.rfft(wave, n) * 10 ** (decibels / 20))[: len(wave)]

    wave *= 10 ** ((e.level + gain - 26) / 20) / np.sqrt(np.mean(wave**2))
    noise = _random(seed, name, "noise", emotion, number).standard_normal(len(wave))
    wave += noise * 10 ** ((gain - 26 - floor) / 20)
    wave *= min(1.0, 0.98 / np.abs(wave).max())
    scaled: NDArray[np.float64] = np.round(wave * 32767)
    return scaled.astype(np.int16)
