"""What one kind of distortion is made of: its name's arguments, its title, and the function that distorts."""

import dataclasses
from collections.abc import Callable

import numpy as np

from ser_keras.common.errors import SerKerasError, nearest


@dataclasses.dataclass(frozen=True)
class Number:
    """A number in a condition's name.

    Attributes:
        what: what it is, as messages call it.
        unit: as messages and titles write it.
        low, high: the least and greatest value.
        whole: whether it must be an integer.
    """

    what: str
    unit: str
    low: float
    high: float
    whole: bool = False

    optional = False

    def parse(self, text):
        """The number in `text`, to six digits, so that its name says all of it.

        Raises:
            SerKerasError: no number, or out of range; begins with `what`.
        """
        kind = "an integer" if self.whole else "a number"
        allowed = f"{kind} from {self.low:g} to {self.high:g} {self.unit}"
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
    """One of some words in a condition's name; where it is left out, the first of them.

    Attributes:
        what: what it is, as messages call it.
        words: the valid ones.
    """

    what: str
    words: tuple

    optional = True

    def parse(self, text):
        """`text`, if it is one of the words.

        Raises:
            SerKerasError: it isn't; begins with `what`.
        """
        if text not in self.words:
            raise SerKerasError(f"{self.what} '{text}' is not known; nearest: {nearest(text, self.words)}")
        return text


def same_length(n, *values):
    """The length of what most kinds make of `n` samples."""
    return n


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of distortion.

    Attributes:
        usage: how it is written, with its arguments in capitals and those that may be left out in brackets.
        example: a name that is valid.
        summary: one line for `--help`.
        arguments: a Number or Choice for each argument, those that may be left out last.
        title: function, the arguments' values -> what reports call it.
        distort: function (samples [n] float32 in [-1, 1] at 16 kHz, numpy Generator, values...) -> [m] floats, finite.
        length: function (n, values...) -> m.
    """

    usage: str
    example: str
    summary: str
    arguments: tuple
    title: Callable[..., str]
    distort: Callable[..., np.ndarray]
    length: Callable[..., int] = same_length
