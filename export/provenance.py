"""What a bundle says of the run that it was made from."""

from __future__ import annotations

from collections.abc import Iterable

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common.files import read_json
from ser_keras.common.version import __version__
from ser_keras.evaluation import Predictions
from ser_keras.evaluation.live_json import read_live
from ser_keras.evaluation.live_words import headline, headline_figures
from ser_keras.experiment.protocols import PROTOCOLS
from ser_keras.experiment.run import RunDirectory
from ser_keras.export import card
from ser_keras.export.bundle_json import (
    ConditionEstimate,
    CorpusOrigin,
    LiveEstimate,
    Origin,
    SoundOrigin,
    SpeechOrigin,
    Tree,
)
from ser_keras.export.licence import NAME, notice, share_alike
from ser_keras.export.metadata import Metadata
from ser_keras.runtime.bundle import Settings


def metadata_of(experiment: Tree, settings: Settings) -> Metadata:
    """The metadata that each `.tflite` carries."""
    seen: SpeechOrigin = {
        "corpora": experiment.get("corpora") or [],
        "sounds": sounds(experiment),
        "init": experiment.get("init"),
    }
    terms = f"weights: {NAME}; " if share_alike(seen) else ""
    corpora = ", ".join(f"{c['name']} ({c.get('licence', 'not stated')})" for c in experiment.get("corpora") or [])
    heard = "".join(f"; with sounds of: {s['name']} ({s['licence']})" for s in seen["sounds"])
    pointer = "; see NOTICE.md" if notice(seen) else ""
    return Metadata(
        f"ser-keras {experiment['recipe']}",
        f"Speech emotion from {settings.window_samples / SAMPLE_RATE:g} s of 16 kHz mono audio",
        __version__,
        author="ser-keras",
        licence=f"{terms}trained on: {corpora or 'not stated'}{heard}{pointer}",
        labels=settings.classes,
        sample_rate=SAMPLE_RATE,
    )


def sounds(experiment: Tree) -> list[SoundOrigin]:
    """The noises and rooms that a run was trained with; older runs name none."""
    return list(experiment.get("sounds") or [])


def origin(run: RunDirectory, experiment: Tree, fold: int | None) -> Origin:
    """Where the model comes from: enough to train it again."""
    record = run.provenance if (run.path / "provenance.json").is_file() else {}
    metrics = run.metrics if run.finished else {}
    versions = record.get("versions") or {}
    corpora: list[CorpusOrigin] = [
        {
            "name": corpus.get("name"),
            "title": corpus.get("title"),
            "licence": corpus.get("licence"),
            "n_utterances": corpus.get("n_utterances"),
            "n_speakers": corpus.get("n_speakers"),
            "speakers": corpus.get("speakers"),
            "fingerprint": corpus.get("fingerprint"),
        }
        for corpus in experiment.get("corpora") or []
    ]
    return {
        "recipe": experiment["recipe"],
        "title": experiment.get("title", ""),
        "fold": fold,
        "seed": experiment.get("seed"),
        "commit": record.get("commit"),
        "command": card.anonymous(record.get("command") or "", [c["name"] for c in corpora]),
        "protocol": (experiment.get("protocol") or {}).get("name"),
        "leaky": metrics.get("leaky"),
        "corpora": corpora,
        "sounds": sounds(experiment),
        "init": experiment.get("init"),
        "temperature": _temperature(run, fold),
        "selected_on": experiment.get("selected_on", []),
        "versions": {k: versions[k] for k in ("ser-keras", "tensorflow", "tensorflow-cpu", "keras") if k in versions},
    }


def _temperature(run: RunDirectory, fold: int | None) -> float | None:
    """The temperature that the weights hold; None where there is none."""
    path = (run.final if fold is None else run.fold(fold)) / "fold.json"
    return read_json(path).get("temperature") if path.is_file() else None


def tables(run: RunDirectory, folds: Iterable[int], name: str) -> dict[int, Predictions]:
    """fold number -> Predictions of `name` (predictions.csv or segments.csv); folds without the file are missing."""
    files = {number: run.fold(number) / name for number in folds}
    return {number: Predictions.read_csv(path) for number, path in files.items() if path.is_file()}


def live_estimates(run: RunDirectory) -> list[LiveEstimate]:
    """What the run's Keras models reach live: first on people whom they never heard and on whom nothing was chosen.

    Streams through a codec come after those without, the folds' own test speakers after other corpora.
    """
    estimates: list[LiveEstimate] = []
    for path in sorted((run.path / "evaluations").glob("*-live/metrics.json")):
        content = read_live(path.parent)
        figures, _ = headline_figures(content)
        listeners = content["listeners"]
        estimate: LiveEstimate = {
            "name": path.parent.name,
            "protocol": content["protocol"],
            "headline": headline(content),
            "corpora": content["corpora"],
            "chosen_on": content["selection_overlap"] > 0,
            "leaky": content["leaky"],
            "codec": content["streams"]["codec"],
            "classes": list(figures["classes"]),
            "n": figures["n"],
            "n_speakers": content["n_speakers"],
            "uar": figures["uar"],
            "ci95": figures["uar_ci95"],
            "wa": figures["wa"],
            "first_right_within_2_s": figures["first_right"]["within_2_s"],
            "changes_a_minute": figures["changes_a_minute"],
            "worst": content["live"]["worst"],
            "listeners": None if listeners is None else listeners["share"],
        }
        estimates.append(estimate)

    def order(e: LiveEstimate) -> tuple[bool, bool, bool, bool]:
        return e["leaky"], e["codec"] != "none", e["chosen_on"], e["protocol"].partition(",")[0] in PROTOCOLS

    return sorted(estimates, key=order)


def conditions(run: RunDirectory) -> list[ConditionEstimate]:
    """What the run's Keras models reach on distorted test audio, as `ser-keras evaluate RUN --condition C` left it.

    The undistorted run is not in it, and neither is what was heard live.
    """
    estimates: list[ConditionEstimate] = []
    for path in sorted((run.path / "evaluations").glob("test-*/metrics.json")):
        metrics = read_json(path)
        if "live" in metrics:
            continue
        estimates.append(
            {
                "condition": metrics["protocol"].partition(", ")[2] or path.parent.name.partition("-")[2],
                "uar": metrics["uar"],
                "ci95": metrics["uar_ci95"],
                "wa": metrics["wa"],
                "n": metrics["n_utterances"],
            }
        )
    return estimates
