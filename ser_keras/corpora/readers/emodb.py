"""EMO-DB, the Berlin Database of Emotional Speech: `wav/03a01Fa.wav`."""

import re
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import Archive, Audb
from ser_keras.corpora.folders import audio_files, find_folder
from ser_keras.corpora.utterance import Gender

SPEAKERS: dict[str, Gender] = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
EMOTION_LETTERS = {  # of the German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")


def scan(root: str | Path) -> Listing:
    """List the corpus; `root` holds `wav/` or is that folder, or is up to two levels above.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no file is named as the corpus names them.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: any(_NAME.fullmatch(p.stem) for p in audio_files(f)))
    return list_by_name(READER, root, audio_files(folder), parse=_parse)


def _parse(path: Path) -> ParsedName:
    match = _NAME.fullmatch(path.stem)
    if not match:
        raise BadName("its name doesn't read as speaker, text, emotion, version (03a01Fa)")
    speaker, text, letter, _ = match.groups()
    if speaker not in SPEAKERS:
        raise BadName(f"EMO-DB has no speaker {speaker}")
    if letter not in EMOTION_LETTERS:
        raise BadName(f"EMO-DB has no emotion letter {letter}")
    return ParsedName(
        take=path.stem,
        emotion=EMOTION_LETTERS[letter],
        speaker=f"emodb/{speaker}",
        text=text,
        gender=SPEAKERS[speaker],
    )


READER = Reader(
    name="emodb",
    title="EMO-DB (Berlin Database of Emotional Speech)",
    language="de",
    licence="CC0-1.0",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. and Weiss, B. (2005). A database of German emotional "
        "speech. Interspeech 2005, Lisbon, 1517-1520."
    ),
    layout=(
        "files named as 03a01Fa.wav (speaker, text, emotion letter W L E A F T N, version) in the folder or its wav/"
    ),
    editions=(
        Published(
            n_utterances=535,
            n_speakers=10,
            emotions={
                "anger": 127,
                "boredom": 81,
                "disgust": 46,
                "fear": 69,
                "happiness": 71,
                "neutral": 79,
                "sadness": 62,
            },
        ),
    ),
    # audb checks every file; the zip is the corpus's own, without a published checksum.
    sources=(Audb("emodb", "1.4.1"), Archive("http://emodb.bilderbar.info/download/download.zip")),
    limits=(
        "German, 10 actors, ten fixed sentences that all of them speak: independence of the speaker is measured, "
        "independence of the text is not."
    ),
    acted=True,
    recognisable=True,
    scan=scan,
)
