"""The one way to cut windows from audio, whole or as a stream of blocks."""

import numpy as np

from ser_keras.common.errors import SerKerasError, nearest

TAIL_RULES = ("drop", "pad")


def window_starts(n_samples, window, hop, tail):
    """Where the windows of a signal begin.

    Args:
        n_samples: length of the signal, at least 1.
        window, hop: samples, at least 1.
        tail: what happens to a remainder that no whole window covers: `drop`, or `pad` (one more window, zeros at
            its end). A signal shorter than one window is one padded window under either rule.

    Returns:
        int64 [n_windows], ascending, the first 0.

    Raises:
        SerKerasError: an empty signal, a window or hop below 1, an unknown rule.
    """
    for name, value in (("signal", n_samples), ("window", window), ("hop", hop)):
        if value < 1:
            raise SerKerasError(f"a {name} of {value} samples: must be at least 1")
    if tail not in TAIL_RULES:
        raise SerKerasError(f"tail rule '{tail}' is not known; nearest: {nearest(tail, TAIL_RULES)}")
    excess = max(0, n_samples - window)
    n_windows = 1 + (-(-excess // hop) if tail == "pad" else excess // hop)
    starts = np.arange(n_windows, dtype=np.int64) * hop
    return starts[starts < n_samples]  # a hop longer than the window may step over the remainder


def cut_windows(samples, window, hop, tail):
    """Cut a signal into windows.

    Args:
        samples: [n], any dtype.
        window, hop, tail: as in `window_starts`.

    Returns:
        [n_windows, window], a copy, of the dtype of `samples`.

    Raises:
        SerKerasError: as `window_starts`, or samples that aren't one-dimensional.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise SerKerasError(f"samples of shape {samples.shape}: windows are cut from one dimension")
    starts = window_starts(len(samples), window, hop, tail)
    missing = int(starts[-1]) + window - len(samples)
    if missing > 0:
        samples = np.concatenate([samples, np.zeros(missing, samples.dtype)])
    return np.lib.stride_tricks.sliding_window_view(samples, window)[starts]


def sliding_windows(blocks, window, hop, tail):
    """Cut a stream of blocks into the windows that `cut_windows` cuts from the whole.

    Args:
        blocks: iterable of float32 arrays.
        window, hop: samples.
        tail: tail rule.

    Yields:
        (start sample, samples of the signal in the window, float32 [window]).
    """
    held, first, total = np.zeros(0, np.float32), 0, 0  # `held` begins at sample `first`
    start = 0
    for block in blocks:
        total += len(block)
        held = np.concatenate([held, block])
        while start + window <= total:
            offset = start - first
            yield start, window, held[offset : offset + window]
            start += hop
        drop = min(start - first, len(held))
        held, first = held[drop:], first + drop
    if total and start < total and start in window_starts(total, window, hop, tail):
        rest = held[start - first :]
        yield start, len(rest), np.pad(rest, (0, window - len(rest)))
