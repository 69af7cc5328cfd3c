"""Frames, alone or beside the sound of their chunks, as what training and evaluation read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ser_keras.common.errors import SerKerasError
from ser_keras.common.row_store import RowStore
from ser_keras.features.faces.frontends import AudioVisual, FaceFrontEnd
from ser_keras.features.faces.stores import JoinedStore
from ser_keras.features.faces.watch import Frames
from ser_keras.training.data import extraction
from ser_keras.training.data.feature_store import Material, Variant
from ser_keras.training.data.items import Items, Windowing

if TYPE_CHECKING:
    from ser_keras.features.conditions import Condition


def extract(
    items: Items,
    front_end: FaceFrontEnd,
    windowing: Windowing,
    *,
    sequence: bool = False,
    condition: Condition | None = None,
    needed: NDArray[np.int64] | None = None,
) -> Material:
    """A row for each frame of each item, or for each chunk; pictures are not varied.

    Args:
        items: utterances or chunks whose audio has `frames`.
        front_end: one of FACE_FRONT_ENDS.
        windowing, sequence, condition, needed: as in `extraction.extract`.

    Raises:
        SerKerasError: a condition where nothing is heard, or one that moves the sound against its pictures.
    """
    frames = items.audio.frames
    assert frames is not None
    if front_end.sees == "both":
        audio_visual = cast(AudioVisual, front_end)
        if condition is not None and condition.lead:
            raise SerKerasError(
                f"condition {condition.name} moves the sound, and {front_end.NAME} looks at its pictures too"
            )
        sound = extraction.extract(
            items, audio_visual.sound, windowing, sequence=sequence, condition=condition, needed=needed
        )
        return _joined(items, frames, sound, windowing.hop)
    if condition is not None:
        raise SerKerasError(f"condition {condition.name} distorts sound, and {front_end.NAME} looks at pictures alone")
    first_row, starts = [], []
    for utterance, offset in zip(_utterances(items), (items.spans - items.around)[:, 0].tolist(), strict=True):
        shown = frames.starts[utterance]
        # An item of `chunk_random` is one frame.
        first = int(np.searchsorted(shown, offset)) if items.chunked else 0
        first_row.append(frames.first_row[utterance] + first)
        starts.append(np.zeros(1, int) if items.chunked else shown)
    rows = Variant(np.array(first_row), np.array([len(shown) for shown in starts]))
    return Material(
        items=items.utterances,
        labels=np.asarray(items.labels),
        starts=starts,
        store=frames.store,
        window=windowing.window,
        spans=items.spans,
        audio_store=items.audio.store,
        around=items.around,
        unchanged=rows,
        variants=[rows],
        sequence=sequence,
        chunked=items.chunked,
    )


def _joined(items: Items, frames: Frames, sound: Material, hop: int) -> Material:
    """The sound's own material, with a frame behind each row."""
    offsets = (items.spans - sound.around)[:, 0]
    numbers = []
    for i, (utterance, offset) in enumerate(zip(_utterances(items), offsets, strict=True)):
        starts = sound.starts[i][: sound.n_windows[i]]
        numbers.append(frames.first_row[utterance] + (offset + starts) // hop)
    rows, _ = sound.rows(np.arange(len(items)))
    first_row = np.cumsum(sound.n_windows) - sound.n_windows
    joined = Variant(first_row, sound.n_windows)
    return Material(
        items=sound.items,
        labels=sound.labels,
        starts=sound.starts,
        store=JoinedStore([cast(RowStore, sound.store), frames.store], [rows, np.concatenate(numbers)]),
        window=sound.window,
        spans=sound.spans,
        audio_store=sound.audio_store,
        around=sound.around,
        unchanged=joined,
        variants=[joined],
        sequence=sound.sequence,
        chunked=sound.chunked,
    )


def _utterances(items: Items) -> list[int]:
    """The number of the utterance that each item is, or is a part of; spans that are cut short begin where it does."""
    number = {first: i for i, first in enumerate(items.audio.spans[:, 0].tolist())}
    return [number[first] for first in items.around[:, 0].tolist()]
