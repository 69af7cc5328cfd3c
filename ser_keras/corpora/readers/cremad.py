"""CREMA-D, its audio: `AudioWAV/1001_DFA_ANG_XX.wav`."""

import re
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import GitHub
from ser_keras.corpora.folders import audio_files, find_folder

EMOTION_CODES = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}  # XX: unspecified
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
# From the corpus's VideoDemographics.csv, which copies of the audio alone don't carry.
WOMEN = {
    *(1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025, 1028, 1029, 1030),
    *(1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060, 1061, 1063, 1072, 1073, 1074, 1075),
    *(1076, 1078, 1079, 1082, 1084, 1089, 1091),
}
MISSPELT = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}
PAIRS = (  # one recording under two labels
    ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"),
    ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"),
    ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"),
)
LEFT_OUT = {  # take -> reason
    "1076_MTI_SAD_XX": "silent",
    **{take: f"the same audio as {other}" for pair in PAIRS for take, other in (pair, pair[::-1])},
}
_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2})")


def scan(root: str | Path) -> Listing:
    """List the corpus, by the emotion that the actors were asked for; for listeners' votes see `corpora.listeners`.

    `root` holds `AudioWAV/` or is that folder, or is up to two levels above. `1040_ITH_SAD_X` is published under that
    misspelt name. The takes of LEFT_OUT are in `left_out`.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no file is named as the corpus names them.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: any(_NAME.fullmatch(p.stem) for p in audio_files(f)))
    listing = list_by_name(READER, root, audio_files(folder), parse=_parse)
    left_out = [u for u in listing.utterances if Path(u.path).stem in LEFT_OUT]
    notes = list(listing.notes)
    if left_out:
        takes = [Path(u.path).stem for u in left_out]
        notes.append("left out of training and tests: " + ", ".join(f"{t} ({LEFT_OUT[t]})" for t in takes))
    usable = [u for u in listing.utterances if u not in left_out]
    return Listing(usable, listing.bad_files, notes, left_out=left_out)


def _parse(path: Path) -> ParsedName:
    stem = MISSPELT.get(path.stem, path.stem)
    match = _NAME.fullmatch(stem)
    if not match:
        raise BadName("its name doesn't read as actor, sentence, emotion, intensity (1001_DFA_ANG_XX)")
    actor, sentence, emotion, intensity = match.groups()
    if not 1001 <= int(actor) <= 1091:
        raise BadName(f"CREMA-D has no actor {actor}")
    for what, code, known in (
        ("sentence", sentence, SENTENCES),
        ("emotion", emotion, EMOTION_CODES),
        ("intensity", intensity, INTENSITIES),
    ):
        if code not in known:
            raise BadName(f"CREMA-D has no {what} {code}")
    return ParsedName(
        take=stem,
        emotion=EMOTION_CODES[emotion],
        speaker=f"cremad/{actor}",
        text=sentence,
        gender="female" if int(actor) in WOMEN else "male",
        intensity=INTENSITIES[intensity],
    )


READER = Reader(
    name="cremad",
    title="CREMA-D (Crowd-sourced Emotional Multimodal Actors Dataset), audio",
    language="en",
    licence="ODbL 1.0, contents DbCL 1.0",
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A. and Verma, R. (2014). CREMA-D: Crowd-sourced "
        "emotional multimodal actors dataset. IEEE Transactions on Affective Computing 5(4), 377-390."
    ),
    layout="files named as 1001_DFA_ANG_XX.wav (actor, sentence, emotion, intensity) in the folder or its AudioWAV/",
    editions=(
        Published(
            n_utterances=7442,
            n_speakers=91,
            emotions={
                "anger": 1271,
                "disgust": 1271,
                "fear": 1271,
                "happiness": 1271,
                "neutral": 1087,
                "sadness": 1271,
            },
        ),
    ),
    sources=(
        GitHub("CheyneyComputerScience/CREMA-D", "master", ("AudioWAV/", "VideoDemographics.csv", "LICENSE.txt")),
    ),
    acted=True,
    recognisable=True,
    scan=scan,
)
