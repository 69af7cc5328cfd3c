"""The experiment's settings: one validated tree, from a recipe, YAML or keywords."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator

from ser_keras.audio.samples import SAMPLE_RATE
from ser_keras.common import plugins
from ser_keras.common.errors import BadSetting
from ser_keras.corpora.classes import class_of_emotion
from ser_keras.experiment.complaints import branch_of, first_complaint
from ser_keras.experiment.recipes import COMPONENTS, Tree, apply_changes, parse_change, parse_recipe, recipe_tree

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """Base of every branch: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


class Component(BaseModel):
    """A front end, descriptor set, model or baseline: its name and its builder's own arguments.

    The name is one of a registry, or `module:name` for one's own part. In Python the name alone serves as well, and so
    does the part itself: a class or a function of a module.
    """

    model_config = ConfigDict(extra="allow")
    name: str

    @model_validator(mode="before")
    @classmethod
    def _from_part(cls, value: object) -> object:
        tree = value if isinstance(value, (dict, BaseModel)) else {"name": value}
        if isinstance(tree, dict) and callable(tree.get("name")):
            return {**tree, "name": plugins.name_of(tree["name"])}
        return tree

    def arguments(self) -> dict[str, Any]:  # Any: each builder has arguments of its own types
        return dict(self.__pydantic_extra__ or {})


class Head(Component):
    """A baseline that is fitted to what a trained (or only adapted) net makes of the training windows.

    `layer` names the net's layer whose outputs it takes; null: the net's first output. The rest are the baseline's own
    arguments. Such an experiment can't be exported.
    """

    layer: str | None = None


class EarlyStopping(Settings):
    """Stop when the validation loss has not fallen for `patience` epochs, and go back to the best epoch."""

    patience: Count = 10
    min_epochs: Annotated[int, Field(ge=0)] = 0


def _some_or_none(groups: int) -> int:
    if groups == 1:
        raise ValueError("leaving out the only group leaves nobody to train on; give 0, or 2 and more")
    return groups


class Training(Settings):
    """How a fold is trained.

    `early_stopping` null trains the fixed number of epochs and selects nothing (the default); otherwise two
    validation speakers of the training part decide. `schedule` "cosine" lets the learning rate fall to zero, "step"
    multiplies it by `step_factor` after every `step_epochs` epochs. `sampling` "all" draws every example once an
    epoch; the others give each class, corpus, or class within each corpus the same share of as many draws.
    `calibration_groups`: groups of training speakers that are left out in turn to choose the temperature of the
    probabilities; 0: none.
    """

    epochs: Count = 30
    batch_size: Count = 64
    learning_rate: Positive = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_epochs: Count = 10
    step_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["all", "class", "corpus", "corpus_class"] = "all"
    early_stopping: EarlyStopping | None = None
    calibration_groups: Annotated[int, Field(ge=0, le=50), AfterValidator(_some_or_none)] = 0
    mixed_precision: bool = False
    xla: bool = False


