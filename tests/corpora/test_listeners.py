"""What CREMA-D's listeners heard, and how often it was what the actors were asked for."""

import pytest

from ser_keras import corpora
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.listeners import accuracy, voice_votes
from ser_keras.corpora.utterance import Utterance
from tests.conftest import shared_data

TABLE = """take,intended,voice_vote,voice_level,multimodal_vote,multimodal_level
1001_DFA_ANG_XX,anger,A,47.33,A,41.5
1002_DFA_ANG_XX,anger,A:D,39,D,41.83
1001_DFA_HAP_XX,happiness,N,75.25,H,57.9
1001_DFA_NEU_XX,neutral,N,75.25,N,57.9
1001_DFA_SAD_XX,sadness,S,75.25,S,57.9
"""


def utterance(take, emotion):
    return Utterance(path=f"/data/AudioWAV/{take}.wav", emotion=emotion, speaker="cremad/1001", corpus="cremad")


def test_votes_lie_beside_the_audio(tmp_path):
    (tmp_path / "CREMA-D" / "AudioWAV").mkdir(parents=True)
    (tmp_path / "CREMA-D" / "voice_votes.csv").write_text(TABLE)
    votes = voice_votes(tmp_path / "CREMA-D")
    assert votes["1001_DFA_ANG_XX"] == {"anger"} and votes["1002_DFA_ANG_XX"] == {"anger", "disgust"}
    assert len(votes) == 5
    assert voice_votes(tmp_path) == voice_votes(tmp_path / "CREMA-D" / "AudioWAV") == votes


def test_no_table_gives_no_votes(tmp_path):
    assert voice_votes(tmp_path) == voice_votes(tmp_path / "nowhere") == {}
    nothing = accuracy({}, [utterance("1001_DFA_ANG_XX", "anger")])
    assert nothing == {"n_takes": 0, "share": None, "recalls": {}, "uar_six": None, "uar_four": None}


@pytest.mark.parametrize(
    ("table", "part"),
    [
        (TABLE.replace("A:D", "A:X"), "row 3: voice_vote 'X' is none of the letters A, D, F, H, N, S"),
        (TABLE.replace("A:D", ""), "row 3: voice_vote '' is none of the letters"),
        (TABLE.replace("voice_vote", "vote"), "the column voice_vote is missing"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, table, part):
    (tmp_path / "voice_votes.csv").write_text(table)
    with pytest.raises(SerKerasError) as error:
        voice_votes(tmp_path)
    assert part in str(error.value) and "\n" not in str(error.value)


def test_a_take_is_right_where_what_was_asked_for_got_most_votes_alone(tmp_path):
    (tmp_path / "voice_votes.csv").write_text(TABLE)
    utterances = [
        *(utterance("1001_DFA_ANG_XX", "anger"), utterance("1002_DFA_ANG_XX", "anger")),
        *(utterance("1001_DFA_HAP_XX", "happiness"), utterance("1001_DFA_NEU_XX", "neutral")),
        *(utterance("1001_DFA_SAD_XX", "sadness"), utterance("1091_DFA_SAD_XX", "sadness")),  # the last has no votes
    ]
    measured = accuracy(voice_votes(tmp_path), utterances)
    assert measured["recalls"] == {"anger": 0.5, "happiness": 0, "neutral": 1, "sadness": 1}
    assert measured["n_takes"] == 5 and measured["share"] == 0.6
    assert measured["uar_four"] == 0.625 and measured["uar_six"] is None


def test_the_real_listeners():
    """Figures of the published table: 42 % of the takes, from neutral 96 % to sadness 16 %."""
    root = shared_data("cremad")
    listing = corpora.scan("cremad", root)
    assert (len(listing.utterances), len(listing.left_out)) == (7435, 7)
    votes = voice_votes(root)
    measured = accuracy(votes, [*listing.utterances, *listing.left_out])
    assert measured["n_takes"] == len(votes) == 7442 and round(measured["share"], 2) == 0.42
    rounded = {emotion: round(recall, 2) for emotion, recall in measured["recalls"].items()}
    assert rounded == dict(anger=0.61, disgust=0.27, fear=0.32, happiness=0.26, neutral=0.96, sadness=0.16)
    assert round(measured["uar_six"], 2) == 0.43 and round(measured["uar_four"], 2) == 0.5
