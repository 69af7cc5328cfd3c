"""eNTERFACE'05, videos with sound: `subject 1/anger/sentence 1/s1_an_1.avi`."""

import re
from pathlib import Path

from ser_keras.corpora.corpus import BadName, Listing, ParsedName, Published, Reader, list_by_name
from ser_keras.corpora.fetching.sources import Archive
from ser_keras.corpora.folders import find_folder, folders_in, is_audio

EMOTION_CODES = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}
UNSEGMENTED = 6
VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv")
_SUBJECT = re.compile(r"subject[ _-]?(\d{1,2})")
_SENTENCE = re.compile(r"sentence[ _-]?([1-5])")
# The archive misspells some names: s_3_su_1.avi, s16_su_3avi.avi, and s12_... for all of subject 11.
_NAME = re.compile(r"s_?\d{1,2}_(an|di|fe|ha|sa|su)_([1-5])(?:avi)?")


def scan(root: str | Path) -> Listing:
    """List the corpus; `path` is the video, whose sound `ser_keras.audio.reading` reads with PyAV.

    `root` holds the subjects' folders or is up to two levels above. Spaces in folder names may be `-` or `_`, and
    sentences may lie without folders of their own. Subject, emotion and sentence are the folders'; the file's name
    must agree on the emotion. Where sound was extracted beside a video (`s1_an_1.wav`), the video counts.

    Returns:
        Listing.

    Raises:
        NotThisCorpus: no video below a subject's folder.
    """
    root = Path(root).absolute()
    files: list[Path] = []
    unsegmented = 0
    for subject in _subjects_in(find_folder(root, _subjects_in)):
        recordings = [p for p in sorted(subject.rglob("*")) if _is_video(p) or is_audio(p)]
        match = _SUBJECT.fullmatch(subject.name.lower())
        if match and int(match[1]) == UNSEGMENTED:
            unsegmented += len(recordings)
        else:
            files += recordings
    files.sort(key=lambda p: not _is_video(p))
    listing = list_by_name(READER, root, _one_each(files), parse=_parse)
    if unsegmented:
        listing.notes.append(f"{unsegmented} files of subject 6 passed over: an emotion's sentences in one piece")
    return listing


def _subjects_in(folder: Path) -> list[Path]:
    return [p for p in folders_in(folder) if _SUBJECT.fullmatch(p.name.lower())]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _one_each(files: list[Path]) -> list[Path]:
    """Sound that was extracted beside a video isn't a second recording, and no bad file either."""
    first: dict[Path, Path] = {}
    for path in files:
        first.setdefault(path.with_suffix(""), path)
    return list(first.values())


def _parse(path: Path) -> ParsedName:
    match = _NAME.fullmatch(path.stem.lower())
    if not match:
        raise BadName("its name doesn't read as subject, emotion, sentence (s1_an_1)")
    code, number = match.groups()
    above = [part.lower() for part in path.parent.parts]
    subject = next(int(m[1]) for part in reversed(above) if (m := _SUBJECT.fullmatch(part)))
    if not 1 <= subject <= 44:
        raise BadName(f"eNTERFACE'05 has no subject {subject}")
    emotion = next((part for part in reversed(above) if part in EMOTION_CODES.values()), None)
    if emotion != EMOTION_CODES[code]:
        raise BadName(f"names {EMOTION_CODES[code]}, but lies in {emotion or 'no folder of an emotion'}")
    sentence = next((m[1] for part in reversed(above) if (m := _SENTENCE.fullmatch(part))), number)
    return ParsedName(
        take=(subject, emotion, sentence),
        emotion=emotion,
        speaker=f"enterface/{subject:02d}",
        # five reactions to the story of each emotion
        text=f"{code}{sentence}",
    )


READER = Reader(
    name="enterface",
    title="eNTERFACE'05 audio-visual emotion database",
    language="en",
    licence="free for scientific research",
    citation=(
        "Martin, O., Kotsia, I., Macq, B. and Pitas, I. (2006). The eNTERFACE'05 audio-visual emotion database. "
        "22nd International Conference on Data Engineering Workshops."
    ),
    layout="folders 'subject 1' to 'subject 44', in them anger/sentence 1/s1_an_1.avi and so on for six emotions",
    # The paper counts 1166 videos of 42 subjects. The archive that its authors give out holds 1293 of 44. Six of
    # those, of subject 6, hold the sentences of an emotion in one piece, and are passed over.
    editions=(
        Published(
            n_utterances=1287,
            n_speakers=43,
            emotions={
                "anger": 215,
                "disgust": 215,
                "fear": 215,
                "happiness": 212,
                "sadness": 215,
                "surprise": 215,
            },
        ),
    ),
    sources=(Archive("https://enterface.net/enterface05/docs/results/databases/project2_database.zip"),),
    recognisable=True,
    scan=scan,
)
