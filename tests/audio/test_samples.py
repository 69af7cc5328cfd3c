"""Samples as 16-bit integers and back."""

import numpy as np

from ser_keras.audio.samples import from_int16, to_int16


class TestIntegers:
    def test_round_trip_is_exact(self):
        integers = np.arange(-32768, 32768).astype(np.int16)
        assert np.array_equal(to_int16(from_int16(integers)), integers)
        assert from_int16(integers).dtype == np.float32

    def test_ends_and_rounding(self):
        assert to_int16([-1.5, -1, 0, 0.4 / 32768, 0.6 / 32768, 1, 2]).tolist() == [
            -32768,
            -32768,
            0,
            0,
            1,
            32767,
            32767,
        ]
