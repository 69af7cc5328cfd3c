"""TESS, Toronto Emotional Speech Set: `OAF_angry/OAF_back_angry.wav`."""

import re
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import Dataverse
from ser_keras.corpora.folders import audio_files, find_folder, folders_in

EMOTIONS = {  # ps: pleasant surprise
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
# As the folders spell them: OAF_Pleasant_surprise, but YAF_pleasant_surprised.
FOLDER_EMOTIONS = {**EMOTIONS, "pleasant_surprise": "surprise", "pleasant_surprised": "surprise"}
MISSPELT = {"oa_bite_neutral": "oaf_bite_neutral"}
_NAME = re.compile(r"(oaf|yaf)_([a-z-]+)_([a-z]+)")
_FOLDER = re.compile(r"(oaf|yaf)_([a-z_]+)")


def scan(root: str | Path) -> Listing:
    """List the corpus.

    `root` holds the files or their folders, or is up to two levels above. `OA_bite_neutral` is published under that
    misspelt name. Some files named `.wav` are AIFF, and rates differ (24414, 48000, 96000 Hz): decoding goes by
    content.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no file is named as the corpus names them.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: _own_folders(f) or any(map(_match, audio_files(f))))
    files = audio_files(folder) + [p for sub in _own_folders(folder) for p in audio_files(sub)]
    return list_by_name(READER, root, files, parse=_parse)


def _own_folders(folder: Path) -> list[Path]:
    return [p for p in folders_in(folder) if _FOLDER.fullmatch(p.name.lower())]


def _match(path: Path) -> re.Match[str] | None:
    stem = path.stem.lower()
    return _NAME.fullmatch(MISSPELT.get(stem, stem))


def _parse(path: Path) -> ParsedName:
    match = _match(path)
    if not match or match[3] not in EMOTIONS:
        raise BadName("its name doesn't read as speaker, word, emotion (OAF_back_angry)")
    speaker, word, emotion = match.groups()
    folder = _FOLDER.fullmatch(path.parent.name.lower())
    if folder and (folder[1] != speaker or FOLDER_EMOTIONS.get(folder[2]) != EMOTIONS[emotion]):
        raise BadName(f"names {speaker.upper()} and {emotion}, but lies in {path.parent.name}")
    return ParsedName(
        take=match[0],
        emotion=EMOTIONS[emotion],
        speaker=f"tess/{speaker.upper()}",
        text=word,
        gender="female",
    )


READER = Reader(
    name="tess",
    title="TESS (Toronto Emotional Speech Set)",
    language="en",
    licence="CC BY-NC-ND 4.0",
    citation=(
        "Pichora-Fuller, M. K. and Dupuis, K. (2020). Toronto emotional speech set (TESS). Borealis, "
        "doi:10.5683/SP2/E8H2MF."
    ),
    layout=(
        "files named as OAF_back_angry.wav (speaker OAF or YAF; word; angry disgust fear happy neutral ps sad), in the "
        "folder or in its OAF_angry, YAF_angry, ..."
    ),
    editions=(
        Published(
            n_utterances=2800,
            n_speakers=2,
            emotions={
                "anger": 400,
                "disgust": 400,
                "fear": 400,
                "happiness": 400,
                "neutral": 400,
                "sadness": 400,
                "surprise": 400,
            },
        ),
    ),
    sources=(Dataverse("https://borealisdata.ca", "doi:10.5683/SP2/E8H2MF"),),
    acted=True,
    recognisable=True,
    scan=scan,
)
