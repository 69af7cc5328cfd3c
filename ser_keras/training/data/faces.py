"""Frames, alone or beside the sound of their chunks, as what training and evaluation read."""

import numpy as np

from ser_keras.common.errors import SerKerasError
from ser_keras.features.faces.stores import JoinedStore
from ser_keras.training.data import feature_store
from ser_keras.training.data.feature_store import Material, Variant


def extract(
    decoded,
    items,
    labels,
    spans,
    front_end,
    window,
    hop,
    tail,
    augmentation=None,
    seed=0,
    sequence=False,
    condition=None,
    around=None,
):
    """A row for each frame of each item, or for each chunk.

    Args:
        decoded: Decoded with `frames` (`watch.watch`).
        front_end: one of FACE_FRONT_ENDS.
        items, labels, spans, window, hop, tail, sequence, condition, around: as in `material.extract`.
        augmentation, seed: mode none; pictures aren't varied.

    Returns:
        Material.

    Raises:
        SerKerasError: a condition where nothing is heard.
    """
    if front_end.sees == "both":
        return _joined(decoded, items, labels, spans, front_end, window, hop, tail, sequence, condition, around)
    if condition is not None:
        raise SerKerasError(f"condition {condition.name} distorts sound, and {front_end.NAME} looks at pictures alone")
    whole = spans if around is None else around
    first_row, starts = [], []
    for utterance, offset in zip(_utterances(decoded, whole), (spans - whole)[:, 0].tolist(), strict=True):
        shown = decoded.frames.starts[utterance]
        # An item of `chunk_random` is one frame.
        first = 0 if around is None else int(np.searchsorted(shown, offset))
        first_row.append(decoded.frames.first_row[utterance] + first)
        starts.append(shown if around is None else np.zeros(1, int))
    rows = Variant(np.array(first_row), np.array([len(s) for s in starts]))
    return Material(
        *(items, np.asarray(labels), rows.first_row, rows.n_windows, starts, decoded.frames.store, window, spans),
        audio_store=decoded.store,
        around=whole,
        variants=[rows],
        sequence=sequence,
    )


def _joined(decoded, items, labels, spans, front_end, window, hop, tail, sequence, condition, around):
    """The sound's own material, with a frame behind each row."""
    heard = feature_store.extract(
        *(decoded, items, labels, spans, front_end.sound, window, hop, tail),
        sequence=sequence,
        condition=condition,
        around=around,
    )
    utterances = _utterances(decoded, heard.around)
    frames = []
    for utterance, offset, starts in zip(utterances, (spans - heard.around)[:, 0], heard.starts, strict=True):
        frames.append(decoded.frames.first_row[utterance] + (offset + starts) // hop)
    store = JoinedStore(
        [heard.store, decoded.frames.store], [heard.rows(np.arange(len(items)))[0], np.concatenate(frames)]
    )
    first_row = np.cumsum(heard.n_windows) - heard.n_windows
    return Material(
        *(items, heard.labels, first_row, heard.n_windows, heard.starts, store, window, heard.spans),
        audio_store=heard.audio_store,
        around=heard.around,
        variants=[Variant(first_row, heard.n_windows)],
        sequence=sequence,
    )


def _utterances(decoded, around):
    """The number of the utterance that each item is, or is a part of; spans that are cut short begin where it does."""
    number = {first: i for i, first in enumerate(decoded.spans[:, 0].tolist())}
    return [number[first] for first in around[:, 0].tolist()]
