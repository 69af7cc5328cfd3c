"""What a shipped file reaches on speakers it never heard: fold models, converted the same way, on their test audio."""

import dataclasses

import numpy as np

from ser_keras.audio.windows import cut_windows
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions, bootstrap_ci, uar, wa
from ser_keras.runtime.interpreter import Interpreter, choose
from ser_keras.runtime.model import Model


def utterance_key(corpus, file, start):
    """What tells an utterance from another in `predictions.csv`: corpus, file name, start in seconds."""
    return str(corpus), str(file), round(float(start or 0), 3)


def estimate(
    fold_files, predictions, test_utterances, settings, advance=None, window_tables=None, keep=None, chunks=False
):
    """Run converted fold models through `inference` on their test utterances.

    Args:
        fold_files: fold number -> {variant: bytes of the `.tflite`}.
        predictions: fold number -> Predictions of the Keras model of that fold, a row an utterance.
        test_utterances: fold number -> iterable of (utterance_key, true class index, float32 samples at 16 kHz).
        settings: model_files.Settings.
        advance: called after each fold.
        window_tables: fold number -> Predictions of the same, a row a window; None where there are none.
        keep: called with (variant, Predictions of it, a row an utterance).
        chunks: whether `test_utterances` are chunks and `predictions` of them; figures are then of their means by
            utterance.

    Returns:
        variant -> dict: `uar`, `ci95`, `ci_method`, `wa`, `n`, `keras_uar` (the run's own figure on the same
        utterances), `agreement` (share of equal decisions), `difference` (of probabilities from Keras's: `mean`,
        `largest`), `by_gender` (name -> `uar`, `n`; {} where genders aren't known), `windows` (what `_windows` returns,
        None where there are none).

    Raises:
        SerKerasError: audio is missing or isn't what the run was tested on.
    """
    runtime = choose()
    variants = list(next(iter(fold_files.values())))
    said = {variant: [] for variant in variants}
    pairs = {variant: [] for variant in variants}  # of windows: (Keras's probabilities, the file's)
    judged = []
    for fold, files in fold_files.items():
        table = predictions[fold]
        places = {utterance_key(*k): i for i, k in enumerate(zip(table.corpus, table.file, table.start, strict=True))}
        cut = _windows_of_files((window_tables or {}).get(fold))
        models = {
            v: Model(Interpreter(content, f"fold {fold}'s {v}", runtime), settings, v, runtime=runtime)
            for v, content in files.items()
        }
        seen = []
        for key, label, samples in test_utterances(fold):
            row = places.get(key)
            if row is None or table.true[row] != label:
                raise SerKerasError(
                    f"{'/'.join(map(str, key[:2]))} isn't in fold {fold}'s predictions.csv with this label"
                )
            for variant, model in models.items():
                result = model.predict_samples(samples)
                said[variant].append(list(result.probabilities.values()))
                found = [list(s.probabilities.values()) for s in result.segments]
                within = _those_between(cut.get(key[:2]), table.start[row], table.end[row])
                expected = [table.probabilities[row]] if chunks else within
                if len(expected) == len(found):
                    pairs[variant].extend(zip(expected, found, strict=True))
            seen.append(row)
        if len(seen) != len(table):
            raise SerKerasError(f"fold {fold} was tested on {len(table)} utterances, the audio of {len(seen)} is there")
        judged.append(table.take(np.array(seen)))
        if advance is not None:
            advance()
    keras = Predictions.concatenate(judged)
    found = {v: dataclasses.replace(keras, probabilities=np.array(said[v])) for v in variants}
    if chunks:
        keras, found = keras.by_utterance(), {v: table.by_utterance() for v, table in found.items()}
    for variant, table in found.items() if keep is not None else ():
        keep(variant, table)
    return {v: _figures(keras, table) | {"windows": _windows(pairs[v])} for v, table in found.items()}


def _windows_of_files(table):
    """(corpus, file) -> rows (start, probabilities) of its windows, in order of time."""
    found = {}
    for row in np.argsort(table.start, kind="stable") if table is not None else ():
        place = found.setdefault((str(table.corpus[row]), str(table.file[row])), [])
        place.append((table.start[row], table.probabilities[row]))
    return found


def _those_between(rows, start, end):
    """Probabilities of the windows that begin within an utterance; NaN bounds: the whole file."""
    low, high = (-np.inf if np.isnan(start) else start - 1e-6), (np.inf if np.isnan(end) else end)
    return [probabilities for begin, probabilities in rows or () if low <= begin < high]


def _figures(keras, said):
    true, chosen, genders, n_classes = keras.true, said.predicted, keras.gender, len(keras.classes)
    low, high, method = bootstrap_ci(true, chosen, keras.speaker, n_classes=n_classes)
    apart = np.abs(keras.probabilities - said.probabilities)

    def part(own):
        return {"uar": uar(true[own], chosen[own], n_classes), "n": int(own.sum())}

    return {
        "uar": uar(true, chosen, n_classes),
        "ci95": [low, high],
        "ci_method": method,
        "wa": wa(true, chosen),
        "n": len(true),
        "keras_uar": uar(true, keras.predicted, n_classes),
        "agreement": float(np.mean(chosen == keras.predicted)),
        "difference": {"mean": float(apart.mean()), "largest": float(apart.max())},
        "by_gender": {name: part(np.array([g == name for g in genders])) for name in sorted({g for g in genders if g})},
    }


def _windows(pairs):
    """Single windows against Keras's: `n`, `agreement`, `mean` and `largest` difference of a probability, `flips`
    (windows whose largest class changed) and `largest_flip_margin` (by which Keras preferred its class over the file's
    in a flip; a small one was a coin's toss), None without flips."""
    if not pairs:
        return None
    expected, found = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    apart, chosen, keras = np.abs(expected - found), found.argmax(axis=1), expected.argmax(axis=1)
    flips = np.flatnonzero(chosen != keras)
    margins = expected[flips, keras[flips]] - expected[flips, chosen[flips]]
    return {
        "n": len(pairs),
        "agreement": 1 - len(flips) / len(pairs),
        "mean": float(apart.mean()),
        "largest": float(apart.max()),
        "flips": len(flips),
        "largest_flip_margin": float(margins.max()) if len(flips) else None,
    }


def sample_windows(test_utterances, folds, settings, limit=200, each=2):
    """Windows of real test audio, the first of each utterance, spread evenly over folds and utterances.

    Args:
        test_utterances: as for `estimate`, or None.
        folds: numbers.
        settings: model_files.Settings.
        limit: at most so many windows.
        each: of one utterance at most so many.

    Returns:
        float32 [n, window_samples], n up to `limit`; n is 0 where `test_utterances` is None.
    """
    found, seen, stride = [], 0, 1
    for fold in folds if test_utterances is not None else ():
        for _, _, samples in test_utterances(fold):
            size, hop = settings.window_samples, settings.hop_samples
            for window in cut_windows(samples, size, hop, tail=settings.tail_rule)[:each]:
                if seen % stride == 0:
                    found.append(window)
                seen += 1
            if len(found) > 4 * limit:  # corpora may be large
                found, stride = found[::2], 2 * stride
    chosen = np.unique(np.linspace(0, len(found) - 1, min(limit, len(found))).astype(int)) if found else []
    return np.array([found[i] for i in chosen], np.float32).reshape(-1, settings.window_samples)