class Cleaning(Settings):
    """What is taken out of the training part: `drop_mislabelled` is the share of its windows whose label an
    out-of-fold softmax finds least likely (Anand & Verma 2015, section 2)."""

    drop_mislabelled: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Augmentation(Settings):
    """How the training part is varied; see docs/augmentation.md.

    One set of parameters serves both modes. `grid`: every training window at every combination of `pitch`, `rate` and
    `gain_db`, an empty list standing for "unchanged". `random`: drawn anew for each window and epoch between the least
    and the greatest value of each list; with `copies`, drawn so many times once for all epochs and folds, and cached
    beside the unchanged window. `path` says what is changed: the spectrum within the graph, or the waveform (the extra
    `augment`). `stream`: each window is cut anew in each epoch from a stream that is made for it, as it is heard live
    (docs/live.md): an utterance anywhere in the window, often another one before it, room tone, a room, an equaliser.
    """

    mode: Literal["none", "grid", "random", "stream"] = "none"
    path: Literal["spectrum", "waveform"] = "spectrum"
    pitch: list[Annotated[float, Field(ge=-12, le=12)]] = []  # semitones
    rate: list[Annotated[float, Field(ge=0.5, le=2)]] = []  # tempo: 1.1 is a tenth faster
    gain_db: list[Annotated[float, Field(ge=-60, le=60)]] = []
    speed: list[Annotated[float, Field(ge=0.5, le=2)]] = []  # tempo and pitch together, as of a tape
    snr_db: list[Annotated[float, Field(ge=-20, le=100)]] = []  # white noise
    equalise_db: Annotated[float, Field(ge=0, le=30)] = 0.0  # standard deviation of a smooth gain over frequency
    low_cut_hz: list[Annotated[float, Field(ge=20, le=2000)]] = []  # of a narrower band, as a telephone's
    high_cut_hz: list[Annotated[float, Field(ge=1000, le=8000)]] = []
    band_probability: Annotated[float, Field(ge=0, le=1)] = 1.0  # share of the changed windows that are so cut
    rt60_s: list[Annotated[float, Field(ge=0.05, le=5)]] = []  # rooms
    room_probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    overdrive_db: list[Annotated[float, Field(ge=-60, le=60)]] = []  # turned up before the microphone clips
    snippet_s: list[Annotated[float, Field(ge=0.1, le=60)]] = []  # no more of the window is heard than this
    snippet_probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    level_dbfs: list[Annotated[float, Field(ge=-60, le=0)]] = []  # stream: active speech level
    tone_dbfs: list[Annotated[float, Field(ge=-120, le=-20)]] = []  # stream: room tone before, under and after it
    least_snr_db: Annotated[float, Field(ge=-10, le=40)] = 3.0  # stream: speech over room tone
    pause_s: list[Annotated[float, Field(ge=0, le=60)]] = []  # stream: since the utterance before; empty: none before
    neighbour_probability: Annotated[float, Field(ge=0, le=1)] = 0.5  # stream: share with an utterance before
    noise_dir: str | None = None  # stream: folder of recorded noises
    noise_probability: Annotated[float, Field(ge=0, le=1)] = 0.3  # share whose room tone is one of them
    room_dir: str | None = None  # stream: folder of rooms' impulse responses, for half of the windows in a room
    epochs_per_draw: Count = 1  # stream: how many epochs hear the same windows, in another order each
    time_masks: Annotated[int, Field(ge=0, le=20)] = 0
    time_mask_s: Positive = 0.1  # the greatest width
    frequency_masks: Annotated[int, Field(ge=0, le=20)] = 0
    frequency_mask_hz: Positive = 500.0
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0  # alpha of the Beta distribution
    functions: list[Component] = []  # random: one's own (`module:name`), before the others; stream: after them
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0  # random: share of the windows that are changed
    copies: Annotated[int, Field(ge=0, le=100)] = 0  # random: cached copies of each window; 0: drawn anew each epoch

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Augmentation:
        varied = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        both = ["speed", "equalise_db", "low_cut_hz", "high_cut_hz", "band_probability", "rt60_s", "room_probability"]
        of_stream = ["level_dbfs", "tone_dbfs", "least_snr_db", "pause_s", "neighbour_probability", "noise_dir"]
        of_stream += ["noise_probability", "room_dir", "epochs_per_draw"]
        of_mode = {
            "none": ["mode"],
            "grid": ["mode", "path", "pitch", "rate", "gain_db", "mixup"],
            "random": [name for name in varied if name not in of_stream],
            "stream": ["mode", "mixup", "functions", *both, *of_stream],
        }
        strange = [name for name in varied if name not in of_mode[self.mode]]
        if strange:
            needs = "mode: random" if self.mode == "grid" else "mode: grid or random"
            needs = "mode: stream" if strange[0] in of_stream else needs
            raise ValueError(f"'{strange[0]}' is set, but it needs {needs} (mode is {self.mode})")
        if self.mode == "stream" and not (self.level_dbfs and self.tone_dbfs):
            raise ValueError("mode is stream: it needs level_dbfs and tone_dbfs")
        shares = {"probability", "band_probability", "room_probability", "snippet_probability"}
        if self.mode != "none" and not set(varied) - shares - {"mode", "path", "copies"}:
            raise ValueError(f"mode is {self.mode}, but nothing is varied; give pitch, rate or gain_db, for example")
        if self.path == "waveform" and (self.time_masks or self.frequency_masks):
            raise ValueError("masks are made on spectra: they need path: spectrum")
        return self

    @model_serializer(mode="wrap")
    def _briefly(self, handler: Callable[[Settings], Tree]) -> Tree:
        tree = handler(self)
        return tree if self.functions else {k: v for k, v in tree.items() if k != "functions"}

    @property
    def banded(self) -> bool:
        """Whether some windows are given a narrower band."""
        return bool(self.low_cut_hz or self.high_cut_hz)

    @property
    def recorded(self) -> bool:
        """Whether some windows are cut short, in a room or overdriven: what is changed before all else."""
        return bool(self.snippet_s or self.rt60_s or self.overdrive_db)

    @property
    def live(self) -> bool:
        """Whether windows are drawn anew in each epoch."""
        return self.mode == "stream" or (self.mode == "random" and not self.copies)


