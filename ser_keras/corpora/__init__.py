"""Corpora: one reader module each, which turns a folder into a list of Utterance and declares what is known of it."""

from pathlib import Path

from ser_keras.common.errors import BadInput, SerKerasError, nearest
from ser_keras.common.plugins import Registry
from ser_keras.corpora.corpus import Listing, NotThisCorpus, Reader
from ser_keras.corpora.readers import (
    audformat,
    casia,
    cremad,
    des,
    emodb,
    enterface,
    iemocap,
    manifest,
    mes,
    nemo,
    ravdess,
    savee,
    tess,
)
from ser_keras.corpora.synthetic import reader as synthetic
from ser_keras.corpora.utterance import Utterance

__all__ = [
    "CORPORA",
    "Listing",
    "NotThisCorpus",
    "Reader",
    "Utterance",
    "is_collection",
    "language_of",
    "name_of",
    "read",
    "scan",
    "title_of",
]

_MODULES = (
    *(emodb, ravdess, nemo, savee, enterface, iemocap, casia, cremad, tess, des, mes),
    *(synthetic, manifest, audformat),
)


class _Corpora(Registry[Reader]):
    """Readers by name. One's own is known by the name that it declares, too, once it was loaded."""

    def _load(self, name: str) -> Reader:
        reader = super()._load(name)
        if self._entries.get(reader.name, reader) is not reader:
            raise BadInput(f"corpus {name}: its reader is called '{reader.name}', as another corpus is; rename it")
        self._entries[reader.name] = reader
        return reader


CORPORA = _Corpora(
    {module.READER.name: module.READER for module in _MODULES},
    kind="corpus",
    group="ser_keras.corpora",
    check=lambda part: isinstance(part, Reader),
    expected="a Reader",
)


def name_of(corpus: str) -> str:
    """The name that a corpus's utterances carry: that of its reader, where one's own was given as `module:name`."""
    return CORPORA[corpus].name if corpus in CORPORA else corpus


def is_collection(name: str) -> bool:
    """Whether a name stands for any number of corpora (tables and databases of one's own): two of them differ."""
    return name in CORPORA and CORPORA[name].is_collection


def title_of(name: str) -> str:
    """The title of a corpus; its name where the registry does not know it (the column `corpus` of a table)."""
    return CORPORA[name].title if name in CORPORA else name


def language_of(name: str) -> str | None:
    """The language of a corpus as a BCP 47 tag; None where the registry does not know it."""
    return CORPORA[name].language if name in CORPORA else None


def read(name: str, root: str | Path) -> list[Utterance]:
    """The utterances of a corpus.

    Args:
        name: one of `CORPORA`.
        root: its folder (manifest: or its CSV file).

    Returns:
        list of Utterance, sorted by name.

    Raises:
        NotThisCorpus: the folder isn't that corpus; where it is another one, the message says which.
        SerKerasError: unknown name; unreadable folder or table.
    """
    return scan(name, root).utterances


def scan(name: str, root: str | Path) -> Listing:
    """The utterances of a corpus with the files that can't be used and notes on those passed over.

    Args, raises: as `read`.

    Returns:
        Listing.
    """
    if name not in CORPORA:
        raise SerKerasError(f"corpus '{name}' is not known; nearest: {nearest(name, CORPORA)}")
    try:
        return CORPORA[name].scan(root)
    except NotThisCorpus as error:
        other = _identify(root, besides=name)
        if other is not None:
            error.args = (f"{error}; it reads as {other}: try {other}={root}",)
        raise
    except OSError as error:
        raise SerKerasError(f"{root}: can't be read ({error.strerror or error})") from error


def _identify(root: str | Path, besides: str) -> str | None:
    """The corpus that a folder is, if a recognisable one."""
    for name, reader in CORPORA.items():
        if name == besides or not reader.recognisable:
            continue
        try:
            reader.scan(root)
        except (SerKerasError, OSError):
            continue
        return name
    return None
