"""Models judged as they are used: on streams in which strangers speak, pause and stop in a room."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser_keras.common import seeds
from ser_keras.common.errors import SerKerasError
from ser_keras.common.files import read_json, write_atomic, write_json
from ser_keras.common.progress import say, stage
from ser_keras.common.seeds import Stream as SeedStream
from ser_keras.corpora import name_of as corpus_name
from ser_keras.corpora.classes import ClassMap, class_of_emotion, select
from ser_keras.corpora.listeners import ListenersAccuracy, voice_votes
from ser_keras.corpora.listeners import accuracy as listeners_accuracy
from ser_keras.corpora.utterance import Utterance
from ser_keras.evaluation.live import HeardStream, answers, live_metrics
from ser_keras.evaluation.live_json import LiveEvaluationJson
from ser_keras.evaluation.live_tables import write_answers
from ser_keras.evaluation.live_words import HEARD_LIVE
from ser_keras.evaluation.reports.plots import png
from ser_keras.evaluation.reports.stream_picture import draw_stream
from ser_keras.experiment.provenance import provenance
from ser_keras.experiment.rules import why_not_exportable
from ser_keras.experiment.run import RunDirectory
from ser_keras.experiment.tensorflow_session import tensorflow_session
from ser_keras.features.streams.plan import LiveSettings
from ser_keras.runtime import bundle
from ser_keras.runtime.model import Model, load
from ser_keras.training.data.decoded_audio import DecodedAudio, decode
from ser_keras.training.data.labelled_audio import read_corpora, read_test_audio
from ser_keras.training.leaks import Heard, leak
from ser_keras.training.live_manifest import MANIFEST, key_of, manifest_of
from ser_keras.training.live_streams import PlannedStream, Speech, hear, plan, spread
from ser_keras.training.reevaluation import places, reopen
from ser_keras.training.runtime_model import keras_model

LIVE = "live"  # a folder's name ends in it
N_UTTERANCES = 1200
Decoder = Literal["soundfile", "tfio"]
LiveResult = tuple[str, Path, LiveEvaluationJson]  # name, folder, content of metrics.json


@dataclasses.dataclass(frozen=True)
class LiveRequest:
    """How models are heard live.

    Attributes:
        settings: what streams are drawn from.
        seed: decides which utterances are heard, and all that is random in the streams.
        limit: how many utterances of each corpus are heard, spread over its speakers; None: all.
    """

    settings: LiveSettings = LiveSettings()
    seed: int = 0
    limit: int | None = N_UTTERANCES

    def folder_name(self, place: str) -> str:
        """What an evaluation goes by: under a codec, this is in the name."""
        codec = self.settings.codec
        return f"{place}-{LIVE}" if codec == "none" else f"{place}-{codec}-{LIVE}"

    @property
    def words(self) -> str:
        """The end of a protocol's name."""
        codec = self.settings.codec
        return HEARD_LIVE if codec == "none" else f", through {codec}{HEARD_LIVE}"


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some speech, the seed of its streams, and the model that hears them, which is loaded when it is needed."""

    speech: Speech
    seed: int
    model: Callable[[], Model]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Subject:
    """What is judged, and what must be said of it.

    Attributes:
        protocol: how test and training were kept apart.
        leaky_reason: why they were not; None where they were.
        selected_on: speakers or corpora on whom settings were chosen.
        model: what the results call the model.
        n_available: how many utterances there were to choose from.
        decoder: with which the audio was decoded.
        roots: corpus -> its folder.
    """

    protocol: str
    leaky_reason: str | None
    selected_on: Collection[str]
    model: str
    n_available: int
    decoder: Decoder
    roots: Mapping[str, str | Path]


def evaluate_live(
    run: RunDirectory, corpora: Sequence[tuple[str, str | Path]] = (), request: LiveRequest | None = None
) -> list[LiveResult]:
    """Judge a finished run's models live, into `RUN/evaluations/NAME-live/`.

    Args:
        run: the run.
        corpora: (registry name, path) pairs to judge the final model on; without any, each fold's model hears its own
            test part (`NAME` is `test`).
        request: how; None: as `LiveRequest` says.

    Returns:
        (name, folder, content of metrics.json) of each evaluation.

    Raises:
        SerKerasError: the run is not finished, its models cannot be exported, or the data do not fit it.
    """
    request = request or LiveRequest()
    experiment, _, _ = run.trained_with()
    run.require_final()
    if reason := why_not_exportable(experiment):
        raise SerKerasError(f"{run.path} can't be heard live: {reason}")
    names = places(corpora)
    with run.locked(), tensorflow_session(experiment):
        if not corpora:
            return [_judge_folds(run, request)]
        heard, tree = Heard.of_run(run), run.experiment
        results = []
        for name, (corpus, root) in zip(names, corpora, strict=True):
            test = read_test_audio(experiment, read_corpora([(corpus, root)]))
            members = spread(test.audio.utterances, request.limit, request.seed)
            part = _Part(
                Speech(test.audio, test.labels, members),
                request.seed,
                functools.partial(keras_model, run.final, tree, "final"),
            )
            subject = _Subject(
                protocol=f"final model on {corpus_name(corpus)}{request.words}",
                leaky_reason=leak(heard, corpus, test.audio),
                selected_on=heard.selected_on,
                model=f"{run.path.resolve().name}/final",
                n_available=len(test.labels),
                decoder=experiment.audio.decoder,
                roots={corpus: root},
            )
            folder = run.path / "evaluations" / request.folder_name(name)
            results.append((folder.name, folder, _judge(folder, [part], subject, request)))
        return results


def _judge_folds(run: RunDirectory, request: LiveRequest) -> LiveResult:
    """Each fold's model on its own test part."""
    data, tree = reopen(run), run.experiment
    if data.items.chunked:
        raise SerKerasError(
            f"{run.path} parts windows of one utterance, so that no utterance is its folds' to hear: give other data "
            "as `corpora`"
        )
    tested = np.concatenate([fold.test for fold in data.folds])
    utterances = [data.audio.utterances[i] for i in tested]
    chosen = tested[spread(utterances, request.limit, request.seed)]
    parts = []
    for fold in data.folds:
        members = fold.test[np.isin(fold.test, chosen)]
        if not len(members):
            continue
        seed = seeds.integer(request.seed, SeedStream.LIVE_FOLD, fold.number)
        parts.append(
            _Part(
                Speech(data.audio, data.labels, members, fold.number),
                seed,
                functools.partial(keras_model, run.fold(fold.number), tree, f"fold {fold.number}"),
            )
        )
    subject = _Subject(
        protocol=f"{data.experiment.protocol.name}{request.words}",
        leaky_reason=run.metrics["leaky_reason"],
        selected_on=Heard.of_run(run).selected_on,
        model=f"{run.path.resolve().name}/folds",
        n_available=len(tested),
        decoder=data.experiment.audio.decoder,
        roots=run.provenance["corpora_paths"],
    )
    folder = run.path / "evaluations" / request.folder_name("test")
    return folder.name, folder, _judge(folder, parts, subject, request)


