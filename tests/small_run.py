"""A small run directory with untrained models, and one bundle made from it for the whole test session."""

import json

import numpy as np
import yaml

from tests.made_once import made_once, session_folder

CLASSES = ("anger", "happiness", "neutral", "sadness")
WINDOW, HOP = 8800, 8192
SPEAKERS = tuple(f"toy/{i}" for i in range(6))
FOLDS = 2


def utterances(fold):
    """(utterance_key, true class, samples) of a fold's made-up test audio."""
    rng = np.random.default_rng(fold)
    for n in range(12):
        length = int(rng.integers(6000, 30000))
        t = np.arange(length) / 16000
        tone = np.sin(2 * np.pi * rng.uniform(80, 1500) * t) * rng.uniform(0.01, 0.5)
        samples = (tone + rng.normal(0, 10 ** rng.uniform(-4, -1), length)).clip(-1, 1).astype(np.float32)
        yield ("toy", f"{fold}/{n:02}.wav", 0.0), n % len(CLASSES), samples


def model(seed, frontend="log_mel", classifier="log_mel_cnn"):
    """An untrained end-to-end model whose decisions vary with its input."""
    import keras

    from ser_keras.features.frontends import FRONT_ENDS
    from ser_keras.models import MODELS
    from ser_keras.models.end_to_end import end_to_end
    from ser_keras.models.layers.adaptation import adapt_model

    keras.utils.set_random_seed(seed)
    front = FRONT_ENDS[frontend]()
    net = MODELS[classifier](front.compute_output_shape((None, WINDOW))[1:], len(CLASSES))
    heard = np.stack([samples[:6000] for _, _, samples in utterances(0)])
    features = np.array(front(np.pad(heard, ((0, 0), (0, WINDOW - 6000)))))
    adapt_model(net, lambda: [features])
    return end_to_end(front, net, WINDOW)


def write(folder):
    """Lay out a run directory as `ser-keras train` leaves it."""
    from ser_keras.audio.windows import cut_windows
    from ser_keras.evaluation import Predictions, metrics

    folder.mkdir(parents=True)
    experiment = {
        "recipe": "toy",
        "title": "Untrained toy",
        "seed": 0,
        "classes": {c: [c] for c in CLASSES},
        "window_s": WINDOW / 16000,
        "hop_s": HOP / 16000,
        "tail_rule": "drop",
        "frontend": {"name": "log_mel"},
        "model": {"name": "log_mel_cnn"},
        "protocol": {"name": "speaker_independent", "folds": FOLDS},
        "export": {"smoothing_s": 2.0, "speech_gate_dbfs": -60.0},
        "corpora": [
            {"name": "toy", "title": "Toy tones", "licence": "CC0-1.0", "n_utterances": 24, "n_speakers": 6},
            {"name": "ravdess", "title": "RAVDESS", "licence": "CC BY-NC-SA 4.0", "n_utterances": 0, "n_speakers": 0},
        ],
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    record = {"command": "ser-keras train --corpus toy=/home/me/toy --recipe toy --out /home/me/run", "commit": "abc"}
    (folder / "provenance.json").write_text(json.dumps(record))
    tables = []
    for fold in range(FOLDS):
        net = model(fold)
        place = folder / "folds" / str(fold)
        place.mkdir(parents=True)
        net.save(place / "model.keras")
        keys, true, rows, lengths = [], [], [], []
        for key, label, samples in utterances(fold):
            keys.append(key)
            true.append(label)
            lengths.append(len(samples) / 16000)
            rows.append(net.predict(cut_windows(samples, WINDOW, HOP, tail="drop"), verbose=0).mean(axis=0))
        speakers = [SPEAKERS[3 * fold + i % 3] for i in range(len(keys))]
        corpora, files, starts = zip(*keys, strict=True)
        table = Predictions(
            file=files,
            corpus=corpora,
            speaker=speakers,
            fold=fold,
            start=starts,
            end=lengths,
            true=true,
            probabilities=rows,
            classes=CLASSES,
        )
        table.write_csv(place / "predictions.csv")
        (place / "fold.json").write_text(json.dumps({"epochs": 0, "best_epoch": 0}))
        tables.append(table)
    (folder / "final").mkdir()
    model(7).save(folder / "final" / "model.keras")
    figures = metrics(Predictions.concatenate(tables), protocol="speaker_independent", seed=0, commit="abc")
    (folder / "metrics.json").write_text(json.dumps(figures))
    return folder


def exported(tmp_path_factory):
    """(run directory, bundle directory), made once a session; tests must not change them."""
    place = made_once(session_folder(tmp_path_factory) / "exported", export)
    return place / "run", place / "bundle"


def export(place):
    """Lay out the run directory and its bundle below a folder."""
    from ser_keras.export.bundle import export_run

    export_run(write(place / "run"), place / "bundle", test_utterances=utterances)
