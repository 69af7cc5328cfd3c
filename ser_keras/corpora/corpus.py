"""What every corpus reader returns, and what it says when a folder is not the corpus it was said to be."""

import dataclasses

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.folders import describe, name_below
from ser_keras.corpora.utterance import Utterance

GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}


@dataclasses.dataclass(frozen=True)
class Published:
    """Counts that a corpus's authors publish; `emotions` maps names to utterances.

    A module's `PUBLISHED` is one of these, a tuple of them where there are editions, or None.
    """

    n_utterances: int
    n_speakers: int
    emotions: dict


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a reader found.

    Attributes:
        utterances: list of Utterance, sorted by name.
        bad_files: files that belong there and can't be used: name -> reason.
        notes: list of lines on what was passed over on purpose.
    """

    utterances: list
    bad_files: dict = dataclasses.field(default_factory=dict)
    notes: list = dataclasses.field(default_factory=list)


class BadName(Exception):
    """A file name that doesn't follow the corpus's scheme; the text says why."""


class NotThisCorpus(SerKerasError):
    """A folder that doesn't hold the corpus it was said to be."""

    def __init__(self, corpus, root, expected, found=None):
        found = describe(root) if found is None else found
        super().__init__(f"{root} is not {corpus}: expected {expected}; found {found}")


def list_by_name(corpus, title, layout, root, files, parse):
    """Read a corpus whose file names say everything.

    Args:
        corpus, title, layout: its registry name; its name and expected layout, for messages.
        root: its folder.
        files: its audio files.
        parse: path -> dict of Utterance's fields (less `path`, `corpus`, `name`) with one more, `take`, by which the
            same recording is known again under another suffix or folder; raises BadName.

    Returns:
        Listing; names that don't parse are bad files.

    Raises:
        NotThisCorpus: no name parses.
    """
    utterances, bad_files, taken = [], {}, {}
    for path in files:
        name = name_below(path, root)
        try:
            fields = parse(path)
        except BadName as error:
            bad_files[name] = str(error)
            continue
        first = taken.setdefault(fields.pop("take"), name)
        if first != name:
            bad_files[name] = f"the same recording as {first}"
            continue
        utterances.append(Utterance(path=str(path), corpus=corpus, name=name, **fields))
    if not utterances:
        raise NotThisCorpus(title, root, layout)
    return Listing(sorted(utterances, key=lambda u: u.name), bad_files)
