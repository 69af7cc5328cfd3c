"""What exported models weigh and take on this machine, and what a change of level does to the shipped one.

    python benchmarks/inference.py                          # the shipped model, R1, the attention BLSTM
    python benchmarks/inference.py --corpus emodb=PATH      # and: the same class with the level changed by 12 dB?
    python benchmarks/inference.py --run RUN                # the same of a run's own models, on their test speakers

Weights of R1 and of the BLSTM are random: they change neither size nor time. The level is changed in the corpus's
windows as recorded, where +12 dB clips those that peak at full scale, and in the same made softer before, where nothing
is clipped; the shipped model was trained on EMO-DB itself, so this is about the level and not about accuracy. A run
needs before: `ser-keras evaluate RUN --condition gain:-12 --condition gain:12`.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

RECIPES = (("anand2015.r1", ()), ("anand2015.r1", ("model.pool=global",)), ("he2019.exp4", ()))
GAINS_DB = (-12, 12)


def converted(recipe, changes, folder):
    """Paths of a recipe's int8 and float32 files, and the samples from one window to the next."""
    import keras

    from ser_keras.experiment import assembly, rules
    from ser_keras.experiment.settings import Experiment
    from ser_keras.export.convert import Conversion, convert
    from ser_keras.export.metadata import with_metadata
    from ser_keras.export.provenance import metadata_of
    from ser_keras.models.layers.adaptation import adapt_model
    from ser_keras.training.runtime_model import run_settings

    keras.utils.set_random_seed(0)
    experiment = rules.complete(Experiment.from_recipe(recipe, changes))
    extractor = assembly.build_extractor(experiment)
    shape = extractor.feature_shape(experiment.window_samples)
    net = assembly.primary(assembly.build_classifier(experiment, shape, len(experiment.classes)))
    noise = 0.1 * np.random.default_rng(0).standard_normal((16, experiment.window_samples)).clip(-1, 1)
    features = np.array(extractor(noise.astype(np.float32)))
    adapt_model(net, lambda subset=None: [features])
    model = assembly.with_front_end(experiment)(net)
    paths = [folder / f"{recipe}{len(changes)}{end}" for end in (".keras", "-float32.tflite", "-int8.tflite")]
    model.save(paths[0])
    convert([Conversion(*paths)])
    settings = run_settings(experiment.model_dump())
    for path in paths[1:]:  # as they are shipped
        path.write_bytes(with_metadata(path.read_bytes(), metadata_of({"recipe": recipe}, settings)))
    return paths[2], paths[1], settings.hop_samples


def row(name, path, hop, threads):
    """A line of the table, and the processor's time."""
    from ser_keras.runtime.benchmark import measure

    found = measure(path.read_bytes(), name, hop, threads=threads)
    print(
        f"{name:<38} {path.stat().st_size / 1000:7.0f} KB {threads} thread{'s' if threads > 1 else ' '} "
        f"{found['median_ms']:8.2f} ms, p95 {found['p95_ms']:8.2f}, processor {found['cpu_ms']:8.2f}, "
        f"real-time factor {found['cpu_ms'] / 1000 / (hop / 16000):.4f} (processor), {found['memory_mb']:.0f} MB"
    )
    return found["cpu_ms"]


def same_class(corpus, root, gains_db):
    """{(gain, headroom): (share of the windows that hold speech whose class stays when their level changes, windows)};
    with headroom they are first made so much softer that nothing is clipped."""
    import ser_keras
    from ser_keras import corpora
    from ser_keras.audio import reading
    from ser_keras.audio.samples import level_dbfs
    from ser_keras.audio.windows import cut_windows

    model = ser_keras.load()
    settings, stays = model.settings, {(gain, room): [] for gain in gains_db for room in (0, max(gains_db))}
    for utterance in corpora.read(corpus, root):
        samples = reading.load(utterance.path, utterance.start, utterance.end).samples
        size, hop = settings.window_samples, settings.hop_samples
        for window in cut_windows(samples, size, hop, tail=settings.tail_rule):
            if level_dbfs(window) < (settings.speech_gate_dbfs or -np.inf):
                continue
            for (gain, room), same in stays.items():
                levels = [np.clip(window * 10 ** (db / 20), -1, 1) for db in (-room, gain - room)]
                one, other = (model.probabilities([level])[0].argmax() for level in levels)
                same.append(one == other)
    return {change: (float(np.mean(same)), len(same)) for change, same in stays.items()}


def same_class_unseen(run, gains_db):
    """The same of the folds' models on their test speakers' windows, from the run's evaluations."""
    from ser_keras.evaluation import Predictions

    as_it_is = Predictions.read_csv(run / "segments.csv").predicted
    found = {}
    for gain in gains_db:
        changed = Predictions.read_csv(run / "evaluations" / f"test-gain_{gain}" / "segments.csv").predicted
        found[gain] = float(np.mean(changed == as_it_is)), len(as_it_is)
    return found


def main():
    from ser_keras.runtime import benchmark
    from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED, find

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", metavar="NAME=PATH", help="whose windows are made louder and softer")
    parser.add_argument("--run", type=Path, help="whose evaluations of gain:-12 and gain:12 are compared")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    print(f"{benchmark.machine()}; load {benchmark.load()}")
    shipped = PRETRAINED / DEFAULT_MODEL
    models = [("shipped", shipped / "model.tflite", shipped / "model_float32.tflite", find().settings.hop_samples)]
    with tempfile.TemporaryDirectory() as folder:
        models += [(" ".join([name, *changes]), *converted(name, changes, Path(folder))) for name, changes in RECIPES]
        for name, small, whole, hop in models:
            for threads in given.threads:
                ratio = row(f"{name} int8", small, hop, threads) / row(f"{name} float32", whole, hop, threads)
                print(f"{name}: int8 takes {ratio:.2f} times as long as float32 on {threads} thread(s)")
    if given.corpus:
        name, _, root = given.corpus.partition("=")
        for (gain, room), (share, n) in same_class(name, root, GAINS_DB).items():
            of = f"with {room} dB of headroom" if room else "as recorded"
            print(f"shipped model, windows {of}, changed by {gain:+d} dB: the same class in {share:.1%} of {n}")
    if given.run:
        for gain, (share, n) in same_class_unseen(given.run, GAINS_DB).items():
            print(f"{given.run}, level changed by {gain:+d} dB: the same class in {share:.1%} of {n} windows")


if __name__ == "__main__":
    main()
