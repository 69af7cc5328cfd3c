"""What is each step of the live model worth? Each corpus is left out in turn and heard live; one table of all steps.

python benchmarks/live_steps.py --corpus NAME=PATH --corpus NAME=PATH ... [--noises FOLDER] [--windows N] [--out FILE]

For each corpus some thousand training windows are cut from streams (and, for comparison, from its files), and streams
of at most 800 utterances are planned, as `evaluate --live` does. Their features are computed once for each front end.
Then each step trains on the other corpora and is judged by the code of the demos: UAR of anger, happiness, neutral and
sadness half a second after the last word. Steps add up: each line changes one thing of the line above it, unless it
says otherwise.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

LIMIT = 800
PRESENTATIONS = 250_000
BATCH = 128


@dataclasses.dataclass(frozen=True)
class Step:
    """Settings of one line of the table."""

    title: str
    front_end: str = "masked"
    trained_on: str = "streams"
    rhythm: bool = True
    hidden: int = 0
    label_smoothing: float = 0.0
    smoothing_s: float = 2.0


BEFORE = Step("statistics regression, trained on files", front_end="before", trained_on="files")
STEPS = (
    BEFORE,
    dataclasses.replace(BEFORE, title="trained on windows cut from streams", trained_on="streams"),
    Step("masked front end"),
    Step("each window speaks for itself (smoothing_s 1 for 2)", smoothing_s=1.0),
    Step("without rhythm", smoothing_s=1.0, rhythm=False),
    Step("a hidden layer of 128 units", smoothing_s=1.0, rhythm=False, hidden=128),
    Step("label smoothing .1: the recipe", smoothing_s=1.0, rhythm=False, hidden=128, label_smoothing=0.1),
    Step(
        "the recipe on the front end before",
        front_end="before",
        smoothing_s=1.0,
        rhythm=False,
        hidden=128,
        label_smoothing=0.1,
    ),
)
RHYTHM = np.arange(494, 500)  # among the 528 statistics


class Corpus:
    """One corpus: features of training windows, and of the windows of its streams, for each front end."""

    def __init__(self, name, root, front_ends, *, noises, n_windows):
        from ser_keras.audio.windows import cut_windows, sliding_windows
        from ser_keras.common.progress import stage
        from ser_keras.experiment.settings import Experiment
        from ser_keras.features.streams.plan import LiveSettings
        from ser_keras.features.streams.windows import Recording, WindowRenderer
        from ser_keras.training.data.labelled_audio import read_corpora, read_test_audio
        from ser_keras.training.data.stream_windows import window_settings
        from ser_keras.training.live_streams import Speech, plan, samples_of, spread

        self.experiment = experiment = Experiment.from_recipe("open", ["protocol.folds=2"])
        data = read_test_audio(experiment, read_corpora([(name, root)]))  # keeps the classes that it lacks
        self.name, labels = name, data.labels
        window, hop = experiment.window_samples, experiment.hop_samples
        rng = np.random.default_rng(0)
        recordings = [Recording.of(samples_of(data.audio, i)) for i in range(len(labels))]
        settings = window_settings(experiment.augmentation)
        settings = dataclasses.replace(settings, noise_share=0.3 if noises else 0.0)
        renderer = WindowRenderer(settings, window, noises)
        self.features = {key: [] for key in (*front_ends, *((f, "files") for f in front_ends))}
        self.labels = {"streams": [], "files": []}

        def compute(waves, kind, queue=64):
            for start in range(0, len(waves), queue):
                for front_end, function in front_ends.items():
                    key = front_end if kind == "streams" else (front_end, "files")
                    self.features[key].append(function(waves[start : start + queue]))

        owners = np.resize(rng.permutation(len(labels)), n_windows)
        with stage(f"{name}: windows", n_windows, "windows") as advance:
            for start in range(0, n_windows, 256):
                part = owners[start : start + 256]
                before = rng.integers(len(labels), size=len(part))
                waves = [renderer.render(recordings[i], recordings[k], rng) for i, k in zip(part, before, strict=True)]
                compute(np.stack(waves), "streams")
                advance(len(part))
        self.labels["streams"] = labels[owners]
        whole = [cut_windows(r.samples, window, hop, tail=experiment.tail_rule) for r in recordings]
        compute(np.concatenate(whole), "files")
        self.labels["files"] = np.repeat(labels, [len(w) for w in whole])
        self.features = {key: np.concatenate(parts) for key, parts in self.features.items()}

        speech = Speech(data.audio, labels, spread(data.audio.utterances, LIMIT, 0))
        self.streams, self.heard = plan(speech, LiveSettings(), 0), {f: [] for f in front_ends}
        with stage(f"{name}: streams", len(self.streams), "streams") as advance:
            for stream in self.streams:
                cut = sliding_windows([stream.samples()], window, hop, tail=experiment.tail_rule)
                waves = np.stack([wave.copy() for _, _, wave in cut])
                for front_end, function in front_ends.items():
                    self.heard[front_end].append(function(waves))
                advance()


def trained(step, corpora, seed):
    """A classifier of features as a function, trained on some corpora, each class of each equally often."""
    import keras
    import tensorflow as tf

    from ser_keras.models import MODELS
    from ser_keras.models.layers.adaptation import adapt_model

    key = step.front_end if step.trained_on == "streams" else (step.front_end, "files")
    x = np.concatenate([kept(step, corpus.features[key]) for corpus in corpora])
    y = np.concatenate([corpus.labels[step.trained_on] for corpus in corpora])
    group = np.concatenate([np.full(len(c.labels[step.trained_on]), i) for i, c in enumerate(corpora)]) * 100 + y
    _, inverse, counts = np.unique(group, return_inverse=True, return_counts=True)
    share = 1 / counts[inverse] / len(counts)
    keras.utils.set_random_seed(seed)
    n_classes = len(corpora[0].experiment.classes)
    net = MODELS["statistics_mlp"](x.shape[1:], n_classes, hidden=step.hidden)
    adapt_model(net, lambda: [x])
    schedule = keras.optimizers.schedules.CosineDecay(0.002, PRESENTATIONS // BATCH)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=step.label_smoothing)
    net.compile(keras.optimizers.AdamW(schedule, weight_decay=0.01), loss)
    drawn = np.random.default_rng(seed).choice(len(y), PRESENTATIONS // BATCH * BATCH, p=share)
    features, labels = tf.constant(x), tf.one_hot(y, n_classes)
    batches = tf.data.Dataset.from_tensor_slices(drawn).batch(BATCH)
    net.fit(batches.map(lambda i: (tf.gather(features, i), tf.gather(labels, i))).prefetch(4), verbose=0)
    return lambda rows: net.predict_on_batch(kept(step, rows))


def kept(step, features):
    """The features that a step uses."""
    return features if step.rhythm else np.delete(features, RHYTHM, axis=1)


def live_uar(step, classify, corpus):
    """UAR of four classes, live."""
    from ser_keras.evaluation.live import live_metrics
    from ser_keras.runtime.bundle import Settings
    from ser_keras.runtime.model import Model
    from ser_keras.training.live_manifest import key_of
    from ser_keras.training.live_streams import hear

    experiment = corpus.experiment
    settings = Settings(
        tuple(experiment.classes),
        experiment.window_samples,
        experiment.hop_samples,
        tail_rule=experiment.tail_rule,
        speech_gate_dbfs=experiment.export.speech_gate_dbfs,
        smoothing_s=step.smoothing_s,
    )
    heard = []
    for stream, features in zip(corpus.streams, corpus.heard[step.front_end], strict=True):
        rows = iter(classify(features))  # of the windows that the model is about to hear, in their order
        model = Model(lambda _, rows=rows: next(rows), settings, step.title, runtime="keras")
        heard.append(hear(stream, model, len(heard), key_of=key_of))
    figures = live_metrics(heard, settings.classes)["four_classes"]
    return {
        "uar": figures["uar"],
        "within_2_s": figures["first_right"]["within_2_s"],
        "unsettled_a_minute": figures["unsettled_a_minute"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--noises", metavar="FOLDER")
    parser.add_argument("--windows", type=int, default=8000, help="training windows of each corpus")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file for the table")
    arguments = parser.parse_args()

    from ser_keras.experiment.settings import Augmentation
    from ser_keras.features.batched_graph import feature_function
    from ser_keras.features.frontends import FRONT_ENDS
    from ser_keras.training.data.sounds import TrainingSounds

    sounds = Augmentation(mode="stream", level_dbfs=[-26], tone_dbfs=[-65], noise_dir=arguments.noises)
    noises = TrainingSounds.of(sounds).noise
    layers = {
        "before": FRONT_ENDS["statistics"](),
        "masked": FRONT_ENDS["statistics"](masked=True, active_db=25.0, floor_db=40.0),
    }
    front_ends = {name: feature_function(layer, 64000) for name, layer in layers.items()}
    pairs = [each.split("=", 1) for each in arguments.corpus]
    corpora = [Corpus(n, root, front_ends, noises=noises, n_windows=arguments.windows) for n, root in pairs]
    table = []
    print(
        "| step | mean | worst | " + " | ".join(c.name for c in corpora) + " | right within 2 s | unsettled a minute |"
    )
    print("| --- | --- | --- | " + "--- | " * (len(corpora) + 2))
    for step in STEPS:
        left_out = {}
        for corpus in corpora:
            others = [c for c in corpora if c is not corpus]
            runs = [live_uar(step, trained(step, others, seed), corpus) for seed in range(arguments.seeds)]
            left_out[corpus.name] = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        uars = {name: figures["uar"] for name, figures in left_out.items()}
        mean, worst = float(np.mean(list(uars.values()))), min(uars.values())
        soon, unsettled = (float(np.mean([f[k] for f in left_out.values()])) for k in list(runs[0])[1:])
        table.append({**dataclasses.asdict(step), "mean": mean, "worst": worst, "left_out": left_out})
        cells = [f"{100 * v:.1f}" for v in (mean, worst, *uars.values(), soon)]
        print(f"| {step.title} | " + " | ".join([*cells, f"{unsettled:.1f}"]) + " |", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
