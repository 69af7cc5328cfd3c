"""What every corpus reader returns, and what it says when a folder is not the corpus it was said to be."""

import dataclasses
from collections import Counter
from pathlib import Path

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.emotions import EMOTIONS, check_emotion

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
FOREIGN_FOLDERS = ("__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information")

# Other words for the canonical emotions, as corpora and tables write them.
EMOTION_ALIASES = {
    "afraid": "fear",
    "amusement": "happiness",
    "angry": "anger",
    "anxiety": "fear",
    "anxious": "fear",
    "bored": "boredom",
    "contemptuous": "contempt",
    "disgusted": "disgust",
    "excited": "excitement",
    "fearful": "fear",
    "frustrated": "frustration",
    "happy": "happiness",
    "joy": "happiness",
    "joyful": "happiness",
    "pleasant surprise": "surprise",
    "sad": "sadness",
    "scared": "fear",
    "surprised": "surprise",
}
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}


def canonical_emotion(name):
    """The canonical emotion that a corpus means, whatever its capitals, `_` or `-`, or a common other word for it.

    Raises:
        SerKerasError: it means none; the message names the nearest.
    """
    plain = " ".join(str(name).lower().replace("_", " ").replace("-", " ").split())
    plain = EMOTION_ALIASES.get(plain, plain)
    if plain not in EMOTIONS:
        raise SerKerasError(
            f"'{name}' is no emotion that the project knows; nearest: {nearest(plain, (*EMOTIONS, *EMOTION_ALIASES))}"
        )
    return plain


@dataclasses.dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled stretch of speech.

    Attributes:
        path: absolute path of the audio file.
        emotion: canonical emotion name (`ser_keras.emotions.EMOTIONS`).
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
    gender: str | None = None
    activation: float | None = None
    valence: float | None = None
    intensity: str | None = None
    split: str | None = None
    start: float | None = None
    end: float | None = None
    session: str | None = None

    def __post_init__(self):
        check_emotion(self.emotion)
        if not self.name:
            object.__setattr__(self, "name", Path(self.path).name)


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


def describe(root, limit=20000):
    """A few words on what a folder holds, for messages: `535 files (535 .wav), e.g. 'wav/03a01Fa.wav'`."""
    root = Path(root)
    if not root.exists():
        return "no such folder"
    if root.is_file():
        return "a file, not a folder"
    kinds, example = Counter(), None
    for i, path in enumerate(root.rglob("*")):
        if i >= limit:
            break
        if path.is_file():
            kinds[path.suffix.lower() or "without suffix"] += 1
            example = example or name_below(path, root)
    if not kinds:
        return "an empty folder"
    top = ", ".join(f"{n} {suffix}" for suffix, n in kinds.most_common(3))
    return f"{sum(kinds.values())} files ({top}), e.g. {example!r}"


def find_folder(root, holds, depth=2):
    """The folder that a corpus lies in: `root`, or where its archive put it one or two levels below.

    Args:
        root: the folder that the user names.
        holds: folder -> bool, whether it is the one; called for folders that exist.
        depth: levels below `root`.

    Returns:
        Path; breadth first, so that of a copy within a copy the outer one counts. `root` where nothing holds. Folders
        below `root` that can't be listed are passed over.

    Raises:
        SerKerasError: `root` can't be listed.
    """
    root = Path(root)
    level = [root] if root.is_dir() else []
    for below in range(depth + 1):
        deeper = []
        for folder in level:
            try:
                if holds(folder):
                    return folder
                deeper += folders_in(folder) if below < depth else []
            except (SerKerasError, OSError):
                if folder == root:
                    raise
        level = deeper
    return root


def folders_in(folder):
    """The folders in a folder, sorted, less hidden ones and those that archives and file systems add of themselves.

    Raises:
        SerKerasError: it can't be listed; a folder that isn't there holds none.
    """
    if not folder.is_dir():
        return []
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != "." and p.name not in FOREIGN_FOLDERS)
    except OSError as error:
        raise SerKerasError(f"{folder}: can't be listed ({error.strerror})") from error


def audio_files(folder):
    """The audio files in a folder, not below it, sorted; hidden files (`._a.wav`) are passed over.

    Raises:
        SerKerasError: the folder can't be listed; one that isn't there has no files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return []
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise SerKerasError(f"{folder}: can't be listed ({error.strerror})") from error
    return sorted(p for p in entries if is_audio(p))


def is_audio(path):
    """Whether a path looks like an audio file; a link to nowhere does, so that it is complained about."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def name_below(path, root):
    """A file's path below the corpus's folder, with `/`."""
    return Path(path).relative_to(root).as_posix()


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
