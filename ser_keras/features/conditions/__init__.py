"""Conditions: distortions of test audio, under which a trained model is evaluated again.

A condition is written as its kind and values, `noise:20`; several in the order in which they happen,
`reverb:0.5+noise:20`. One's own kind is written `module:name`: `my_package.places:kitchen:0.3`.
"""

import dataclasses
import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common import plugins
from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.features.conditions.base import Choice, Kind
from ser_keras.features.conditions.channel import RATE, TELEPHONE
from ser_keras.features.conditions.gain import GAIN
from ser_keras.features.conditions.microphone import MICROPHONE
from ser_keras.features.conditions.noise import NOISE
from ser_keras.features.conditions.opus import OPUS
from ser_keras.features.conditions.pause import PAUSE
from ser_keras.features.conditions.room import REVERB
from ser_keras.features.conditions.snippet import SNIPPET

__all__ = ["CONDITIONS", "VERSION", "Condition", "Step", "folder_name", "parse"]

VERSION = 1  # of what conditions do to samples: raised when that changes, since features are cached

_SHIPPED = {
    "noise": NOISE,
    "rate": RATE,
    "telephone": TELEPHONE,
    "opus": OPUS,
    "microphone": MICROPHONE,
    "reverb": REVERB,
    "pause": PAUSE,
    "gain": GAIN,
    "snippet": SNIPPET,
}

CONDITIONS: plugins.Registry[Kind] = plugins.Registry(
    _SHIPPED,
    kind="condition",
    group="ser_keras.conditions",
    check=lambda part: isinstance(part, Kind),
    expected="a Kind of ser_keras.features.conditions.base",
)

STEP_MARK = re.compile(r"\+(?![\d.])")  # before a digit it is a number's sign, as in gain:+6


@dataclasses.dataclass(frozen=True)
class Step:
    """One distortion of a condition; made by `parse`.

    Attributes:
        kind: a name in CONDITIONS.
        values: a value for each of the kind's arguments.
    """

    kind: str
    values: tuple[float | str, ...] = ()

    @property
    def name(self) -> str:
        """The kind and its values, without default values: `noise:20`."""
        arguments = zip(CONDITIONS[self.kind].arguments, self.values, strict=True)
        values = [v for a, v in arguments if not (isinstance(a, Choice) and v == a.words[0])]
        return ":".join([self.kind, *(v if isinstance(v, str) else f"{v:g}" for v in values)])

    @property
    def title(self) -> str:
        """The title in reports: `white noise at 20 dB SNR`."""
        return CONDITIONS[self.kind].title(*self.values)


@dataclasses.dataclass(frozen=True)
class Condition:
    """A distortion of audio, or several in their order; made by `parse`.

    Attributes:
        steps: the distortions.
    """

    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The canonical name, whatever its spelling was (`noise:20`); `parse` takes it."""
        return "+".join(step.name for step in self.steps)

    @property
    def identity(self) -> list[str]:
        """What decides the samples: the name, and the sources of kinds that are the user's; a part of cache keys."""
        kinds = [step.kind for step in self.steps if plugins.is_own_part(step.kind)]
        return [self.name, *(digest for kind in kinds if (digest := plugins.source_digest(kind)))]

    @property
    def title(self) -> str:
        """The title in reports: `white noise at 20 dB SNR`."""
        return ", then ".join(step.title for step in self.steps)

    def __call__(self, samples: ArrayLike, seed: int) -> NDArray[np.float32]:
        """Distort one utterance.

        Every step gets finite samples in [-1, 1], as a device does: samples that the step before made louder than full
        scale are clipped.

        Args:
            samples: [n] floats at 16 kHz in [-1, 1]; samples that are not finite become 0, others are clipped.
            seed: equal samples, condition and seed give equal results; give each utterance a seed of its own, or all
                of them get the same noise.

        Returns:
            [self.length(n)] in [-1, 1], a new array. What is at sample i of `samples` is at self.lead + i.

        Raises:
            SerKerasError: samples that are not one-dimensional.
        """
        wave = np.asarray(samples, np.float32)
        if wave.ndim != 1:
            raise SerKerasError(f"a condition takes one channel [n], not {list(wave.shape)}; mix the channels first")
        wave = np.clip(np.where(np.isfinite(wave), wave, np.float32(0)), -1, 1)
        if not wave.size:
            return wave
        for number, step in enumerate(self.steps):
            generator = np.random.default_rng([int(seed) & 0xFFFFFFFFFFFFFFFF, number])  # takes no negative seeds
            distorted = CONDITIONS[step.kind].distort(wave, generator, *step.values)
            wave = np.clip(distorted, -1, 1).astype(np.float32)
        return wave

    def length(self, n: int) -> int:
        """The number of samples after distortion of `n`: `n`, unless a snippet is taken or a pause is added."""
        for step in self.steps:
            n = CONDITIONS[step.kind].length(n, *step.values)
        return n

    @property
    def lead(self) -> int:
        """How many samples are put in front of an utterance: none, unless a pause is added.

        Every event is so many samples later in what is heard.
        """
        return sum(CONDITIONS[step.kind].lead(*step.values) for step in self.steps)


def parse(text: str) -> Condition:
    """The condition that a user wrote: `noise:20`, `noise:10:pink`, `telephone+noise:20`.

    Args:
        text: kinds of CONDITIONS, each followed by its values after colons, joined by `+` in the order in which they
            happen. Case does not matter.

    Raises:
        SerKerasError: an unknown kind, a value that is missing, too many, or out of range.
    """
    text = str(text)
    try:
        return Condition(tuple(_parse_step(part) for part in STEP_MARK.split(text)))
    except SerKerasError as error:
        raise SerKerasError(f"condition '{text}': {error}") from None


def trust(text: str) -> None:
    """Allow the modules of a condition that the user wrote: `module:name:values`."""
    for part in STEP_MARK.split(text):
        kind, _ = _kind_and_values(part)
        if plugins.is_own_part(kind):
            plugins.trust(kind)


def _kind_and_values(text: str) -> tuple[str, list[str]]:
    """The kind of a step, which may be `module:name`, and its values as they are written."""
    name, *words = (word.strip() for word in text.split(":"))
    if name.lower() in CONDITIONS:
        return name.lower(), [word.lower() for word in words]
    if words and plugins.is_own_part(f"{name}:{words[0]}"):
        return f"{name}:{words[0]}", words[1:]
    return name, words


def _parse_step(text: str) -> Step:
    name, words = _kind_and_values(text)
    if not name:
        raise SerKerasError("a distortion's name is missing; known: " + ", ".join(CONDITIONS))
    if name not in CONDITIONS:
        raise SerKerasError(f"'{name}' is not known; nearest: {nearest(name, CONDITIONS)}")
    kind = CONDITIONS[name]
    required = sum(not a.optional for a in kind.arguments)
    if not required <= len(words) <= len(kind.arguments) or "" in words:
        raise SerKerasError(f"it is written {kind.usage}, e.g. {kind.example}")
    defaults = [a.words[0] for a in kind.arguments[len(words) :] if isinstance(a, Choice)]
    return Step(name, (*(a.parse(word) for a, word in zip(kind.arguments, words, strict=False)), *defaults))


def folder_name(condition: Condition) -> str:
    """A condition's name as the name of a folder, on every file system; different for different conditions.

    `noise_20`, `telephone+noise_10`.
    """
    return condition.name.replace(":", "_")
