"""One labelled stretch of speech."""

import dataclasses
from pathlib import Path
from typing import Literal

from ser_keras.corpora.emotions import check_emotion

Gender = Literal["female", "male"]
Split = Literal["train", "validation", "test"]


@dataclasses.dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled stretch of speech.

    Attributes:
        path: absolute path of the audio file.
        emotion: canonical emotion name (`ser_keras.corpora.emotions.EMOTIONS`).
        speaker: unique across corpora (`emodb/03`); None where the corpus names none.
        corpus: registry name of the corpus.
        name: the file's path below the corpus's folder, with `/`; stands in tables instead of `path`.
        text: what is said, or its code.
        gender: `female` or `male`.
        activation, valence: as the corpus rates them.
        intensity: as the corpus names it.
        split: `train`, `validation` or `test` where the corpus prescribes one.
        start, end: seconds within the file; None is its start or end.
        session: the recording session, unique across corpora, where the corpus has such.
    """

    path: str
    emotion: str
    speaker: str | None
    corpus: str
    name: str = ""
    text: str | None = None
    gender: Gender | None = None
    activation: float | None = None
    valence: float | None = None
    intensity: str | None = None
    split: Split | None = None
    start: float | None = None
    end: float | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        check_emotion(self.emotion)
        if not self.name:
            object.__setattr__(self, "name", Path(self.path).name)
