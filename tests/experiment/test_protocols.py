"""No test material is ever seen in training; a planted leak is found."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from ser_keras.audio.windows import window_starts
from ser_keras.common.errors import SerKerasError
from ser_keras.corpora.utterance import Utterance
from ser_keras.experiment.protocols import PROTOCOLS, Fold, expand_chunks, make_folds, verify
from ser_keras.experiment.settings import Protocol

EMOTIONS = ("anger", "fear", "neutral")


def people(n_speakers=6, each=9, corpus="made", genders=("female", "male")):
    return [
        Utterance(
            path=f"/{corpus}/s{s}_{i}.wav",
            emotion=EMOTIONS[i % 3],
            speaker=f"{corpus}/s{s}",
            corpus=corpus,
            name=f"s{s}_{i}.wav",
            gender=genders[s % 2] if genders else None,
        )
        for s in range(n_speakers)
        for i in range(each)
    ]


def labels_of(utterances):
    return np.array([EMOTIONS.index(u.emotion) for u in utterances])


def folds_of(utterances, name, seed=0, validate=False, **settings):
    return make_folds(utterances, labels_of(utterances), Protocol(name=name, **settings), seed=seed, validate=validate)


def speakers(utterances, indices):
    return {utterances[i].speaker for i in indices}


@pytest.mark.parametrize("k", [None, 2, 3, 6])
@pytest.mark.parametrize("validate", [False, True])
def test_speaker_independent_keeps_speakers_apart_and_tests_each_once(k, validate):
    utterances = people()
    folds = folds_of(utterances, "speaker_independent", folds=k, validate=validate)
    assert len(folds) == (k or 6)
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(utterances)))
    for fold in folds:
        parts = [speakers(utterances, p) for p in (fold.train, fold.validation, fold.test)]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert len(fold.train) + len(fold.validation) + len(fold.test) == len(utterances)


def test_fewer_groups_where_there_are_fewer_speakers():
    assert len(folds_of(people(), "speaker_independent", folds_at_most=5)) == 5
    assert len(folds_of(people(4), "speaker_independent", folds_at_most=5)) == 4  # SAVEE's and DES's
    assert len(folds_of(people(4), "speaker_independent", folds_at_most=5, folds=2)) == 2
    assert len(folds_of(people(4), "speaker_dependent", folds_at_most=3)) == 3
    with pytest.raises(SerKerasError, match="needs two speakers"):
        folds_of(people(1), "speaker_independent", folds_at_most=5)
    assert "folds_at_most" not in Protocol().model_dump()  # so that runs of before can be resumed
    assert Protocol(folds_at_most=5).model_dump()["folds_at_most"] == 5


def test_validation_is_a_woman_and_a_man_and_rotates():
    utterances = people()
    folds = folds_of(utterances, "speaker_independent", validate=True)
    pairs = [speakers(utterances, f.validation) for f in folds]
    for pair in pairs:
        assert {u.gender for u in utterances if u.speaker in pair} == {"female", "male"}
    assert len({frozenset(p) for p in pairs}) > 2


def test_validation_without_genders_still_takes_two_speakers():
    utterances = people(genders=None)
    assert {
        len(speakers(utterances, f.validation)) for f in folds_of(utterances, "speaker_independent", validate=True)
    } == {2}


def test_speaker_groups_share_genders():
    utterances = people(8)
    for fold in folds_of(utterances, "speaker_independent", folds=4):
        test = speakers(utterances, fold.test)
        assert Counter(u.gender for u in utterances if u.speaker in test) == {"female": 9, "male": 9}


def test_same_seed_same_folds_other_seed_others():
    utterances = people(8)
    first, same, other = (folds_of(utterances, "speaker_independent", seed=s, folds=4) for s in (0, 0, 1))
    assert all((a.test == b.test).all() for a, b in zip(first, same, strict=True))
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", ["speaker_dependent", "single_speaker", "utterance_random"])
def test_utterances_are_on_one_side_and_classes_are_stratified(name):
    utterances = people(3, each=30)
    labels = labels_of(utterances)
    for fold in folds_of(utterances, name, validate=True):
        assert not set(fold.train) & set(fold.test)
        assert not set(fold.validation) & (set(fold.test) | set(fold.train))
        shares = np.bincount(labels[fold.test], minlength=3) / len(fold.test)
        assert np.abs(shares - 1 / 3).max() < 0.1
        if name == "single_speaker":
            assert len(speakers(utterances, [*fold.train, *fold.validation, *fold.test])) == 1


def test_predefined_takes_the_manifest_at_its_word():
    utterances = [
        dataclasses.replace(u, split=("train", "train", "validation", "test")[i % 4]) for i, u in enumerate(people())
    ]
    [fold] = folds_of(utterances, "predefined")
    for part in ("train", "validation", "test"):
        assert {utterances[i].split for i in getattr(fold, part)} == {part}


def test_predefined_without_splits_is_one_line():
    with pytest.raises(SerKerasError, match="split is 'train' and 'test'"):
        folds_of(people(), "predefined")


def test_cross_corpus_tests_each_corpus_unseen():
    utterances = people(4, corpus="a") + people(4, corpus="b")
    folds = folds_of(utterances, "cross_corpus", validate=True)
    assert [f.name for f in folds] == ["a", "b"]
    for fold in folds:
        assert {utterances[i].corpus for i in fold.test} == {fold.name}
        assert fold.name not in {utterances[i].corpus for i in [*fold.train, *fold.validation]}
        assert not speakers(utterances, fold.train) & speakers(utterances, fold.validation)


def test_chunk_random_is_leaky_and_says_so():
    utterances = people()
    starts = [window_starts(40000, 8800, 8192, tail="drop")] * len(utterances)
    chunks, labels = expand_chunks(
        utterances, labels_of(utterances), [40000] * len(utterances), window=8800, starts=starts
    )
    assert len(chunks) == 4 * len(utterances)
    assert chunks[1].start == pytest.approx(0.512) and chunks[1].end == pytest.approx(0.512 + 0.55)
    [fold] = make_folds(chunks, labels, Protocol(name="chunk_random"), seed=0)
    files = [{chunks[i].name for i in part} for part in (fold.train, fold.test)]
    assert files[0] & files[1], "that is the leak that this protocol is on request for"
    assert PROTOCOLS["chunk_random"].leaky and "LEAKY" in PROTOCOLS["chunk_random"].claim
    assert not [name for name, kind in PROTOCOLS.items() if kind.leaky and name != "chunk_random"]


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("name", ["speaker_independent", "cross_corpus", "speaker_dependent", "chunk_random"])
def test_a_planted_leak_is_found(name, part):
    utterances = people(4, corpus="a") + people(4, corpus="b")
    fold = folds_of(
        utterances, name, folds=None if name in ("cross_corpus", "speaker_independent") else 3, validate=True
    )[0]
    leaking = dataclasses.replace(fold, **{part: np.append(getattr(fold, part), fold.test[0])})
    verify([fold], utterances, name)
    with pytest.raises(RuntimeError, match="leak in fold 0"):
        verify([leaking], utterances, name)


def test_a_speaker_on_both_sides_is_a_leak_even_with_other_utterances():
    utterances = people()
    half = np.arange(0, len(utterances), 2)
    other = np.arange(1, len(utterances), 2)
    with pytest.raises(RuntimeError, match="speakers"):
        verify([Fold(0, "planted", half, np.array([], int), other)], utterances, "speaker_independent")


def test_without_speakers_the_line_names_what_remains():
    utterances = [dataclasses.replace(u, speaker=None) for u in people()]
    with pytest.raises(SerKerasError, match="these remain: speaker_dependent, utterance_random, predefined"):
        folds_of(utterances, "speaker_independent")
    assert folds_of(utterances, "utterance_random")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"name": "speaker_independant"}, "nearest: speaker_independent"),
        ({"name": "speaker_independent", "folds": 7}, "there are 6 speakers"),
        ({"name": "cross_corpus"}, "needs two corpora"),
    ],
)
def test_what_cannot_be_is_one_line(settings, line):
    with pytest.raises(SerKerasError, match=line):
        folds_of(people(), settings.pop("name"), **settings)


def test_too_few_speakers_for_validation_is_one_line():
    with pytest.raises(SerKerasError, match="early_stopping=null"):
        folds_of(people(2), "speaker_independent", validate=True)


def test_a_speaker_of_two_corpora_would_leak_across_them():
    utterances = people(2, 3) + [dataclasses.replace(people(1, 1)[0], corpus="other", path="/o.wav", name="o.wav")]
    with pytest.raises(SerKerasError, match="made/s0 speaks in made and in other"):
        make_folds(utterances, [0] * 7, Protocol(name="cross_corpus"), seed=0)


def in_sessions(pairs):
    """Utterances of (speaker, session) pairs, two of each."""
    return [Utterance(f"/{i}.wav", "anger", p, "x", session=s) for i, (p, s) in enumerate(pairs * 2)]


def test_sessions_are_left_out_whole():
    utterances = in_sessions([("x/1F", "x/1"), ("x/1M", "x/1"), ("x/2F", "x/2"), ("x/2M", "x/2"), ("x/3F", "x/3")])
    folds = make_folds(utterances, [0] * 10, Protocol(by="session"), seed=0)
    assert [sorted({utterances[i].speaker for i in f.test}) for f in folds] == [
        ["x/1F", "x/1M"],
        ["x/2F", "x/2M"],
        ["x/3F"],
    ]
    grouped = make_folds(utterances, [0] * 10, Protocol(by="session", folds=2), seed=0)
    assert sorted(len({utterances[i].session for i in f.test}) for f in grouped) == [1, 2]


@pytest.mark.parametrize(
    ("pairs", "settings", "line"),
    [
        ([("x/1", "x/1"), ("x/2", None)], {}, "needs sessions, and 2 of 4 utterances name none"),
        ([("x/1", "x/1"), ("x/1", "x/2")], {}, "x/1 speaks in the sessions x/1 and x/2"),
        ([("x/1", "x/1"), ("x/2", "x/2")], {"name": "utterance_random"}, "by=session is for speaker_independent"),
    ],
)
def test_sessions_that_can_t_be_left_out_are_one_line(pairs, settings, line):
    with pytest.raises(SerKerasError, match=line):
        make_folds(in_sessions(pairs), [0] * 4, Protocol(by="session", **settings), seed=0)
