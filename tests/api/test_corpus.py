"""A corpus as Python users hold it."""

from pathlib import Path

import pytest

import ser_keras
from ser_keras.api.corpus import Corpus, located
from tests.made_corpus import write_corpus


@pytest.fixture
def vowels(tmp_path):
    return Corpus("manifest", write_corpus(tmp_path / "vowels", speakers=2, takes=1))


def test_what_a_corpus_holds(vowels):
    assert len(vowels) == len(vowels.utterances) == 6
    assert vowels.emotions == {"anger": 2, "neutral": 2, "sadness": 2}
    assert vowels.speakers == {"manifest/s0": 3, "manifest/s1": 3}
    check = vowels.check()
    assert check["n_utterances"] == 6 and check["hours"] == pytest.approx(vowels.hours, abs=1e-4)
    head, counts, emotions = repr(vowels).splitlines()
    assert head.startswith(f"Corpus('manifest', '{vowels.path}'): ") and emotions == "anger 2, neutral 2, sadness 2"
    assert counts == "6 utterances, 2 speakers, 0.00 hours"
    assert "<td>anger</td><td>2</td>" in vowels._repr_html_()


def test_parts_of_files_count_by_their_ends(tmp_path):
    write_corpus(tmp_path, speakers=1, takes=1, seconds=(1.0, 1.0))
    rows = ["path,emotion,speaker,start,end", "s0_anger_0.wav,anger,s0,0.5,", "s0_anger_0.wav,neutral,s0,0,0.25"]
    (tmp_path / "parts.csv").write_text("\n".join(rows) + "\n")
    assert Corpus("manifest", tmp_path / "parts.csv").hours == pytest.approx(0.75 / 3600)


def test_a_folder_that_is_none_is_shown_and_refused_when_it_is_read(tmp_path):
    corpus = Corpus("emodb", tmp_path / "<gone>")
    assert "no such folder" in repr(corpus) and "\n" not in repr(corpus)
    assert "&lt;gone&gt;" in corpus._repr_html_() and "<gone>" not in corpus._repr_html_()
    with pytest.raises(ser_keras.SerKerasError, match="no such folder"):
        len(corpus)


@pytest.mark.parametrize(
    "corpora",
    [
        Corpus("emodb", "a"),
        [Corpus("emodb", "a")],
        {"emodb": "a"},
        [("emodb", "a")],
        iter([("emodb", Path("a"))]),
    ],
)
def test_corpora_are_taken_in_several_forms(corpora):
    assert located(corpora) == [("emodb", Path("a"))]


def test_the_order_is_kept_and_none_is_none():
    assert located([Corpus("nemo", "b"), ("emodb", "a")]) == [("nemo", Path("b")), ("emodb", Path("a"))]
    assert located(()) == []


def test_a_corpus_that_has_a_place_of_its_own_needs_no_path():
    [(name, path)] = located({"synthetic": None})
    assert name == "synthetic" and path == Corpus("synthetic").path


@pytest.mark.parametrize(
    ("corpora", "line"),
    [
        ([("emodb", None)], "emodb names no folder: give its `path`"),
        ("emodb", "'emodb' is no corpus; give a Corpus"),
        ([3], "3 is no corpus"),
        ([("emodb", "a", "b")], "is no corpus"),
    ],
)
def test_what_is_no_corpus_is_refused_in_a_line(corpora, line):
    with pytest.raises(ser_keras.BadInput, match=line):
        located(corpora)
