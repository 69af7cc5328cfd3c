"""What a shipped file reaches on speakers it never heard: fold models, converted the same way, on their test audio."""

import numpy as np

from ser_keras.errors import SerKerasError
from ser_keras.evaluation import bootstrap_ci, uar, wa
from ser_keras.inference import Model
from ser_keras.interpreter import Interpreter, choose


def utterance_key(corpus, file, start):
    """What tells an utterance from another in `predictions.csv`: corpus, file name, start in seconds."""
    return str(corpus), str(file), round(float(start or 0), 3)


def estimate(fold_files, predictions, test_utterances, settings, advance=None):
    """Run converted fold models through `inference` on their test utterances.

    Args:
        fold_files: fold number -> {variant: bytes of the `.tflite`}.
        predictions: fold number -> Predictions of the Keras model of that fold, a row an utterance.
        test_utterances: fold number -> iterable of (utterance_key, true class index, float32 samples at 16 kHz).
        settings: model_files.Settings.
        advance: called after each fold.

    Returns:
        variant -> dict: `uar`, `ci95`, `ci_method`, `wa`, `n`, `keras_uar` (the run's own figure on the same
        utterances), `agreement` (share of equal decisions).

    Raises:
        SerKerasError: audio is missing or isn't what the run was tested on.
    """
    runtime, n_classes = choose(), len(settings.classes)
    variants = list(next(iter(fold_files.values())))
    decisions = {variant: [] for variant in variants}
    true, keras, speakers = [], [], []
    for fold, files in fold_files.items():
        table = predictions[fold]
        rows = {utterance_key(*k): i for i, k in enumerate(zip(table.corpus, table.file, table.start, strict=True))}
        models = {
            v: Model(Interpreter(content, f"fold {fold}'s {v}", runtime), settings, v, runtime)
            for v, content in files.items()
        }
        seen = 0
        for key, label, samples in test_utterances(fold):
            row = rows.get(key)
            if row is None or table.true[row] != label:
                raise SerKerasError(
                    f"{'/'.join(map(str, key[:2]))} isn't in fold {fold}'s predictions.csv with this label"
                )
            true.append(label)
            keras.append(table.predicted[row])
            speakers.append(table.speaker[row])
            for variant, model in models.items():
                decisions[variant].append(settings.classes.index(model.predict_samples(samples).emotion))
            seen += 1
        if seen != len(table):
            raise SerKerasError(f"fold {fold} was tested on {len(table)} utterances, the audio of {seen} is there")
        if advance is not None:
            advance()
    return {variant: _figures(true, chosen, keras, speakers, n_classes) for variant, chosen in decisions.items()}


def _figures(true, chosen, keras, speakers, n_classes):
    true, chosen, keras = (np.array(values, int) for values in (true, chosen, keras))
    low, high, method = bootstrap_ci(true, chosen, np.array(speakers, object), n_classes)
    return {
        "uar": uar(true, chosen, n_classes),
        "ci95": [low, high],
        "ci_method": method,
        "wa": wa(true, chosen),
        "n": len(true),
        "keras_uar": uar(true, keras, n_classes),
        "agreement": float(np.mean(chosen == keras)),
    }


def sample_windows(test_utterances, folds, settings, limit=200):
    """Windows of real test audio, the first two of each utterance, for the parity check.

    Returns:
        float32 [n, window_samples], n up to `limit`; n is 0 where `test_utterances` is None.
    """
    from ser_keras.audio import windows

    found = []
    for fold in folds if test_utterances is not None else ():
        for _, _, samples in test_utterances(fold):
            found.extend(windows(samples, settings.window_samples, settings.hop_samples, settings.tail_rule)[:2])
            if len(found) >= limit:
                return np.array(found[:limit], np.float32)
    return np.array(found, np.float32).reshape(-1, settings.window_samples)
