"""The declaration of a kind of distortion: its arguments, its title, and the function that distorts."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError, nearest


@dataclasses.dataclass(frozen=True)
class Number:
    """A number in a condition's name.

    Attributes:
        what: its name in messages.
        unit: in messages; "" where it has none.
        low, high: the least and greatest value.
        whole: whether it must be an integer.
    """

    what: str
    unit: str
    low: float
    high: float
    whole: bool = False

    optional = False

    def parse(self, text: str) -> float:
        """The number in `text`, to six digits, so that the condition's name shows the whole value.

        Raises:
            SerKerasError: no number, or out of range; begins with `what`.
        """
        kind = "an integer" if self.whole else "a number"
        allowed = f"{kind} from {self.low:g} to {self.high:g} {self.unit}".rstrip()
        try:
            # Zero is added so that -0 and 0 have one name.
            value = float(f"{float(text):g}") + 0.0
        except ValueError:
            raise SerKerasError(f"{self.what} is '{text}'; it must be {allowed}") from None
        if not self.low <= value <= self.high or (self.whole and value != int(value)):
            raise SerKerasError(f"{self.what} is {text}; it must be {allowed}")
        return int(value) if self.whole else value


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some words in a condition's name; optional: the first word is the default.

    Attributes:
        what: its name in messages.
        words: the valid words.
    """

    what: str
    words: tuple[str, ...]

    optional = True

    def parse(self, text: str) -> str:
        """`text`, if it is one of the words.

        Raises:
            SerKerasError: it is not; begins with `what`.
        """
        if text not in self.words:
            raise SerKerasError(f"{self.what} '{text}' is not known; nearest: {nearest(text, self.words)}")
        return text


def same_length(n: int, *values: float | str) -> int:
    """The length of most kinds' result: that of their `n` samples."""
    return n


def no_lead(*values: float | str) -> int:
    """What most kinds put in front of an utterance: nothing."""
    return 0


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of distortion.

    Attributes:
        usage: syntax, with arguments in capitals and optional ones in brackets.
        example: a valid name.
        summary: one line for `--help`.
        arguments: a Number or Choice for each argument, optional ones last.
        title: function, the arguments' values -> title in reports.
        distort: function (samples [n] float32 in [-1, 1] at 16 kHz, numpy Generator, values...) -> [m] floats, finite.
        length: function (n, values...) -> m; 0 for 0.
        lead: function (values...) -> samples that it puts in front of an utterance.
    """

    usage: str
    example: str
    summary: str
    arguments: tuple[Number | Choice, ...]
    title: Callable[..., str]
    distort: Callable[..., NDArray[np.floating]]
    length: Callable[..., int] = same_length
    lead: Callable[..., int] = no_lead
