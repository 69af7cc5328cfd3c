"""The mu-law code of digital telephony: 16-bit samples as 8-bit ones, with steps that grow with the level.

Reference: ITU-T G.711 (1988), table 2: 8 segments of 16 steps for each sign; the curve of straight lines that
approximates ln(1 + 255 |x|) / ln(256).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio.samples import from_int16, to_int16

BIAS = 132  # moves the segments' ends to powers of two, in 16-bit units
LARGEST = 32635  # the largest magnitude whose biased value is below 2^15
FIRST_BIT = 7  # of a biased value in the first segment


def mu_law_encode(samples: ArrayLike) -> NDArray[np.uint8]:
    """The mu-law code of each sample.

    Args:
        samples: any shape, floats in [-1, 1]; rounded to 16 bits first.

    Returns:
        Codes as sent on a line: all bits inverted, so that silence is 255.
    """
    linear = to_int16(samples).astype(np.int32)
    biased = np.minimum(np.abs(linear), LARGEST) + BIAS
    segment = np.frexp(biased)[1] - 1 - FIRST_BIT
    step = (biased >> (segment + 3)) & 15
    return ~((linear < 0) << 7 | segment << 4 | step).astype(np.uint8)


def mu_law_decode(codes: ArrayLike) -> NDArray[np.float32]:
    """The sample that each mu-law code stands for.

    Args:
        codes: any shape, bytes.

    Returns:
        The same shape, within (-1, 1); multiples of 1 / 8192.
    """
    bits = ~np.asarray(codes, np.uint8)
    segment, step = (bits >> 4 & 7).astype(np.int32), (bits & 15).astype(np.int32)
    magnitude = (((step << 3) + BIAS) << segment) - BIAS
    return from_int16(np.where(bits & 128, -magnitude, magnitude))