def evaluate_live_bundle(
    model: str | Path, corpora: Sequence[tuple[str, str | Path]], out: Path, request: LiveRequest | None = None
) -> list[LiveResult]:
    """Judge a bundle or a `.tflite` file live on corpora, into `OUT/NAME-live/`.

    Args:
        model: as `ser_keras.load` takes it.
        corpora: (registry name, path) pairs.
        out: where the results go.
        request: how; None: as `LiveRequest` says.

    Raises:
        SerKerasError: there is no such model, or the data do not fit it.
    """
    loaded, file = load(model), bundle.find(model)
    info = read_json(file.path.parent / "bundle.json") if file.settings is not None else {}
    classes = info.get("class_emotions") or {name: [name] for name in loaded.classes}
    heard = Heard.of(info.get("created_from") or {})
    return evaluate_live_model(loaded, corpora, out, request=request, classes=classes, heard=heard)


def evaluate_live_model(
    model: Model,
    corpora: Sequence[tuple[str, str | Path]],
    out: Path,
    *,
    classes: ClassMap,
    heard: Heard,
    request: LiveRequest | None = None,
) -> list[LiveResult]:
    """Judge a model that is ready to hear; see `evaluate_live_bundle`.

    Args:
        model: the model.
        corpora: (registry name, path) pairs.
        out: where the results go.
        classes: the emotions that each of its classes holds, in the order of its outputs.
        heard: what it was trained on.
        request: how; None: as `LiveRequest` says.
    """
    request = request or LiveRequest()
    results = []
    for name, (corpus, root) in zip(places(corpora), corpora, strict=True):
        audio, labels = _read(corpus, root, classes)
        members = spread(audio.utterances, request.limit, request.seed)
        subject = _Subject(
            protocol=f"{model.name} on {corpus_name(corpus)}{request.words}",
            leaky_reason=leak(heard, corpus, audio),
            selected_on=heard.selected_on,
            model=model.name,
            n_available=len(labels),
            decoder="soundfile",
            roots={corpus: root},
        )
        folder = out / request.folder_name(name)
        parts = [_Part(Speech(audio, labels, members), request.seed, lambda: model)]
        results.append((folder.name, folder, _judge(folder, parts, subject, request)))
    return results


