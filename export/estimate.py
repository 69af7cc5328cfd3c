"""What a shipped file reaches on speakers it never heard: fold models, converted the same way, on their test audio."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_keras.audio.windows import cut_windows
from ser_keras.common.errors import SerKerasError
from ser_keras.evaluation import Predictions, bootstrap_ci, uar, wa
from ser_keras.export.bundle_json import Estimate, GroupEstimate, WindowEstimate
from ser_keras.runtime.bundle import Settings
from ser_keras.runtime.interpreter import Interpreter, choose
from ser_keras.runtime.model import Model

UtteranceKey = tuple[str, str, float]  # what `utterance_key` gives
TestUtterance = tuple[UtteranceKey, int, NDArray[np.float32]]  # key, true class index, samples [n] at 16 kHz
TestAudio = Callable[[int], Iterable[TestUtterance]]  # fold number -> its test utterances
Row = Sequence[float] | NDArray[np.float64]  # probabilities [C] of one window
Pair = tuple[Row, Row]  # of one window: Keras's probabilities, the file's


def utterance_key(corpus: str, file: str, start: float | None) -> UtteranceKey:
    """What tells an utterance from another in `predictions.csv`: corpus, file name, start in seconds."""
    return str(corpus), str(file), round(float(start or 0), 3)


def estimate(
    fold_files: Mapping[int, Mapping[str, bytes]],
    predictions: Mapping[int, Predictions],
    test_utterances: TestAudio,
    *,
    settings: Settings,
    advance: Callable[[], None] | None = None,
    window_tables: Mapping[int, Predictions] | None = None,
    keep: Callable[[str, Predictions], None] | None = None,
    chunks: bool = False,
) -> dict[str, Estimate]:
    """Run converted fold models through `runtime.model` on their test utterances.

    Args:
        fold_files: fold number -> {variant: bytes of the `.tflite`}.
        predictions: fold number -> Predictions of the Keras model of that fold, a row an utterance.
        test_utterances: fold number -> iterable of (utterance_key, true class index, float32 samples at 16 kHz).
        settings: how audio is cut.
        advance: called after each fold.
        window_tables: fold number -> Predictions of the same, a row a window; None where there are none.
        keep: called with (variant, Predictions of it, a row an utterance).
        chunks: whether `test_utterances` are chunks and `predictions` of them; figures are then of their means by
            utterance.

    Returns:
        Variant -> figures.

    Raises:
        SerKerasError: audio is missing or isn't what the run was tested on.
    """
    runtime = choose()
    variants = list(next(iter(fold_files.values())))
    answers: dict[str, list[list[float]]] = {variant: [] for variant in variants}  # probabilities of each utterance
    pairs: dict[str, list[Pair]] = {variant: [] for variant in variants}
    judged = []
    for fold, files in fold_files.items():
        table = predictions[fold]
        places = {utterance_key(*k): i for i, k in enumerate(zip(table.corpus, table.file, table.start, strict=True))}
        of_files = _windows_of_files((window_tables or {}).get(fold))
        models = {
            v: Model(Interpreter(content, f"fold {fold}'s {v}", runtime), settings, v, runtime=runtime)
            for v, content in files.items()
        }
        rows = []
        for key, label, samples in test_utterances(fold):
            row = places.get(key)
            if row is None or table.true[row] != label:
                raise SerKerasError(
                    f"{'/'.join(map(str, key[:2]))} isn't in fold {fold}'s predictions.csv with this label"
                )
            for variant, model in models.items():
                result = model.predict_samples(samples)
                answers[variant].append(list(result.probabilities.values()))
                actual = [list(s.probabilities.values()) for s in result.segments]
                within = _those_between(of_files.get(key[:2], []), table.start[row], table.end[row])
                expected = [table.probabilities[row]] if chunks else within
                if len(expected) == len(actual):
                    pairs[variant].extend(zip(expected, actual, strict=True))
            rows.append(row)
        if len(rows) != len(table):
            raise SerKerasError(f"fold {fold} was tested on {len(table)} utterances, the audio of {len(rows)} is there")
        judged.append(table.take(np.array(rows)))
        if advance is not None:
            advance()
    keras = Predictions.concatenate(judged)
    by_variant = {v: dataclasses.replace(keras, probabilities=np.array(answers[v])) for v in variants}
    if chunks:
        keras, by_variant = keras.by_utterance(), {v: table.by_utterance() for v, table in by_variant.items()}
    if keep is not None:
        for variant, table in by_variant.items():
            keep(variant, table)
    return {v: _figures(keras, table, compare_windows(pairs[v])) for v, table in by_variant.items()}


def _windows_of_files(table: Predictions | None) -> dict[tuple[str, str], list[tuple[float, NDArray[np.float64]]]]:
    """(corpus, file) -> (start, probabilities) of its windows, in order of time."""
    windows = collections.defaultdict(list)
    if table is not None:
        for row in np.argsort(table.start, kind="stable"):
            place = (str(table.corpus[row]), str(table.file[row]))
            windows[place].append((table.start[row], table.probabilities[row]))
    return dict(windows)


def _those_between(
    windows: Iterable[tuple[float, NDArray[np.float64]]], start: float, end: float
) -> list[NDArray[np.float64]]:
    """Probabilities of the windows that begin within an utterance; NaN bounds: the whole file."""
    low, high = (-np.inf if np.isnan(start) else start - 1e-6), (np.inf if np.isnan(end) else end)
    return [probabilities for begin, probabilities in windows if low <= begin < high]


def _figures(keras: Predictions, converted: Predictions, windows: WindowEstimate | None) -> Estimate:
    """The figures of one variant beside those of Keras on the same utterances."""
    true, predicted, n_classes = keras.true, converted.predicted, len(keras.classes)
    low, high, method = bootstrap_ci(true, predicted, keras.speaker, n_classes=n_classes)
    apart = np.abs(keras.probabilities - converted.probabilities)

    def of_gender(name: str) -> GroupEstimate:
        rows = np.array([gender == name for gender in keras.gender])
        return {"uar": uar(true[rows], predicted[rows], n_classes), "n": int(rows.sum())}

    return {
        "uar": uar(true, predicted, n_classes),
        "ci95": [low, high],
        "ci_method": method,
        "wa": wa(true, predicted),
        "n": len(true),
        "keras_uar": uar(true, keras.predicted, n_classes),
        "agreement": float(np.mean(predicted == keras.predicted)),
        "difference": {"mean": float(apart.mean()), "largest": float(apart.max())},
        "by_gender": {name: of_gender(name) for name in sorted({gender for gender in keras.gender if gender})},
        "windows": windows,
    }


def compare_windows(pairs: Sequence[Pair]) -> WindowEstimate | None:
    """Single windows against Keras's; None without any."""
    if not pairs:
        return None
    expected, actual = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    apart, predicted, keras = np.abs(expected - actual), actual.argmax(axis=1), expected.argmax(axis=1)
    flips = np.flatnonzero(predicted != keras)
    margins = expected[flips, keras[flips]] - expected[flips, predicted[flips]]
    return {
        "n": len(pairs),
        "agreement": 1 - len(flips) / len(pairs),
        "mean": float(apart.mean()),
        "largest": float(apart.max()),
        "flips": len(flips),
        "largest_flip_margin": float(margins.max()) if len(flips) else None,
    }


