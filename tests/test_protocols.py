"""`ser_keras.protocols`: folds of anybody's table, and no leak passes."""

import dataclasses

import numpy as np
import pytest

from ser_keras import BadInput, SerKerasError
from ser_keras.protocols import PROTOCOLS, make_folds, verify
from tests.messages import one_line

NAMES = np.array(["ann", "bob", "cem", "dora", "eva", "finn"])
SPEAKERS = np.tile(NAMES, 8)
LABELS = np.repeat(["anger", "neutral"], 24)
CORPORA = np.where(np.isin(SPEAKERS, NAMES[:3]), "a", "b")


def parts(fold):
    return fold.train, fold.validation, fold.test


@pytest.mark.parametrize("folds", [3, None])
@pytest.mark.parametrize("validate", [False, True])
def test_speakers_of_the_parts_are_disjoint_and_every_row_is_tested_once(folds, validate):
    made = make_folds(SPEAKERS, LABELS, folds=folds, validate=validate, seed=1)
    assert len(made) == (folds or 6)
    for fold in made:
        speakers = [set(SPEAKERS[part]) for part in parts(fold)]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 6
        assert sorted(np.concatenate(parts(fold))) == list(range(len(SPEAKERS)))
        assert len(speakers[1]) == (2 if validate else 0)
    assert sorted(np.concatenate([fold.test for fold in made])) == list(range(len(SPEAKERS)))
    verify(made, SPEAKERS)


def test_the_seed_decides():
    one, same, other = (make_folds(SPEAKERS, LABELS, folds=3, seed=seed) for seed in (1, 1, 2))
    assert [fold.name for fold in one] == [fold.name for fold in same] != [fold.name for fold in other]


@pytest.mark.parametrize("kind", ["lists", "columns", "numbers"])
def test_columns_of_all_kinds_give_the_same_folds(kind):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"who": SPEAKERS, "what": LABELS}, index=range(100, 148))
    columns = {
        "lists": (SPEAKERS.tolist(), LABELS.tolist()),
        "columns": (table["who"], table["what"].astype("category")),
        "numbers": (np.searchsorted(NAMES, SPEAKERS), (LABELS == "neutral").astype(int)),
    }
    expected, made = make_folds(SPEAKERS, LABELS, seed=3), make_folds(*columns[kind], seed=3)
    for fold, other in zip(expected, made, strict=True):
        np.testing.assert_array_equal(fold.test, other.test)


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "chunk_random"])
def test_every_protocol_of_rows_can_be_had(protocol):
    splits = np.where(np.isin(SPEAKERS, NAMES[:2]), "test", "train")
    for fold in make_folds(SPEAKERS, LABELS, protocol, folds=3, corpora=CORPORA, splits=splits):
        assert len(fold.test) and not set(fold.test) & set(fold.train)
        if protocol == "cross_corpus":
            assert set(CORPORA[fold.test]).isdisjoint(CORPORA[fold.train])
        if protocol == "predefined":
            assert set(SPEAKERS[fold.test]) == {"ann", "bob"}
        if protocol == "utterance_random":
            assert set(SPEAKERS[fold.test]) & set(SPEAKERS[fold.train])
            assert abs(np.mean(LABELS[fold.test] == "anger") - 0.5) < 0.1


def test_genders_and_sessions_count():
    genders = np.where(np.isin(SPEAKERS, ["ann", "dora", "eva"]), "female", "male")
    for fold in make_folds(SPEAKERS, LABELS, folds=3, genders=genders, corpora=["a"] * 48, seed=4):
        assert set(genders[fold.test]) == {"female", "male"}
    sessions = np.where(np.isin(SPEAKERS, NAMES[:4]), "first", "second")
    made = make_folds(SPEAKERS, LABELS, folds=None, by="session", sessions=sessions)
    assert [fold.name for fold in made] == ["first", "second"]


def test_without_speakers_random_parts_remain():
    holdout = make_folds(None, LABELS, "utterance_random", folds=None, test_share=0.25)
    assert [len(fold.test) for fold in holdout] == [12]
    verify(holdout, None)
    with pytest.raises(SerKerasError, match="needs speakers, and 48 of 48"):
        make_folds(None, LABELS)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_speaker_on_both_sides_is_refused(part):
    fold = make_folds(SPEAKERS, LABELS, folds=3, validate=True)[0]
    leaking = dataclasses.replace(fold, **{part: np.append(getattr(fold, part), fold.test[0])})
    with pytest.raises(BadInput, match=f"leak in fold 0 .*{part} and test share 1 speakers") as error:
        verify([leaking], SPEAKERS)
    one_line(error)


def test_splits_of_others_are_judged():
    from sklearn.model_selection import GroupKFold, KFold

    verify(GroupKFold(3).split(SPEAKERS, groups=SPEAKERS), SPEAKERS)
    with pytest.raises(BadInput, match="leak in fold 0"):
        verify(KFold(3).split(SPEAKERS), SPEAKERS)
    verify(KFold(3).split(SPEAKERS), None)
    with pytest.raises(BadInput, match="leak in fold 1 .*share 1 utterances"):
        verify([([0, 1], [2]), ([0, 1], [1])], None)


@pytest.mark.parametrize(
    ("pairs", "speakers", "text"),
    [
        ([([0, 48], [1])], SPEAKERS, "from 0 to 48, and the table has 48 rows"),
        ([([-1, 2], [1])], SPEAKERS, "from -1 to 2"),
        ([([True, False], [False, True])], SPEAKERS, "fold 0 must be a pair of index arrays"),
        ([([0, 1], [2])], ["ann", None, "bob"], "`speakers`: 1 of 3 are missing"),
    ],
)
def test_folds_that_cannot_be_judged_give_one_line(pairs, speakers, text):
    with pytest.raises(BadInput, match=text) as error:
        verify(pairs, speakers)
    one_line(error)


@pytest.mark.parametrize(
    ("labels", "settings", "text"),
    [
        (
            LABELS,
            {"protocol": "speaker_indipendent"},
            "no protocol 'speaker_indipendent'.*nearest: speaker_independent",
        ),
        (LABELS, {"protocol": "chunk_random"}, "no protocol 'chunk_random' for the rows of a table"),
        (LABELS, {"protocol": "cross_corpus"}, "needs `corpora`"),
        (LABELS, {"protocol": "predefined", "splits": ["dev"] * 48}, "`splits`: 'dev' is none of train, validation"),
        (LABELS, {"genders": ["f"] * 48}, "`genders`: 'f' is none of female, male"),
        (LABELS, {"genders": ["female"]}, "`genders` has 1 entries, and the table 48 rows"),
        (LABELS[:40], {}, "`speakers` has 48 entries, and the table 40 rows"),
        ([*LABELS[:47], None], {}, "`labels`: 1 of 48 are missing"),
        ("anger", {}, "`labels` must be a column"),
        (LABELS, {"folds": 1}, "`folds`: .*got 1"),
        (LABELS, {"folds": 7}, "7.*6 speakers"),
        (LABELS, {"test_share": 1.5}, "`test_share`: "),
        (LABELS, {"by": "room"}, "`by`: "),
    ],
)
def test_what_does_not_fit_gives_one_line(labels, settings, text):
    with pytest.raises(SerKerasError, match=text) as error:
        make_folds(SPEAKERS, labels, **settings)
    one_line(error)
