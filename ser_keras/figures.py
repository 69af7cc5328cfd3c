"""From a trained classifier to a folder of tables and figures."""

import numpy as np

from ser_keras import pipeline
from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.files import write_atomic, write_json
from ser_keras.evaluation import Predictions, confusion_csv, metrics
from ser_keras.evaluation.predictions import geometric_mean
from ser_keras.models.corpus_heads import heard_as

AVERAGES = {"mean": lambda probabilities: probabilities.mean(axis=0), "geometric": geometric_mean}


def _probabilities(classifier, material, items):
    """As `pipeline.predict`; of a classifier with a head for each corpus, each item's own head where there is one."""
    if len(getattr(classifier, "outputs", ())) < 2:
        return pipeline.predict(classifier, material, items)
    items = np.asarray(items)
    corpora = np.array([material.items[i].corpus for i in items])
    of_window = corpora if material.sequence else np.repeat(corpora, material.n_windows[items])
    probabilities = np.empty((len(of_window), classifier.outputs[0].shape[-1]), np.float32)
    for corpus in np.unique(corpora):
        own = pipeline.predict(heard_as(classifier, corpus), material, items[corpora == corpus])
        probabilities[of_window == corpus] = own
    return probabilities


def predict_items(classifier, prepared, items, fold):
    """Predictions of some items: (a row an utterance; a row a window, or None where the classifier took sequences).

    Where items are chunks, an utterance is those of its chunks that are among them.
    """
    material, classes = prepared.material, tuple(prepared.experiment.classes)
    probabilities = _probabilities(classifier, material, items)
    counts = np.ones(len(items), int) if material.sequence else material.n_windows[items]
    edges = np.cumsum(counts)[:-1]
    average = AVERAGES[prepared.experiment.aggregation]
    means = np.array([average(part) for part in np.split(probabilities.astype(float), edges)])

    def table(indices, start, end, values):
        chosen = [material.items[i] for i in indices]
        columns = ([getattr(u, name) for u in chosen] for name in ("name", "corpus", "speaker", "gender"))
        return Predictions(*columns, fold, start, end, material.labels[indices], values, classes)

    offset = np.array([material.items[i].start or 0.0 for i in items])
    length = material.spans[items, 1] / SAMPLE_RATE
    utterances = table(items, offset, offset + length, means)
    if material.sequence:
        return utterances, None
    owner = np.repeat(items, counts)
    starts = np.concatenate([material.starts[i] for i in items]) / SAMPLE_RATE
    ends = np.minimum(starts + material.window / SAMPLE_RATE, np.repeat(length, counts))
    begin = np.repeat(offset, counts)
    windows = table(owner, begin + starts, begin + ends, probabilities)
    if prepared.chunked:
        whole = [f"{material.items[i].corpus}/{material.items[i].name}@{material.around[i, 0]}" for i in owner]
        utterances = windows.by_utterance(whole, geometric=prepared.experiment.aggregation == "geometric")
    return utterances, windows


def write_figures(folder, experiment, utterances, segments, *, protocol, leaky_reason, commit, selected_on=()):
    """Write the tables of a folder; `metrics.json` comes last and marks them whole.

    `selected_on` are speakers on whom something else than the settings was chosen: the initial weights.
    """
    chosen_on = {*experiment.selected_on, *selected_on}
    (folder / "metrics.json").unlink(missing_ok=True)  # it marks the tables whole
    figures = metrics(
        utterances,
        segments,
        protocol=protocol,
        leaky=leaky_reason is not None,
        leaky_reason=leaky_reason,
        seed=experiment.seed,
        commit=commit,
        selection_overlap=sum(speaker in chosen_on for speaker in utterances.speaker),
    )
    utterances.write_csv(folder / "predictions.csv")
    if segments is not None:
        segments.write_csv(folder / "segments.csv")
    write_atomic(folder / "confusion.csv", confusion_csv(figures["confusion"], list(experiment.classes)))
    write_json(folder / "metrics.json", figures)
    return figures
