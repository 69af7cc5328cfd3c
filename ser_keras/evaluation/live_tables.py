"""predictions.csv of an evaluation that was heard live: a row an utterance."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from ser_keras.common.files import write_atomic
from ser_keras.evaluation.live import NO_CLASS, HeardStream, answers

COLUMNS = (
    *("file", "corpus", "speaker", "gender", "fold", "stream", "true", "predicted", "level_dbfs", "tone", "tone_dbfs"),
    *("room", "microphone", "codec", "speech_start_s", "speech_end_s", "first_right_s", "changes", "unsettled"),
)


def write_answers(path: Path, streams: Sequence[HeardStream], classes: Sequence[str]) -> None:
    """Write what a display said of each utterance; docs/live.md describes the columns. Atomic.

    Args:
        path: the file.
        streams: all streams, heard.
        classes: names of the classes in the order of the beliefs' columns.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{name}" for name in classes)])
    for stream in streams:
        for answer in answers(stream):
            u, silent = answer.utterance, answer.shown == NO_CLASS
            writer.writerow(
                [
                    *(u.file, u.corpus, u.speaker or "", u.gender or "", u.fold, stream.number, classes[u.true]),
                    *("" if silent else classes[answer.shown], f"{u.level_dbfs:.9g}", stream.tone),
                    *(f"{stream.tone_dbfs:.9g}", int(stream.in_room), int(stream.through_microphone), stream.codec),
                    *(f"{u.speech_start_s:.9g}", f"{u.speech_end_s:.9g}"),
                    f"{answer.first_right_s:.9g}" if math.isfinite(answer.first_right_s) else "",
                    *(answer.changes, answer.unsettled),
                    *("" if silent else f"{p:.9g}" for p in answer.belief),
                ]
            )
    write_atomic(path, buffer.getvalue().encode("utf-8", "surrogateescape"))
