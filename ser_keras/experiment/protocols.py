"""Evaluation protocols: utterances -> folds, before anything is cut or augmented.

A fold names its utterances by their index. `chunk_random` splits single windows: `expand_chunks` first makes an
utterance of each, so that everything behind a fold is the same for all protocols.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.common.seeds import Stream
from ser_keras.corpora.utterance import Utterance
from ser_keras.experiment.settings import Protocol

Indices = NDArray[np.int64]
GroupBy = Literal["speaker", "session"]
Unseen = Literal["speaker", "corpus", "utterance"]
NamedParts = list[tuple[str, Indices, Indices]]  # of each fold: its name, test indices, training indices
Build = Callable[[Sequence[Utterance], Indices, Protocol, np.random.Generator], NamedParts]


@dataclasses.dataclass(frozen=True)
class Fold:
    """Index arrays into the list of utterances; `validation` is empty where nothing is validated."""

    number: int
    name: str
    train: Indices
    validation: Indices
    test: Indices


@dataclasses.dataclass(frozen=True)
class ProtocolKind:
    """A protocol's builder and its promise.

    Attributes:
        build: (utterances, labels, settings, rng) -> (name, test indices, training indices) of each fold.
        claim: what a report says of it.
        unseen: what of a test utterance training never sees; None: its own windows are on both sides.
        leaky: whether windows of one utterance can stand on both sides.
        needs_speakers: whether it can't be run without speaker names.
    """

    build: Build
    claim: str
    unseen: Unseen | None
    leaky: bool = False
    needs_speakers: bool = False


def _rest(n: int, test: Indices) -> Indices:
    keep = np.ones(n, bool)
    keep[test] = False
    return np.flatnonzero(keep)


def _stratified(labels: Indices, k: int, rng: np.random.Generator) -> list[Indices]:
    """k disjoint parts of range(len(labels)), each with its share of every class."""
    parts: list[list[int]] = [[] for _ in range(k)]
    turn = 0
    for label in np.unique(labels):
        for index in rng.permutation(np.flatnonzero(labels == label)):
            parts[turn % k].append(index)
            turn += 1
    return [np.sort(np.array(p, int)) for p in parts]


def speaker_groups(
    utterances: Sequence[Utterance], k: int, rng: np.random.Generator, *, by: GroupBy = "speaker"
) -> list[list[str]]:
    """Speakers in k groups that differ by one at most, each with its share of every corpus and both genders.

    `by="session"`: sessions, each with its share of every corpus.
    """
    kinds = {_group(u, by): (u.corpus, (u.gender or "") if by == "speaker" else "") for u in utterances}
    if k > len(kinds):
        raise SerKerasError(f"protocol.folds={k}, but there are {len(kinds)} {by}s; give at most that many")
    ordered: list[str] = []
    for kind in sorted(set(kinds.values())):
        speakers = np.array(sorted(s for s in kinds if kinds[s] == kind))
        rng.shuffle(speakers)
        ordered += speakers.tolist()
    return [ordered[i::k] for i in range(k)]


def _group(utterance: Utterance, by: GroupBy) -> str:
    """The speaker or session of an utterance; empty where it names none."""
    return (utterance.speaker if by == "speaker" else utterance.session) or ""


def _speaker_independent(
    utterances: Sequence[Utterance], labels: Indices, settings: Protocol, rng: np.random.Generator
) -> NamedParts:
    units = [_group(u, settings.by) for u in utterances]
    if "" in units:
        raise SerKerasError(
            f"protocol.by=session needs sessions, and {units.count('')} of {len(units)} utterances name none; "
            "use protocol.by=speaker"
        )
    sessions: dict[str | None, str] = {}
    for u, session in zip(utterances, units, strict=True):
        if sessions.setdefault(u.speaker, session) != session:
            raise SerKerasError(
                f"{u.speaker} speaks in the sessions {sessions[u.speaker]} and {session}: leaving one session out "
                "wouldn't keep speakers apart; use protocol.by=speaker"
            )
    speakers = np.array(units)
    k = settings.folds or (settings.folds_at_most and min(settings.folds_at_most, len(set(speakers))))
    groups = speaker_groups(utterances, k, rng, by=settings.by) if k else [[s] for s in sorted(set(speakers))]
    if len(groups) < 2:
        raise SerKerasError(
            f"speaker_independent needs two {settings.by}s; a single speaker can be run as single_speaker"
        )
    n = len(utterances)
    tests = [np.flatnonzero(np.isin(speakers, g)) for g in groups]
    return [(" ".join(g), test, _rest(n, test)) for g, test in zip(groups, tests, strict=True)]


def _parts(settings: Protocol) -> int:
    """How many parts of utterances, where speakers aren't kept apart."""
    return settings.folds or settings.folds_at_most or 5


def _speaker_dependent(
    utterances: Sequence[Utterance], labels: Indices, settings: Protocol, rng: np.random.Generator
) -> NamedParts:
    n, k = len(utterances), _parts(settings)
    return [(f"part {i}", t, _rest(n, t)) for i, t in enumerate(_stratified(labels, k, rng))]


