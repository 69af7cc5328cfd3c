"""The declaration of a corpus, what its reader returns, and the errors for folders that are something else."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path

from ser_keras.common.errors import BadInput
from ser_keras.corpora.fetching.sources import OnRequest, Source
from ser_keras.corpora.folders import describe, name_below
from ser_keras.corpora.utterance import Gender, Utterance

GENDERS: dict[str, Gender] = {"f": "female", "female": "female", "m": "male", "male": "male"}


@dataclasses.dataclass(frozen=True)
class Published:
    """Counts that the authors of a corpus publish.

    Attributes:
        n_utterances, n_speakers: of the whole corpus.
        emotions: canonical emotion -> number of utterances.
    """

    n_utterances: int
    n_speakers: int
    emotions: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a reader finds in a folder.

    Attributes:
        utterances: sorted by name.
        bad_files: files that belong to the corpus and cannot be used: name -> reason.
        notes: lines on files that are passed over on purpose.
        left_out: utterances that the corpus counts and that are no speech or have a label that cannot be right: nothing
            is trained or tested on them. Sorted by name; `notes` says why.
    """

    utterances: list[Utterance]
    bad_files: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    left_out: list[Utterance] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Reader:
    """All that the project knows about one corpus. Each reader module declares one, called READER.

    Lists of corpora, checks, cards and licence notices follow from it.

    Attributes:
        name: the corpus's name in the registry and on the command line.
        title, licence, citation: for people.
        layout: the files and folders that `scan` expects, for messages; one line.
        scan: folder (of a table: or its file) -> Listing. It raises NotThisCorpus where the folder is something else,
            and SerKerasError where it cannot be read.
        language: what is spoken, as a BCP 47 tag (`de`); None where it is mixed or the user's.
        editions: published counts, one entry an edition of the corpus; empty where nobody publishes any.
        sources: where to get it, the best first.
        limits: what a model trained on it cannot be expected to know, for cards; empty where nothing is noted.
        acted: whether actors perform the emotions.
        human: whether people speak; False for synthesised speech.
        recognisable: whether a folder shows that it is this corpus, so that a message can name it.
        is_collection: whether the name stands for any number of corpora: tables and databases of one's own.
        default_root: gives the folder where the corpus lies unless the user names one.
    """

    name: str
    title: str
    licence: str
    layout: str
    scan: Callable[[str | Path], Listing]
    citation: str = ""
    language: str | None = None
    editions: tuple[Published, ...] = ()
    sources: tuple[Source | OnRequest, ...] = ()
    limits: str = ""
    acted: bool = False
    human: bool = True
    recognisable: bool = False
    is_collection: bool = False
    default_root: Callable[[], Path] | None = None

    @property
    def free_sources(self) -> list[Source]:
        """The sources that anybody can fetch from."""
        return [source for source in self.sources if not isinstance(source, OnRequest)]


class BadName(Exception):
    """A file name that does not follow the corpus's scheme; the text says why."""


class NotThisCorpus(BadInput):
    """A folder that does not hold the corpus that the user named.

    Args:
        title: of the corpus.
        root: the folder.
        expected: the layout that the reader looks for.
        found: what is there instead; None: a few words on the folder's files.
    """

    def __init__(self, title: str, root: str | Path, expected: str, found: str | None = None) -> None:
        found = describe(root) if found is None else found
        super().__init__(f"{root} is not {title}: expected {expected}; found {found}")


@dataclasses.dataclass(frozen=True)
class ParsedName:
    """What the name of a file says.

    Attributes:
        take: the same for copies of one recording under another suffix or in another folder.
        emotion, speaker, text, gender, intensity: as in Utterance.
    """

    take: Hashable
    emotion: str
    speaker: str
    text: str | None = None
    gender: Gender | None = None
    intensity: str | None = None


def list_by_name(reader: Reader, root: Path, files: Iterable[Path], *, parse: Callable[[Path], ParsedName]) -> Listing:
    """Read a corpus whose file names say everything.

    Args:
        reader: the declaration of the corpus.
        root: its folder.
        files: its audio files.
        parse: path -> ParsedName; raises BadName.

    Returns:
        Listing; names that do not parse are bad files.

    Raises:
        NotThisCorpus: no name parses.
    """
    utterances: list[Utterance] = []
    bad_files: dict[str, str] = {}
    first_names: dict[Hashable, str] = {}
    for path in files:
        name = name_below(path, root)
        try:
            parsed = parse(path)
        except BadName as error:
            bad_files[name] = str(error)
            continue
        first = first_names.setdefault(parsed.take, name)
        if first != name:
            bad_files[name] = f"the same recording as {first}"
            continue
        utterances.append(
            Utterance(
                path=str(path),
                corpus=reader.name,
                name=name,
                emotion=parsed.emotion,
                speaker=parsed.speaker,
                text=parsed.text,
                gender=parsed.gender,
                intensity=parsed.intensity,
            )
        )
    if not utterances:
        raise NotThisCorpus(reader.title, root, reader.layout)
    return Listing(sorted(utterances, key=lambda u: u.name), bad_files)
