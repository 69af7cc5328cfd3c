"""Every row of every paper, trained and judged end to end on a small part of EMO-DB; `make systems`."""

import csv

import pytest

from ser_keras.common.files import read_json, write_json
from ser_keras.corpora import scan
from ser_keras.experiment import assembly
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment
from ser_keras.reproduction import derived, plan, rows, running
from ser_keras.training import crossvalidation
from tests.conftest import shared_data
from tests.made_faces import write_video_corpus

pytestmark = [pytest.mark.systems, pytest.mark.timeout(600)]

FILES = 2  # of each speaker and emotion
SPEAKERS = ("03", "08", "09", "10")
QUICK = {
    "he2019": ["model.n_patches=2000", "model.kernel_epochs=1"],
    "huang2014": ["model.n_patches=2000", "model.autoencoder_epochs=1"],
    "badshah2017.fresh": ["model.hidden=[256, 256]"],
    "badshah2017.finetuned": ["model.weights=random", "model.hidden=256"],
    "anand2015.face_finetuned": ["model.weights=random", "model.hidden=256"],
}
TRAINED = [row for row in rows.table().values() if row.derived is None]
DERIVED = [row for row in rows.table().values() if row.derived is not None]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A manifest of a part of EMO-DB."""
    root, chosen = shared_data("emodb"), {}
    for utterance in scan("emodb", root).utterances:
        if utterance.speaker.removeprefix("emodb/") in SPEAKERS:
            chosen.setdefault((utterance.speaker, utterance.emotion), []).append(utterance)
    path = tmp_path_factory.mktemp("part") / "manifest.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "emotion", "speaker", "gender"])
        for some in chosen.values():
            writer.writerows([u.path, u.emotion, u.speaker, u.gender] for u in some[:FILES])
    return [("manifest", path)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A manifest of generated clips: nothing real that shows faces can be had without a form."""
    return [("manifest", write_video_corpus(tmp_path_factory.mktemp("videos"), speakers=len(SPEAKERS), takes=2))]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


def changes_of(row_id):
    own = [*QUICK.get(row_id.partition(".")[0], ()), *QUICK.get(row_id, ())]
    settings = Experiment.from_recipe(row_id, ["model.weights=random"] if row_id.endswith("finetuned") else [])
    own = [c for c in own if c.partition("=")[0].removeprefix("model.") in settings.model.arguments()]
    return ["training.epochs=1", "protocol.folds=2", "protocol.name=speaker_independent", *own]


def trained(row_id, corpus, videos, out):
    """A row's run, trained here unless this worker has it."""
    folder = out / row_id / "speaker_independent"
    if (folder / plan.DONE).is_file():
        return RunDirectory(folder)
    experiment = Experiment.from_recipe(row_id, changes_of(row_id))
    if experiment.frontend.name.startswith("egemaps"):
        pytest.importorskip("audobject", reason="needs the extra `systems`")
        from importlib.util import find_spec

        if find_spec("opensmile") is None:
            pytest.skip("needs opensmile (the extra `systems`)")
    given = corpus if assembly.extractor_class(experiment).sees == "sound" else videos
    run = crossvalidation.train(experiment, given, folder, refit=False)
    write_json(folder / plan.DONE, {})
    return run


@pytest.mark.parametrize("row", TRAINED, ids=lambda row: row.id)
def test_a_row_is_trained_and_judged(row, corpus, videos, out):
    run = trained(row.id, corpus, videos, out)
    assert 0 <= run.metrics["uar"] <= 1 and run.metrics["n_speakers"] == len(SPEAKERS)
    assert not run.metrics["leaky"]


@pytest.mark.parametrize("row", [r for r in DERIVED if r.derived["how"] != "curve"], ids=lambda row: row.id)
def test_a_row_is_made_of_others(row, corpus, videos, out):
    sources = [trained(name, corpus, videos, out) for name in row.sources]
    folder = out / row.id / "speaker_independent"
    assert derived.make(row, folder, sources)
    assert read_json(folder / derived.MADE_FROM)["seconds"] >= 0
    assert list(folder.glob("*.png"))


@pytest.mark.parametrize("row", [r for r in DERIVED if r.derived["how"] == "curve"], ids=lambda row: row.id)
def test_a_curve_is_trained_and_drawn(row, corpus, tmp_path, monkeypatch):
    """Two points of each line: the others differ in a number alone."""
    few = dict(list(row.derived["points"].items())[-2:])
    monkeypatch.setitem(row.derived, "points", few)
    of = next(iter(row.derived["lines"].values()))["row"]
    changes = [c for c in changes_of(of) if not c.startswith("protocol.name")]
    running.reproduce([row.id], corpus, tmp_path, protocols=["speaker_independent"], changes=changes)
    folder = tmp_path / row.id / "speaker_independent"
    lines = (folder / "curve.csv").read_text().splitlines()
    assert len(lines) == 1 + len(few) * len(row.derived["lines"]) and (folder / "curve.png").is_file()
