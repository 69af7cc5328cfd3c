"""How windows are cut."""

import numpy as np
import pytest

from ser_keras.audio.windows import TAIL_RULES, cut_windows, window_starts
from ser_keras.common.errors import SerKerasError


class TestWindows:
    @pytest.mark.parametrize(
        "n, window, hop, tail, starts",
        [
            (10, 4, 2, "drop", [0, 2, 4, 6]),
            (11, 4, 2, "drop", [0, 2, 4, 6]),
            (11, 4, 2, "pad", [0, 2, 4, 6, 8]),
            (10, 4, 2, "pad", [0, 2, 4, 6]),
            (4, 4, 4, "drop", [0]),
            (4, 4, 4, "pad", [0]),
            (5, 4, 4, "pad", [0, 4]),
            (3, 4, 4, "drop", [0]),
            (1, 4, 1, "pad", [0]),
            (8, 4, 10, "pad", [0]),  # the hop steps over the remainder
            (11, 4, 10, "pad", [0, 10]),
            (14, 4, 10, "drop", [0, 10]),
            (8800, 8800, 8192, "drop", [0]),
            (16992, 8800, 8192, "drop", [0, 8192]),
        ],
    )
    def test_starts(self, n, window, hop, tail, starts):
        assert window_starts(n, window, hop, tail=tail).tolist() == starts

    @pytest.mark.parametrize("tail", TAIL_RULES)
    @pytest.mark.parametrize("window, hop", [(1, 1), (4, 1), (4, 4), (5, 3), (3, 7)])
    def test_contents(self, window, hop, tail):
        for n in range(1, 40):
            samples = np.arange(1, n + 1, dtype=np.int16)
            result = cut_windows(samples, window, hop, tail=tail)
            starts = window_starts(n, window, hop, tail=tail)
            padded = np.concatenate([samples, np.zeros(window, np.int16)])
            assert result.dtype == np.int16 and result.shape == (len(starts), window)
            for row, start in zip(result, starts, strict=True):
                assert row.tolist() == padded[start : start + window].tolist()
            whole = starts + window <= n
            assert whole.all() or (n < window and len(starts) == 1) or (tail == "pad" and whole[:-1].all())
            if tail == "pad" and hop <= window:
                assert starts[-1] + window >= n  # every sample is seen

    def test_a_copy(self):
        samples = np.arange(8.0)
        result = cut_windows(samples, 4, 4, tail="drop")
        result[:] = 0
        assert samples.sum() == 28

    @pytest.mark.parametrize(
        "args, words",
        [
            ((np.zeros(0), 4, 4, "drop"), "signal"),
            ((np.zeros(9), 0, 4, "drop"), "window"),
            ((np.zeros(9), 4, 0, "pad"), "hop"),
            ((np.zeros(9), 4, 4, "padd"), "nearest: pad"),
            ((np.zeros((9, 2)), 4, 4, "pad"), "one dimension"),
        ],
    )
    def test_bad_input(self, args, words):
        with pytest.raises(SerKerasError, match=words):
            cut_windows(*args[:3], tail=args[3])
