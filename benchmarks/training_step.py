"""Does a training step wait for augmentation? Steps with cached features, a cached grid, and windows drawn live.

python benchmarks/training_step.py [--steps N] [--corpus NAME=PATH]

For each recipe the same net is trained on the same windows, in turn: as they are, at the nine points of a grid (both
from the cache), and drawn live with every change on. `wait` is the time from the end of a step to its next batch;
`step` is the whole, as a ratio to the steps on the plain cache. On a CPU live augmentation shares the cores with the
step itself. Without --corpus, 360 generated vowels of 2.2 to 3.2 s are used.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

RECIPES = ("log_mel_cnn", "anand2015.r1", "anand2015.r2")
KINDS = {
    "as they are": (),
    "grid of 9, cached": ("augmentation={mode: grid, pitch: [-2, 0, 2], rate: [0.9, 1.0, 1.1]}",),
    "random, live": (
        "augmentation={mode: random, pitch: [-2, 2], rate: [0.9, 1.1], gain_db: [-12, 12], snr_db: [15, 45], "
        "equalise_db: 4, time_masks: 2, frequency_masks: 2}",
    ),
}
WARM_UP = 5


def steps_of(recipe, changes, corpora, n_steps):
    """(milliseconds a step, milliseconds of it waiting), means."""
    from ser_keras.common.seeds import FoldSeeds
    from ser_keras.experiment import assembly
    from ser_keras.experiment.settings import Experiment
    from ser_keras.training.compilation import SmoothedCrossEntropy, make_optimizer
    from ser_keras.training.data.examples import labels_of
    from ser_keras.training.data.labelled_audio import read_corpora
    from ser_keras.training.data.preparation import prepare
    from ser_keras.training.fold_job import FoldJob, dataset_of

    experiment = Experiment.from_recipe(recipe, ["cleaning.drop_mislabelled=0", "protocol.folds=2", *changes])
    prepared = prepare(experiment, read_corpora(corpora), quiet=True)
    experiment, material, n_classes = prepared.experiment, prepared.material, prepared.n_classes
    examples = material.examples(prepared.folds[0].train)
    job = FoldJob(
        experiment=experiment,
        material=material,
        train=prepared.folds[0].train,
        validation=prepared.folds[0].validation,
        folder=Path(),
        seeds=FoldSeeds(experiment.seed, 0),
        title="",
        epochs=1000,
    )
    classifier = assembly.build_classifier(experiment, material.feature_shape, n_classes)
    classifier.compile(make_optimizer(job.training), loss=SmoothedCrossEntropy(n_classes))
    dataset, _ = dataset_of(job, examples, labels_of(classifier, material, examples.items))
    batches, waits, times = iter(dataset), [], []
    for _ in range(WARM_UP + n_steps):
        started = time.perf_counter()
        x, y, *_ = next(batches)
        waits.append(time.perf_counter() - started)
        classifier.train_on_batch(x, y)
        times.append(time.perf_counter() - started)
    return 1000 * np.mean(times[WARM_UP:]), 1000 * np.mean(waits[WARM_UP:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40, help="steps that are timed (default: %(default)s)")
    parser.add_argument("--corpus", metavar="NAME=PATH", help="real speech instead of generated vowels")
    chosen = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryDirectory() as folder:
        if chosen.corpus:
            name, _, path = chosen.corpus.partition("=")
            corpora = [(name, Path(path))]
        else:
            from tests.made_corpus import write_corpus

            corpora = [("manifest", write_corpus(Path(folder), speakers=6, takes=20, seconds=(2.2, 3.2)))]
        rows = []
        for recipe in RECIPES:
            plain = None
            for kind, changes in KINDS.items():
                step, wait = steps_of(recipe, changes, corpora, chosen.steps)
                plain = plain or step
                rows.append(
                    f"| `{recipe}` | {kind} | {step:.0f} | {wait:.1f} | {wait / step:.0%} | {step / plain:.2f} |"
                )
    print("| recipe | training windows | step, ms | of it waiting, ms | share | step against plain |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
