"""Whether a model has heard what it is tested on."""

from __future__ import annotations

import dataclasses

from ser_keras.corpora import is_collection, name_of
from ser_keras.experiment.provenance import Record
from ser_keras.experiment.run import RunDirectory
from ser_keras.training.data.decoded_audio import DecodedAudio
from ser_keras.training.data.labelled_audio import corpus_records


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a model was trained on, directly or through its initial weights.

    Attributes:
        corpora: names of the corpora that it was trained on directly.
        speakers: of all speech.
        fingerprints: of the corpora.
        selected_on: speakers or corpora on whom its settings, or those behind its initial weights, were chosen.
        hashes: of the utterances' samples, where they are recorded.
    """

    corpora: frozenset[str]
    speakers: frozenset[str]
    fingerprints: frozenset[str]
    selected_on: frozenset[str]
    hashes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, origin: Record) -> Heard:
        """From a run's experiment.yaml, or from `created_from` in a bundle.json."""
        corpora: list[Record] = origin.get("corpora") or []
        before = origin.get("init") or {}
        speakers = {speaker for record in corpora for speaker in record.get("speakers") or []}
        fingerprints = {record["fingerprint"] for record in corpora if record.get("fingerprint")}
        return cls(
            frozenset(record["name"] for record in corpora),
            frozenset({*speakers, *before.get("speakers", [])}),
            frozenset({*fingerprints, *before.get("fingerprints", [])}),
            frozenset({*(origin.get("selected_on") or []), *before.get("selected_on", [])}),
        )

    @classmethod
    def of_run(cls, run: RunDirectory) -> Heard:
        """What a run's final model was trained on."""
        hashes = run.heard_file.read_text(encoding="utf-8").split() if run.heard_file.is_file() else ()
        return dataclasses.replace(cls.of(run.experiment), hashes=frozenset(hashes))


def leak(heard: Heard, corpus: str, audio: DecodedAudio) -> str | None:
    """Why a model was trained on material of a test corpus, or None.

    Args:
        heard: what it was trained on.
        corpus: the test corpus, as the user named it.
        audio: its audio.
    """
    corpus = name_of(corpus)
    seen = heard.speakers & {u.speaker for u in audio.utterances}
    same = any(record["fingerprint"] in heard.fingerprints for record in corpus_records(audio))
    if seen or same or (corpus in heard.corpora and not is_collection(corpus)):
        speakers = f", {len(seen)} of these speakers" if seen else ""
        return f"LEAKY: the final model was trained on {corpus}{speakers}"
    if doubled := sum(digest in heard.hashes for digest in audio.hashes):
        return f"LEAKY: {doubled} test utterances are the same audio as training ones"
    return None