def _read(corpus: str, root: str | Path, classes: ClassMap) -> tuple[DecodedAudio, NDArray[np.int64]]:
    """The utterances of a corpus that belong to a model's classes, with their class."""
    listing = read_corpora([(corpus, root)])
    utterances, _, _, dropped = select(listing.utterances, classes)
    audio = decode(utterances)
    for line in (*listing.notes, *dropped, *(f"skipped {name}: {why}" for name, why in audio.bad_files.items())):
        say(line)
    lookup = class_of_emotion(classes)
    return audio, np.array([lookup[u.emotion] for u in audio.utterances])


def _judge(folder: Path, parts: Sequence[_Part], subject: _Subject, request: LiveRequest) -> LiveEvaluationJson:
    """Make the streams, hear them and write what came of it; metrics.json comes last and marks the rest whole."""
    planned = [(part, plan(part.speech, request.settings, part.seed)) for part in parts]
    streams = [stream for _, of_part in planned for stream in of_part]
    utterances = [u for part in parts for u in part.speech.utterances]
    speakers = {u.speaker for u in utterances if u.speaker is not None}
    hours = sum(stream.plan.seconds for stream in streams) / 3600
    say(
        f"{folder.name}: {len(utterances)} of {subject.n_available} utterances, {len(speakers)} speakers, in "
        f"{len(streams)} streams of {hours:.2f} hours in all"
    )
    heard: list[HeardStream] = []
    classes: tuple[str, ...] = ()
    with stage("hearing", len(streams), "streams") as advance:
        for part, of_part in planned:
            model = part.model()
            classes = model.classes
            for stream in of_part:
                heard.append(hear(stream, model, len(heard), key_of=key_of))
                advance()
    commit = provenance()["commit"]
    content: LiveEvaluationJson = {
        "protocol": subject.protocol,
        "leaky": subject.leaky_reason is not None,
        "leaky_reason": subject.leaky_reason,
        "model": subject.model,
        "corpora": sorted({u.corpus for u in utterances}),
        "n_utterances": len(utterances),
        "n_available": subject.n_available,
        "n_speakers": len(speakers),
        "selection_overlap": sum(not {u.speaker, u.corpus}.isdisjoint(subject.selected_on) for u in utterances),
        "seed": request.seed,
        "commit": commit,
        "streams": {
            "utterances_limit": request.limit,
            "n_streams": len(streams),
            "hours": round(hours, 4),
            "utterances": request.settings.utterances,
            "level_dbfs": list(request.settings.level_dbfs),
            "pause_s": list(request.settings.pause_s),
            "tone_dbfs": list(request.settings.tone_dbfs),
            "tones": list(request.settings.tones),
            "room_share": request.settings.room_share,
            "microphone_share": request.settings.microphone_share,
            "codec": request.settings.codec,
        },
        "live": live_metrics(heard, classes),
        "listeners": _listeners(subject.roots, utterances),
    }
    manifest = manifest_of(
        streams, request.settings, seed=request.seed, limit=request.limit, decoder=subject.decoder, commit=commit
    )
    (folder / "metrics.json").unlink(missing_ok=True)  # it marks the folder whole
    write_json(folder / MANIFEST, manifest)
    write_answers(folder / "predictions.csv", heard, classes)
    _write_picture(folder / "stream.png", streams, heard, classes=classes)
    write_json(folder / "metrics.json", content)
    return content


def _listeners(roots: Mapping[str, str | Path], utterances: Sequence[Utterance]) -> ListenersAccuracy | None:
    """What listeners made of the utterances of CREMA-D among these; None without any, or without their votes."""
    votes = voice_votes(Path(roots["cremad"])) if "cremad" in roots else {}
    accuracy = listeners_accuracy(votes, [u for u in utterances if u.corpus == "cremad"])
    return accuracy if accuracy["n_takes"] else None


def _write_picture(
    path: Path, streams: Sequence[PlannedStream], heard: Sequence[HeardStream], *, classes: Sequence[str]
) -> None:
    """Draw the stream, among those of full length, whose share of right answers is nearest to that of all."""
    right = [[answer.shown == answer.utterance.true for answer in answers(stream)] for stream in heard]
    overall = float(np.mean(np.concatenate(right)))
    longest = max(map(len, right))
    typical = min(
        (i for i in range(len(heard)) if len(right[i]) == longest),
        key=lambda i: abs(float(np.mean(right[i])) - overall),
    )
    write_atomic(path, png(draw_stream(streams[typical].samples(), heard[typical], classes)))
