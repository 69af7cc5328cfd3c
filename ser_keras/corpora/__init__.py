"""Corpora: one module each, which turns a folder into a list of Utterance.

A module offers `TITLE`, `LICENCE`, `CITATION`, `LAYOUT`, `PUBLISHED`, `scan(root)`, which returns a Listing, and
`SOURCES` where there is a way to get it.
"""

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.corpora.corpus import Listing, NotThisCorpus
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

__all__ = ["CORPORA", "UNNAMED", "Listing", "NotThisCorpus", "Utterance", "read", "scan"]

CORPORA = {
    "emodb": emodb,
    "ravdess": ravdess,
    "nemo": nemo,
    "savee": savee,
    "enterface": enterface,
    "iemocap": iemocap,
    "casia": casia,
    "cremad": cremad,
    "tess": tess,
    "des": des,
    "mes": mes,
    "synthetic": synthetic,
    "manifest": manifest,
    "audformat": audformat,
}

# Tables and databases: two of them are two corpora under one name.
UNNAMED = ("manifest", "audformat")
# Those that can be told by looking at a folder.
RECOGNISED = ("emodb", "ravdess", "nemo", "savee", "enterface", "iemocap", "casia", "cremad", "tess")


def read(name, root):
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


def scan(name, root):
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


def _identify(root, besides):
    """The corpus that a folder is, if it is one of `RECOGNISED`."""
    for name in RECOGNISED:
        if name == besides:
            continue
        try:
            CORPORA[name].scan(root)
        except (SerKerasError, OSError):
            continue
        return name
    return None
