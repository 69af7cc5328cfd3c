"""Rows of papers: recipes beside reported figures, running and going on, derived rows, claims, tables."""

import csv
import types

import numpy as np
import pytest
import yaml

from ser_keras import reproduction
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.evaluation import Predictions, paired_difference
from ser_keras.evaluation.tables import write_tables
from ser_keras.experiment import assembly, rules
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.recipes import load_experiment, recipes
from ser_keras.experiment.run import Run
from ser_keras.features import conditions
from ser_keras.reproduction import claims, derived, metrics, notes, plan, reported, rows, running
from tests.made_corpus import write_corpus

CLASSES = ("anger", "neutral", "sadness")
TRAINED = [row.id for row in rows.table().values() if row.derived is None]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return [("manifest", write_corpus(tmp_path_factory.mktemp("reproduced"), speakers=2, takes=2))]


@pytest.mark.parametrize("row_id", TRAINED)
def test_recipe_builds(row_id):
    changes = ["model.weights=random"] if row_id.endswith("finetuned") else []
    experiment = rules.complete(load_experiment(row_id, changes))
    if not assembly.model_kind(experiment).keras:
        return
    try:
        extractor = assembly.build_extractor(experiment)
    except SerKerasError as error:
        pytest.skip(str(error))
    shape = extractor.feature_shape(experiment.window_samples)
    classifier = assembly.build_classifier(experiment, shape, 7)
    assert experiment.head is not None or classifier.outputs[0].shape == (None, 7)


@pytest.mark.smoke
def test_every_recipe_of_a_paper_is_reported():
    papers = {row.paper for row in rows.table().values()}
    assert set(reproduction.ids()) == {name for name in recipes() if name.partition(".")[0] in papers}
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
        load_experiment("anand2015.er2")


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


def made_table(skill, seed, utterances=120, windows=3):
    """Windows of utterances of 8 speakers; the truth is the same for all seeds."""
    truth, rng = np.random.default_rng(1), np.random.default_rng(seed)
    utterance = np.repeat(np.arange(utterances), windows)
    true = truth.integers(0, 3, utterances)[utterance]
    right = rng.uniform(size=utterances)[utterance] < skill  # all windows of an utterance, or none
    probabilities = np.eye(3)[np.where(right, true, (true + 1) % 3)]
    start = np.tile(np.arange(windows) / 2.0, utterances)
    return Predictions(
        file=[f"{u:03d}.wav" for u in utterance],
        corpus=["made"] * len(true),
        speaker=[f"s{u % 8}" for u in utterance],
        fold=utterance % 2,
        start=start,
        end=start + 0.5,
        true=true,
        probabilities=probabilities,
        classes=CLASSES,
    )


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


def test_interval_of_accuracy_draws_utterances_whole():
    single, repeated = made_table(0.6, 0, windows=1), made_table(0.6, 0, windows=20)
    once, often = metrics.estimate(single, "wa"), metrics.estimate(repeated, "wa")
    assert once.value == often.value == np.mean(single.predicted == single.true)
    assert 0.1 < once.high - once.low < 0.3
    assert often.high - often.low == pytest.approx(once.high - once.low, abs=0.02)


