"""A corpus as Python users hold it: a name and a folder, read when it is asked."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from ser_keras.audio.containers import AudioError
from ser_keras.audio.reading import seconds_by_header
from ser_keras.common import plugins
from ser_keras.common.errors import BadInput, SerKerasError
from ser_keras.common.text import html_table
from ser_keras.corpora import CORPORA, Listing, Utterance, scan, title_of
from ser_keras.corpora.checking import CheckResult, check


class Corpus:
    """A corpus: labelled speech in a folder. It is read when something is asked of it, and then once.

    Args:
        name: what kind it is, as `ser-keras corpora list` names them; `manifest` is a table of one's own.
        path: its folder (manifest: or its CSV file); None: where it lies by itself, which only the synthetic one does.

    Raises:
        SerKerasError: no path, and the corpus has no place of its own.

    Example:
        corpus = ser_keras.Corpus("emodb", "/data/emodb")
        corpus.emotions["anger"], len(corpus.speakers), len(corpus)
    """

    def __init__(self, name: str, path: str | Path | None = None) -> None:
        if plugins.is_own_part(name):
            plugins.trust(name)
        if path is None:
            default_root = CORPORA[name].default_root if name in CORPORA else None
            if default_root is None:
                raise BadInput(f"corpus {name} names no folder: give its `path`")
            path = default_root()
        self.name, self.path = name, Path(path)

    @classmethod
    def stored(cls, name: str, path: str | Path) -> Corpus:
        """A corpus that a file names: unlike one that the user names, it makes no module trusted."""
        corpus = cls.__new__(cls)
        corpus.name, corpus.path = name, Path(path)
        return corpus

    @classmethod
    def fetch(cls, name: str, path: str | Path | None = None) -> Corpus:
        """Fetch a free corpus, and check it file by file; what is there already is taken as it is.

        Args:
            name: as `ser-keras corpora list` names it.
            path: where to; None: a folder of the corpus's name in the working directory.

        Raises:
            SerKerasError: it is not free (the line says whom to ask), or cannot be fetched or written.
        """
        from ser_keras.corpora.fetching.get import get

        return cls(name, get(name, path)[0])

    @property
    def title(self) -> str:
        """The corpus's full name."""
        return title_of(self.name)

    @functools.cached_property
    def listing(self) -> Listing:
        """What the folder holds: utterances, files that cannot be used, notes.

        Raises:
            SerKerasError: the folder is not this corpus, or cannot be read.
        """
        return scan(self.name, self.path)

    @property
    def utterances(self) -> list[Utterance]:
        """Its labelled utterances, sorted by name."""
        return self.listing.utterances

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def emotions(self) -> dict[str, int]:
        """Emotion -> number of utterances, in order of name."""
        return dict(sorted(Counter(u.emotion for u in self.utterances).items()))

    @property
    def speakers(self) -> dict[str, int]:
        """Speaker -> number of utterances, in order of name; utterances of unknown speakers are in none."""
        return dict(sorted(Counter(u.speaker for u in self.utterances if u.speaker is not None).items()))

    @functools.cached_property
    def hours(self) -> float | None:
        """How much speech there is, by the files' headers; None where one does not say, or cannot be opened."""
        lengths: dict[str, float | None] = {}
        seconds = 0.0
        for u in self.utterances:
            end = u.end
            if end is None:
                if u.path not in lengths:
                    lengths[u.path] = _seconds(u.path)
                end = lengths[u.path]
            if end is None:
                return None
            seconds += end - (u.start or 0.0)
        return seconds / 3600

    def check(self) -> CheckResult:
        """Decode every file, and compare the counts with those that the corpus's authors publish.

        Raises:
            SerKerasError: the folder is not this corpus, or cannot be read.
        """
        return check(self.name, self.path)

    @property
    def _counts(self) -> str:
        hours = f", {self.hours:.2f} hours" if self.hours is not None else ""
        return f"{len(self)} utterances, {len(self.speakers)} speakers{hours}"

    def __repr__(self) -> str:
        head = f"Corpus({self.name!r}, {str(self.path)!r})"
        try:
            emotions = ", ".join(f"{name} {n}" for name, n in self.emotions.items())
            return f"{head}: {self.title}\n{self._counts}\n{emotions}"
        except SerKerasError as error:
            return f"{head}: {error}"

    def _repr_html_(self) -> str:
        try:
            return html_table(["emotion", "utterances"], self.emotions.items(), f"{self.title}: {self._counts}")
        except SerKerasError as error:
            return html_table([f"{self.name}, {self.path}"], [[error]])


def _seconds(path: str) -> float | None:
    try:
        return seconds_by_header(path)
    except AudioError:
        return None


Place: TypeAlias = "str | Path | None"
Corpora: TypeAlias = "Corpus | Mapping[str, Place] | Iterable[Corpus | tuple[str, Place]]"
"""Corpora as the public functions take them: one, several, name -> path, or (name, path) pairs."""


def located(corpora: Corpora) -> list[tuple[str, Path]]:
    """Corpora with their folders, as the other rooms take them.

    Args:
        corpora: a `Corpus`, several, a mapping from names to paths, or (name, path) pairs.

    Returns:
        (registry name, path) pairs.

    Raises:
        SerKerasError: something else, or a corpus without a folder that has no place of its own.
    """
    if isinstance(corpora, Corpus | str):
        corpora = [_corpus(corpora)]
    elif isinstance(corpora, Mapping):
        corpora = list(corpora.items())
    return [(corpus.name, corpus.path) for corpus in map(_corpus, corpora)]


def _corpus(given: object) -> Corpus:
    if isinstance(given, Corpus):
        return given
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], str):
        return Corpus(given[0], given[1])
    raise BadInput(f"`corpora`: {given!r} is no corpus; give a Corpus, several, or {{NAME: PATH}}")
