"""What people heard: CREMA-D's listeners, who named the emotion of each take by its sound alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.folders import find_folder
from ser_keras.corpora.readers.tables import read_table
from ser_keras.corpora.utterance import Utterance

VOTES_FILE = "voice_votes.csv"
LETTERS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
FOUR = ("anger", "happiness", "neutral", "sadness")


class ListenersAccuracy(TypedDict):
    """How often listeners named what the actors were asked for; fit for JSON.

    Attributes:
        n_takes: how many takes have votes.
        share: of these takes, the share that was named right.
        recalls: emotion -> the share of its takes that was named right.
        uar_six, uar_four: means of the recalls of all six emotions, and of anger, happiness, neutral and sadness; None
            where an emotion has no take. Listeners chose between all six in either.
    """

    n_takes: int
    share: float | None
    recalls: dict[str, float]
    uar_six: float | None
    uar_four: float | None


def voice_votes(root: Path) -> dict[str, frozenset[str]]:
    """The emotions that most listeners heard in each take of CREMA-D, by sound alone.

    Reference: Cao et al. 2014 (see `readers.cremad`). `voice_votes.csv` has a row a take, with the columns `take`
    (`1001_DFA_ANG_XX`) and `voice_vote`: the letters of the emotions that got most votes, `A`, or `A:D` where two got
    as many. They are FileName and VoiceVote of the corpus's own `processedResults/summaryTable.csv`.

    Args:
        root: the corpus's folder, as its reader takes it: `voice_votes.csv` is in it, up to two levels below, or in the
            folder above it (of `AudioWAV/`).

    Returns:
        Take -> emotions; empty without the file.

    Raises:
        SerKerasError: a table without these columns, or with other letters.
    """
    folders = (find_folder(Path(root), lambda f: (f / VOTES_FILE).is_file()), Path(root).absolute().parent)
    path = next((folder / VOTES_FILE for folder in folders if (folder / VOTES_FILE).is_file()), None)
    if path is None:
        return {}
    columns, rows = read_table(path, delimiter=",")
    if missing := {"take", "voice_vote"} - set(columns):
        raise SerKerasError(f"{path}: the column {min(missing)} is missing")
    votes: dict[str, frozenset[str]] = {}
    for number, row in rows:
        letters = row["voice_vote"].split(":")
        if wrong := [letter for letter in letters if letter not in LETTERS]:
            raise SerKerasError(
                f"{path}, row {number}: voice_vote '{wrong[0]}' is none of the letters {', '.join(LETTERS)}"
            )
        votes[row["take"]] = frozenset(LETTERS[letter] for letter in letters)
    return votes


def accuracy(votes: Mapping[str, frozenset[str]], utterances: Iterable[Utterance]) -> ListenersAccuracy:
    """How often most listeners named the emotion that the actor was asked for.

    A take is named right where that emotion alone got most votes; where two got as many, it is not.

    Args:
        votes: of `voice_votes`.
        utterances: of CREMA-D; those without votes do not count.
    """
    right: dict[str, list[bool]] = {}
    for utterance in utterances:
        take = Path(utterance.path).stem
        if take in votes:
            right.setdefault(utterance.emotion, []).append(votes[take] == {utterance.emotion})
    named = [each for takes in right.values() for each in takes]
    recalls = {emotion: sum(right[emotion]) / len(right[emotion]) for emotion in sorted(right)}
    return {
        "n_takes": len(named),
        "share": sum(named) / len(named) if named else None,
        "recalls": recalls,
        "uar_six": _mean_recall(recalls, tuple(LETTERS.values())),
        "uar_four": _mean_recall(recalls, FOUR),
    }


def _mean_recall(recalls: Mapping[str, float], emotions: tuple[str, ...]) -> float | None:
    if not all(emotion in recalls for emotion in emotions):
        return None
    return sum(recalls[emotion] for emotion in emotions) / len(emotions)