def _single_speaker(
    utterances: Sequence[Utterance], labels: Indices, settings: Protocol, rng: np.random.Generator
) -> NamedParts:
    speakers = np.array([u.speaker for u in utterances])
    folds = []
    for speaker in sorted(set(speakers)):
        members = np.flatnonzero(speakers == speaker)
        for i, part in enumerate(_stratified(labels[members], _parts(settings), rng)):
            folds.append((f"{speaker} part {i}", members[part], members[_rest(len(members), part)]))
    return folds


def _holdout(labels: Indices, settings: Protocol, rng: np.random.Generator) -> NamedParts:
    """Stratified test share, drawn once."""
    shares = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        shares.append(members[: max(1, round(settings.test_share * len(members)))])
    test = np.sort(np.concatenate(shares))
    return [("holdout", test, _rest(len(labels), test))]


def _random(
    utterances: Sequence[Utterance], labels: Indices, settings: Protocol, rng: np.random.Generator
) -> NamedParts:
    return (
        _holdout(labels, settings, rng)
        if settings.folds is None and settings.folds_at_most is None
        else _speaker_dependent(utterances, labels, settings, rng)
    )


def _predefined(
    utterances: Sequence[Utterance], labels: Indices, settings: Protocol, rng: np.random.Generator
) -> NamedParts:
    split = np.array([u.split or "" for u in utterances])
    counts = {name: int((split == name).sum()) for name in ("train", "validation", "test")}
    if not counts["train"] or not counts["test"]:
        raise SerKerasError(
            "protocol predefined needs utterances whose split is 'train' and 'test'; "
            f"the corpus gives {counts['train']} and {counts['test']}"
        )
    return [("predefined", np.flatnonzero(split == "test"), np.flatnonzero(split == "train"))]


def _cross_corpus(
    utterances: Sequence[Utterance], labels: Indices, settings: Protocol, rng: np.random.Generator
) -> NamedParts:
    corpora = np.array([u.corpus for u in utterances])
    names = sorted(set(corpora))
    if len(names) < 2:
        raise SerKerasError(f"protocol cross_corpus needs two corpora; only '{names[0]}' was given")
    of_speaker: dict[str, str] = {}
    for u in utterances:
        if u.speaker is not None and of_speaker.setdefault(u.speaker, u.corpus) != u.corpus:
            raise SerKerasError(
                f"protocol cross_corpus: {u.speaker} speaks in {of_speaker[u.speaker]} and in {u.corpus}; leave one out"
            )
    n = len(utterances)
    tests = [np.flatnonzero(corpora == name) for name in names]
    return [(name, test, _rest(n, test)) for name, test in zip(names, tests, strict=True)]


PROTOCOLS = {
    "speaker_independent": ProtocolKind(
        _speaker_independent,
        "Speakers of the test fold were never seen in training, selection or normalisation.",
        "speaker",
        needs_speakers=True,
    ),
    "speaker_dependent": ProtocolKind(
        _speaker_dependent,
        "Speaker-dependent: the test speakers' other utterances are in training. It says nothing about new speakers.",
        "utterance",
    ),
    "single_speaker": ProtocolKind(
        _single_speaker,
        "One speaker at a time, in training and in test. It says nothing about new speakers.",
        "utterance",
        needs_speakers=True,
    ),
    "utterance_random": ProtocolKind(
        _random,
        "Random utterances are held out: the test speakers' other utterances are in training. "
        "It says nothing about new speakers.",
        "utterance",
    ),
    "predefined": ProtocolKind(
        _predefined,
        "The corpus's own split. Whether it keeps speakers apart is the corpus's matter.",
        "utterance",
    ),
    "cross_corpus": ProtocolKind(
        _cross_corpus, "Trained on the other corpora, tested on one that training never saw.", "corpus"
    ),
    "chunk_random": ProtocolKind(
        _random,
        "LEAKY: chunks of one utterance are on both sides of the split. "
        "The figure can't be compared with speaker-independent ones.",
        None,
        leaky=True,
    ),
}


def protocol_kind(name: str, utterances: Sequence[Utterance] = ()) -> ProtocolKind:
    """The ProtocolKind of a name, checked against what the utterances can bear.

    Raises:
        SerKerasError: unknown, or it needs speakers and some utterance has none.
    """
    if name not in PROTOCOLS:
        raise SerKerasError(f"no protocol '{name}'; nearest: {nearest(name, PROTOCOLS)}")
    kind = PROTOCOLS[name]
    unnamed = sum(u.speaker is None for u in utterances)
    if kind.needs_speakers and unnamed:
        remaining = ", ".join(n for n, k in PROTOCOLS.items() if not k.needs_speakers)
        raise SerKerasError(
            f"protocol {name} needs speakers, and {unnamed} of {len(utterances)} utterances name none; "
            f"without them these remain: {remaining}"
        )
    return kind


