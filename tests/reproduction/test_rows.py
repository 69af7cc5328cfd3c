"""The rows that can be reproduced: their recipes, reported figures, claims, and what is chosen of them."""

import pytest

from ser_keras.common.errors import SerKerasError
from ser_keras.experiment import assembly, rules
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.recipes import recipes
from ser_keras.experiment.settings import Experiment
from ser_keras.features import conditions
from ser_keras.reproduction import derived, reported, rows

TRAINED = [row.id for row in rows.table().values() if row.derived is None]


@pytest.mark.parametrize("row_id", TRAINED)
def test_recipe_builds(row_id):
    changes = ["model.weights=random"] if row_id.endswith("finetuned") else []
    experiment = rules.complete(Experiment.from_recipe(row_id, changes))
    if not assembly.model_kind(experiment).keras:
        return
    try:
        extractor = assembly.build_extractor(experiment)
    except SerKerasError as error:
        pytest.skip(str(error))
    shape = extractor.feature_shape(experiment.window_samples)
    classifier = assembly.build_classifier(experiment, shape, 7)
    assert experiment.head is not None or classifier.outputs[0].shape == (None, 7)


def test_every_recipe_of_a_paper_is_reported():
    papers = {row.paper for row in rows.table().values()}
    assert set(rows.ids()) == {name for name in recipes() if name.partition(".")[0] in papers}
    assert sum(row.paper == "anand2015" for row in rows.table().values()) == 30


def test_reported_figures_bear_the_claims_out():
    known = rows.table()
    for claim in rows.claims(["anand2015"]):
        assert known[claim.better].test > known[claim.than].test, claim.id
    for claim in rows.claims({row.paper for row in known.values()}):
        assert known[claim.better].measure == known[claim.than].measure
    for row in known.values():
        assert row.level in ("window", "utterance") or row.derived["how"] in ("filters", "stages", "curve")
        assert set(row.protocols) <= set(PROTOCOLS)
        for protocol, condition in row.conditions:
            assert protocol in PROTOCOLS and conditions.parse(condition).name == condition
        for figure in row.test if isinstance(row.test, tuple) else ():
            assert set(figure) <= {"test", "deviation", "corpus", "protocol", "condition"}
            assert 0 < figure["test"] < 1 and figure["corpus"] in row.corpora
            assert figure["protocol"] in (*row.protocols, "speaker_independent")
            assert (figure["protocol"], figure.get("condition")) in (*row.conditions, (figure["protocol"], None))


def test_derived_rows_say_where_they_come_from():
    for row in rows.table().values():
        if row.derived:
            assert row.derived["how"] in (*derived.HOW, "curve")
            assert all(rows.table()[source].derived is None for source in row.sources)
    with pytest.raises(SerKerasError, match="anand2015.r1 and anand2015.r3"):
        Experiment.from_recipe("anand2015.er2")


def test_select():
    assert [row.id for row in rows.select(["anand2015.er2"])] == ["anand2015.r1", "anand2015.r3", "anand2015.er2"]
    assert len(rows.select(["anand2015"])) == 30
    assert len(rows.select(["anand2015", "badshah2017"])) == 33
    with pytest.raises(SerKerasError, match="no row or paper 'anand2015.r8' to reproduce; nearest: anand2015.r"):
        rows.select(["anand2015.r8"])
    with pytest.raises(SerKerasError, match="--list"):
        rows.select([])


def test_jobs_come_speaker_independent_first():
    chosen = rows.select(["anand2015.er1", "anand2015.lstm"])
    pairs = [(row.id.partition(".")[2], protocol) for row, protocol, _ in rows.jobs(chosen)]
    assert pairs == [
        *[(name, "speaker_independent") for name in ("r1", "lstm", "er1")],
        *[("r1", "chunk_random"), ("er1", "chunk_random"), ("lstm", "utterance_random")],
    ]
    assert {protocol for _, protocol, _ in rows.jobs(chosen, ["predefined"])} == {"predefined"}
    with pytest.raises(SerKerasError, match="no protocol 'chunk_randm'; nearest: chunk_random"):
        rows.jobs(chosen, ["chunk_randm"])


def test_missing_corpora():
    chosen = rows.select(["anand2015.r1"])
    assert rows.missing_corpora(chosen, ["emodb", "savee", "enterface"]) == []
    assert "savee, enterface are not given" in rows.missing_corpora(chosen, ["emodb"])[0]


def test_what_papers_report_has_no_unknown_keys():
    for paper in reported.papers().values():
        assert set(paper) <= set(reported.Paper.__annotations__)
        for row_id, row in paper["rows"].items():
            assert set(row) <= set(reported.PaperRow.__annotations__), row_id
            if isinstance(row.get("test"), list):
                assert all(set(test) <= set(reported.ReportedTest.__annotations__) for test in row["test"]), row_id
        assert all(set(claim) == set(reported.PaperClaim.__annotations__) for claim in paper.get("claims", ()))
    for row in rows.table().values():
        assert row.derived is None or set(row.derived) <= set(reported.Derived.__annotations__), row.id
