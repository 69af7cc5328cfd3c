"""Rows beside the reported figures, as text, CSV and a page."""

import csv

from tests.reproduction.reproducing import reproduce_with_lines


def test_tables(fakes, corpus, tmp_path):
    _, lines = reproduce_with_lines(["anand2015.r1", "anand2015.r7"], corpus, tmp_path, changes=["seed=3"])
    text = "\n".join(lines)
    assert lines.index("changed from the recipes: seed=3") < lines.index("corpora: manifest") + 2
    assert text.index("speaker_independent: Speakers of") < text.index("chunk_random: LEAKY: chunks")
    assert "anand2015.r1, speaker_independent: WA by window" in text
    assert "(reported 39.7 %), UAR by utterance" in text
    assert "took 61 s" in text
    with open(tmp_path / "reproduce.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(r["id"], r["protocol"], r["leaky"]) for r in table[::2]] == [
        ("anand2015.r1", "speaker_independent", "False"),
        ("anand2015.r1", "chunk_random", "True"),
    ]
    assert float(table[1]["reported_test"]) == 0.55
    assert float(table[0]["ci95_low"]) < float(table[0]["value"]) < float(table[0]["ci95_high"])
    assert (table[0]["n"], table[0]["n_utterances"], table[0]["n_classes"]) == ("360", "120", "3")
    page = (tmp_path / "reproduce.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert "LEAKY" in page
    assert "held" in page
    assert page.index("Speaker independent") < page.index("Chunk random")
    # the paper's class order
    assert page.index(">anger<") < page.index(">neutral<") < page.index(">sadness<")
