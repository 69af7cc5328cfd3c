"""A change of level."""

import numpy as np
from numpy.typing import NDArray

from ser_keras.features.conditions.base import Kind, Number


def change_gain(samples: NDArray[np.floating], generator: np.random.Generator, gain_db: float) -> NDArray[np.floating]:
    """Samples at another level: [n], not clipped.

    Args:
        samples: [n].
        generator: not used.
        gain_db: decibels.
    """
    return samples * 10 ** (gain_db / 20)


GAIN = Kind(
    usage="gain:DB",
    example="gain:-20",
    summary="louder or softer; what comes above full scale is clipped",
    arguments=(Number("gain", "dB", -60, 60),),
    title=lambda gain_db: f"gain of {gain_db:+g} dB",
    distort=change_gain,
)
