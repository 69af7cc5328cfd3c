"""CASIA, acted Mandarin: `liuchanhg/angry/201.wav`."""

import re
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import OnRequest
from ser_keras.corpora.folders import audio_files, find_folder, folders_in

_EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")

# Folder names in lower case: (speaker, whether the texts are the same for all emotions). The whole corpus names the
# same four people the other way round beside the texts of its second part.
SPEAKERS = {
    "liuchanhg": ("liuchang", True),
    "liuchanhua": ("liuchang", True),
    "liuchang": ("liuchang", True),
    "wangzhe": ("wangzhe", True),
    "zhaoquanyin": ("zhaoquanyin", True),
    "zhaozuoxiang": ("zhaozuoxiang", True),
    "chang.liu": ("liuchang", False),
    "zhe.wang": ("wangzhe", False),
    "quanyin.zhao": ("zhaoquanyin", False),
    "zuoxiang.zhao": ("zhaozuoxiang", False),
}
WOMEN = ("liuchang", "zhaoquanyin")
EMOTIONS = {
    "angry": "anger",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "normal": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}
_NAME = re.compile(r"(\d{1,3})(?:-[a-z]+-[a-z.]+)?")


def scan(root: str | Path) -> Listing:
    """List the corpus; two parts of it (same and own texts) side by side are both read.

    `root` holds the speakers' folders or is up to two levels above. Folders of speakers may be spelt in any case.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no folder of a speaker with a numbered file in it.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: any(_speakers_in(sub) for sub in (f, *folders_in(f))))
    speakers = _speakers_in(folder) or [s for part in folders_in(folder) for s in _speakers_in(part)]
    files = [path for speaker in speakers for emotion in folders_in(speaker) for path in audio_files(emotion)]
    return list_by_name(READER, root, files, parse=_parse)


def _speakers_in(folder: Path) -> list[Path]:
    return [p for p in folders_in(folder) if p.name.lower() in SPEAKERS]


def _parse(path: Path) -> ParsedName:
    match = _NAME.fullmatch(path.stem.lower())
    if not match:
        raise BadName("its name isn't a number (201)")
    emotion = path.parent.name.lower()
    if emotion not in EMOTIONS:
        raise BadName(f"lies in {path.parent.name}, which is none of {', '.join(EMOTIONS)}")
    number = int(match[1])
    speaker, same_text = SPEAKERS[path.parent.parent.name.lower()]
    text = f"{number:03d}" if same_text else f"{EMOTIONS[emotion]}-{number:03d}"
    return ParsedName(
        take=(speaker, same_text, emotion, number),
        emotion=EMOTIONS[emotion],
        speaker=f"casia/{speaker}",
        text=text,
        gender="female" if speaker in WOMEN else "male",
    )


READER = Reader(
    name="casia",
    title="CASIA Chinese emotional speech corpus",
    language="zh",
    licence="by licence from the Chinese Linguistic Data Consortium",
    citation=(
        "Institute of Automation, Chinese Academy of Sciences: The selected speech emotion database of Institute of "
        "Automation Chinese Academy of Sciences (CASIA), 2012."
    ),
    layout=(
        "folders of the speakers liuchanhg, wangzhe, zhaoquanyin, ZhaoZuoxiang, each with angry, fear, happy, neutral, "
        "sad and surprise, of numbered files (201.wav)"
    ),
    editions=(  # what most users have: 50 texts, the same for all emotions; the whole: 300 of those, and 100 of its own
        Published(n_utterances=1200, n_speakers=4, emotions=dict.fromkeys(_EMOTIONS, 200)),
        Published(n_utterances=9600, n_speakers=4, emotions=dict.fromkeys(_EMOTIONS, 1600)),
    ),
    sources=(OnRequest("the Chinese Linguistic Data Consortium (http://www.chineseldc.org), which licenses it"),),
    acted=True,
    recognisable=True,
    scan=scan,
)
