"""RAVDESS, its speech-audio part: `Actor_01/03-01-06-01-02-01-01.wav`."""

import re
from collections import Counter
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import Archive
from ser_keras.corpora.folders import find_folder, folders_in, is_audio

EMOTION_CODES = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
INTENSITIES = {"01": "normal", "02": "strong"}
_NAME = re.compile(r"(0[1-3])-(0[12])-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_ACTOR = re.compile(r"Actor_(\d\d)")


def scan(root: str | Path) -> Listing:
    """List the speech-audio part; song and video files are passed over and counted in the notes.

    `root` holds the Actor_NN folders, or folders that hold them (as the published archives unpack), or is one, or is up
    to two levels above.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no file is named as the corpus names them.
    """
    root = Path(root).absolute()
    passed_over: Counter[str] = Counter()
    files: list[Path] = []
    for path in (p for folder in _actor_folders(root) for p in sorted(folder.iterdir())):
        match = _NAME.fullmatch(path.stem)
        if match and match[2] == "02":
            passed_over["song"] += 1
        elif match and match[1] != "03":
            passed_over["video"] += 1
        elif is_audio(path):
            files.append(path)
    listing = list_by_name(READER, root, files, parse=_parse)
    listing.notes.extend(f"{n} {what} files passed over" for what, n in sorted(passed_over.items()))
    return listing


def _actor_folders(root: Path) -> list[Path]:
    if _ACTOR.fullmatch(root.name) and root.is_dir():
        return [root]
    # A popular copy holds everything twice: Actor_NN, and again below audio_speech_actors_01-24.
    top = find_folder(root, lambda f: any(_actors_in(sub) for sub in (f, *folders_in(f))))
    return _actors_in(top) or [actor for folder in folders_in(top) for actor in _actors_in(folder)]


def _actors_in(folder: Path) -> list[Path]:
    return [p for p in folders_in(folder) if _ACTOR.fullmatch(p.name)]


def _parse(path: Path) -> ParsedName:
    match = _NAME.fullmatch(path.stem)
    if not match:
        raise BadName("its name doesn't read as seven two-digit fields (03-01-06-01-02-01-12)")
    _, _, emotion, intensity, statement, repetition, actor = match.groups()
    if emotion not in EMOTION_CODES:
        raise BadName(f"RAVDESS has no emotion {emotion}")
    if intensity not in INTENSITIES or statement not in ("01", "02") or repetition not in ("01", "02"):
        raise BadName("intensity, statement and repetition must be 01 or 02")
    if not 1 <= int(actor) <= 24:
        raise BadName(f"RAVDESS has no actor {actor}")
    if path.parent.name != f"Actor_{actor}":
        raise BadName(f"names actor {actor}, but lies in {path.parent.name}")
    return ParsedName(
        take=path.stem,
        emotion=EMOTION_CODES[emotion],
        speaker=f"ravdess/{actor}",
        text=statement,
        gender="male" if int(actor) % 2 else "female",
        intensity=INTENSITIES[intensity],
    )


READER = Reader(
    name="ravdess",
    title="RAVDESS (Ryerson Audio-Visual Database of Emotional Speech and Song), speech audio",
    language="en",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Livingstone, S. R. and Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song "
        "(RAVDESS). PLoS ONE 13(5): e0196391."
    ),
    layout="folders Actor_01 to Actor_24 (or folders that hold these) of files named as 03-01-06-01-02-01-12.wav",
    editions=(
        Published(
            n_utterances=1440,
            n_speakers=24,
            emotions={
                "anger": 192,
                "calm": 192,
                "disgust": 192,
                "fear": 192,
                "happiness": 192,
                "neutral": 96,
                "sadness": 192,
                "surprise": 192,
            },
        ),
    ),
    sources=(
        Archive(
            "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            size=208468073,
            md5="bc696df654c87fed845eb13823edef8a",
        ),
    ),
    limits=("North American English, 24 actors, two fixed sentences."),
    acted=True,
    recognisable=True,
    scan=scan,
)
