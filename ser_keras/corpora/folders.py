"""What is in a folder of audio files."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ser_keras.common.errors import SerKerasError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


FOREIGN_FOLDERS = ("__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information")


def describe(root: str | Path, limit: int = 20000) -> str:
    """A few words on what a folder holds, for messages: `535 files (535 .wav), e.g. 'wav/03a01Fa.wav'`."""
    root = Path(root)
    if not root.exists():
        return "no such folder"
    if root.is_file():
        return "a file, not a folder"
    kinds: Counter[str] = Counter()
    example = None
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


def find_folder(root: str | Path, holds: Callable[[Path], object], depth: int = 2) -> Path:
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


def folders_in(folder: Path) -> list[Path]:
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


def audio_files(folder: str | Path) -> list[Path]:
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


def is_audio(path: Path) -> bool:
    """Whether a path looks like an audio file; a link to nowhere does, so that it is complained about."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def name_below(path: str | Path, root: Path) -> str:
    """A file's path below the corpus's folder, with `/`."""
    return Path(path).relative_to(root).as_posix()
