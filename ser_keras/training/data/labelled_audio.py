"""The first step from corpora to training: utterances with their audio and classes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_keras import corpora as readers
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.common.row_store import fingerprint
from ser_keras.corpora import Listing
from ser_keras.corpora.classes import class_of_emotion, select
from ser_keras.corpora.utterance import Utterance
from ser_keras.experiment import assembly, protocols, rules
from ser_keras.experiment.run import CorpusRecord
from ser_keras.experiment.settings import Experiment
from ser_keras.features.faces import watch
from ser_keras.features.faces.frontends import FaceFrontEnd
from ser_keras.training.data.decoded_audio import DecodedAudio, decode


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledAudio:
    """The utterances of some corpora that belong to an experiment's classes, with their audio.

    Attributes:
        experiment: settings, complete; its `classes` are those that have data.
        audio: the utterances' audio.
        labels: [n] class of each utterance.
        dropped: lines on what was left out.
    """

    experiment: Experiment
    audio: DecodedAudio
    labels: NDArray[np.int64]
    dropped: list[str]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.experiment.classes)

    @functools.cached_property
    def corpora(self) -> list[CorpusRecord]:
        """What experiment.yaml says of each corpus."""
        return corpus_records(self.audio)


def read_corpora(corpora: Sequence[tuple[str, str | Path]]) -> Listing:
    """What several corpora hold, as one Listing.

    Args:
        corpora: (registry name, path) pairs.

    Raises:
        SerKerasError: one cannot be read or is given twice, or they hold nothing.
    """
    names = [name for name, _ in corpora]
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise SerKerasError(f"corpus {doubled[0]} is given twice")
    listings = [readers.scan(name, root) for name, root in corpora]
    together = Listing(
        [u for listing in listings for u in listing.utterances],
        {name: reason for listing in listings for name, reason in listing.bad_files.items()},
        [note for listing in listings for note in listing.notes],
    )
    if not together.utterances:
        raise SerKerasError(f"{', '.join(names)}: no utterances found")
    return together


def read_audio(experiment: Experiment, listing: Listing, *, quiet: bool = False) -> LabelledAudio:
    """Decode the utterances that belong to an experiment's classes.

    Args:
        experiment: settings.
        listing: what `read_corpora` returned.
        quiet: whether not to say what was dropped and skipped.

    Raises:
        SerKerasError: settings and corpora do not fit each other; a bad file under `audio.bad_files=fail`; fewer than
            two classes have data.
    """
    experiment = rules.complete(experiment)
    protocols.protocol_kind(experiment.protocol.name, listing.utterances)
    audio, classes, dropped = _decode(experiment, listing, quiet=quiet)
    changes = {"classes": classes, "corpus_heads": _corpus_heads(experiment, audio)}
    experiment = experiment.model_copy(update=changes)
    return LabelledAudio(experiment=experiment, audio=audio, labels=_labels(experiment, audio), dropped=dropped)


def read_test_audio(experiment: Experiment, listing: Listing) -> LabelledAudio:
    """Decode other utterances for the evaluation of a trained model, which keeps all of its classes.

    Args:
        experiment: the settings that the model was trained with.
        listing: what `read_corpora` returned.

    Raises:
        SerKerasError: as `read_audio`.
    """
    audio, _, dropped = _decode(experiment, listing)
    return LabelledAudio(experiment=experiment, audio=audio, labels=_labels(experiment, audio), dropped=dropped)


def _decode(
    experiment: Experiment, listing: Listing, *, quiet: bool = False
) -> tuple[DecodedAudio, dict[str, list[str]], list[str]]:
    """Decode what of a listing belongs to the experiment's classes, and say what does not or cannot be used.

    Returns:
        (audio, the classes that have data, lines on what was dropped).
    """
    extractor = assembly.build_extractor(experiment)
    if listing.bad_files and experiment.audio.bad_files == "fail":
        name, reason = next(iter(listing.bad_files.items()))
        raise SerKerasError(f"{name}: {reason} (audio.bad_files=skip goes on without such files)")
    utterances, _, classes, dropped = select(listing.utterances, experiment.classes)
    audio = decode(utterances, experiment.audio.decoder, experiment.audio.bad_files)
    if isinstance(extractor, FaceFrontEnd):
        audio = watch.watch(audio, extractor, experiment)
    # A class may have lost its last file to a bad one.
    _, _, classes, lost = select(audio.utterances, classes)
    audio.bad_files = {**listing.bad_files, **audio.bad_files}
    audio.warnings += _same_audio(audio)
    skipped = [f"skipped {name}: {reason}" for name, reason in audio.bad_files.items()]
    for line in () if quiet else (*listing.notes, *dropped, *lost, *audio.warnings, *skipped):
        say(line)
    return audio, classes, [*dropped, *lost]


def _labels(experiment: Experiment, audio: DecodedAudio) -> NDArray[np.int64]:
    """[n] class of each utterance."""
    lookup = class_of_emotion(experiment.classes)
    return np.array([lookup[u.emotion] for u in audio.utterances])


def _corpus_heads(experiment: Experiment, audio: DecodedAudio) -> str | list[str]:
    """`corpus_heads` with "separate" made the list of the corpora.

    Raises:
        SerKerasError: separate heads for a single corpus, or a list of other corpora than these.
    """
    if experiment.corpus_heads == "shared":
        return experiment.corpus_heads
    corpora = sorted({u.corpus for u in audio.utterances})
    if experiment.corpus_heads not in ("separate", corpora):
        raise SerKerasError(f"corpus_heads is {experiment.corpus_heads}, but the corpora are {corpora}; use separate")
    if len(corpora) < 2:
        raise SerKerasError(f"corpus_heads=separate needs two corpora; only '{corpora[0]}' was given")
    return corpora


def _same_audio(audio: DecodedAudio) -> list[str]:
    """Lines on identical audio under different speakers or corpora: it would be on both sides of a split."""
    first: dict[str, Utterance] = {}
    lines = []
    for utterance, digest in zip(audio.utterances, audio.hashes, strict=True):
        other = first.setdefault(digest, utterance)
        if (other.speaker, other.corpus) != (utterance.speaker, utterance.corpus):
            here, there = (f"{u.name} ({u.speaker or u.corpus})" for u in (utterance, other))
            lines.append(f"LEAK: {here} is the same audio as {there}")
    return lines


def corpus_records(audio: DecodedAudio) -> list[CorpusRecord]:
    """What experiment.yaml says of each corpus in some audio, by name."""
    return [_record(audio, name) for name in sorted({u.corpus for u in audio.utterances})]


def _record(audio: DecodedAudio, name: str) -> CorpusRecord:
    """What experiment.yaml says of one corpus."""
    indices = [i for i, u in enumerate(audio.utterances) if u.corpus == name]
    speakers = sorted({audio.utterances[i].speaker or "" for i in indices} - {""})
    reader = readers.CORPORA.get(name)
    return {
        "name": name,
        "title": readers.title_of(name),
        "licence": reader.licence if reader else "not stated",
        "n_utterances": len(indices),
        "n_speakers": len(speakers),
        "speakers": speakers,
        "hours": round(float(audio.spans[indices, 1].sum()) / SAMPLE_RATE / 3600, 4),
        "fingerprint": fingerprint(sorted((_identity(audio, i) for i in indices), key=str)),
    }


def _identity(audio: DecodedAudio, i: int) -> list[str | float | None]:
    """All that folds and labels of an utterance follow from, and what is heard or seen."""
    u = audio.utterances[i]
    seen: list[str | float | None] = [] if audio.frames is None else [audio.contents[i]]
    seen += [u.activation, u.valence] if (u.activation, u.valence) != (None, None) else []
    return [u.name, u.emotion, u.speaker, u.session, u.split, u.gender, audio.hashes[i], *seen]
