"""Evaluation protocols on anybody's table: columns in, folds out, and a check that refuses leaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from ser_keras.common.errors import BadInput, nearest
from ser_keras.corpora.utterance import Gender, Split, Utterance
from ser_keras.evaluation.labels import codes_of
from ser_keras.experiment import protocols
from ser_keras.experiment.complaints import complaint
from ser_keras.experiment.protocols import PROTOCOLS, Fold, GroupBy
from ser_keras.experiment.settings import Protocol

__all__ = ["PROTOCOLS", "Fold", "make_folds", "verify"]

Column = Sequence[object] | NDArray[np.generic]  # or a data frame's column: whatever has a length and entries

OF_WINDOWS = "chunk_random"  # cuts utterances, which a table does not hold
MISSING = ("", "nan", "None", "<NA>", "NaT")  # as data frames write what is not there


def make_folds(
    speakers: Column | None,
    labels: Column,
    protocol: str = "speaker_independent",
    *,
    folds: int | None = 5,
    by: GroupBy = "speaker",
    sessions: Column | None = None,
    genders: Column | None = None,
    corpora: Column | None = None,
    splits: Column | None = None,
    test_share: float = 0.3,
    validate: bool = False,
    seed: int = 0,
) -> list[Fold]:
    """The folds of a protocol over the rows of a table, each row an utterance.

    All columns are lists, arrays or columns of a data frame, [n]; None, NaN and empty texts are missing values.

    Args:
        speakers: names, unique across corpora; None: unknown, which some protocols allow.
        labels: the classes, texts or integers; random parts have their share of each.
        protocol: a name of `PROTOCOLS`, whose `claim` says what a result by it says; not `chunk_random`.
        folds: groups of speakers, or parts; None: leave one speaker (or session) out, and for `utterance_random` one
            part of `test_share`.
        by: what `speaker_independent` keeps together; `session` needs `sessions`.
        sessions: names of recording sessions, unique across corpora.
        genders: `female` or `male`; groups of speakers then have their share of both.
        corpora: names; groups of speakers then have their share of each. `cross_corpus` needs them.
        splits: `train`, `validation` or `test`, for `predefined`.
        test_share: share of each class that is held out once.
        validate: set validation material aside within each training part: two speakers, or a tenth of the utterances
            where speakers are not kept apart.
        seed: decides groups and draws; the same seed gives the same folds.

    Returns:
        Folds with `number`, `name`, and the index arrays `train`, `validation` (empty unless asked for) and `test`;
        none of them leaks.

    Raises:
        SerKerasError: columns of different lengths, or a table that cannot bear the protocol.

    Example:
        Six speakers with two utterances each, in three folds:

        >>> from ser_keras.protocols import make_folds
        >>> speakers = ["ann", "bob", "cem", "dora", "eva", "finn"] * 2
        >>> labels = ["anger"] * 6 + ["neutral"] * 6
        >>> folds = make_folds(speakers, labels, folds=3, seed=1)
        >>> [len(fold.test) for fold in folds]
        [4, 4, 4]
        >>> {speakers[i] for i in folds[0].train} & {speakers[i] for i in folds[0].test}
        set()

        scikit-learn takes them as pairs of index arrays:

        >>> import numpy as np
        >>> from sklearn.dummy import DummyClassifier
        >>> from sklearn.model_selection import cross_val_score
        >>> pairs = [(fold.train, fold.test) for fold in folds]
        >>> cross_val_score(DummyClassifier(), np.zeros((12, 3)), labels, cv=pairs).shape
        (3,)
    """
    classes = _texts("labels", labels)
    missing = classes.count(None)
    if missing:
        raise BadInput(f"`labels`: {missing} of {len(classes)} are missing; leave these rows out")
    if protocol not in PROTOCOLS or protocol == OF_WINDOWS:
        names = [name for name in PROTOCOLS if name != OF_WINDOWS]
        raise BadInput(f"no protocol '{protocol}' for the rows of a table; nearest: {nearest(protocol, names)}")
    if protocol == "cross_corpus" and corpora is None:
        raise BadInput("protocol cross_corpus needs `corpora`")
    try:
        settings = Protocol(name=protocol, by=by, folds=folds, test_share=test_share)
    except ValidationError as error:
        problem = error.errors()[0]
        raise BadInput(f"`{problem['loc'][0]}`: {complaint(problem)} (got {problem['input']!r})") from None
    columns = {"speakers": speakers, "sessions": sessions, "genders": genders, "corpora": corpora, "splits": splits}
    utterances = _utterances(len(classes), columns)
    return protocols.make_folds(utterances, codes_of(classes), settings, seed=seed, validate=validate)


def verify(folds: Iterable[Fold | tuple[ArrayLike, ArrayLike]], speakers: Column | None) -> None:
    """Refuse folds that leak: a speaker, or a row, that is in two parts of one fold.

    Args:
        folds: what `make_folds` gave, or pairs of index arrays (training, test), as scikit-learn's splitters give.
        speakers: [n] names, one a row of the table; None: only rows are compared.

    Raises:
        SerKerasError: a fold leaks, an index is no row of the table, or a speaker is missing.

    Example:
        >>> from sklearn.model_selection import KFold
        >>> from ser_keras.protocols import verify
        >>> speakers = ["ann", "bob", "cem", "dora", "eva", "finn"] * 2
        >>> verify([([0, 6, 1, 7], [2, 8])], speakers)
        >>> try:
        ...     verify(KFold(3).split(speakers), speakers)
        ... except ValueError as error:
        ...     print(error)
        leak in fold 0 of speaker_independent: train and test share 4 speakers, ann among them
    """
    whole = [_fold(number, fold) for number, fold in enumerate(folds)]
    parts = [part for fold in whole for part in (fold.train, fold.validation, fold.test)]
    indices = np.concatenate([np.zeros(1, np.int64), *parts])
    n = int(indices.max()) + 1 if speakers is None else len(speakers)
    if indices.min() < 0 or indices.max() >= n:
        raise BadInput(f"the folds' indices run from {indices.min()} to {indices.max()}, and the table has {n} rows")
    utterances = _utterances(n, {"speakers": speakers})
    unnamed = 0 if speakers is None else sum(utterance.speaker is None for utterance in utterances)
    if unnamed:
        raise BadInput(f"`speakers`: {unnamed} of {n} are missing; leave these rows out, or compare rows alone (None)")
    try:
        protocols.verify(whole, utterances, "utterance_random" if speakers is None else "speaker_independent")
    except RuntimeError as error:
        raise BadInput(str(error)) from None


def _fold(number: int, fold: Fold | tuple[ArrayLike, ArrayLike]) -> Fold:
    """A fold, or a pair of index arrays as one."""
    if isinstance(fold, Fold):
        return fold
    train, test = (np.asarray(part) for part in fold)
    for part in (train, test):
        if part.ndim != 1 or not np.issubdtype(part.dtype, np.integer):
            raise BadInput(f"fold {number} must be a pair of index arrays, integers [n], not {part.dtype}")
    return Fold(number, str(number), train, np.array([], np.int64), test)


def _utterances(n: int, columns: dict[str, Column | None]) -> list[Utterance]:
    """One utterance a row; its name is the row's number."""
    cells: dict[str, list[str | None]] = {}
    for name, column in columns.items():
        cells[name] = [None] * n if column is None else _texts(name, column)
        if len(cells[name]) != n:
            raise BadInput(f"`{name}` has {len(cells[name])} entries, and the table {n} rows")
    for name, words in (("genders", get_args(Gender)), ("splits", get_args(Split))):
        strange = {*cells.get(name, [])} - {None, *words}
        if strange:
            raise BadInput(f"`{name}`: '{sorted(map(str, strange))[0]}' is none of {', '.join(words)}")
    nothing: list[str | None] = [None] * n
    return [
        Utterance(
            path=str(row),
            emotion="other",  # classes are labels here, whatever they are of
            speaker=speaker,
            corpus=corpus or "",
            gender=gender,  # type: ignore[arg-type]  # checked above
            split=split,  # type: ignore[arg-type]
            session=session,
        )
        for row, (speaker, session, gender, corpus, split) in enumerate(
            zip(
                cells["speakers"],
                cells.get("sessions", nothing),
                cells.get("genders", nothing),
                cells.get("corpora", nothing),
                cells.get("splits", nothing),
                strict=True,
            )
        )
    ]


def _texts(name: str, column: Column) -> list[str | None]:
    """A column's entries as texts; None for what is missing."""
    if isinstance(column, str) or not hasattr(column, "__len__"):
        raise BadInput(f"`{name}` must be a column (a list, an array, a data frame's column), not {column!r}")
    texts = [str(value).strip() for value in column]
    return [None if text in MISSING else text for text in texts]
