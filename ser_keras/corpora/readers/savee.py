"""SAVEE in both published layouts: `AudioData/DC/a01.wav` and `DC_a01.wav`."""

import re
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import OnRequest
from ser_keras.corpora.folders import audio_files, find_folder

SPEAKERS = ("DC", "JE", "JK", "KL")
EMOTION_LETTERS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_NAME = re.compile(r"(?:([A-Z]{2})_)?(sa|su|[adfhn])(\d\d)")


def scan(root: str | Path) -> Listing:
    """List the corpus; `root` holds `AudioData/` or `ALL/`, or is that folder, or is up to two levels above.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no file is named as the corpus names them.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: any(_NAME.fullmatch(p.stem) for p in _files(f)))
    return list_by_name(READER, root, _files(folder), parse=_parse)


def _files(folder: Path) -> list[Path]:
    return [path for f in (folder, *(folder / speaker for speaker in SPEAKERS)) for path in audio_files(f)]


def _parse(path: Path) -> ParsedName:
    match = _NAME.fullmatch(path.stem)
    if not match:
        raise BadName("its name doesn't read as emotion and number (a01, DC_a01)")
    speaker, letters, number = match.groups()
    folder = path.parent.name if path.parent.name in SPEAKERS else None
    if speaker and folder and speaker != folder:
        raise BadName(f"names speaker {speaker}, but lies in {folder}")
    speaker = speaker or folder
    if speaker not in SPEAKERS:
        raise BadName("names no speaker: DC, JE, JK or KL, before the name or as its folder")
    if not 1 <= int(number) <= (30 if letters == "n" else 15):
        raise BadName(f"SAVEE has no sentence {letters}{number}")
    return ParsedName(
        take=f"{speaker}_{letters}{number}",
        emotion=EMOTION_LETTERS[letters],
        speaker=f"savee/{speaker}",
        # Sentences are numbered within an emotion; the names don't say which of them emotions share.
        text=f"{letters}{number}",
        gender="male",
    )


READER = Reader(
    name="savee",
    title="SAVEE (Surrey Audio-Visual Expressed Emotion)",
    language="en",
    licence="free for research only, on registration with the University of Surrey",
    citation=(
        "Haq, S. and Jackson, P. J. B. (2010). Multimodal emotion recognition. In Machine Audition: Principles, "
        "Algorithms and Systems, IGI Global, 398-423."
    ),
    layout=(
        "AudioData/DC/a01.wav, or DC_a01.wav in the folder or in its ALL/ (speakers DC JE JK KL; "
        "a d f h n sa su; numbers)"
    ),
    editions=(
        Published(
            n_utterances=480,
            n_speakers=4,
            emotions={
                "anger": 60,
                "disgust": 60,
                "fear": 60,
                "happiness": 60,
                "neutral": 120,
                "sadness": 60,
                "surprise": 60,
            },
        ),
    ),
    sources=(OnRequest("the University of Surrey at http://kahlan.eps.surrey.ac.uk/savee/, which registers users"),),
    limits=("British English, 4 male actors."),
    acted=True,
    recognisable=True,
    scan=scan,
)
