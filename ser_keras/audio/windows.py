"""The one way to cut windows from audio, whole or as a stream of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import BadInput, nearest

TailRule: TypeAlias = Literal["drop", "pad"]
TAIL_RULES: tuple[TailRule, ...] = get_args(TailRule)
Scalar = TypeVar("Scalar", bound=np.generic)


def window_starts(n_samples: int, window: int, hop: int, *, tail: TailRule) -> NDArray[np.int64]:
    """Where the windows of a signal begin.

    Args:
        n_samples: length of the signal, at least 1.
        window, hop: samples, at least 1.
        tail: what happens to a remainder that no whole window covers: `drop`, or `pad` (one more window, zeros at
            its end). A signal shorter than one window is one padded window under either rule.

    Returns:
        int64 [n_windows], ascending, the first 0.

    Raises:
        BadInput: an empty signal, a window or hop below 1, an unknown rule.
    """
    for name, value in (("signal", n_samples), ("window", window), ("hop", hop)):
        if value < 1:
            raise BadInput(f"a {name} of {value} samples: must be at least 1")
    if tail not in TAIL_RULES:
        raise BadInput(f"tail rule '{tail}' is not known; nearest: {nearest(tail, TAIL_RULES)}")
    excess = max(0, n_samples - window)
    n_windows = 1 + (-(-excess // hop) if tail == "pad" else excess // hop)
    starts = np.arange(n_windows, dtype=np.int64) * hop
    return starts[starts < n_samples]  # a hop longer than the window may step over the remainder


def cut_windows(samples: NDArray[Scalar], window: int, hop: int, *, tail: TailRule) -> NDArray[Scalar]:
    """Cut a signal into windows.

    Args:
        samples: [n], any dtype.
        window, hop, tail: as in `window_starts`.

    Returns:
        [n_windows, window], a copy, of the dtype of `samples`.

    Raises:
        BadInput: as `window_starts`, or samples that are not one-dimensional.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise BadInput(f"samples of shape {samples.shape}: windows are cut from one dimension")
    starts = window_starts(len(samples), window, hop, tail=tail)
    missing = int(starts[-1]) + window - len(samples)
    if missing > 0:
        samples = np.concatenate([samples, np.zeros(missing, samples.dtype)])
    return np.lib.stride_tricks.sliding_window_view(samples, window)[starts]


def sliding_windows(
    blocks: Iterable[NDArray[np.float32]], window: int, hop: int, *, tail: TailRule
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Cut a stream of blocks into the windows that `cut_windows` cuts from the whole.

    Args:
        blocks: [n] each, of any lengths.
        window, hop, tail: as in `window_starts`.

    Yields:
        (start sample, samples of the signal in the window, float32 [window]).

    Raises:
        BadInput: as `window_starts`.
    """
    buffer, first, total = np.zeros(0, np.float32), 0, 0  # `buffer` begins at sample `first`
    start = 0
    for block in blocks:
        total += len(block)
        buffer = np.concatenate([buffer, block])
        while start + window <= total:
            offset = start - first
            yield start, window, buffer[offset : offset + window]
            start += hop
        drop = min(start - first, len(buffer))
        buffer, first = buffer[drop:], first + drop
    if total and start < total and start in window_starts(total, window, hop, tail=tail):
        rest = buffer[start - first :]
        yield start, len(rest), np.pad(rest, (0, window - len(rest)))