class Protocol(Settings):
    """How utterances become folds; see `ser_keras.experiment.protocols`.

    `folds` null is leave one speaker (or session) out, unless `folds_at_most` says how many groups of speakers there
    may be: fewer where there are fewer speakers.
    """

    name: str = "speaker_independent"
    by: Literal["speaker", "session"] = "speaker"  # what speaker_independent keeps together
    folds: Annotated[int, Field(ge=2)] | None = None
    folds_at_most: Annotated[int, Field(ge=2)] | None = None
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3

    @model_serializer(mode="wrap")
    def _briefly(self, handler: Callable[[Settings], Tree]) -> Tree:
        tree = handler(self)
        return tree if self.folds_at_most else {k: v for k, v in tree.items() if k != "folds_at_most"}


class AudioSettings(Settings):
    """How files are decoded, and whether one that can't be used is skipped or stops the run."""

    decoder: Literal["soundfile", "tfio"] = "soundfile"
    bad_files: Literal["skip", "fail"] = "skip"


class ExportSettings(Settings):
    """What the bundle tells its runtimes: the belief's smoothing and the RMS level under which nobody speaks.

    `chunks` is the number of windows that an exported sequence classifier (`unit: utterance`) hears at once. `hop_s`:
    from one such stretch to the next; None: the experiment's own `hop_s`.
    """

    chunks: Annotated[int, Field(ge=1, le=1000)] = 5
    hop_s: Seconds | None = None
    smoothing_s: Annotated[float, Field(ge=0)] = 2.0
    speech_gate_dbfs: Annotated[float, Field(le=0)] = -60.0


def _known_emotions(classes: dict[str, list[str]]) -> dict[str, list[str]]:
    class_of_emotion(classes)
    return classes