def make_folds(
    utterances: Sequence[Utterance],
    labels: ArrayLike,
    settings: Protocol,
    *,
    seed: int,
    validate: bool = False,
) -> list[Fold]:
    """The folds of a protocol.

    Args:
        utterances: for `chunk_random`: what `expand_chunks` returned.
        labels: [n] their classes, ints.
        settings: the protocol and its options.
        seed: decides groups and draws; the same seed gives the same folds.
        validate: set validation material aside within each training part: two speakers, one of each gender where
            they are known, another pair each fold; a tenth of the utterances where speakers aren't kept apart.

    Returns:
        The folds. Without `validate` the validation parts are empty, but for a predefined split's own.

    Raises:
        SerKerasError: the utterances can't bear the protocol.
    """
    kind = protocol_kind(settings.name, utterances)
    if settings.by != "speaker" and settings.name != "speaker_independent":
        raise SerKerasError(f"protocol.by={settings.by} is for speaker_independent, not for {settings.name}")
    classes = np.asarray(labels)
    folds = []
    for number, (name, test, train) in enumerate(
        kind.build(utterances, classes, settings, seeds.generator(seed, Stream.FOLDS))
    ):
        validation = np.array([], int)
        if settings.name == "predefined":
            validation = np.array([i for i, u in enumerate(utterances) if u.split == "validation"], int)
        if validate and not len(validation):
            rng = seeds.generator(seed, Stream.VALIDATION, number)
            validation = _validation(utterances, classes, train, number=number, kind=kind, rng=rng)
            train = np.setdiff1d(train, validation)
        folds.append(Fold(number, name, train, validation, test))
    for fold in folds:
        if not len(fold.train) or not len(fold.test):
            side = "training" if not len(fold.train) else "test"
            raise SerKerasError(f"fold {fold.number} ({fold.name}) has no {side} utterances; use fewer folds")
    verify(folds, utterances, settings.name)
    return folds


def _validation(
    utterances: Sequence[Utterance],
    labels: Indices,
    train: Indices,
    *,
    number: int,
    kind: ProtocolKind,
    rng: np.random.Generator,
) -> Indices:
    """The validation part within a fold's training part; see `make_folds`."""
    speakers = {utterances[i].speaker or "": utterances[i].gender for i in train}
    if kind.unseen in ("speaker", "corpus") and "" not in speakers:
        women = sorted(s for s in speakers if speakers[s] == "female")
        men = sorted(s for s in speakers if speakers[s] == "male")
        if women and men:
            pair = {women[number % len(women)], men[number % len(men)]}
        else:
            every = sorted(speakers)
            pair = {every[number % len(every)], every[(number + 1) % len(every)]}
        if len(speakers) <= len(pair):
            raise SerKerasError(
                f"early stopping sets two training speakers aside, and fold {number} has {len(speakers)}; "
                "use training.early_stopping=null"
            )
        return np.array([i for i in train if utterances[i].speaker in pair])
    return train[_stratified(labels[train], 10, rng)[0]]


def verify(folds: Iterable[Fold], utterances: Sequence[Utterance], protocol: str) -> None:
    """Stop if a fold breaks its protocol's promise: an internal check, run before every training.

    Raises:
        RuntimeError: test material of a fold is in its training or validation part.
    """
    unseen = PROTOCOLS[protocol].unseen
    for fold in folds:
        parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
        keys = {part: _keys(utterances, indices, unseen) for part, indices in parts.items()}
        for part, other in (("train", "test"), ("validation", "test"), ("train", "validation")):
            # A corpus's own validation speakers may be in its training part; the test part never is.
            shared = keys[part] & keys[other] if other == "test" or unseen != "corpus" else set()
            if shared:
                raise RuntimeError(
                    f"leak in fold {fold.number} of {protocol}: {part} and {other} share {len(shared)} "
                    f"{unseen or 'chunk'}s, {sorted(map(str, shared))[0]} among them"
                )


def _keys(utterances: Sequence[Utterance], indices: Indices, unseen: Unseen | None) -> set[object]:
    """What must not be in two parts of a fold."""
    members = (utterances[i] for i in indices)
    if unseen == "speaker":
        return {u.speaker for u in members}
    if unseen == "corpus":
        return {u.corpus for u in members}
    return {(u.corpus, u.name, u.start, u.end) for u in members}


def expand_chunks(
    utterances: Sequence[Utterance],
    labels: Iterable[int],
    n_samples: Iterable[int],
    *,
    window: int,
    starts: Iterable[Indices],
) -> tuple[list[Utterance], list[int]]:
    """One utterance for each window of each utterance, for `chunk_random`.

    Args:
        utterances, labels: as elsewhere.
        n_samples: the utterances' lengths at 16 kHz.
        window: in samples.
        starts: the first samples of each utterance's windows.

    Returns:
        (utterances with `start` and `end` in seconds, their labels).
    """
    chunks, chunk_labels = [], []
    for utterance, label, n, firsts in zip(utterances, labels, n_samples, starts, strict=True):
        offset = utterance.start or 0.0
        for first in firsts:
            start, end = offset + first / SAMPLE_RATE, offset + min(first + window, n) / SAMPLE_RATE
            chunks.append(dataclasses.replace(utterance, start=start, end=end))
            chunk_labels.append(label)
    return chunks, chunk_labels
