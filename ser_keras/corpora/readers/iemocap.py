"""IEMOCAP: `Session1/sentences/wav/...`, labelled by `Session1/dialog/EmoEvaluation/*.txt`."""

import re
from pathlib import Path

from ser_keras.common.errors import SerKerasError, nearest
from ser_keras.corpora.corpus import GENDERS, Listing, NotThisCorpus, Published, Reader
from ser_keras.corpora.fetching.sources import OnRequest
from ser_keras.corpora.folders import find_folder, folders_in, is_audio, name_below
from ser_keras.corpora.utterance import Utterance

EMOTION_CODES = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
}
NO_AGREEMENT = "xxx"
_TURN = re.compile(r"(Ses0[1-5])[FM]_\w+_([FM])\w*")
# [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
_NUMBER = r"(\d+(?:\.\d+)?)"
_LABEL = re.compile(rf"\[[\d.]+ - [\d.]+\]\s+(\w+)\s+(\w+)\s+\[{_NUMBER}, {_NUMBER}, {_NUMBER}\]\s*")
# Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
_SAID = re.compile(r"(\w+) \[[\d. -]+\]: *(.*)")


def scan(root: str | Path) -> Listing:
    """List the corpus: a turn with its emotion, activation and valence (1 to 5, the raters' mean).

    Happy and excited stay apart, for a recipe's `classes` to merge. Turns without agreement (xxx) are passed over and
    counted in the notes. A speaker is a session's woman or man (`iemocap/Ses01F`), whoever wears the markers.

    The usual 5531 utterances of four classes are `classes: {anger: [anger], happiness: [happiness, excitement],
    neutral: [neutral], sadness: [sadness]}`.

    `root` holds the sessions, or is one, or is up to two levels above.

    Returns:
        Listing; labelled turns without a wav are bad files, and so are unlabelled wavs.

    Raises:
        NotThisCorpus: no session with labels and sentences.
        SerKerasError: a table of labels that can't be read, with its line.
    """
    root = Path(root).absolute()
    folder = find_folder(root, lambda f: _is_session(f) or any(map(_is_session, folders_in(f))))
    sessions = [folder] if _is_session(folder) else [f for f in folders_in(folder) if _is_session(f)]
    utterances: list[Utterance] = []
    bad_files: dict[str, str] = {}
    without = 0
    for session in sessions:
        audio, texts, labels = _sentences(session), _texts(session), _labels(session)
        for turn, (emotion, valence, activation) in labels.items():
            if emotion == NO_AGREEMENT:
                without += 1
                continue
            if turn not in audio:
                bad_files[name_below(session, root) + f"/{turn}.wav"] = "labelled, but not in sentences/wav"
                continue
            number, gender = _speaker(turn)
            utterances.append(
                Utterance(
                    path=str(audio[turn]),
                    emotion=EMOTION_CODES[emotion],
                    speaker=f"iemocap/{number}{gender}",
                    corpus="iemocap",
                    name=name_below(audio[turn], root),
                    text=texts.get(turn),
                    gender=GENDERS[gender.lower()],
                    activation=activation,
                    valence=valence,
                    session=f"iemocap/{number}",
                )
            )
        bad_files.update((name_below(audio[turn], root), "no label") for turn in audio.keys() - labels.keys())
    if not utterances:
        found = f"labels of {len(bad_files)} turns, and none of their wavs" if bad_files else None
        raise NotThisCorpus(READER.title, root, READER.layout, found)
    notes = [f"{without} turns passed over: raters agree on no emotion (xxx)"] if without else []
    return Listing(sorted(utterances, key=lambda u: u.name), bad_files, notes)


def _speaker(turn: str) -> tuple[str, str]:
    """(session, F or M) of a turn whose name `_labels` has checked."""
    match = _TURN.fullmatch(turn)
    assert match is not None
    return match[1], match[2]


def _is_session(folder: Path) -> bool:
    return (folder / "dialog" / "EmoEvaluation").is_dir()


def _sentences(session: Path) -> dict[str, Path]:
    """turn -> its wav."""
    folder = session / "sentences" / "wav"
    return {p.stem: p for p in sorted(folder.rglob("*")) if is_audio(p)} if folder.is_dir() else {}


def _labels(session: Path) -> dict[str, tuple[str, float, float]]:
    """turn -> (code, valence, activation) of a session; further lines of the tables are single raters'."""
    labels = {}
    for table in _tables(session / "dialog" / "EmoEvaluation"):
        for number, line in enumerate(_lines(table), start=1):
            if not line.startswith("["):
                continue
            match = _LABEL.fullmatch(line)
            if not match or not _TURN.fullmatch(match[1]):
                raise SerKerasError(f"{table}, line {number}: {line.strip()!r} isn't [time] turn emotion [V, A, D]")
            turn, code, valence, activation, _ = match.groups()
            if code != NO_AGREEMENT and code not in EMOTION_CODES:
                raise SerKerasError(
                    f"{table}, line {number}: IEMOCAP has no emotion '{code}'; nearest: {nearest(code, EMOTION_CODES)}"
                )
            labels[turn] = code, float(valence), float(activation)
    return labels


def _texts(session: Path) -> dict[str, str]:
    """turn -> what is said, where the transcriptions are there."""
    tables = _tables(session / "dialog" / "transcriptions")
    matches = (_SAID.fullmatch(line.strip()) for table in tables for line in _lines(table))
    return {match[1]: match[2] for match in matches if match}


def _tables(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.txt") if not p.name.startswith("."))


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SerKerasError(f"{table}: can't be read ({error.strerror})") from error


READER = Reader(
    name="iemocap",
    title="IEMOCAP (Interactive Emotional Dyadic Motion Capture)",
    language="en",
    licence="free for research, by a release form of the University of Southern California",
    citation=(
        "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., Lee, S. and Narayanan, "
        "S. S. (2008). IEMOCAP: Interactive emotional dyadic motion capture database. Language Resources and "
        "Evaluation 42(4), 335-359."
    ),
    layout="folders Session1 to Session5, each with dialog/EmoEvaluation/*.txt and sentences/wav/Ses01F_impro01/*.wav",
    # 10039 turns; raters agree on no emotion in 2507 of them.
    editions=(
        Published(
            n_utterances=7532,
            n_speakers=10,
            emotions={
                "anger": 1103,
                "disgust": 2,
                "excitement": 1041,
                "fear": 40,
                "frustration": 1849,
                "happiness": 595,
                "neutral": 1708,
                "other": 3,
                "sadness": 1084,
                "surprise": 107,
            },
        ),
    ),
    sources=(
        OnRequest(
            "the University of Southern California, by the form at https://sail.usc.edu/iemocap/iemocap_release.htm"
        ),
    ),
    recognisable=True,
    scan=scan,
)
