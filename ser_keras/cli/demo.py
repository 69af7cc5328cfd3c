"""The main job, whole: prepare, train, evaluate on unseen speakers, export, check parity, classify a file, report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ser_keras.api.bundle import Bundle
from ser_keras.api.corpus import Corpora, Corpus, located
from ser_keras.api.prediction import predict
from ser_keras.api.run import Run
from ser_keras.api.session import at_work
from ser_keras.api.training import train
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.settings import Experiment

RECIPE = "anand2015.r2"


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo came to.

    Attributes:
        corpora: their titles.
        run: the run.
        bundle: what it was exported to.
        file: name of the file that was classified.
        predicted: the emotion that the exported model hears in it.
        true: the emotion that it is labelled with.
    """

    corpora: str
    run: Run
    bundle: Bundle
    file: str
    predicted: str
    true: str


def demo(corpora: Corpora, out: Path, seed: int = 0) -> DemoResult:
    """Run the demo into `out/run` and `out/bundle`, afresh each time.

    Args:
        corpora: as `ser_keras.train` takes them.
        out: folder; a former demo in it is replaced.
        seed: of the experiment.

    Returns:
        What came out, and where it is.

    Raises:
        SerKerasError: a corpus cannot be read or split, or `out` is in use or holds another run.
    """
    read = [Corpus(name, path) for name, path in located(corpora)]
    utterances = [utterance for corpus in read for utterance in corpus.utterances]
    experiment = Experiment.from_recipe(RECIPE, [f"seed={seed}", "protocol.folds=4", "training.epochs=12"])
    names = " + ".join(corpus.title for corpus in read)
    say(f"{names}: {len(utterances)} utterances. Training {RECIPE} on 4 groups of unseen speakers.")
    _make_way(out / "run", experiment, read)
    run = train(experiment, read, out / "run")
    bundle = run.export(out / "bundle", default="auto")
    first = utterances[0]
    predicted = predict(first.path, bundle).emotion
    return DemoResult(names, run, bundle, file=first.name, predicted=predicted, true=first.emotion)


def _make_way(path: Path, experiment: Experiment, corpora: Corpora) -> None:
    """Remove the run of a former demo, once it is known that another can be trained in its place."""
    run = RunDirectory(path)
    if run.settings_file.is_file() and run.experiment.get("recipe") != RECIPE:
        raise SerKerasError(f"{path} holds a run of {run.experiment.get('recipe')}, no demo: choose another `out`")
    with at_work():
        from ser_keras.training import crossvalidation
        from ser_keras.training.data.labelled_audio import read_audio, read_corpora
        from ser_keras.training.data.preparation import make_folds

        data = make_folds(read_audio(experiment, read_corpora(located(corpora)), quiet=True))
        crossvalidation.check_trainable(data)
    if path.exists():
        with run.locked():
            run.clear()