@pytest.mark.parametrize("measure", ["wa", "uar"])
def test_difference(measure):
    a, b = made_table(0.8, 0, windows=1), made_table(0.5, 1, windows=1)
    found, n = metrics.difference(a, b, measure)
    assert n == 120
    assert found.value == pytest.approx(metrics.estimate(a, measure).value - metrics.estimate(b, measure).value)
    assert found.low < found.value < found.high
    if measure == "uar":
        known = paired_difference(a.true, a.predicted, b.predicted, speakers=a.speaker, n_classes=3)
        assert (found.low, found.high) == pytest.approx(known["ci95"], abs=0.015)
    same, _ = metrics.difference(a, a, measure)
    assert (same.low, same.value, same.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_difference_is_of_what_both_judged():
    a, b = made_table(0.8, 0), made_table(0.5, 1)
    _, n = metrics.difference(a, b.take(slice(30)), "wa")
    assert n == 30
    assert metrics.difference(a.take(slice(9)), b.take(slice(9, 30)), "wa") == (None, 0)


def test_single_speakers_are_compared_speaker_by_speaker():
    # Speaker s0 says twice as much as s1: pooled figures would be his, means of speakers are both's.
    def table(right_of_first, right_of_second):
        speakers = np.repeat(["s0", "s1"], [20, 10])
        share = np.where(speakers == "s0", right_of_first, right_of_second)
        within = np.concatenate([np.arange(20) / 20, np.arange(10) / 10])
        predicted = np.where(within < share, 0, 1)
        parts = np.concatenate([np.arange(20) % 2, 2 + np.arange(10) % 2])
        files = [f"{i}.wav" for i in range(30)]
        return Predictions(
            file=files,
            corpus=["made"] * 30,
            speaker=speakers,
            fold=parts,
            start=[0.0] * 30,
            end=[1.0] * 30,
            true=np.zeros(30, int),
            probabilities=np.eye(3)[predicted],
            classes=CLASSES,
        )

    good, poor = table(0.9, 0.3), table(0.5, 0.5)
    assert metrics.estimate(good, "wa", by_speaker=True).value == pytest.approx(0.6)
    found, n = metrics.difference(good, poor, "wa", by_speaker=True)
    assert (found.value, n) == (pytest.approx((0.4 - 0.2) / 2), 30)
    assert found.low < found.value < found.high and "utterances only (2 speakers" in found.method
    # The parts of each speaker, averaged over speakers: as many values as a speaker has parts.
    mean, deviation = metrics.over_folds(good, "wa", by_speaker=True)
    parts = [np.mean([good.true[good.fold == k] == good.predicted[good.fold == k]]) for k in range(4)]
    expected = [(parts[0] + parts[2]) / 2, (parts[1] + parts[3]) / 2]
    assert (mean, deviation) == (pytest.approx(np.mean(expected)), pytest.approx(np.std(expected, ddof=1)))


def test_notes_beneath_a_table():
    def done(row_id, value, derived=(), selected=0):
        said = {"has_metrics": True, "metrics": {"selection_overlap": selected}, "derived_from_class": list(derived)}
        return types.SimpleNamespace(row=rows.table()[row_id], metric=types.SimpleNamespace(value=value), **said)

    single = [done("neumann2016.logmel", 0.50), done("neumann2016.mfcc", 0.60)]
    several = [done("neumann2016.logmel_mtl", 0.51, ["emodb"]), done("neumann2016.mfcc_mtl", 0.57, ["emodb"])]
    assert notes.notes(single) == []
    assert notes.notes([*single, several[0]])[1:] == []
    assert notes.notes([*single, *several]) == [
        "activation and valence of emodb are derived from the class: neumann2016.logmel_mtl, neumann2016.mfcc_mtl",
        "spread of WA over 2 sets of features: 8.0 points; over single and multi-task nets: 2.0 points "
        "(means over the other)",
    ]
    assert notes.notes([done("he2019.exp1", 0.5), done("he2019.exp4", 0.5, selected=535)]) == [
        "chosen with an eye on test speakers, figures may be too good: he2019.exp4"
    ]


def outcome(row_id, table, protocol="speaker_independent", problem=None):
    return types.SimpleNamespace(
        row=rows.table()[row_id],
        protocol=protocol,
        condition=None,
        setup=protocol,
        corpora=("manifest",),
        leaky=PROTOCOLS[protocol].leaky,
        by_speaker=protocol == "single_speaker",
        has_metrics=problem is None,
        judged=metrics.Judged(table, table.by_utterance()),
    )


def test_claims():
    good, fair, alike = made_table(0.9, 0), made_table(0.5, 1), made_table(0.5, 4)
    found = [
        *(outcome("anand2015.r1", fair), outcome("anand2015.svm", good), outcome("anand2015.s2", alike)),
        *(outcome("anand2015.r7", good), outcome("anand2015.r5", good, problem="no data")),
    ]
    verdicts = {v.claim.id: v for v in claims.judge(found)}
    assert verdicts["learned_above_features_svm"].verdict == claims.REVERSED
    assert verdicts["augmentation"].verdict == claims.HELD
    assert verdicts["augmentation"].reported is None  # R7's figure is of another corpus than R1's
    assert verdicts["learned_above_features_svm"].reported == pytest.approx(0.16)
    unresolved = verdicts["rectangular_above_square"]
    assert unresolved.verdict == claims.UNRESOLVED
    assert unresolved.difference.value > 0 > unresolved.difference.low
    assert verdicts["wide_filters"].verdict == claims.NOT_RUN
    assert verdicts["wide_filters"].reason == "anand2015.r5 wasn't run"
    assert "dense_shallow_above_deep" not in verdicts  # neither of its rows was asked for
    text = "\n".join(claims.text(list(verdicts.values())))
    assert "held        anand2015.r7 > anand2015.r1: +" in text
    assert "(WA, 360 windows)" in text
    assert "reported +16.0; WA, 360 windows" in text


def fake_run(folder, experiment, table):
    """A run directory with the tables of a trained row."""
    kind = PROTOCOLS[experiment.protocol.name]
    tree = {**experiment.model_dump(), "classes": {name: [name] for name in CLASSES}, "corpora": []}
    write_atomic(folder / "experiment.yaml", yaml.safe_dump(tree))
    write_tables(
        folder,
        types.SimpleNamespace(seed=0, classes=CLASSES, selected_on=[]),
        table.by_utterance(),
        segments=table,
        protocol=experiment.protocol.name,
        leaky_reason=kind.claim if kind.leaky else None,
        commit=None,
    )
    write_json(folder / "provenance.json", {"seconds": 61.0})
    return Run(folder)


@pytest.mark.parametrize("protocol", ["speaker_independent", "chunk_random"])
def test_averages(tmp_path, protocol):
    tables = [made_table(0.6, 0), made_table(0.5, 1)]
    runs = [
        fake_run(tmp_path / name / protocol, load_experiment(name, [f"protocol.name={protocol}"]), table)
        for name, table in zip(("anand2015.r1", "anand2015.r3"), tables, strict=True)
    ]
    known = rows.table()
    assert derived.make(known["anand2015.er1"], tmp_path / "er1", runs[:1])
    assert derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
    er1, er2 = (metrics.read(tmp_path / name) for name in ("er1", "er2"))
    np.testing.assert_allclose(er1.utterances.probabilities, tables[0].by_utterance().probabilities, atol=1e-7)
    np.testing.assert_allclose(
        er2.windows.probabilities, (tables[0].probabilities + tables[1].probabilities) / 2, atol=1e-7
    )
    assert len(er2.utterances) == 120
    assert read_json(tmp_path / "er1" / "metrics.json")["leaky"] == PROTOCOLS[protocol].leaky
    assert len(Predictions.read_csv(tmp_path / "er1" / "predictions.csv")) == 120
    # made once, and again only when a source has changed
    assert not derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
    fake_run(runs[1].path, load_experiment("anand2015.r3", [f"protocol.name={protocol}"]), made_table(0.5, 7))
    assert derived.make(known["anand2015.er2"], tmp_path / "er2", runs)
    fake_run(runs[1].path, load_experiment("anand2015.r3", [f"protocol.name={protocol}"]), made_table(0.5, 7, 90))
    with pytest.raises(SerKerasError, match="anand2015.er2: anand2015.r1 and anand2015.r3 didn't judge the same"):
        derived.make(known["anand2015.er2"], tmp_path / "er2", runs)


@pytest.fixture
def fakes(monkeypatch):
    """Training replaced: rows get made tables; `fakes.calls` says which were trained, `fakes.refuse` which fail how."""
    state = types.SimpleNamespace(calls=[], refuse={})

    def train(experiment, corpora, out, resume, refit):
        assert resume
        assert not refit
        state.calls.append((experiment.recipe, experiment.protocol.name))
        if experiment.recipe in state.refuse:
            raise state.refuse[experiment.recipe]
        skill = {"anand2015.r1": 0.6, "anand2015.r7": 0.95}.get(experiment.recipe, 0.5)
        fake_run(out, experiment, made_table(skill, len(state.calls)))

    monkeypatch.setattr(running.crossvalidation, "train", train)
    monkeypatch.setattr(running.keras.utils, "clear_session", lambda: None)
    monkeypatch.setattr(plan.estimates, "estimate", lambda experiment, corpora, out: 90.0)
    return state


def test_rows_that_are_done_are_not_run_again(fakes, corpus, tmp_path):
    names = ["anand2015.er1", "anand2015.r3"]
    fakes.refuse["anand2015.r3"] = KeyboardInterrupt()
    said = []
    with pytest.raises(KeyboardInterrupt):
        said.extend(reproduction.reproduce(names, corpus, tmp_path))
    assert fakes.calls == [("anand2015.r1", "speaker_independent"), ("anand2015.r3", "speaker_independent")]
    assert "anand2015.r1" in (tmp_path / "reproduce.txt").read_text()
    fakes.refuse.clear()
    fakes.calls.clear()
    lines = list(reproduction.reproduce(names, corpus, tmp_path))
    assert "about 4 min for 3 rows to train; 1 done already" in lines
    assert ("anand2015.r1", "speaker_independent") not in fakes.calls
    assert len(fakes.calls) == 3
    fakes.calls.clear()
    lines = list(reproduction.reproduce(names, corpus, tmp_path))
    assert "nothing to train; 4 rows done already" in lines
    assert not fakes.calls
    # other settings: training is asked, and refuses by itself
    list(
        reproduction.reproduce(
            ["anand2015.r3"], corpus, tmp_path, protocols=["chunk_random"], changes=["training.epochs=3"]
        )
    )
    assert fakes.calls == [("anand2015.r3", "chunk_random")]


def test_tables_hold_what_was_done_earlier_and_survive_a_call_that_fails(fakes, corpus, tmp_path):
    list(reproduction.reproduce(["anand2015.r1", "anand2015.er1"], corpus, tmp_path, protocols=["chunk_random"]))
    text = "\n".join(reproduction.reproduce(["anand2015.r7"], corpus, tmp_path, protocols=["chunk_random"]))
    assert "held        anand2015.r7 > anand2015.r1: +" in text
    with open(tmp_path / "reproduce.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["anand2015.r1", "anand2015.r7", "anand2015.er1"]
    written = (tmp_path / "reproduce.txt").read_text()
    fakes.refuse["anand2015.r7"] = SerKerasError("other settings")
    with pytest.raises(SerKerasError):
        list(reproduction.reproduce(["anand2015.r7"], corpus, tmp_path, protocols=["chunk_random"], changes=["seed=1"]))
    assert (tmp_path / "reproduce.txt").read_text() == written
    del fakes.refuse["anand2015.r7"]
    text = "\n".join(reproduction.reproduce(["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"]))
    assert "held        anand2015.r7 > anand2015.r1: +" in text, "a refused call takes nothing away"


def test_the_order_of_corpora_changes_nothing(monkeypatch):
    monkeypatch.setattr(running, "read_corpora", lambda corpora: types.SimpleNamespace(utterances=[]))
    given = [("emodb", "a"), ("ravdess", "b")]
    assert (
        running.fingerprint_of_corpora(given)
        == running.fingerprint_of_corpora(given[::-1])
        != running.fingerprint_of_corpora(given[:1])
    )


def test_what_a_curve_varies_cannot_be_set(fakes, corpus, tmp_path):
    lines = []
    with pytest.raises(SerKerasError):
        for line in reproduction.reproduce(["neumann2016.length"], corpus, tmp_path, changes=["snippet_s=2"]):
            lines.append(line)
    assert any("--set snippet_s: the curve neumann2016.length varies it itself" in line for line in lines)
    assert not fakes.calls


@pytest.mark.parametrize("name", ["segments.csv", "predictions.csv", "metrics.json", "reproduced.json"])
def test_a_damaged_row_is_made_again(fakes, corpus, tmp_path, name):
    rows_and_place = (["anand2015.r1"], corpus, tmp_path)
    list(reproduction.reproduce(*rows_and_place, protocols=["chunk_random"]))
    file = tmp_path / "anand2015.r1" / "chunk_random" / name
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: len(lines) // 2]))
    fakes.calls.clear()
    list(reproduction.reproduce(*rows_and_place, protocols=["chunk_random"]))
    assert fakes.calls == [("anand2015.r1", "chunk_random")]
    file.unlink()
    list(reproduction.reproduce(*rows_and_place, protocols=["chunk_random"]))
    assert len(fakes.calls) == 2


def test_tables(fakes, corpus, tmp_path):
    lines = list(reproduction.reproduce(["anand2015.r1", "anand2015.r7"], corpus, tmp_path, changes=["seed=3"]))
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


def test_a_failing_row_does_not_stop_the_others(fakes, corpus, tmp_path):
    fakes.refuse["anand2015.r3"] = SerKerasError("one class\nis left")
    said = []
    with pytest.raises(SerKerasError, match=r"2 of 4 rows couldn't be run: anand2015.r3 \(chunk_random\), anand2015"):
        for line in reproduction.reproduce(
            ["anand2015.er2", "anand2015.s1"], corpus, tmp_path, protocols=["chunk_random"]
        ):
            said.append(line)
    assert "anand2015.r3, chunk_random: one class is left" in said
    assert "anand2015.er2, chunk_random: anand2015.er2 is made from anand2015.r3, which couldn't be run" in said
    assert any(line.startswith("anand2015.s1, chunk_random: LEAKY WA") for line in said)
    assert "one class is left" in (tmp_path / "reproduce.html").read_text()


def test_bad_usage_is_refused_before_anything_is_run(fakes, corpus, tmp_path):
    with pytest.raises(SerKerasError, match="--protocol"):
        list(reproduction.reproduce(["anand2015.r1"], corpus, tmp_path, changes=["protocol.name=chunk_random"]))
    with Run(tmp_path).locked(), pytest.raises(SerKerasError, match="in use by another process"):
        list(reproduction.reproduce(["anand2015.r1"], corpus, tmp_path))
    with pytest.raises(SerKerasError, match="^unknown setting 'training.epoch'; nearest: training.epochs"):
        list(reproduction.reproduce(["anand2015"], corpus, tmp_path, changes=["training.epoch=2"]))
    assert not (tmp_path / "reproduce.txt").exists()
    assert not fakes.calls


@pytest.mark.smoke
def test_end_to_end(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(plan.estimates, "estimate", lambda experiment, corpora, out: 1.0)  # it trains a few steps
    names = ["anand2015.er2", "anand2015.scores_lda", "anand2015.weights"]
    changes = ["training.epochs=1", "model.filters=[2, 2]", "model.hidden=4"]
    lines = list(reproduction.reproduce(names, corpus, tmp_path, protocols=["chunk_random"], changes=changes))
    assert "disgust" not in "\n".join(lines)
    for name in ("r1", "r3", "er2", "scores_lda"):
        folder = tmp_path / f"anand2015.{name}" / "chunk_random"
        present = {path.name for path in folder.iterdir()}
        assert {"predictions.csv", "segments.csv", "metrics.json", "confusion.csv", "confusion.png"} <= present
        assert not (folder / "final").exists()
        assert np.allclose(Predictions.read_csv(folder / "segments.csv").probabilities.sum(axis=1), 1, atol=1e-5)
    judged = [metrics.read(tmp_path / f"anand2015.{name}" / "chunk_random") for name in ("r1", "scores_lda")]
    assert (judged[0].windows.file == judged[1].windows.file).all()
    assert (judged[0].windows.start == judged[1].windows.start).all()
    assert (tmp_path / "anand2015.weights" / "chunk_random" / "filters.png").is_file()
    # changed settings are refused, and the row that is there stays
    said = []
    with pytest.raises(SerKerasError, match="1 of 1 rows"):
        for line in reproduction.reproduce(
            ["anand2015.r1"], corpus, tmp_path, protocols=["chunk_random"], changes=[*changes, "seed=1"]
        ):
            said.append(line)
    assert any("was started with other settings" in line for line in said)
