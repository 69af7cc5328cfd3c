"""The content of `bundle.json` as types; docs/mobile-developer.md describes it for those who read it on a phone."""

from collections.abc import Mapping
from typing import Any, TypedDict

from ser_keras.evaluation.live_json import WorstGroup

Tree = Mapping[str, Any]  # Any: a run's experiment.yaml or metrics.json, whose values are of many kinds


class FileEntry(TypedDict):
    """One file of the bundle."""

    sha256: str
    bytes: int


class TwoThreads(TypedDict):
    """Times of a window on two threads, in ms."""

    median_ms: float
    p95_ms: float


class Latency(TypedDict):
    """What `runtime.benchmark.measure` found for one file; `memory_mb` and `load` are None where the system hides them.

    `load`: processes that wanted a processor in the last minute, those of others included.
    """

    median_ms: float
    p95_ms: float
    cpu_ms: float
    first_ms: float
    load_ms: float
    memory_mb: float | None
    real_time_factor: float
    threads: int
    two_threads: TwoThreads
    runtime: str
    machine: str
    load: float | None


class Difference(TypedDict):
    """Absolute difference of a probability from Keras's."""

    mean: float
    largest: float


class Comparison(Difference):
    """Two tables of probabilities compared: `n` rows, `decisions_differ` of them with another largest class."""

    n: int
    decisions_differ: int


class RuntimeParity(TypedDict, total=False):
    """One file in one runtime against Keras: a `Comparison` and `largest_on_speech` (None without speech); or
    `refused` alone, the reason why this runtime must not run the file."""

    n: int
    mean: float
    largest: float
    decisions_differ: int
    largest_on_speech: float | None
    refused: str


class ProbeCounts(TypedDict):
    """How many windows `parity` compared: made ones, and windows of recorded speech."""

    synthetic: int
    real: int


class WindowEstimate(TypedDict):
    """Single windows of test audio against Keras: `n`, share of equal decisions, difference of a probability.

    `flips`: windows whose largest class changed. `largest_flip_margin`: by which Keras preferred its class over the
    file's in a flip (a small one was a coin's toss); None without flips.
    """

    n: int
    agreement: float
    mean: float
    largest: float
    flips: int
    largest_flip_margin: float | None


class GroupEstimate(TypedDict):
    """UAR of a part of the utterances, and their number."""

    uar: float
    n: int


class Estimate(TypedDict):
    """What one file reaches: fold models, converted the same way, on their test utterances.

    `keras_uar`: the run's own figure on the same utterances. `agreement`: share of equal decisions. `by_gender` is
    empty where genders aren't known, `windows` is None where no windows could be compared.
    """

    uar: float
    ci95: list[float]
    ci_method: str
    wa: float
    n: int
    keras_uar: float
    agreement: float
    difference: Difference
    by_gender: dict[str, GroupEstimate]
    windows: WindowEstimate | None


class Shapes(TypedDict):
    """Names and shapes of a graph's inputs and outputs."""

    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]


class FeaturesFile(Shapes):
    """The file of the front end alone."""

    file: str
    signature: str


class StepFile(Shapes):
    """The files of one step of a sequence model; `difference_from_whole`: of a probability, chunk by chunk against the
    window at once."""

    file: str
    float32: str
    signature: str
    hop_samples: int
    difference_from_whole: float


class ConditionEstimate(TypedDict):
    """What the run's Keras models reach on distorted test audio."""

    condition: str
    uar: float
    ci95: list[float]
    wa: float
    n: int


class LiveEstimate(TypedDict):
    """What the run's Keras models reach on streams of people in a room, as `ser-keras evaluate RUN --live` left it.

    Figures are of utterances of `classes` alone, the display choosing among these: four of the model's, or all where it
    has fewer than two of the four. `chosen_on`: whether settings were chosen on these speakers or corpora.
    `first_right_within_2_s` is a share. `headline` is the sentence of the card; `listeners` the share of the same takes
    that people named right by sound alone, None where nobody asked them.
    """

    name: str
    protocol: str
    headline: str
    corpora: list[str]
    chosen_on: bool
    leaky: bool
    codec: str
    classes: list[str]
    n: int
    n_speakers: int
    uar: float | None
    ci95: list[float | None]
    wa: float | None
    first_right_within_2_s: float | None
    changes_a_minute: float | None
    worst: WorstGroup | None
    listeners: float | None


class CorpusTerms(TypedDict):
    """A corpus whose speech the weights have seen, and its terms; None where nothing says it."""

    name: str
    title: str | None
    licence: str | None


class CorpusOrigin(CorpusTerms):
    """A corpus that the model was trained on; None where the run's experiment.yaml says nothing."""

    n_utterances: int | None
    n_speakers: int | None
    speakers: list[str] | None
    fingerprint: str | None


class SoundOrigin(TypedDict):
    """Noises or rooms that were laid on training speech: a folder's name, its terms, and whom to credit for each
    recording."""

    name: str
    licence: str
    n_files: int
    attributions: list[str]
    fingerprint: str


class InitialOrigin(TypedDict, total=False):
    """The weights that training started from (`--init`)."""

    name: str
    corpora: list[str]
    speakers: list[str]
    fingerprints: list[str]
    sounds: list[SoundOrigin]
    selected_on: list[str]
    sha256: str


class SpeechOrigin(TypedDict):
    """What speech and what sounds the weights have seen, directly or through the weights that they started from."""

    corpora: list[CorpusOrigin]
    sounds: list[SoundOrigin]  # empty where none were used, and in runs from before there were any; older bundles: none
    init: InitialOrigin | None


class Origin(SpeechOrigin):
    """Where a model comes from: enough to train it again."""

    recipe: str
    title: str
    fold: int | None
    seed: int | None
    commit: str | None
    command: str
    protocol: str | None
    leaky: bool | None
    temperature: float | None
    selected_on: list[str]
    versions: dict[str, str]


class Description(TypedDict):
    """`bundle.json` without its list of files: the card, one of the files, is made from it."""

    schema_version: int
    default: str
    classes: list[str]
    class_emotions: dict[str, list[str]]  # class -> the emotions merged into it
    window_samples: int
    hop_samples: int
    sample_rate: int
    tail_rule: str
    smoothing_s: float
    speech_gate_dbfs: float | None
    input: str
    output: str
    signature: str
    variants: dict[str, str]  # file -> what is in it, for people
    left_out: dict[str, str]  # file -> the reason
    features: FeaturesFile
    step: StepFile | None
    step_missing: str | None
    uar_estimate: dict[str, Estimate | None]  # file -> figures; None where nothing was measured
    uar_estimate_missing: str | None
    difference: dict[str, Difference]  # file -> the worst of its runtimes
    parity: dict[str, ProbeCounts | dict[str, RuntimeParity]]  # `windows` -> counts; file -> runtime -> figures
    latency: dict[str, Latency]
    live: list[LiveEstimate]  # empty where it was not measured; bundles of older versions have no such key
    conditions: list[ConditionEstimate]
    created_from: Origin


class BundleJson(Description):
    """The content of `bundle.json`."""

    files: dict[str, FileEntry]
