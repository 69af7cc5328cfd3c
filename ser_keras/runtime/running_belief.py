"""The running belief: what is shown while somebody speaks, from one window to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.common.errors import BadInput


class RunningBelief:
    """Belief in each class after each window, b_n = b_(n-1) + (p_n - b_(n-1)) / min(n, N).

    At first it is the mean of all windows so far; from N = smoothing_s / hop_s windows on, older ones fade with the
    time constant `smoothing_s`. Silence leaves it as it is; after `smoothing_s` of silence it begins anew, since
    somebody else may speak then. Kotlin and JavaScript do the same (`vectors.json` of a bundle).

    Reference: A. M. Badshah et al., PlatCon 2017, section II.E, which never forgets (`smoothing_s` infinite).

    Args:
        smoothing_s: seconds, at least 0; 0: each window speaks for itself. None or infinite: nothing fades.
        hop_s: seconds from window to window.

    Attributes:
        value: [n_classes], or None where nothing was heard, or nothing for `smoothing_s`.

    Raises:
        BadInput: times that are no such numbers.
    """

    def __init__(self, smoothing_s: float | None, hop_s: float) -> None:
        smoothing_s = np.inf if smoothing_s is None else smoothing_s
        if not (smoothing_s >= 0 and 0 < hop_s < np.inf):
            raise BadInput(f"smoothing over {smoothing_s} s every {hop_s} s: must be at least 0, and above 0")
        self._smoothing, self._hop = smoothing_s, hop_s
        self._windows = max(1.0, smoothing_s / hop_s)  # N; need not be whole
        self._heard = self._silent = 0
        self.value: NDArray[np.float64] | None = None

    def update(self, probabilities: ArrayLike | None) -> NDArray[np.float64] | None:
        """Take a window in.

        Args:
            probabilities: [n_classes], or None for a window under the speech gate.

        Returns:
            `value`.
        """
        if probabilities is None:
            self._silent += 1
            if self._silent * self._hop >= self._smoothing:
                self._heard, self.value = 0, None
            return self.value
        self._silent = 0
        self._heard += 1
        p: NDArray[np.float64] = np.asarray(probabilities, np.float64)
        if self.value is None:
            self.value = p
        else:
            self.value = self.value + (p - self.value) / min(self._heard, self._windows)
        return self.value
