"""What a folder really holds, file by file, against what the corpus's authors publish."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypedDict

from ser_keras.audio.containers import AudioError
from ser_keras.audio.reading import stream
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.corpora import CORPORA, scan
from ser_keras.corpora.corpus import Published
from ser_keras.corpora.utterance import Utterance

THREADS = min(8, os.cpu_count() or 1)


class CheckResult(TypedDict):
    """What `check` finds; fit for JSON.

    Attributes:
        corpus: registry name.
        n_utterances, n_speakers, hours: of the utterances whose audio can be used.
        emotions, speakers: name -> number of utterances.
        sample_rates: Hz as text -> number of files.
        bad_files: name -> reason.
        matches_published: None where nothing is published.
        duplicates: lists of names of byte-identical files.
        warnings: name -> lines.
        notes: lines on files that are passed over or left out.
    """

    corpus: str
    n_utterances: int
    n_speakers: int
    hours: float
    emotions: dict[str, int]
    speakers: dict[str, int]
    sample_rates: dict[str, int]
    bad_files: dict[str, str]
    matches_published: bool | None
    duplicates: list[list[str]]
    warnings: dict[str, list[str]]
    notes: list[str]


def check(name: str, root: str | Path, progress: Callable[[int, int], None] | None = None) -> CheckResult:
    """Read a corpus and decode every file of it.

    Utterances whose audio can't be used are in `bad_files` and in no count. Those that the reader leaves out are
    counted, as the corpus's authors count them.

    Args:
        name: registry name of the corpus.
        root: its folder.
        progress: called as `progress(done, total)` after each utterance, if given.

    Returns:
        CheckResult.

    Raises:
        NotThisCorpus: the folder isn't that corpus.
        SerKerasError: unknown corpus, or a table that can't be read.
    """
    listing = scan(name, root)
    utterances = sorted([*listing.utterances, *listing.left_out], key=lambda u: u.name)
    bad_files = dict(listing.bad_files)
    good: list[Utterance] = []
    rates: dict[str, int] = {}
    warnings: dict[str, list[str]] = {}
    seconds = 0.0
    with ThreadPoolExecutor(THREADS) as pool:
        for done, (utterance, outcome) in enumerate(zip(utterances, pool.map(_decode, utterances), strict=True), 1):
            if isinstance(outcome, AudioError):
                bad_files[utterance.name] = outcome.reason
            else:
                good.append(utterance)
                n_samples, rates[utterance.name], lines = outcome
                seconds += n_samples / SAMPLE_RATE
                if lines:
                    warnings[utterance.name] = list(lines)
            if progress:
                progress(done, len(utterances))
    result: CheckResult = {
        "corpus": name,
        "n_utterances": len(good),
        "n_speakers": len({u.speaker for u in good} - {None}),
        "hours": round(seconds / 3600, 4),
        "emotions": _count(u.emotion for u in good),
        "speakers": _count(u.speaker for u in good if u.speaker is not None),
        "sample_rates": {str(rate): n for rate, n in sorted(Counter(rates.values()).items())},
        "bad_files": dict(sorted(bad_files.items())),
        "matches_published": None,
        "duplicates": _duplicates(good),
        "warnings": warnings,
        "notes": list(listing.notes),
    }
    published = nearest_edition(result)
    if published is not None:
        result["matches_published"] = (
            result["n_utterances"] == published.n_utterances
            and result["n_speakers"] == published.n_speakers
            and result["emotions"] == published.emotions
        )
    return result


def nearest_edition(result: CheckResult) -> Published | None:
    """The published counts to hold a result against: where there are several, those nearest to it; or None."""
    editions = CORPORA[result["corpus"]].editions
    return min(editions, key=lambda edition: abs(edition.n_utterances - result["n_utterances"]), default=None)


def _decode(utterance: Utterance) -> tuple[int, int, tuple[str, ...]] | AudioError:
    """(samples at 16 kHz, the file's rate, warnings) of an utterance, or the AudioError."""
    try:
        source = stream(utterance.path, start=utterance.start, end=utterance.end)
        n_samples = sum(len(block) for block in source)
    except AudioError as error:
        return error
    return n_samples, source.file_rate, source.warnings


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _duplicates(utterances: Iterable[Utterance]) -> list[list[str]]:
    """Groups of files with the same bytes; only files of one size are read for it."""
    sizes: dict[int, dict[str, str]] = defaultdict(dict)  # bytes -> path -> name
    contents: dict[bytes, list[str]] = defaultdict(list)  # digest -> names
    for utterance in utterances:
        sizes[os.path.getsize(utterance.path)].setdefault(utterance.path, utterance.name)
    for same_size in sizes.values():
        if len(same_size) > 1:
            for path, name in same_size.items():
                with open(path, "rb") as file:
                    contents[_digest(file)].append(name)
    return sorted(sorted(names) for names in contents.values() if len(names) > 1)


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.digest()
