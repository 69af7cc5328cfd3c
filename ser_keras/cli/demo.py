"""The main job, whole: prepare, train, evaluate on unseen speakers, export, check parity, classify a file, report."""

from pathlib import Path

from ser_keras import corpora as readers
from ser_keras.common.errors import SerKerasError
from ser_keras.common.progress import say
from ser_keras.experiment.recipes import load_experiment
from ser_keras.experiment.run import Run
from ser_keras.runtime import model

RECIPE = "anand2015.r2"


def demo(corpora, out, seed=0):
    """Run the demo into `out/run` and `out/bundle`, afresh each time.

    Args:
        corpora: list of (registry name, path).
        out: folder; a former demo in it is replaced.
        seed: of the experiment.

    Returns:
        Lines for the person at the terminal: what came out, where it is, what to try next.

    Raises:
        SerKerasError: a corpus can't be read or split, or `out` is in use or holds another run.
    """
    out = Path(out)
    utterances = [u for name, root in corpora for u in readers.read(name, root)]
    experiment = load_experiment(RECIPE, [f"seed={seed}", "protocol.folds=4", "training.epochs=12"])
    names = " + ".join(readers.CORPORA[name].title for name, _ in corpora)
    say(f"{names}: {len(utterances)} utterances. Training {RECIPE} on 4 groups of unseen speakers.")

    from ser_keras.export import from_run
    from ser_keras.training import crossvalidation  # TensorFlow takes seconds to import: after a line
    from ser_keras.training.data.labelled_audio import read_audio, read_corpora
    from ser_keras.training.data.preparation import make_folds

    run = Run(out / "run")
    if run.settings_file.is_file() and run.experiment.get("recipe") != RECIPE:
        raise SerKerasError(f"{run.path} holds a run of {run.experiment.get('recipe')}, no demo: choose another --out")
    data = make_folds(read_audio(experiment, read_corpora(corpora), quiet=True))
    crossvalidation.check_trainable(data)  # refuses before anything is lost
    if run.path.exists():
        with run.locked():
            run.clear()
    crossvalidation.train(experiment, corpora, run.path)
    exported = from_run.export(run, out / "bundle", default="auto")
    figures = run.metrics
    first = utterances[0]
    heard = model.load(out / "bundle").predict(first.path)
    low, high = figures["uar_ci95"]
    chance = 1 / len(figures["classes"])
    return [
        "",
        f"Speaker-independent UAR {figures['uar']:.3f} [{low:.3f}, {high:.3f}], chance {chance:.3f}, "
        f"{figures['n_utterances']} utterances of {figures['n_speakers']} speakers ({names})",
        *exported,
        f"Classified {first.name}: {heard.emotion} (it is {first.emotion}; the final model was trained on it)",
        f"Report:  {run.path / 'report.html'}",
        f"Bundle:  {out / 'bundle'}",
        "Next:    ser-keras predict YOUR.wav",
        "         ser-keras demo --corpus emodb=PATH        the same on real speech",
        "         ser-keras train --help                    your own experiment",
    ]
