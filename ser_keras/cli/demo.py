"""The main job, whole: prepare, train, evaluate on unseen speakers, export, check parity, classify a file, report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import corpora as readers
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.evaluation import MetricsJson, read_metrics
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment
from ser_keras.runtime import model

if TYPE_CHECKING:
    from ser_keras.export.bundle_json import BundleJson

RECIPE = "anand2015.r2"


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo came to.

    Attributes:
        corpora: their titles.
        metrics: of the run.
        index: the content of bundle.json.
        file: name of the file that was classified.
        predicted: the emotion that the exported model hears in it.
        true: the emotion that it is labelled with.
        report: the run's page.
        bundle: the bundle's folder.
    """

    corpora: str
    metrics: MetricsJson
    index: BundleJson
    file: str
    predicted: str
    true: str
    report: Path
    bundle: Path


def demo(corpora: Sequence[tuple[str, Path]], out: Path, seed: int = 0) -> DemoResult:
    """Run the demo into `out/run` and `out/bundle`, afresh each time.

    Args:
        corpora: (registry name, path) of each.
        out: folder; a former demo in it is replaced.
        seed: of the experiment.

    Returns:
        What came out, and where it is.

    Raises:
        SerKerasError: a corpus cannot be read or split, or `out` is in use or holds another run.
    """
    out = Path(out)
    utterances = [u for name, root in corpora for u in readers.read(name, root)]
    experiment = Experiment.from_recipe(RECIPE, [f"seed={seed}", "protocol.folds=4", "training.epochs=12"])
    names = " + ".join(readers.CORPORA[name].title for name, _ in corpora)
    say(f"{names}: {len(utterances)} utterances. Training {RECIPE} on 4 groups of unseen speakers.")

    from ser_keras.export import from_run
    from ser_keras.training import crossvalidation  # TensorFlow takes seconds to import: after a line
    from ser_keras.training.data.labelled_audio import read_audio, read_corpora
    from ser_keras.training.data.preparation import make_folds

    run = RunDirectory(out / "run")
    if run.settings_file.is_file() and run.experiment.get("recipe") != RECIPE:
        raise SerKerasError(f"{run.path} holds a run of {run.experiment.get('recipe')}, no demo: choose another --out")
    data = make_folds(read_audio(experiment, read_corpora(corpora), quiet=True))
    crossvalidation.check_trainable(data)  # refuses before anything is lost
    if run.path.exists():
        with run.locked():
            run.clear()
    crossvalidation.train(experiment, corpora, run.path)
    index = from_run.export(run, out / "bundle", default="auto")
    first = utterances[0]
    return DemoResult(
        corpora=names,
        metrics=read_metrics(run.path),
        index=index,
        file=first.name,
        predicted=model.load(out / "bundle").predict(first.path).emotion,
        true=first.emotion,
        report=run.path / "report.html",
        bundle=out / "bundle",
    )