class Experiment(Settings):
    """Everything that decides an experiment's numbers.

    Made from a recipe (`from_recipe`), from YAML (`from_yaml`) or from keywords, which are the settings' names. A
    module that the settings name as `module:name` is imported: they are the user's own.

    Raises:
        BadSetting: an unknown setting, with the nearest valid ones, or a value that does not fit.

    Example:
        >>> from ser_keras import Experiment
        >>> experiment = Experiment.from_recipe("log_mel_cnn", training={"epochs": 12}, seed=3)
        >>> experiment.training.epochs, experiment.frontend.name
        (12, 'log_mel')
    """

    recipe: str = "custom"
    title: str = ""
    source: str = ""
    seed: Seed = 0
    classes: Annotated[dict[str, list[str]], AfterValidator(_known_emotions)]
    window_s: Seconds
    hop_s: Seconds
    tail_rule: Literal["drop", "pad"] = "drop"
    unit: Literal["window", "utterance"] = "window"  # utterance: the classifier sees all windows of one as a sequence
    snippet_s: Seconds | None = None  # only the first seconds of each utterance, in training and test
    labelled_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of the training utterances with their labels
    aggregation: Literal["mean", "geometric"] = "mean"  # of windows' probabilities, into an utterance's
    audio: AudioSettings = AudioSettings()
    frontend: Component
    cleaning: Cleaning = Cleaning()
    augmentation: Augmentation = Augmentation()
    model: Component
    head: Head | None = None
    corpus_heads: Literal["shared", "separate"] | list[str] = "shared"  # separate: becomes the list of the corpora
    training: Training = Training()
    protocol: Protocol = Protocol()
    export: ExportSettings = ExportSettings()
    selected_on: list[str] = []  # speakers or corpora on whom these settings were chosen; `tune` writes it

    @model_serializer(mode="wrap")
    def _briefly(self, handler: Callable[[Settings], Tree]) -> Tree:
        tree = handler(self)
        return tree if self.selected_on else {k: v for k, v in tree.items() if k != "selected_on"}

    @model_validator(mode="after")
    def _hop_reaches(self) -> Experiment:
        if self.hop_s > self.window_s:
            raise ValueError(
                f"hop_s {self.hop_s} is longer than window_s {self.window_s}: samples between would be lost"
            )
        heard = self.window_s + (self.export.chunks - 1) * self.hop_s if self.unit == "utterance" else self.window_s
        if self.export.hop_s and self.export.hop_s > heard:
            raise ValueError(f"export.hop_s {self.export.hop_s} is longer than the {heard:g} s that the model hears")
        return self

    @property
    def window_samples(self) -> int:
        return round(self.window_s * SAMPLE_RATE)

    @property
    def hop_samples(self) -> int:
        return round(self.hop_s * SAMPLE_RATE)

    def __init__(self, **settings: Any) -> None:  # Any: settings are of several kinds; pydantic checks them
        plugins.trust_named_in(settings)
        _fill(self, settings, "settings")

    @classmethod
    def from_recipe(
        cls,
        recipe: str | Path,
        changes: Mapping[str, object] | Iterable[str] = (),
        **settings: object,
    ) -> Experiment:
        """The settings of a recipe, with changes.

        Another model, front end or head than the recipe's comes without the settings of the recipe's own.

        Args:
            recipe: a recipe's id, or the path of a YAML file.
            changes: full names of settings and their values (`{"training.epochs": 20}`), or strings
                `training.epochs=20`, whose value is read as YAML.
            settings: the same by branches: `training={"epochs": 20}, seed=3`.

        Raises:
            SerKerasError: no such recipe, an unknown setting (with the nearest valid ones), or a value that does not
                fit.
        """
        tree, where = recipe_tree(recipe)
        pairs = list(changes.items()) if isinstance(changes, Mapping) else [parse_change(change) for change in changes]
        branches = {name for name, field in cls.model_fields.items() if branch_of(field) is not None}
        for name, value in settings.items():
            if isinstance(value, Mapping) and isinstance(tree.get(name), Mapping | None) and name in branches:
                pairs += [(f"{name}.{key}", part) for key, part in value.items()]
            else:
                pairs.append((f"{name}.name", value) if name in COMPONENTS and value is not None else (name, value))
        apply_changes(tree, pairs)
        plugins.trust_named_in(tree)
        return cls.from_tree(tree, where)

    @classmethod
    def from_yaml(cls, text: str) -> Experiment:
        """The settings of a recipe's text.

        Raises:
            SerKerasError: no YAML, or settings that do not fit.
        """
        tree = parse_recipe(text, "settings")
        plugins.trust_named_in(tree)
        return cls.from_tree(tree)

    @classmethod
    def from_tree(cls, tree: Tree, where: str | Path = "settings") -> Experiment:
        """Stored settings: plain data, as of a run's experiment.yaml without its `corpora`.

        The modules that they name are not trusted.

        Args:
            tree: the data.
            where: the file that they come from, for messages.

        Raises:
            BadSetting: they do not fit.
        """
        experiment = cls.__new__(cls)
        _fill(experiment, tree, where)
        return experiment

    def to_yaml(self) -> str:
        """The settings as YAML, which `from_yaml` reads."""
        return dump_yaml(self.model_dump())

    def __repr__(self) -> str:
        parts = f"{self.frontend.name} -> {self.model.name}"
        return f"Experiment({self.recipe}: {parts}, {len(self.classes)} classes, {self.protocol.name})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return f"<details><summary>{escape(repr(self))}</summary><pre>{escape(self.to_yaml())}</pre></details>"


def _fill(experiment: Experiment, tree: Tree, where: str | Path) -> None:
    """Check plain data and fill an experiment with it."""
    try:
        BaseModel.__init__(experiment, **tree)
    except ValidationError as error:
        raise BadSetting(where, first_complaint(error, Experiment)) from None


def dump_yaml(data: Any) -> str:  # Any: plain data of any depth
    """YAML text of plain data: order kept, UTF-8, no aliases."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