def sample_windows(
    test_utterances: TestAudio | None, folds: Iterable[int], settings: Settings, *, limit: int = 200, each: int = 2
) -> NDArray[np.float32]:
    """Windows of real test audio, the first of each utterance, spread evenly over folds and utterances.

    Args:
        test_utterances: as for `estimate`, or None.
        folds: numbers.
        settings: how audio is cut.
        limit: at most so many windows.
        each: of one utterance at most so many.

    Returns:
        float32 [n, window_samples], n up to `limit`; n is 0 where `test_utterances` is None.
    """
    windows: list[NDArray[np.float32]] = []
    seen, stride = 0, 1
    heard = () if test_utterances is None else map(test_utterances, folds)
    for utterances in heard:
        for _, _, samples in utterances:
            cut = cut_windows(samples, settings.window_samples, settings.hop_samples, tail=settings.tail_rule)
            for window in cut[:each]:
                if seen % stride == 0:
                    windows.append(window)
                seen += 1
            if len(windows) > 4 * limit:  # corpora may be large
                windows, stride = windows[::2], 2 * stride
    spread = np.linspace(0, len(windows) - 1, min(limit, len(windows))).astype(int)
    return np.array([windows[i] for i in np.unique(spread)], np.float32).reshape(-1, settings.window_samples)
